"""Worlds: workspaces made from the schema files in `tests/worlds`, with an application over them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hikidashi.bootstrap import build
from hikidashi.config import load_config
from hikidashi.core.access import Identity
from hikidashi.core.catalog import Catalog, Datastore
from hikidashi.core.commands import Command
from hikidashi.core.plan import Result
from hikidashi.service.app import App
from hikidashi.service.schema import schema_apply
from hikidashi.storage.definitions import list_workspaces, load_catalog
from hikidashi.storage.people import find_account
from tests.deterministic import FixedClock, fixed_ids

FOLDER = Path(__file__).parent / "worlds"


class World:
    """An application over a fresh database with one workspace in it."""

    def __init__(self, app: App, workspace: str, catalog: Catalog, domain: str) -> None:
        self.app = app
        self.workspace = workspace  # id
        self.catalog = catalog
        self._domain = domain
        self._identities: dict[str, Identity] = {}

    async def identity(self, name: str) -> Identity:
        """Who `name`@ the world's domain is."""
        known = self._identities.get(name)
        if known is None:
            address = f"{name}@{self._domain}"
            account = await self.app.store.read(lambda one: find_account(one, address))
            assert account is not None, address
            known = self._identities[name] = Identity(account.user, self.workspace)
        return known

    async def run(self, name: str, command: Command) -> Result:
        """Run a command as somebody."""
        return await self.app.run(await self.identity(name), command)

    def datastore(self, display_id: str) -> Datastore:
        """A datastore of any project."""
        for project in self.catalog.projects:
            found = project.find_datastore(display_id)
            if found is not None:
                return found
        raise KeyError(display_id)

    def field(self, datastore: str, display_id: str) -> str:
        """The id of a field."""
        found = self.datastore(datastore).find_field(display_id)
        assert found is not None, display_id
        return found.id


async def open_world(name: str, url: str, writers: int = 4) -> AsyncIterator[World]:
    """The world of `tests/worlds/<name>.yaml` in the database of an engine; closed at the end."""
    clock = FixedClock()
    config = load_config({"HIKIDASHI_DATABASE": url, "HIKIDASHI_WRITERS": str(writers)})
    app = build(config, clock=clock, ids=fixed_ids(clock))
    await app.open()
    try:
        await schema_apply(app.store, app.ids, clock, FOLDER / f"{name}.yaml")
        (workspace,) = await app.store.read(list_workspaces)
        catalog = await app.store.read(lambda one: load_catalog(one, workspace.id))
        yield World(app, workspace.id, catalog, f"{name}.test")
    finally:
        await app.close()


@contextmanager
def world_now(name: str, url: str, runner: asyncio.Runner, writers: int = 4) -> Iterator[World]:
    """The same for what is no coroutine."""
    opened = open_world(name, url, writers)

    async def enter() -> World:
        return await anext(opened)

    async def leave() -> None:
        async for _ in opened:
            pass

    yield runner.run(enter())
    runner.run(leave())


@pytest.fixture
def world(engine_url: str, runner: asyncio.Runner) -> Iterator[World]:
    """The shop, in a fresh database."""
    with world_now("shop", engine_url, runner) as made:
        yield made
