"""Worlds that the tests of a file share, made anew only after one that changed more than items."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, Protocol, Self, TypeVar

import pytest

from hikidashi.core.catalog import Catalog
from hikidashi.storage.definitions import list_workspaces, load_catalog, read_numbers
from hikidashi.storage.engines import Connection
from hikidashi.storage.store import Store
from tests.contents import empty

Versions = list[tuple[int, int] | None]


class Keepable(Protocol):
    """A world that can be emptied."""

    def versions(self) -> Versions:
        """How often the definitions and the people of each workspace have changed."""
        ...

    def empty(self) -> None:
        """Take every item away."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


W = TypeVar("W", bound=Keepable)


class Kept(Generic[W]):
    """Gives a world in which nothing has happened; used as a context."""

    def __init__(self, make: Callable[[], W]) -> None:
        self._make = make
        self._world: W | None = None
        self._versions: Versions = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._world is not None:
            self._world.close()

    def take(self) -> W:
        """The world that there is, emptied; another if its definitions or people have changed."""
        world = self._world
        if world is not None and world.versions() == self._versions:
            world.empty()
            return world
        self.__exit__()
        self._world = world = self._make()
        self._versions = world.versions()
        return world


def kept(make: Callable[[str], W]) -> Any:
    """A fixture: the world that `make` makes in the database of a URL, for each engine and file of
    tests."""

    @pytest.fixture(scope="module")
    def opened(new_database, tmp_path_factory) -> Iterator[Kept[W]]:
        with Kept(lambda: make(new_database(tmp_path_factory.mktemp("kept")))) as one:
            yield one

    return opened


def versions_of(connection: Connection) -> Versions:
    """Those of all workspaces."""
    return [read_numbers(connection, one.id) for one in list_workspaces(connection)]


def catalogs_of(connection: Connection) -> list[Catalog]:
    """What is defined in each workspace."""
    return [load_catalog(connection, one.id) for one in list_workspaces(connection)]


async def empty_store(store: Store, catalogs: list[Catalog]) -> None:
    """Take every item out of the database of an application."""
    await store.change(lambda one: empty(one, catalogs, store.engine.name))
    store.access._keys.clear()
    store.access._acls.clear()
