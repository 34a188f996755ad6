"""An import and everybody else: nobody waits for it, nobody sees half of it, nothing is left of one
that is refused, given up or killed."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hikidashi.bootstrap import build
from hikidashi.config import Config
from hikidashi.service import imports, sheet_files
from hikidashi.service.app import App
from hikidashi.service.schema import schema_apply
from hikidashi.storage.jobs import KEPT_MS
from tests.api.rest import Rest
from tests.api.test_imports import send, take
from tests.deterministic import FixedClock, fixed_ids
from tests.waiting import first_line

WORLDS = Path(__file__).parent.parent / "worlds"
SHOP = "/api/v0/applications/SHOP/datastores/orders"
MINUTES = "/api/v0/applications/OFFICE/datastores/minutes"
STAGED_ROWS = 20
ROWS = 400
WRITTEN = ("histories", "outbox", "texts", "links", "staged_sets")


def world_at(base: str, new_database: Callable[..., str], folder: Path) -> Iterator[Rest]:
    world = WORLDS / ("shop.yaml" if base == SHOP else "minutes.yaml")
    clock = FixedClock()
    with asyncio.Runner() as runner:
        made = Rest(new_database(folder), clock, fixed_ids(clock), runner, world, base)
        made.token("ann")
        yield made
        made.close()


@pytest.fixture(scope="module")
def opened_shop(new_database, tmp_path_factory) -> Iterator[Rest]:
    yield from world_at(SHOP, new_database, tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def opened_minutes(new_database, tmp_path_factory) -> Iterator[Rest]:
    yield from world_at(MINUTES, new_database, tmp_path_factory.mktemp("minutes"))


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "STAGED_ROWS", STAGED_ROWS)


@pytest.fixture
def shop(opened_shop: Rest) -> Rest:
    opened_shop.empty()
    return opened_shop


@pytest.fixture
def minutes(opened_minutes: Rest) -> Rest:
    opened_minutes.empty()
    return opened_minutes


def while_it_goes_on(rest: Rest, file: str, look: Callable[[], Any], **fields: str) -> list[Any]:
    """Import a file and look again and again until it has ended: what was seen, and the result."""
    told = send(rest, file, base=rest.base, no_queue="false", **fields).json
    datastore = rest.base.rpartition("/")[2]
    path = f"/api/v0/datastores/{datastore}/import/{told['temp_datastore_id']}"

    async def watch() -> list[Any]:
        seen = []
        for _ in range(5_000):
            result = await rest.acall("GET", path)
            if result.status == 200:
                return [*seen, result]
            seen.append(await look())
        raise AssertionError("it does not end")

    return rest.run(watch())


def count(rest: Rest) -> int:
    reply = rest.call("POST", "/items/search", {"return_count_only": True})
    return int(reply.json["totalItems"])


def orders(count: int, code: str = "c") -> str:
    return "name,code\n" + "".join(f"n{at},{code}{at}\n" for at in range(count))


def test_all_of_a_file_is_seen_at_one_moment(minutes):
    async def look() -> tuple[int, int]:
        counted = await minutes.acall("POST", "/items/search", {"return_count_only": True})
        body = {"app_id": "OFFICE", "query": "subject"}
        found = await minutes.acall("POST", "/api/v0/globalsearch", body)
        assert counted.status == found.status == 200, found.body
        return counted.json["totalItems"], len(found.json.get("search_result", []))

    file = "subject\n" + "".join(f"a subject {at}\n" for at in range(ROWS))
    *seen, result = while_it_goes_on(minutes, file, look)
    assert (result.body, count(minutes)) == (b"", ROWS)
    assert len(seen) > 2
    assert {one for one, _ in seen} <= {0, ROWS}
    assert {two for _, two in seen if two} <= {ROWS}


def test_others_write_while_a_file_is_taken_in(shop):
    made = []

    async def look() -> None:
        reply = await shop.acall("POST", "/items/new", {"item": {"name": "between"}})
        assert reply.status == 200, reply.body
        made.append(reply.json["item_id"])

    *_, result = while_it_goes_on(shop, orders(ROWS), look)
    assert result.body == b""
    assert len(made) >= ROWS // STAGED_ROWS // 4  # they have their turn between parts
    assert count(shop) == ROWS + len(made)
    found = shop.rows("SELECT count(DISTINCT seq), count(*) FROM histories")[0]
    assert tuple(found) == (1, ROWS + len(made))
    numbers = shop.call("POST", "/items/search", {"use_display_id": True}).json["items"]
    assert sorted(one["number"] for one in numbers) == [
        f"O-{at:06}" for at in range(1, len(numbers) + 1)
    ]


def test_a_unique_value_of_a_file_is_taken_before_it_is_seen(shop):
    refused = []

    async def look() -> None:
        reply = await shop.acall("POST", "/items/new", {"item": {"name": "x", "code": "c0"}})
        refused.append(reply.status)

    *_, result = while_it_goes_on(shop, orders(ROWS), look)
    if result.body:  # the other one was first
        assert refused.count(200) == 1
        assert count(shop) == 1
    else:
        assert set(refused) == {400}
        assert count(shop) == ROWS


def test_a_fault_in_a_late_part_takes_everything_back(shop):
    assert take(shop, "name,code\nthere,taken\n", base=SHOP) == []
    before = shop.contents()
    file = orders(ROWS) + "x,taken\n" + "y,z\n"
    errors = take(shop, file, base=SHOP)
    assert [(line, "not unique" in said) for line, said in errors] == [(ROWS + 2, True)]
    assert shop.contents() == before  # auto numbers too: the next one leaves no gap
    assert shop.rows("SELECT acl FROM staged_sets") == []


def test_texts_are_taken_back_where_a_job_is_given_up(minutes):
    async def look() -> None:
        await minutes.app.store.change(
            lambda one: one.query("UPDATE jobs SET state = 'failed' WHERE progress > 0")
        )

    file = "subject\n" + "".join(f"a subject {at}\n" for at in range(ROWS))
    while_it_goes_on(minutes, file, look)
    minutes.run(asyncio.sleep(0))
    for _ in range(200):
        if not any(minutes.rows(f"SELECT 1 FROM {one} LIMIT 1") for one in WRITTEN):
            break
        minutes.run(asyncio.sleep(0.01))
    else:
        pytest.fail("something is left")
    assert count(minutes) == 0


def test_what_was_staged_is_taken_back_although_another_datastore_has_gone_for_good(shop):
    assert take(shop, orders(3), base=SHOP) == []
    table = f"i_{shop.rows('SELECT datastore_id FROM jobs')[0][0]}"

    def leave(connection: Any) -> None:  # as a server does that stops while it stages
        for acl, place in ((-2, "f" * 24), (-1, table[2:])):
            connection.query(
                "INSERT INTO staged_sets (acl, key, job_id, datastore_id) VALUES (?, ?, ?, ?)",
                (acl, "key", "a" * 24, place),
            )
        connection.query(f"UPDATE {table} SET acl = -1")

    shop.run(shop.app.store.change(leave))
    shop.run(shop.app.imports.sweep())
    for one in ("staged_sets", table):
        assert (one, shop.rows(f"SELECT 1 FROM {one}")) == (one, [])


def test_rows_that_change_items_and_rows_that_make_them_are_seen_together(shop):
    assert take(shop, orders(ROWS), base=SHOP) == []

    async def look() -> tuple[int, int]:
        body = {
            "conditions": [{"id": "name", "search_value": ["new"]}],
            "use_display_id": True,
            "per_page": 0,
        }
        reply = await shop.acall("POST", "/items/search", body)
        assert reply.status == 200, reply.body
        old = sum(str(one["code"]).startswith("c") for one in reply.json["items"])
        return old, len(reply.json["items"]) - old

    half = ROWS // 2
    rows = [f"new,c{at}\nnew,d{at}\n" for at in range(half)]
    file = "name,code\n" + "".join(rows)
    *seen, result = while_it_goes_on(shop, file, look, key_field_displayid="code")
    assert result.body == b""
    assert set(seen) <= {(0, 0), (half, half)}
    assert shop.run(look()) == (half, half)


def test_a_value_that_the_file_itself_sets_free_is_taken(shop):
    assert take(shop, orders(ROWS), base=SHOP) == []
    file = "name,code\n" + "n0,free\n" + "other,c0\n" + "n1,\n"
    assert take(shop, file, base=SHOP, key_field_displayid="name") == []
    found = shop.call("POST", "/items/search", {"use_display_id": True}).json["items"]
    assert {one["name"]: one["code"] for one in found if one["name"] in ("n0", "n1", "other")} == {
        "n0": "free",
        "n1": None,
        "other": "c0",
    }
    assert take(shop, orders(ROWS), base=SHOP, replace_all="true") == []
    assert count(shop) == ROWS


def test_old_jobs_are_forgotten_by_the_sweep(shop):
    assert take(shop, orders(1), base=SHOP) == []
    jobs = len(shop.rows("SELECT id FROM jobs"))
    shop.run(shop.app.imports.sweep())
    assert len(shop.rows("SELECT id FROM jobs")) == jobs
    shop.clock.advance(ms=KEPT_MS + 1)
    shop.run(shop.app.imports.sweep())
    assert shop.rows("SELECT id FROM jobs") == []


def test_files_that_a_process_left_behind_are_removed(shop, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    now = shop.clock.now_ms() // 1_000
    for name, age in (("import-old", 86_401), ("import-new", 60), ("export-old", 86_401)):
        path = tmp_path / f"{sheet_files.TEMPORARY}{name}"
        if name.startswith("export"):
            path.mkdir()
            (path / "items.xlsx").touch()
        else:
            path.touch()
        os.utime(path, (now - age, now - age))
    (tmp_path / "somebody else's").touch()
    os.utime(tmp_path / "somebody else's", (0, 0))
    shop.run(shop.app.imports.sweep())
    left = sorted(one.name for one in tmp_path.iterdir())
    assert left == ["hikidashi-sheet-import-new", "somebody else's"]


# --- killed -----------------------------------------------------------------------------------


class Process:
    """A server of its own."""

    def __init__(self, url: str, **settings: str) -> None:
        words = [sys.executable, "-m", "hikidashi", "--database", url, "serve", "--port", "0"]
        env = {**os.environ, **settings}
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=env)
        assert self._process.stdout is not None
        found = re.search(r"127\.0\.0\.1:(\d+)", first_line(self._process))
        assert found
        self.port = int(found[1])

    def kill(self) -> None:
        """As if the machine had gone."""
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait(20)
        assert self._process.stdout is not None
        self._process.stdout.close()


async def wait_for(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 20
    while not await condition():
        assert time.monotonic() < deadline, "it does not come about"
        await asyncio.sleep(0.01)


def test_nothing_is_left_of_an_import_whose_server_was_killed(engine_url):
    asyncio.run(kill_and_look(engine_url))


async def kill_and_look(url: str) -> None:
    httpx = pytest.importorskip("httpx")
    app: App = build(Config(database=url))
    await app.open()
    await schema_apply(app.store, app.ids, app.clock, WORLDS / "minutes.yaml")
    await app.close()
    server = Process(url)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
            body = {"email": "ann@minutes.test", "password": "ann-password"}
            token = (await client.post("/api/v0/login", json=body)).json()["token"]
            file = "subject\n" + "".join(f"a subject {at}\n" for at in range(20_000))
            reply = await client.post(
                f"{MINUTES}/import",
                files={"file": ("x.csv", file)},
                headers={"authorization": f"Bearer {token}"},
            )
            job = reply.json()["temp_datastore_id"]
        app = build(Config(database=url))
        await app.store.open()  # a second look at what the server does; nothing is swept yet

        async def rows(sql: str) -> list[Any]:
            return await app.store.scan(lambda one: one.query(sql))

        async def is_staged() -> bool:
            return (await rows("SELECT count(*) FROM outbox"))[0][0] > 1_500

        await wait_for(is_staged)
    finally:
        server.kill()
    await app.store.change(lambda one: one.query("UPDATE jobs SET touched_at = 0"))
    await app.imports.sweep()
    state, progress = (await rows(f"SELECT state, progress FROM jobs WHERE id = '{job}'"))[0]
    assert state == "failed"
    assert progress > 0
    for one in (*WRITTEN, "i_62d7b36da69d9d2795450001"):
        assert (one, await rows(f"SELECT 1 FROM {one} LIMIT 1")) == (one, [])
    await app.close()
