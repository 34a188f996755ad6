"""`serve`: one process, or several on PostgreSQL, behind one socket."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from types import FrameType

import click
import uvicorn

from .. import __version__
from ..bootstrap import build, make_asgi
from ..config import Config, unknown_variables
from ..core.limits import HUB_MESSAGE_BYTES_MAX
from ..observe import Observer, start_logging
from ..service.app import App
from ..storage.definitions import list_workspaces
from .demo import demo_config, make_demo
from .opening import RefusedError, read_settings, run_app
from .protocol import HttpProtocol, HubProtocol

BACKLOG = 2_048
GARBAGE_THRESHOLD = 50_000  # what starts live for good; collecting it over and over costs 12 %
STOP_SECONDS = 10  # beyond the time for what was accepted, to close what is open
RESTART_SECONDS = 1.0  # between a process that ended by itself and its successor
_STOPPING = (signal.SIGINT, signal.SIGTERM)


@click.command()
@click.option("--host", help="The address to listen on [HIKIDASHI_HOST].")
@click.option("--port", help="The port to listen on, 0 for a free one [HIKIDASHI_PORT].")
@click.option("--processes", help="How many processes, on PostgreSQL [HIKIDASHI_PROCESSES].")
@click.option("--demo", is_flag=True, help="Make an example workspace and print how to log in.")
@click.pass_context
def serve(
    context: click.Context,
    *,
    host: str | None,
    port: str | None,
    processes: str | None,
    demo: bool,
) -> None:
    """Answer the APIs until stopped.

    Makes the database if it is not there and brings its tables up to date. Ctrl-C or SIGTERM stops
    it: what was accepted is finished first.

    \b
      hikidashi serve --demo
      hikidashi serve --host 0.0.0.0 --port 80
      HIKIDASHI_DATABASE=postgresql://me@db/hikidashi hikidashi serve --processes 4
    """  # noqa: D301  \b is click's
    config = read_settings(context, host=host, port=port, processes=processes)
    more: Callable[[str], str]
    if demo:
        config = demo_config(config)
        more = make_demo(config).words
    elif run_app(config, _is_empty):  # fails in a sentence, before anything listens
        more = _first_steps
    else:
        more = _nothing
    for slip in unknown_variables():
        click.echo(f"note: {slip}", err=True)
    listener = _listen(config)
    if config.processes == 1:
        _serve(config, listener, lambda: _announce(config, listener, more))
    else:
        _Processes(config, listener).run(lambda: _announce(config, listener, more))


async def _is_empty(app: App) -> bool:
    return not await app.store.scan(list_workspaces)


def _first_steps(_url: str) -> str:
    return (
        "there is no workspace yet: `hikidashi schema apply FILE` makes one,"
        " `hikidashi serve --demo` shows an example"
    )


def _nothing(_url: str) -> str:
    return ""


def _listen(config: Config) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise RefusedError(
            f"can't listen on {config.host}:{config.port}: {reason}; choose with --host and --port"
        ) from error
    listener.listen(BACKLOG)
    return listener


def base_url(config: Config, listener: socket.socket) -> str:
    """Where the server is to be found from this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(config.host, config.host)  # noqa: S104
    port = listener.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _announce(config: Config, listener: socket.socket, more: Callable[[str], str]) -> None:
    url = base_url(config, listener)
    click.echo(f"Hikidashi {__version__} at {url}   (calls: {url}/docs, stop: Ctrl-C)")
    click.echo(f"database {config.database_shown}")
    if words := more(url):
        click.echo(words)


# --- one process ------------------------------------------------------------------------------


class _Server(uvicorn.Server):
    """A uvicorn that says when it is up, and ends with exit code 0 when it is told to stop."""

    def __init__(self, config: uvicorn.Config, app: App, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._app = app
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.should_exit:
            return
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE_THRESHOLD, 20, 20)
        self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._app.live.stop()  # or it would be waited for those who listen
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {one: signal.signal(one, self.handle_exit) for one in _STOPPING}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)


def make_server(config: Config, app: App, announce: Callable[[], None]) -> uvicorn.Server:
    """What serves an application."""
    settings = uvicorn.Config(
        make_asgi(app),
        loop="uvloop",
        http=HttpProtocol,
        ws=HubProtocol,
        ws_max_size=HUB_MESSAGE_BYTES_MAX,
        ws_per_message_deflate=False,  # costs more than it saves: an event goes to many clients
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=config.drain_seconds or None,
    )
    return _Server(settings, app, announce)


def _serve(config: Config, listener: socket.socket, announce: Callable[[], None]) -> None:
    """Serve until told to stop."""
    app = build(config, observe=Observer(config))
    server = make_server(config, app, announce)
    server.run(sockets=[listener])
    if not server.started:
        raise RefusedError("the server could not start; the log above says why")


# --- several ----------------------------------------------------------------------------------


class _Processes:
    """Starts processes over one listening socket, and another for each that ends by itself."""

    def __init__(self, config: Config, listener: socket.socket) -> None:
        self._config = config
        self._listener = listener
        self._context = multiprocessing.get_context("spawn")
        self._stop = threading.Event()
        self._observe = Observer(config)

    def run(self, announce: Callable[[], None]) -> None:
        """Until told to stop."""
        for one in _STOPPING:
            signal.signal(one, self._on_signal)
        running = [self._start() for _ in range(self._config.processes)]
        announce()
        while not self._stop.wait(RESTART_SECONDS):
            for at, process in enumerate(running):
                if not process.is_alive():
                    self._observe.warn("process ended", pid=process.pid, code=process.exitcode)
                    running[at] = self._start()
        for process in running:
            process.terminate()
        for process in running:
            process.join(self._config.drain_seconds + STOP_SECONDS)
            process.kill()

    def _on_signal(self, _signal: int, _frame: FrameType | None) -> None:
        self._stop.set()

    def _start(self) -> BaseProcess:
        process = self._context.Process(target=_serve_one, args=(self._config, self._listener))
        process.start()
        return process


def _serve_one(config: Config, listener: socket.socket) -> None:
    """What each of several processes does."""
    start_logging(config)
    with contextlib.suppress(RefusedError):
        _serve(config, listener, lambda: None)
