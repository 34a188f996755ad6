"""A folder in memory for what tests write: most of them ask for nothing that a disk could add.

A database is made for hundreds of tests, and PostgreSQL copies a thousand files for each.
"""

from __future__ import annotations

import getpass
import os
import shutil
from pathlib import Path

import psutil

_SHARED = Path("/dev/shm")
_FREE_BYTES_MIN = 3_000_000_000  # some times what all tests together leave there


def memory_disk() -> Path | None:
    """A folder of the user's own; None where there is no such disk, or not enough of it."""
    if not os.access(_SHARED, os.W_OK | os.X_OK):
        return None
    free = min(shutil.disk_usage(_SHARED).free, psutil.virtual_memory().available)
    if free < _FREE_BYTES_MIN:
        return None
    folder = _SHARED / f"hikidashi-tests-{getpass.getuser()}"
    folder.mkdir(mode=0o755, exist_ok=True)  # PostgreSQL may run as somebody else
    return folder if folder.stat().st_uid == os.getuid() else None
