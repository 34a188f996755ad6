"""Every setting once: its name, variable, default and sentence; the only reader of the environment."""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
from collections.abc import Callable, Mapping
from email.headerregistry import Address
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from .core.limits import BODY_BYTES_MAX, FILE_BYTES_MAX

PREFIX = "HIKIDASHI_"
_MAY_HOLD_SECRETS = ("database", "files", "smtp_url", "public_url")  # even where it is wrong


class ConfigError(Exception):
    """A setting that can't be used; the message names its variable and says what would do."""


Parse = Callable[[str], Any]


def _text(raw: str) -> str:
    if not raw.strip():
        raise ValueError("must not be empty")
    return raw.strip()


def _whole(low: int, high: int) -> Parse:
    def parse(raw: str) -> int:
        words = f"must be a whole number from {low} to {high}"
        try:
            number = int(raw)
        except ValueError:
            raise ValueError(words) from None
        if not low <= number <= high:
            raise ValueError(words)
        return number

    return parse


def _one_of(*words: str) -> Parse:
    def parse(raw: str) -> str:
        if raw.strip().lower() not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return raw.strip().lower()

    return parse


def _switch(raw: str) -> bool:
    word = raw.strip().lower()
    if word not in ("on", "off"):
        raise ValueError("must be on or off")
    return word == "on"


def _database(raw: str) -> str:
    url = raw.strip()
    words = (
        "must be sqlite:///PATH (three slashes, then a relative path; four for an absolute one)"
        " or postgresql://USER:PASSWORD@HOST:PORT/NAME"
    )
    scheme, _, rest = url.partition("://")
    if scheme == "postgres":
        scheme, url = "postgresql", f"postgresql://{rest}"
    if scheme == "sqlite":
        if not rest.startswith("/") or len(rest) < 2 or rest.endswith("/"):
            raise ValueError(words)
    elif scheme != "postgresql" or not rest:
        raise ValueError(words)
    return url


def _files(raw: str) -> str:
    place = raw.strip().rstrip("/") if "://" in raw else raw.strip()
    scheme, mark, rest = place.partition("://")
    if mark and (scheme != "s3" or not rest or "@" in rest or "?" in rest):
        raise ValueError(
            "must be a folder, or s3://BUCKET/PREFIX with the keys in AWS_ACCESS_KEY_ID and"
            " AWS_SECRET_ACCESS_KEY"
        )
    return place


def _origins(raw: str) -> tuple[str, ...]:
    origins = tuple(one.strip().rstrip("/") for one in raw.split(",") if one.strip())
    for one in origins:
        scheme, _, host = one.partition("://")
        if one != "*" and (scheme not in ("http", "https") or not host or "/" in host):
            raise ValueError(
                "must be * or a list like https://app.example.com,http://localhost:5173"
            )
    return origins


def _url(raw: str) -> str:
    url = raw.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if url and (not good or "@" in parts.netloc or "?" in url or "#" in url or not url.isascii()):
        raise ValueError("must be like https://data.example.com, or empty")
    return url


def _smtp(raw: str) -> str:
    url = raw.strip()
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("smtp", "smtps") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if url and (not good or parts.path.strip("/") or parts.query):
        raise ValueError("must be smtp://[USER:PASSWORD@]HOST[:PORT], or smtps:// and the same")
    return url


def _address(raw: str) -> str:
    words = "must be an address, like hikidashi@example.com"
    try:
        Address(addr_spec=raw.strip())
    except Exception:  # noqa: BLE001  the library raises errors of many kinds
        raise ValueError(words) from None
    if not raw.strip().isascii() or "@" not in raw:
        raise ValueError(words)
    return raw.strip()


def _networks(raw: str) -> tuple[str, ...]:
    try:
        return tuple(str(ip_network(one.strip())) for one in raw.split(",") if one.strip())
    except ValueError as error:
        raise ValueError(f"must be a list like 10.0.0.0/8,fd00::/8: {error}") from None


def _web_origins(raw: str) -> tuple[str, ...]:
    origins = _origins(raw)
    if not origins or "*" in origins:
        raise ValueError("must be one or more like https://app.example.com,http://localhost:3000")
    return origins


def _setting(default: str, parse: Parse, sentence: str) -> Any:
    return dataclasses.field(
        default_factory=lambda: parse(default),
        metadata={"default": default, "parse": parse, "sentence": sentence},
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All settings of one process."""

    database: str = _setting(
        "sqlite:///./data/hikidashi.db",
        _database,
        "Where everything is kept: `sqlite:///PATH` or `postgresql://USER:PASSWORD@HOST:PORT/NAME`.",
    )
    host: str = _setting("127.0.0.1", _text, "The address to listen on; `0.0.0.0` for all.")
    port: int = _setting("8000", _whole(0, 65_535), "The port to listen on; `0` takes a free one.")
    processes: int = _setting(
        "1",
        _whole(1, 64),
        "How many processes serve the port; more than one needs PostgreSQL.",
    )
    allowed_origins: tuple[str, ...] = _setting(
        "*",
        _origins,
        "Web origins whose pages may call the APIs (CORS), separated by commas; `*` for any, empty"
        " for none. No cookie is ever used, so a page can do only what its token allows.",
    )
    public_url: str = _setting(
        "",
        _url,
        "Where clients find this server, like `https://data.example.com`: what the addresses of uploads and"
        " files begin with. Empty: the `Host` of the request that asks, with `https` if the request came so or"
        " a proxy says it did (`X-Forwarded-Proto`).",
    )
    hottask_http_errors: str = _setting(
        "envelope",
        _one_of("envelope", "status"),
        "How the HotTask API answers errors: `envelope` is HTTP 200 with a `Code`, which its browser"
        " clients need; `status` repeats the code as HTTP status.",
    )
    log_format: str = _setting(
        "text", _one_of("text", "json"), "The form of a log line: `text` for people or `json`."
    )
    log_level: str = _setting(
        "info",
        _one_of("debug", "info", "warning", "error"),
        "The least level that is logged: `debug`, `info`, `warning` or `error`.",
    )
    request_log: str = _setting(
        "errors",
        _one_of("errors", "all", "none"),
        "Which requests get a log line: `errors` (status 500 and up), `all` or `none`.",
    )
    metrics: bool = _setting(
        "on", _switch, "Whether `/metrics` answers Prometheus: `on` or `off`; it asks for no token."
    )
    body_bytes_max: int = _setting(
        str(BODY_BYTES_MAX),
        _whole(1_000, 1_000_000_000),
        "The longest request body that is read, in bytes; a longer one is answered 413.",
    )
    files: str = _setting(
        "",
        _files,
        "Where the bytes of uploaded files are kept: a folder, or `s3://BUCKET/PREFIX` with keys,"
        " region and endpoint in `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION` and"
        " `AWS_ENDPOINT_URL`. Empty: the folder `files` beside the SQLite file, or `./data/files`.",
    )
    file_bytes_max: int = _setting(
        str(FILE_BYTES_MAX),
        _whole(1, 5_000_000_000),
        "The longest file that may be uploaded, in bytes; a longer one is answered 413.",
    )
    smtp_url: str = _setting(
        "",
        _smtp,
        "The server that sends mails: `smtp://[USER:PASSWORD@]HOST[:PORT]`, encrypted where the server"
        " can (port 587), or `smtps://` for TLS from the start (port 465); a password is said only over"
        " an encrypted line, to a server with a certificate that holds. Empty: mails become files.",
    )
    mail_sender: str = _setting("hikidashi@localhost", _address, "The address that mails are from.")
    outbox: str = _setting(
        "",
        str.strip,
        "The folder of mails where no SMTP server is set; `hikidashi mail` shows them. Empty: the"
        " folder `outbox` beside the SQLite file, or `./data/outbox`.",
    )
    link_origins: tuple[str, ...] = _setting(
        "http://localhost:3000",
        _web_origins,
        "Web origins that the links of mails may lead to where a call without a token asks for the"
        " mail, separated by commas; the first is the usual one. `localhost` always may be.",
    )
    registration: bool = _setting(
        "on",
        _switch,
        "Whether anybody may have an account, and a workspace with it, by a mail: `on` or `off`.",
    )
    scripts: str = _setting(
        "confined",
        _one_of("confined", "unconfined", "off"),
        "How scripts of actions run: `confined` in processes that the system keeps from files, network"
        " and all else (Linux), and not at all where it can't; `unconfined` without that, for trying"
        " things out; `off` not at all.",
    )
    relay: bool = _setting(
        "on",
        _switch,
        "Whether this server does what follows writes, webhooks among it, and runs schedules: `on` or `off`. What one does"
        " not do waits for another over the same database, or for the next.",
    )
    webhook_networks: tuple[str, ...] = _setting(
        "",
        _networks,
        "Private networks in which webhooks may be, separated by commas: `10.1.0.0/16,fd00::/8`. Without"
        " it only addresses of the internet are sent to.",
    )
    webhook_seconds: int = _setting(
        "10", _whole(1, 60), "How long a webhook may take to answer before it is tried again later."
    )
    claim_seconds: int = _setting(
        "30",
        _whole(1, 600),
        "How long what follows writes, or a run of a schedule, is left to a process that is not heard of any more,"
        " before another one takes it over.",
    )
    reader_threads: int = _setting(
        "4",
        _whole(1, 64),
        "How many searches, listings and other long reads run at once; and, on PostgreSQL, how many short ones.",
    )
    writers: int = _setting(
        "4",
        _whole(1, 64),
        "How many groups of writes a process has under way at once on PostgreSQL, each over a connection of its own.",
    )
    drain_seconds: int = _setting(
        "30",
        _whole(0, 3_600),
        "How long a stopping server waits for the requests that it has accepted.",
    )

    @property
    def engine(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.database.partition("://")[0]

    @property
    def sqlite_path(self) -> str:
        """The path of the SQLite file."""
        return self.database.removeprefix("sqlite:///")

    @property
    def files_place(self) -> str:
        """Where the bytes of files are kept: a path, or an s3:// address."""
        if self.files:
            return self.files
        if self.engine == "sqlite":
            return str(Path(self.sqlite_path).parent / "files")
        return "./data/files"

    @property
    def outbox_folder(self) -> str:
        """Where mails are written that no server sends."""
        if self.outbox:
            return self.outbox
        if self.engine == "sqlite":
            return str(Path(self.sqlite_path).parent / "outbox")
        return "./data/outbox"

    @property
    def smtp_url_shown(self) -> str:
        """The mail server without its password."""
        parts = urlsplit(self.smtp_url)
        if parts.password is None:
            return self.smtp_url
        place = f"{parts.username or ''}:***@{parts.netloc.rpartition('@')[2]}"
        return urlunsplit((parts.scheme, place, parts.path, "", ""))

    @property
    def database_shown(self) -> str:
        """The database without its password, for people to read."""
        if self.engine == "sqlite":
            return self.database
        parts = urlsplit(self.database)
        place = parts.netloc
        if parts.password is not None:
            place = f"{parts.username or ''}:***@{place.rpartition('@')[2]}"
        query = re.sub(r"(?<=password=)[^&]*", "***", parts.query)
        return urlunsplit((parts.scheme, place, parts.path, query, ""))


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """One setting, as documentation shows it."""

    name: str
    variable: str
    default: str
    sentence: str
    parse: Parse


SETTINGS: tuple[Setting, ...] = tuple(
    Setting(
        one.name,
        PREFIX + one.name.upper(),
        one.metadata["default"],
        one.metadata["sentence"],
        one.metadata["parse"],
    )
    for one in dataclasses.fields(Config)
)


def load_config(
    environment: Mapping[str, str] | None = None, overrides: Mapping[str, str | None] | None = None
) -> Config:
    """Read the settings; `overrides` (by name, None where not given) win over the environment.

    Raises ConfigError, naming the variable.
    """
    given = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    for one in SETTINGS:
        raw = (overrides or {}).get(one.name)
        if raw is None:
            raw = given.get(one.variable)
        if raw is None:
            continue
        try:
            values[one.name] = one.parse(raw)
        except ValueError as error:
            shown = "" if one.name in _MAY_HOLD_SECRETS else f", not {raw[:80]!r}"
            raise ConfigError(f"{one.variable} {error}{shown}") from None
    config = Config(**values)
    if config.processes > 1 and config.engine == "sqlite":
        raise ConfigError(
            f"{PREFIX}PROCESSES is {config.processes}, but one process at a time writes an SQLite"
            f" file; set {PREFIX}DATABASE to a postgresql:// address or leave it at 1"
        )
    return config


def unknown_variables(environment: Mapping[str, str] | None = None) -> list[str]:
    """A sentence for each variable that looks like a setting and is none (a slip of the pen)."""
    given = os.environ if environment is None else environment
    known = [one.variable for one in SETTINGS]
    found: list[str] = []
    for name in sorted(given):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            found.append(f"{name} is not a setting{hint}")
    return found


def show_settings(config: Config) -> list[tuple[str, str]]:
    """Variable and value in use of each setting, passwords left out."""
    secrets = {"database": config.database_shown, "smtp_url": config.smtp_url_shown}
    shown: list[tuple[str, str]] = []
    for one in SETTINGS:
        value = getattr(config, one.name)
        if isinstance(value, bool):
            value = "on" if value else "off"
        elif isinstance(value, tuple):
            value = ",".join(value)
        shown.append((one.variable, secrets.get(one.name, str(value))))
    return shown


def settings_page() -> str:
    """The page docs/settings.md."""
    rows = [f"| `{one.variable}` | `{one.default}` | {one.sentence} |" for one in SETTINGS]
    return "\n".join(
        (
            "# Settings",
            "",
            "Every setting is an environment variable. `hikidashi settings` prints those in use,",
            "`hikidashi check` says what is wrong with them. This page is made from `config.py` by",
            "`hikidashi settings --markdown`.",
            "",
            "| variable | default | what it does |",
            "|---|---|---|",
            *rows,
            "",
        )
    )
