"""The cars, served once for each engine and file of tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from hikidashi.service import live as service
from tests.deterministic import FixedClock, fixed_ids
from tests.live.served import USERS, Live


@pytest.fixture(scope="module")
def opened(new_database, tmp_path_factory) -> Iterator[Live]:
    clock = FixedClock()
    with asyncio.Runner() as runner:
        url = new_database(tmp_path_factory.mktemp("live"))
        made = Live(url, clock, fixed_ids(clock), runner)
        for name in USERS:
            made.token(name)
        runner.run(made.relaying())
        made.serve()
        yield made
        made.stop()
        made.close()


@pytest.fixture
def live(opened: Live, monkeypatch) -> Live:
    """Without items, and nobody listens; what ends is found out soon."""
    monkeypatch.setattr(service, "CHECK_S", 0.05)
    monkeypatch.setattr(service, "LOOK_S", 0.02)
    opened.run(opened.rest())
    opened.empty()
    return opened


@pytest.fixture
def car(live) -> str:
    """A car that Ann and Bob see."""
    return live.new({"CAR_NAME": "a car"}, user="bob")
