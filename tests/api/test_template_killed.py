"""A server that is killed while it makes an application of a template leaves nothing of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hikidashi.bootstrap import build
from hikidashi.config import Config
from hikidashi.service.imports import LOST
from hikidashi.service.schema import schema_apply
from tests.api.kept import KeptApp, T, by_hand
from tests.api.test_import_staging import Process, wait_for
from tests.api.test_template_contents import WORLD


def test_nothing_is_left_of_an_application_whose_server_was_killed(engine_url, tmp_path):
    asyncio.run(kill_and_look(engine_url, str(tmp_path / "bytes")))


async def kill_and_look(url: str, files: str) -> None:
    httpx = pytest.importorskip("httpx")
    content = by_hand(
        *({"item": {"id": f"{at:024x}", "values": {"t": f"t {at}"}}} for at in range(20_000)),
        contents={"histories": False},
    )
    app = build(Config(database=url, files=files))
    await app.open()
    await schema_apply(app.store, app.ids, app.clock, WORLD)
    await app.close()
    server = Process(url, HIKIDASHI_FILES=files)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
            body = {"email": "ann@kept.test", "password": "ann-password"}
            client.headers["authorization"] = (
                f"Bearer {(await client.post('/api/v0/login', json=body)).json()['token']}"
            )
            sent = await client.post(f"{T}/upload", files={"file": ("x.zip", content)})
            tp = sent.json()["tp_id"]

            async def is_kept() -> bool:
                tasks = (await client.get(f"/api/v0/tasks?stream_id={tp}")).json()
                return bool(tasks[tp]["status"]["name"] == "done")

            await wait_for(is_kept)
            app = build(Config(database=url, files=files))
            await app.store.open()  # a second look; nothing is swept yet

            async def rows(sql: str) -> list[Any]:
                return await app.store.scan(lambda one: one.query(sql))

            live = "SELECT id FROM definitions WHERE deleted_at IS NULL ORDER BY id"
            before = await rows(live)
            made = await client.post("/api/v0/applications", json=KeptApp.said(tp, "KILLED"))
            job = made.json()["stream_id"]

            async def is_staged() -> bool:
                return (await rows("SELECT count(*) FROM histories"))[0][0] > 1_000

            await wait_for(is_staged)
    finally:
        server.kill()
    await app.store.change(lambda one: one.query("UPDATE jobs SET touched_at = 0"))
    assert await rows(live) != before
    await app.imports.sweep()
    [(state, errors)] = await rows(f"SELECT state, errors FROM jobs WHERE id = '{job}'")
    assert state == "failed"
    assert LOST in errors
    assert await rows(live) == before
    for one in ("histories", "outbox", "texts", "links", "staged_sets", "deletions"):
        assert (one, await rows(f"SELECT 1 FROM {one} LIMIT 1")) == (one, [])
    await app.close()
