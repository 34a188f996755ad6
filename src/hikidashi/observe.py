"""Readers of what happens: log lines and numbers (Prometheus), behind plain methods."""

from __future__ import annotations

import logging
import os
import sys
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from typing import Any, NamedTuple, TextIO

import msgspec
import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from .config import Config

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_GROUP_JOBS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_GROUP_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5)
_RELAY = {  # in the order of RelayFigures
    "lag_seconds": "Time since the oldest event, or delivery, that is due and not done.",
    "outbox_events": "Events that are not yet taken from the outbox, counted to 100,000.",
    "waiting_deliveries": "Deliveries that wait for a try, counted to 100,000.",
    "parked_deliveries": "Deliveries that are given up, counted to 100,000.",
}
METRICS_CONTENT_TYPE = prometheus_client.CONTENT_TYPE_LATEST
# The creation times beside every counter tell nothing.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]


class RelayFigures(NamedTuple):
    """How the relay of events stands."""

    lag_s: float  # since the oldest of what is due
    outbox: int  # events not yet taken
    waiting: int  # deliveries
    parked: int


class Observer:
    """Hears of requests, groups and bugs. No method of it raises or waits.

    The edge calls `request_done` and `request_crashed`; the committer `group_committed` and
    `group_retried`; the application `read_begun`. `warn` is for whatever else an operator should
    look at.
    """

    def __init__(self, config: Config | None = None) -> None:
        self.registry = CollectorRegistry()
        self._logs_all = config is not None and config.request_log == "all"
        self._logs_errors = config is None or config.request_log != "none"
        self._requests = _Requests()
        self.registry.register(self._requests)
        self._group_jobs = Histogram(
            "hikidashi_group_jobs",
            "Writes that were committed together.",
            buckets=_GROUP_JOBS,
            registry=self.registry,
        )
        self._group_seconds = Histogram(
            "hikidashi_group_seconds",
            "Time from a group's BEGIN until it was durable.",
            buckets=_GROUP_SECONDS,
            registry=self.registry,
        )
        self._retries = Counter(
            "hikidashi_group_retries",
            "Groups that were run again, by reason.",
            ("reason",),
            registry=self.registry,
        )
        self._crashes = Counter(
            "hikidashi_crashes", "Requests that met a bug of ours.", registry=self.registry
        )
        self._queue = Gauge(
            "hikidashi_queue_jobs", "Writes waiting for a group.", registry=self.registry
        )
        self._deliveries = Counter(
            "hikidashi_deliveries",
            "Tries of deliveries of events, by who follows them and what came of it.",
            ("consumer", "state"),
            registry=self.registry,
        )
        self._relay = {
            name: Gauge(f"hikidashi_relay_{name}", words, registry=self.registry)
            for name, words in _RELAY.items()
        }
        self._listeners = Gauge(
            "hikidashi_live_listeners", "Live connections that are open.", registry=self.registry
        )
        self._exposed: Any = self.registry
        if config is not None and config.processes > 1:
            self._exposed = _Labelled(self.registry, {"process": str(os.getpid())})

    # --- requests -----------------------------------------------------------------------------

    def request_done(  # noqa: PLR0913  what a log line shows
        self,
        route: str,
        method: str,
        status: int,
        seconds: float,
        request_id: str = "",
        user: str = "",
    ) -> None:
        """A request was answered. `route` is the name of its Call, never a path with ids."""
        self._requests.count(route, status // 100, seconds)
        if self._logs_all or (status >= 500 and self._logs_errors):
            words = {
                "request_id": request_id,
                "method": method,
                "route": route,
                "status": status,
                "ms": round(seconds * 1000, 2),
                "user": user,
            }
            _say(logging.ERROR if status >= 500 else logging.INFO, "request", words)

    def request_crashed(self, route: str, request_id: str, error: BaseException) -> None:
        """A request met a bug: the traceback goes to the log, the request id to the caller."""
        self._crashes.inc()
        words = {"route": route, "request_id": request_id}
        _say(logging.ERROR, "request crashed", words, error)

    # --- storage ------------------------------------------------------------------------------

    def group_committed(self, jobs: int, seconds: float) -> None:
        """A group of so many commands is durable."""
        self._group_jobs.observe(jobs)
        self._group_seconds.observe(seconds)

    def group_retried(self, reason: str) -> None:
        """A group is run again."""
        self._retries.labels(reason).inc()
        _say(logging.INFO, "group retried", {"reason": reason})

    def read_begun(self, *, on_loop: bool) -> None:
        """A read begins, on the event loop or on a thread."""
        self._requests.reads["loop" if on_loop else "thread"] += 1

    def watch_queue(self, length: Callable[[], int]) -> None:
        """Ask for the number of waiting writes whenever metrics are collected."""
        self._queue.set_function(length)

    # --- what follows writes ------------------------------------------------------------------

    def delivery_tried(self, consumer: str, state: str) -> None:
        """A delivery of an event was tried: it is done, waits for another try, or is parked."""
        self._deliveries.labels(consumer, state).inc()

    def delivery_crashed(self, consumer: str, event: str, error: BaseException) -> None:
        """A delivery met a bug."""
        self._crashes.inc()
        words = {"consumer": consumer, "event_id": event}
        _say(logging.ERROR, "delivery crashed", words, error)

    def relay_crashed(self, error: BaseException) -> None:
        """A turn of the relay met a bug; it goes on."""
        self._crashes.inc()
        _say(logging.ERROR, "relay crashed", {}, error)

    def relay_measured(self, figures: RelayFigures) -> None:
        """How much waits for the relay."""
        for name, figure in zip(_RELAY, figures, strict=True):
            self._relay[name].set(figure)

    def watch_listeners(self, count: Callable[[], int]) -> None:
        """Ask for the number of live connections whenever metrics are collected."""
        self._listeners.set_function(count)

    # --- the rest -----------------------------------------------------------------------------

    def warn(self, event: str, **words: object) -> None:
        """Something that an operator should look at."""
        _say(logging.WARNING, event, words)

    def metrics(self) -> bytes:
        """Everything counted so far by this process, as Prometheus reads it."""
        return prometheus_client.generate_latest(self._exposed)


class _Requests(Collector):
    """Counts requests and reads, called from the event loop only, so without a lock."""

    def __init__(self) -> None:
        self.reads = {"loop": 0, "thread": 0}
        self._cells: dict[tuple[str, int], list[float]] = {}

    def count(self, route: str, status_class: int, seconds: float) -> None:
        """One more; a cell holds a count for each bucket, then the sum of seconds."""
        cell = self._cells.get((route, status_class))
        if cell is None:
            cell = self._cells[route, status_class] = [0] * (len(_REQUEST_SECONDS) + 2)
        cell[bisect_left(_REQUEST_SECONDS, seconds)] += 1
        cell[-1] += seconds

    def collect(self) -> Iterator[Metric]:
        """How many requests, by route and status; how long they took, by route; how many reads."""
        requests = CounterMetricFamily(
            "hikidashi_requests",
            "Requests answered, by route and class of status.",
            labels=("route", "status"),
        )
        latencies: dict[str, list[float]] = {}
        for (route, status), cell in list(self._cells.items()):
            requests.add_metric((route, f"{status}xx"), sum(cell[:-1]))
            known = latencies.setdefault(route, [0] * len(cell))
            latencies[route] = [one + other for one, other in zip(known, cell, strict=True)]
        yield requests
        seconds = HistogramMetricFamily(
            "hikidashi_request_seconds",
            "Time that the server spent on a request, by route.",
            labels=("route",),
        )
        bounds = [*(str(one) for one in _REQUEST_SECONDS), "+Inf"]
        for route, cell in latencies.items():
            upto = list(zip(bounds, accumulate(cell[:-1]), strict=True))
            seconds.add_metric((route,), upto, cell[-1])
        yield seconds
        reads = CounterMetricFamily(
            "hikidashi_reads",
            "Reads, by where they ran: the event loop or a thread.",
            labels=("where",),
        )
        for where, count in self.reads.items():
            reads.add_metric((where,), count)
        yield reads


class _Labelled(Collector):
    """The metrics of one process among several behind one port: each sample says whose it is."""

    def __init__(self, registry: CollectorRegistry, labels: dict[str, str]) -> None:
        self._registry = registry
        self._labels = labels

    def collect(self) -> Iterator[Metric]:
        """The same families with the labels added."""
        for family in self._registry.collect():
            family.samples = [
                one._replace(labels={**one.labels, **self._labels}) for one in family.samples
            ]
            yield family


# --- lines ------------------------------------------------------------------------------------

_OWN = logging.getLogger("hikidashi")
_COLORS = {"WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[31m"}
_PLAIN = "\x1b[0m"


def _say(
    level: int, event: str, words: Mapping[str, object], error: BaseException | None = None
) -> None:
    """A line of our own."""
    _OWN.log(level, event, exc_info=error, extra={"words": words})


def start_logging(config: Config, stream: TextIO | None = None) -> None:
    """Send our own lines and those of the libraries through one renderer, to stderr."""
    out = stream if stream is not None else sys.stderr
    handler = logging.StreamHandler(out)
    handler.setFormatter(_Json() if config.log_format == "json" else _Text(out.isatty()))
    level = _LEVELS[config.log_level]
    _OWN.setLevel(level)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))


class _Json(logging.Formatter):
    """A line as an object."""

    def format(self, record: logging.LogRecord) -> str:
        """The whole of it, a traceback too."""
        line = {
            "timestamp": _time(record),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "words", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _encode(line).decode()


class _Text(logging.Formatter):
    """A line for people; a traceback follows it, without the values of variables."""

    def __init__(self, is_colored: bool) -> None:
        super().__init__()
        self._is_colored = is_colored

    def format(self, record: logging.LogRecord) -> str:
        """The whole of it; what would begin another line is shown as it is written."""
        words = getattr(record, "words", {})
        level = f"[{record.levelname.lower()}]".ljust(9)
        if self._is_colored:
            level = f"{_COLORS.get(record.levelname, '')}{level}{_PLAIN}"
        said = (f"{key}={_shown(str(one), spaces=False)}" for key, one in words.items())
        line = " ".join((_time(record), level, _shown(record.getMessage(), spaces=True), *said))
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _shown(text: str, *, spaces: bool) -> str:
    return text if text.isprintable() and (spaces or " " not in text) else repr(text)


def _time(record: logging.LogRecord) -> str:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{stamp}.{int(record.msecs):03d}Z"


_encode = msgspec.json.Encoder(enc_hook=str).encode
