"""Observations: what becomes a line, what becomes a number, and what it costs."""

from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Callable, Iterator

import pytest

from hikidashi.config import load_config
from hikidashi.observe import Observer, start_logging


@pytest.fixture
def observed() -> Iterator[Callable[..., tuple[Observer, io.StringIO]]]:
    """Makes an observer whose lines can be read; gives the root logger back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def make(**settings: str) -> tuple[Observer, io.StringIO]:
        config = load_config({}, {"log_format": "json", **settings})
        out = io.StringIO()
        start_logging(config, out)
        return Observer(config), out

    yield make
    root.handlers[:] = handlers
    root.setLevel(level)


def crash() -> Exception:
    secret = "hidden in a " + "frame"
    try:
        int(secret[0])
    except ValueError as error:
        return error
    raise AssertionError


def lines(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(one) for one in out.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("request_log", "told"),
    [("errors", [500, 503]), ("all", [200, 404, 500, 503]), ("none", [])],
)
def test_a_setting_says_which_requests_get_a_line(observed, request_log, told):
    observer, out = observed(request_log=request_log)
    for status in (200, 404, 500, 503):
        observer.request_done("UpdateItem", "POST", status, 0.0123, "r1", "u1")
    found = lines(out)
    assert [one["status"] for one in found] == told
    for one in found:
        assert (one["route"], one["ms"], one["request_id"], one["user"]) == (
            "UpdateItem",
            12.3,
            "r1",
            "u1",
        )


def test_a_crash_is_told_with_its_traceback(observed):
    observer, out = observed()
    observer.request_crashed("UpdateItem", "r1", crash())
    [line] = lines(out)
    assert (line["level"], line["request_id"]) == ("error", "r1")
    assert "ValueError: invalid literal" in str(line["exception"])
    assert b"hikidashi_crashes_total 1.0" in observer.metrics()


def test_a_crash_of_a_delivery_is_told_too(observed):
    observer, out = observed()
    observer.delivery_crashed("webhooks", "e1", crash())
    [line] = lines(out)
    assert (line["event"], line["consumer"], line["event_id"]) == (
        "delivery crashed",
        "webhooks",
        "e1",
    )
    assert "ValueError: invalid literal" in str(line["exception"])


def test_text_lines_keep_to_one_line_and_hide_local_variables(observed):
    observer, out = observed(log_format="text", request_log="all")
    observer.request_done("UpdateItem", "POST", 200, 0.1, "two\nlines", "u1")
    assert out.getvalue().count("\n") == 1
    observer.request_crashed("UpdateItem", "r1", crash())
    assert "ValueError" in out.getvalue()
    assert "hidden in a frame" not in out.getvalue()


def test_what_libraries_say_goes_the_same_way(observed):
    _, out = observed()
    logging.getLogger("uvicorn.error").error("could not %s", "bind")
    logging.getLogger("uvicorn.error").info("chatter")
    assert [one["event"] for one in lines(out)] == ["could not bind"]


def test_groups_retries_reads_and_the_queue_become_numbers(observed):
    observer, _ = observed()
    observer.group_committed(3, 0.002)
    observer.group_committed(40, 0.2)
    observer.group_retried("transient")
    observer.read_begun(on_loop=True)
    observer.watch_queue(lambda: 7)
    page = observer.metrics().decode()
    for line in (
        "hikidashi_group_jobs_count 2.0",
        "hikidashi_group_jobs_sum 43.0",
        'hikidashi_group_jobs_bucket{le="4.0"} 1.0',
        'hikidashi_group_retries_total{reason="transient"} 1.0',
        'hikidashi_reads_total{where="loop"} 1.0',
        "hikidashi_queue_jobs 7.0",
    ):
        assert line in page.splitlines()


def test_latencies_fall_into_the_bucket_of_their_bound(observed):
    observer, _ = observed()
    for seconds in (0.0005, 0.001, 0.002, 99.0):
        observer.request_done("Read", "GET", 200, seconds)
    page = observer.metrics().decode().splitlines()
    assert 'hikidashi_request_seconds_bucket{le="0.001",route="Read"} 2.0' in page
    assert 'hikidashi_request_seconds_bucket{le="10.0",route="Read"} 3.0' in page
    assert 'hikidashi_request_seconds_bucket{le="+Inf",route="Read"} 4.0' in page


def test_one_of_several_processes_says_which_it_is(observed):
    observer, _ = observed(processes="2", database="postgresql://db/x")
    observer.request_done("Read", "GET", 200, 0.1)
    samples = [one for one in observer.metrics().decode().splitlines() if one[0] != "#"]
    assert samples
    assert all('process="' in one for one in samples)


def test_counting_a_request_costs_next_to_nothing(observed):
    observer, _ = observed()
    best = 1.0
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(10_000):
            observer.request_done("Read", "GET", 200, 0.01, "r1", "u1")
        best = min(best, (time.perf_counter() - started) / 10_000)
    assert best < 5e-6  # a tenth of it on a quiet machine
