"""A power cut at any moment leaves what was acknowledged; a full disk refuses, no more."""

from __future__ import annotations

import asyncio
from pathlib import Path

from .powercuts import cut_power_under_load, fill_disk_under_load

SEED = 20260105


def test_a_power_cut_loses_no_acknowledged_write(tmp_path: Path):
    done = asyncio.run(cut_power_under_load(tmp_path, cuts=16, seed=SEED))
    print(done)
    assert done.problems == []
    assert done.turns > 8


def test_a_disk_that_lies_about_its_syncs_is_found_out(tmp_path: Path):
    done = asyncio.run(
        cut_power_under_load(tmp_path, cuts=4, seed=SEED, writes=10, forgets_syncs=True)
    )
    # A cut may come before anything was acknowledged; the others have lost something.
    assert len(done.problems) >= done.turns - 1


def test_writes_that_a_full_disk_refuses_leave_nothing(tmp_path: Path):
    done = asyncio.run(fill_disk_under_load(tmp_path, seed=SEED, writes=40))
    print(done)
    assert done.problems == []
    assert done.turns > 3
