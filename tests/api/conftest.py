"""The cars, opened once for each engine and file of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.rest import Rest, open_rest


@pytest.fixture(scope="module")
def rest(new_database, tmp_path_factory) -> Iterator[Rest]:
    """The application with the cars in it; tests make the items they need."""
    with open_rest(new_database(tmp_path_factory.mktemp("cars"))) as made:
        yield made
