"""One process designs while another one writes at full speed, over one database.

Each life is of one thing: it is made, changed, deleted and had again at the first server, and a
second after each change the second server has to go by it. Meanwhile clients of the second one
write to the same datastore, and what it has acknowledged is looked for in the end.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from hikidashi.core.commands import AddLink
from hikidashi.service.identity import hash_secret
from hikidashi.storage.definition_bodies import Definition, RoleBody
from hikidashi.storage.definitions import Edit, change_definitions
from hikidashi.storage.engines import Connection
from hikidashi.storage.people_state import ProjectKey, User
from hikidashi.storage.people_writes import grant, insert_project_key, insert_user, set_member

from .doors import HttpDoor
from .kills import Say, Summary, check_database, prepare
from .ledger import Attempt, Ledger, Reply, Verdict
from .load import Load, run_clients
from .servers import ServerProcess, Spawner
from .world import ORDERS, PROJECT, TOKEN, WallClock, World, make_engine, make_ids, make_store

GUEST = "hk_guest"  # the token of somebody with the role GUEST alone
FOLLOWS_S = 1.0  # after which every process goes by a change
TRIES = 20  # of what is answered 503
BASE = f"/api/v0/applications/{PROJECT}/datastores/{ORDERS}"
AGAIN = (503, 429)
_ANY = AddLink(PROJECT, ORDERS, "", ORDERS, "")  # what the ledger looks no further into


@dataclass
class Place:
    """Two servers, and what was wrong with their answers."""

    world: World
    ledger: Ledger
    designing: int  # ports
    writing: int
    until: float
    changes: int = 0
    writes: int = 0
    slow: float = 0.0  # the longest change
    problems: list[str] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """No life begins anything further."""
        return time.monotonic() > self.until

    async def ask(
        self, port: int, method: str, path: str, body: object = None, token: str = TOKEN
    ) -> tuple[int, Any]:
        """One exchange on a connection of its own; again while it is answered 503."""
        path = path if path.startswith("/api") else BASE + path
        for _ in range(TRIES):
            door = HttpDoor(port, token)
            try:
                status, answer = await door.request(method, path, body)
            finally:
                door.close()
            if status not in AGAIN:
                break
            await asyncio.sleep(0.05)
        if status >= 500:
            self.problems.append(f"{method} {path}: {status} {answer[:200]!r}")
        return status, msgspec.json.decode(answer) if answer else None

    async def design(self, method: str, path: str, body: object = None) -> Any:
        """A change, which has to be made; then the time until everybody goes by it."""
        began = time.monotonic()
        status, told = await self.ask(self.designing, method, path, body)
        self.slow = max(self.slow, time.monotonic() - began)
        self.changes += 1
        if status != 200:
            self.problems.append(f"{method} {path} {body}: {status} {told}")
        await asyncio.sleep(FOLLOWS_S)
        return told

    async def expect(
        self, wanted: int, method: str, path: str, body: object = None, token: str = TOKEN
    ) -> Any:
        """What the other process answers by now."""
        status, told = await self.ask(self.writing, method, path, body, token)
        if status != wanted:
            self.problems.append(f"{method} {path} {body}: {status}, not {wanted}: {told}")
        return told

    async def write(
        self,
        wanted: int,
        path: str,
        body: Mapping[str, Any],
        operation: str = "update",
        token: str = TOKEN,
        door: HttpDoor | None = None,
    ) -> tuple[int, Any]:
        """A write at the other process, as the ledger has to know of it; 0: whatever comes of it
        that may come of a write while its field is deleted."""
        self.writes += 1
        mark = f"life-{self.writes}"
        attempt = Attempt(mark, _ANY, "life", [Counter({(ORDERS, operation): 1})])
        own = door if door is not None else HttpDoor(self.writing, token)
        for _ in range(TRIES):
            self.ledger.begin(attempt)
            status, answer = await own.request("POST", BASE + path, {**body, "comment": mark})
            verdict = Verdict.DONE if status == 200 else Verdict.REFUSED
            self.ledger.end(attempt, Reply(verdict, status, answer.decode()))
            if status not in AGAIN:
                break
            attempt.resent += 1
            await asyncio.sleep(0.05)
        if door is None:
            own.close()
        if (wanted and status != wanted) or status not in (200, 400, 403, 404):
            self.problems.append(f"{path} {body}: {status}, not {wanted or 200}: {answer[:300]!r}")
        return status, msgspec.json.decode(answer)

    def note(self, holds: bool, what: str) -> None:
        """Something that has to be so."""
        if not holds:
            self.problems.append(what)


async def design_under_load(
    url: str,
    spawner: Spawner,
    *,
    seconds: float,
    seed: int,
    clients: int = 12,
    say: Say = lambda _: None,
) -> Summary:
    """Lives of fields, options, statuses, actions and rights beside a load on one datastore."""
    rng = random.Random(seed)
    world = await prepare(url, rng)
    await _let_in(url, world, rng)
    ledger = Ledger()
    load = Load(seed, ledger, hot=24)
    summary = Summary("one server designs, one writes", seed)
    servers = [ServerProcess(spawner, url) for _ in range(2)]
    try:
        for one in servers:
            one.start()
        until = time.monotonic() + seconds
        place = Place(world, ledger, servers[0].port, servers[1].port, until)
        doors = [HttpDoor(place.writing) for _ in range(clients)]
        work = asyncio.create_task(run_clients(load, list(doors), seconds))
        say(f"{clients} clients, {len(LIVES)} lives, {seconds} s")
        await asyncio.gather(*[_live(place, *one) for one in LIVES.items()])
        await work
        for door in doors:
            door.close()
        summary.turns = place.changes
        summary.notes.append(
            f"{place.changes} changes of the design, the longest {place.slow:.2f} s;"
            f" {place.writes} writes of lives; statuses {dict(ledger.statuses())}"
        )
        summary.problems += place.problems[:20] + check_database(url, world, ledger)
    finally:
        for one in servers:
            if summary.problems:
                summary.notes.append(f"log: {one.errors()[-600:]}")
            one.close()
    return summary.count(ledger)


async def _let_in(url: str, world: World, rng: random.Random) -> None:
    """Somebody of another role, with a token."""
    store = make_store(make_engine(url), rng)
    await store.open()
    ids, now_ms = make_ids(rng), WallClock().now_ms()
    workspace, role = world.me.workspace, ids.next_id()
    guest = ids.next_id()

    def write(connection: Connection) -> None:
        made = Definition(role, world.project, "GUEST", 1, RoleBody())
        change_definitions(connection, store.engine, workspace, [Edit(None, made)], now_ms)
        insert_user(connection, User(guest, "guest@example.com", "G"), workspace, now_ms)
        set_member(connection, workspace, guest, is_admin=False)
        grant(connection, workspace, "user_roles", [(role, guest)])
        key = hash_secret(GUEST)
        token = ProjectKey(ids.next_id(), key, "guest", guest, workspace, world.project, kind="api")
        insert_project_key(connection, token, now_ms)

    await store.change(write)
    await store.close()


async def _live(place: Place, name: str, life: Callable[[Place, str], Awaitable[None]]) -> None:
    """One life after another until the time is over."""
    turn = 0
    while not place.is_over:
        await life(place, f"{name}{turn}")
        turn += 1


# --- what is written beside -------------------------------------------------------------------


class Writer:
    """Writes to one item as fast as it is answered; knows what was acknowledged last."""

    def __init__(self, place: Place, item: str, key: str, values: Callable[[int], Any]) -> None:
        self._place = place
        self._item = item
        self._key = key  # of the body
        self._values = values
        self.last: Any = None
        self.refused = 0
        self._is_over = False
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        door = HttpDoor(self._place.writing)
        count = 0
        while not self._is_over:
            count += 1
            value = self._values(count)
            body = _edit({self._key: value})
            path = f"/items/edit/{self._item}"
            status, _ = await self._place.write(0, path, body, door=door)
            if status == 200:
                self.last = value
            else:
                self.refused += 1
                await asyncio.sleep(0.02)
        door.close()

    async def stop(self) -> Any:
        """What was acknowledged last."""
        self._is_over = True
        await self._task
        return self.last


async def _new_item(place: Place, values: Mapping[str, Any]) -> str:
    _, told = await place.write(200, "/items/new", {"item": dict(values)}, "new")
    return str(told.get("item_id", ""))


async def _value(place: Place, item: str, key: str) -> Any:
    told = await place.expect(200, "GET", f"/items/details/{item}?format=map")
    return (told or {}).get("field_values", {}).get(key, {}).get("value")


# --- lives ------------------------------------------------------------------------------------


async def _life_of_a_field(place: Place, name: str) -> None:
    """Made, indexed, renamed, deleted while it is written to, and had again with its values."""
    item = await _new_item(place, {})
    made = {"dataType": "text", "name": name, "display_id": name}
    id_ = (await place.design("POST", "/fields", made))["field_id"]
    writer = Writer(place, item, name, lambda count: f"{name} {count} 辛い")
    await place.design("PUT", f"/fields/{name}", {"has_index": True, "full_text": True})
    place.note(writer.last is not None and not writer.refused, f"{name}: {writer.refused} refused")
    body = {"conditions": [{"id": name, "search_value": [f"{name} "]}], "page": 1, "per_page": 1}
    found = await place.expect(200, "POST", "/items/search", body | {"use_display_id": True})
    place.note((found or {}).get("totalItems") == 1, f"{name}: an index found {found}")
    await place.design("PUT", f"/fields/{name}", {"name": {"en": f"{name} again"}})
    shown = await place.expect(200, "GET", "/fields")
    place.note(f"{name} again" in str(shown), f"{name}: not renamed")
    await place.design("DELETE", f"/fields/{id_}")
    last = await writer.stop()
    await place.write(400, f"/items/edit/{item}", _edit({name: "x"}))
    recover = f"/api/v0/workspaces/{place.world.me.workspace}/deleted/{id_}/recover"
    await place.design("POST", recover)
    value = await _value(place, item, name)
    place.note(value == last, f"{name}: {value!r} came back, {last!r} was acknowledged last")
    await place.write(200, f"/items/edit/{item}", _edit({name: "back"}))


async def _life_of_options(place: Place, name: str) -> None:
    """A choice whose options come, change and go."""
    item = await _new_item(place, {})
    options = [{"display_id": one, "name": one} for one in ("a", "b")]
    made = {"dataType": "select", "name": name, "display_id": name, "options": options}
    await place.design("POST", "/fields", made)
    writer = Writer(place, item, name, lambda count: "ab"[count % 2])
    await place.design(
        "POST", f"/fields/{name}/options", {"options": [{"name": "c", "display_id": "c"}]}
    )
    other = await _new_item(place, {name: "c"})
    await place.design(
        "PUT", f"/fields/{name}/options", {"options": [{"o_id": "c", "value": "cc"}]}
    )
    place.note(not writer.refused, f"{name}: {writer.refused} refused")
    await place.design("DELETE", f"/fields/{name}/options", {"o_ids": ["c"]})
    await place.write(400, f"/items/edit/{other}", _edit({name: "c"}))
    place.note(not writer.refused, f"{name}: {writer.refused} refused")
    last = await writer.stop()
    value = await _value(place, item, name)
    place.note(bool(value) and last is not None, f"{name}: {value!r} of {last!r}")
    await place.design("DELETE", f"/fields/{name}")
    await place.write(400, "/items/new", {"item": {name: "a"}}, "new")


async def _life_of_an_action(place: Place, name: str) -> None:
    """A status and an action to it, its rights, and their end."""
    datastore = place.world.datastores[ORDERS]
    at = f"/api/v0/datastores/{datastore}"
    item = await _new_item(place, {})
    await place.design("POST", f"{at}/statuses", {"name": name, "display_id": name})
    made = {"operation": "update", "name": name, "display_id": f"do-{name}", "set_status": name}
    await place.design("POST", f"{at}/actions", made)
    run = f"/items/action/{item}/do-{name}"
    await place.write(200, run, _edit({}))
    renamed = {"name": {"en": f"{name} again"}, "display_id": f"s-{name}"}
    await place.design("PATCH", f"{at}/statuses/{name}", renamed)
    await place.write(200, run, _edit({}))
    await place.design("DELETE", f"{at}/actions/do-{name}")
    await place.write(403, run, _edit({}))


async def _life_of_rights(place: Place, name: str) -> None:
    """A field and an action that somebody may use, may not, and may again."""
    datastore = place.world.datastores[ORDERS]
    at = f"/api/v0/datastores/{datastore}"
    made = {"dataType": "number", "name": name, "display_id": name, "roles": ["GUEST"]}
    await place.design("POST", "/fields", made)
    action = {"operation": "new", "name": name, "display_id": f"new-{name}", "roles": ["GUEST"]}
    told = await place.design("POST", f"{at}/actions", action)
    body = {"item": {name: 1}, "action_id": (told or {}).get("action_id", "")}
    await place.write(200, "/items/new", body, "new", GUEST)
    await place.design("PUT", f"/fields/{name}", {"roles": []})
    await place.write(403, "/items/new", body, "new", GUEST)
    await place.design("PATCH", f"{at}/actions/new-{name}", {"roles": []})
    await place.write(403, "/items/new", body | {"item": {}}, "new", GUEST)
    await place.design("PUT", f"/fields/{name}", {"roles": ["GUEST"]})
    await place.design("DELETE", f"{at}/actions/new-{name}")


async def _life_of_a_formula(place: Place, name: str) -> None:
    """A computed number that becomes a text, and its column another one."""
    item = await _new_item(place, {"amount": 4})
    number = {"calc_info": {"formula": "amount * 2", "result": "number"}}
    await place.design(
        "POST", "/fields", {"dataType": "calc", "name": name, "display_id": name} | number
    )
    writer = Writer(place, item, "amount", lambda count: count)
    place.note(float(await _value(place, item, name) or 0) > 0, f"{name}: nothing computed")
    text = {"calc_info": {"formula": "text(amount)", "result": "text"}}
    await place.design("PUT", f"/fields/{name}", text)
    last = await writer.stop()
    value = await _value(place, item, name)
    place.note(value == str(last), f"{name}: {value!r} of {last!r}")
    place.note(not writer.refused, f"{name}: {writer.refused} refused")
    await place.design("DELETE", f"/fields/{name}")
    await place.write(200, f"/items/edit/{item}", _edit({"amount": 1}))


def _edit(values: Mapping[str, Any]) -> dict[str, Any]:
    return {"item": dict(values), "is_force_update": True}


LIVES = {
    "field": _life_of_a_field,
    "choice": _life_of_options,
    "status": _life_of_an_action,
    "right": _life_of_rights,
    "formula": _life_of_a_formula,
}
