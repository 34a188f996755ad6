"""A shop over a fresh database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.schedules.world import Shop


@pytest.fixture
def open_shop(engine_url) -> Iterator[Callable[..., Shop]]:
    """Makes the shop with schedules."""
    made: list[Shop] = []

    def make(*schedules: dict[str, Any]) -> Shop:
        made.append(Shop(engine_url, *(schedules or ({},))))
        return made[-1]

    yield make
    for one in made:
        one.close()
