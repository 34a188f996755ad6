"""A listener hears of the workspace that its session is in, and of no other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from websockets.exceptions import InvalidStatus

from tests.deterministic import FixedClock, fixed_ids
from tests.live.served import Live

WORLD = "workspaces:" + "".join(
    f"""
  - name: {name}
    users: [{", ".join(f"{{email: {one}@w.test, name: {one}, password: {one}-password}}" for one in users)}]
    applications:
      - display_id: in_{name}
        roles: [{{display_id: ALL, users: [{", ".join(f"{one}@w.test" for one in users)}]}}]
        datastores: [{{display_id: notes, fields: [{{display_id: text, type: text}}]}}]"""
    for name, users in (("one", ("ann", "bob")), ("two", ("ann", "eve")))
)


@pytest.fixture
def live(engine_url, tmp_path) -> Iterator[Live]:
    world = tmp_path / "w.yaml"
    world.write_text(WORLD)
    clock = FixedClock()
    with asyncio.Runner() as runner:
        base = "/api/v0/applications/in_one/datastores/notes"
        made = Live(engine_url, clock, fixed_ids(clock), runner, world, base)
        for name in ("ann", "bob", "eve"):
            made.token(name)
        made.serve()
        yield made
        made.stop()
        made.close()


def test_a_listener_goes_where_its_session_goes(live):
    ids = {
        one["workspace_name"]: one["workspace_id"]
        for one in live.call("GET", "/api/v0/workspaces").json["workspaces"]
    }
    user = live.identity("ann").user

    async def select(name: str) -> None:
        reply = await live.acall("POST", f"/api/v0/workspaces/{ids[name]}/select", {})
        assert reply.status == 200, reply.body

    async def make(name: str, by: str) -> str:
        path = f"/api/v0/applications/in_{name}/datastores/notes/items/new"
        reply = await live.acall("POST", path, {"item": {}}, user=by)
        assert reply.status == 200, reply.body
        return reply.json["item_id"]

    async def run() -> None:
        await select("one")
        async with live.hub("ann") as ann, live.hub("bob") as bob, live.hub("eve") as eve:
            await live.until(3)
            first, second = await make("one", "bob"), await make("two", "eve")
            for one in (ann, bob):
                name, _ = await one.told()
                assert name.startswith(f"item_view_{first}_")
                assert await one.is_quiet()
            assert (await eve.told())[0].startswith(f"item_view_{second}_")
            with pytest.raises(InvalidStatus) as refused:
                async with live.hub("ann", f"item_view_{second}_{user}"):
                    pass
            assert refused.value.response.status_code == 404
            await select("two")
            third, fourth = await make("one", "bob"), await make("two", "eve")
            assert (await ann.told())[0] == f"item_view_{fourth}_{user}"
            assert (await bob.told())[0].startswith(f"item_view_{third}_")
            assert await ann.is_quiet()
            async with live.hub("ann", f"item_view_{second}_{user}"):  # now it may
                await live.until(4)

    live.run(run())
