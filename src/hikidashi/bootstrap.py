"""The composition root: a configuration becomes an engine, an application and what serves it."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

from .config import Config
from .core.ids import Clock, IdSource, ObjectIds
from .observe import Observer
from .sandbox.pool import Mode, Sandbox
from .service.app import App
from .service.files import Files
from .service.identity import Identities
from .service.post_scripts import PostScripts
from .service.rule_links import RuleLinks
from .service.schedules import Schedules
from .service.webhooks import Webhooks
from .storage.engines import Engine
from .storage.store import Store

if TYPE_CHECKING:
    from starlette.types import ASGIApp


class SystemClock:
    """The time of the machine."""

    __slots__ = ()

    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01T00:00:00Z."""
        return time.time_ns() // 1_000_000


def make_ids(clock: Clock) -> ObjectIds:
    """A source of ids of this process: 40 random bits tell it from every other one."""
    return ObjectIds(clock, secrets.randbits(40), secrets.randbits(24))


def open_engine(config: Config) -> Engine:
    """The engine that the database's address names; nothing is connected yet."""
    if config.engine == "sqlite":
        from .storage.engines.sqlite import SqliteEngine  # noqa: PLC0415  only what is used

        return SqliteEngine(str(Path(config.sqlite_path)))
    from .storage.engines.postgres import PostgresEngine  # noqa: PLC0415

    return PostgresEngine(config.database)


def make_sandbox(config: Config) -> Sandbox:
    """Where scripts run; nothing is started yet."""
    return Sandbox(cast("Mode", config.scripts))


def build(
    config: Config,
    *,
    clock: Clock | None = None,
    ids: IdSource | None = None,
    observe: Observer | None = None,
) -> App:
    """The application, with the machine's clock and random ids unless told otherwise."""
    clock = clock if clock is not None else SystemClock()
    ids = ids if ids is not None else make_ids(clock)
    observe = observe if observe is not None else Observer(config)
    store = Store(
        open_engine(config),
        clock,
        ids,
        observe,
        writers=config.writers,
        readers=config.reader_threads,
    )
    observe.watch_queue(lambda: store.queue_length)
    identities = Identities(store, clock, ids)
    files = Files(store, clock, ids, observe, config.files_place, config.file_bytes_max)
    app = App(config, clock, ids, store, identities, files, observe, make_sandbox(config))
    app.events.follow(RuleLinks(store))
    app.events.follow(Webhooks(app))
    app.events.follow(PostScripts(app))
    app.schedules = Schedules(app)
    return app


def make_asgi(app: App) -> ASGIApp:
    """The application as uvicorn serves it: the dialects first, the site for the rest."""
    from .api.app import make_asgi as serve  # noqa: PLC0415  the edge is not needed by commands

    return serve(app)
