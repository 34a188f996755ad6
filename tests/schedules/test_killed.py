"""A server that is killed in the middle of a run: the next one goes on, and writes nothing twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from hikidashi.bootstrap import build
from hikidashi.config import Config
from hikidashi.core.limits import BULK_ITEMS_MAX
from hikidashi.service.schema import loads, schema_apply
from tests.schedules.world import APP, ORDERS, schema
from tests.torture.conftest import spawner as spawner  # noqa: PLC0414  a fixture
from tests.torture.servers import ServerProcess, Spawner

COUNT = {"action": "Count", "query": None, "conditions": [], "enabled": False}
ITEMS = 2 * BULK_ITEMS_MAX + 9


async def _lay_out(url: str) -> None:
    app = build(Config(database=url))
    await app.open()
    await schema_apply(app.store, app.ids, app.clock, loads(schema(COUNT)))
    await app.close()


def _run(client: httpx.Client) -> dict[str, object]:
    (one,) = client.get(f"{APP}/schedules").json()["schedules"]
    return one["runs"][0]


def _until(client: httpx.Client, done) -> dict[str, object]:
    over_at = time.monotonic() + 60
    while not done(run := _run(client)):
        assert time.monotonic() < over_at, run
        time.sleep(0.02)
    return run


@contextmanager
def _client(server: ServerProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=30) as client:
        login = {"email": "ann@shop.test", "password": "ann-password"}
        token = client.post("/api/v0/login", json=login).json()["token"]
        client.headers["authorization"] = f"Bearer {token}"
        yield client


def _begin(client: httpx.Client) -> None:
    entry = {"operation": 1, "item": {"name": "one of many"}}
    for at in range(0, ITEMS, BULK_ITEMS_MAX):
        body = {"item_actions": {"ORDERS": [entry] * min(BULK_ITEMS_MAX, ITEMS - at)}}
        assert client.post(f"{APP}/BatchAction", json=body).json()["error"] is None
    assert client.post(f"{APP}/schedules/nightly/run").status_code == 200
    _until(client, lambda run: run["processed"])


def _end(client: httpx.Client) -> None:
    run = _until(client, lambda run: run["finished_at"])
    assert (run["state"], run["matched"], run["processed"]) == ("done", ITEMS, ITEMS), run
    assert run["attempts"] in (1, 2)  # 1: it was over before the server was killed
    asked = {"conditions": [{"id": "times", "search_value": [1, 1]}], "page": 1, "per_page": 1}
    assert client.post(f"{ORDERS}/items/search", json=asked).json()["totalItems"] == ITEMS


def test_a_killed_server_leaves_a_run_to_the_next(engine_url: str, spawner: Spawner):
    asyncio.run(_lay_out(engine_url))
    server = ServerProcess(spawner, engine_url, relay="on", claim_seconds="2")
    try:
        server.start()
        with _client(server) as client:
            _begin(client)
            server.kill()
        server.start()
        with _client(server) as client:
            _end(client)
        server.stop()
    except BaseException:
        print(server.errors())
        raise
    finally:
        server.close()
