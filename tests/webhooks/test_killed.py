"""A server that is killed while it delivers loses no event, and changes neither order nor ids."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict

from hikidashi.bootstrap import build
from hikidashi.config import Config
from hikidashi.service.schema import loads, schema_apply
from tests.torture.conftest import spawner as spawner  # noqa: PLC0414  a fixture
from tests.torture.servers import ServerProcess, Spawner
from tests.webhooks.receivers import Receiver

KEY = "a-project-key-of-tests"
SCHEMA = """
workspaces:
  - name: Kills
    users: [{{email: ann@kills.test, password: ann-password, admin: true}}]
    applications:
      - display_id: KILLS
        hottask_code: killstestcode
        roles: [{{display_id: ADMIN, users: [ann@kills.test]}}]
        datastores:
          - display_id: things
            fields: [{{display_id: name, type: text, as_title: true}}]
            webhooks: [{{display_id: bell, url: "{url}"}}]
"""
BASE = "/api/v0/applications/KILLS/datastores/things/items"
ITEMS, ROUNDS = 6, 5


async def _call(port: int, path: str, body: object, token: str = "") -> dict[str, object]:
    import aiohttp

    head = {"authorization": f"Bearer {token}"} if token else {}
    url = f"http://127.0.0.1:{port}{path}"
    async with aiohttp.ClientSession() as session, session.post(url, json=body, headers=head) as it:
        text = await it.text()
        assert it.status == 200, text
        return json.loads(text)


async def _until(done: object, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not done():  # type: ignore[operator]  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def _course(url: str, server: ServerProcess, receiver: Receiver) -> None:
    await receiver.start()
    app = build(Config(database=url))
    await app.open()
    await schema_apply(app.store, app.ids, app.clock, loads(SCHEMA.format(url=receiver.url)))
    await app.close()
    receiver.answers = ["hang"] * 4  # the first ones are under way when the server is killed
    await asyncio.to_thread(server.start)
    login = {"email": "ann@kills.test", "password": "ann-password"}
    token = str((await _call(server.port, "/api/v0/login", login))["token"])
    items = []
    for at in range(ITEMS):
        made = await _call(server.port, f"{BASE}/new", {"item": {"name": f"{at}-0"}}, token)
        items.append(str(made["item_id"]))
    for round_ in range(1, ROUNDS):
        for at, item in enumerate(items):
            body = {"item": {"name": f"{at}-{round_}"}, "is_force_update": True}
            await _call(server.port, f"{BASE}/edit/{item}", body, token)
    await _until(lambda: receiver.got, 20)
    for _ in range(2):
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
    wanted = {f"{at}-{round_}" for at in range(ITEMS) for round_ in range(ROUNDS)}
    await _until(lambda: wanted <= {one["title"] for one in receiver.data}, 90)
    await asyncio.to_thread(server.stop)
    await receiver.stop()


def test_a_killed_server_loses_no_event(engine_url: str, spawner: Spawner):
    short = {"webhook_seconds": "1", "claim_seconds": "1"}  # on PostgreSQL claims have to end
    settings = {"relay": "on", "webhook_networks": "127.0.0.0/8", **short}
    server = ServerProcess(spawner, engine_url, **settings)
    receiver = Receiver()
    try:
        asyncio.run(_course(engine_url, server, receiver))
    except BaseException:
        print(server.errors())
        raise
    finally:
        server.close()
    seen: dict[str, list[str]] = defaultdict(list)
    ids: dict[str, set[str]] = defaultdict(set)
    for id_, one in zip(receiver.ids, receiver.data, strict=True):
        ids[one["title"]].add(id_)
        if one["title"] not in seen[one["i_id"]]:
            seen[one["i_id"]].append(one["title"])
    assert sorted(seen.values()) == [[f"{a}-{r}" for r in range(ROUNDS)] for a in range(ITEMS)]
    assert all(len(one) == 1 for one in ids.values())  # an event keeps its id
