"""A shop whose orders are looked after by schedules, over a clock that moves when it is told to."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hikidashi.core.query import Query
from hikidashi.service.app import View
from hikidashi.service.schedules import Schedules
from hikidashi.service.schema import loads, schema_apply
from hikidashi.storage.search import list_items
from tests.deterministic import FixedClock, fixed_ids
from tests.served import Served

APP = "/api/v0/applications/SHOP"
ORDERS = f"{APP}/datastores/ORDERS"
SCHEMA = """
workspaces:
  - name: Shop
    time_zone: Asia/Tokyo
    users:
      - {email: ann@shop.test, name: Ann, password: ann-password, admin: true}
      - {email: bob@shop.test, password: bob-password}
      - {email: robot@shop.test, name: Robot, bot: true}
    applications:
      - display_id: SHOP
        roles:
          - {display_id: ADMIN, users: [ann@shop.test]}
          - {display_id: MEMBER, users: [bob@shop.test, robot@shop.test]}
        datastores:
          - display_id: ORDERS
            statuses: [{display_id: Open}, {display_id: Late}]
            fields:
              - {display_id: name, type: text, as_title: true}
              - {display_id: times, type: number}
              - {display_id: due, type: date}
              - {display_id: note, type: text}
            actions:
              - {display_id: Create, operation: new, default: true}
              - {display_id: Update, operation: update, default: true}
              - {display_id: Copy, operation: copy, default: true}
              - {display_id: Remove, operation: delete, default: true}
              - {display_id: Remind, operation: update, status: Open, next_status: Late}
              - {display_id: Secret, operation: update, roles: [ADMIN]}
              - display_id: Count
                operation: update
                pre_script: |
                  (data) => {
                    if (data.item.name === "bad") throw { error: "not this one" };
                    return { item: { times: (data.item.times || 0) + 1 } };
                  }
        queries:
          - {display_id: open, datastore: ORDERS, conditions: [{field: status, values: [Open]}]}
        schedules:
SCHEDULES
"""
BASE = {
    "display_id": "nightly",
    "datastore": "ORDERS",
    "action": "Remind",
    "cron": "0 3 * * *",
    "query": "open",
    "user": "robot@shop.test",
}


def schema(*schedules: dict[str, Any]) -> str:
    """The file with these schedules; what each leaves out is as in BASE, None takes a key away."""
    lines = []
    for one in schedules:
        whole = {key: value for key, value in {**BASE, **one}.items() if value is not None}
        lines.append(f"          - {json.dumps(whole)}")
    return SCHEMA.replace("SCHEDULES", "\n".join(lines) or "          []")


class Shop(Served):
    """The shop, with turns of its schedules when a test says so."""

    def __init__(self, url: str, *schedules: dict[str, Any]) -> None:
        self.clock = FixedClock()
        super().__init__(url, schema(*schedules), self.clock, fixed_ids(self.clock))
        self._tokens: dict[str, str] = {}

    def call(self, method: str, path: str, body: object = None, user: str = "ann") -> Any:
        """Status and body."""
        if user not in self._tokens:
            given = {"email": f"{user}@shop.test", "password": f"{user}-password"}
            self._tokens[user] = self.send("POST", "/api/v0/login", given).json()["token"]
        head = {"authorization": f"Bearer {self._tokens[user]}"}
        answer = self.send(method, path, body, head)
        return answer.status_code, answer.json()

    def make(self, *names: str, user: str = "ann") -> list[str]:
        """Orders; their ids."""
        made = []
        for one in names:
            status, told = self.call("POST", f"{ORDERS}/items/new", {"item": {"name": one}}, user)
            assert status == 200, told
            made.append(told["item_id"])
        return made

    def orders(self) -> list[dict[str, Any]]:
        """Every order, the oldest first, as an administrator sees it."""
        token = self._tokens["ann"]
        identity = self.run(self.app.identities.identify(token))

        def look(view: View) -> list[dict[str, Any]]:
            project = view.catalog.find_project("SHOP")
            place = project.find_datastore("ORDERS") if project else None
            assert place is not None
            fields = {one.id: one.display_id for one in place.fields}
            names = dict(view.connection.query("SELECT id, name FROM users"))
            return [
                {fields[key]: value for key, value in one.values.items()}
                | {"status": next(s.display_id for s in place.statuses if s.id == one.status)}
                | {"by": names.get(one.updated_by or one.created_by, ""), "rev": one.rev}
                for one in list_items(view.connection, Query(place), view.actor.keyring)
            ]

        return self.read(identity, look)

    def turn(self, *others: Schedules) -> None:
        """Let each process look once, and what it begins come to its end."""

        async def turn() -> None:
            every = others or (self.app.schedules,)
            await asyncio.gather(*(one.turn() for one in every))
            for one in every:
                await asyncio.gather(*one.under_way)

        self.run(turn())

    def at(self, instant: str) -> None:
        """Move the clock and turn."""
        self.clock.set(instant)
        self.turn()

    def told(self, display_id: str = "nightly") -> dict[str, Any]:
        """What is told of a schedule."""
        status, body = self.call("GET", f"{APP}/schedules")
        assert status == 200, body
        return next(one for one in body["schedules"] if one["display_id"] == display_id)

    def change_robot(self, keys: dict[str, Any]) -> None:
        """Another robot than its schedules were made with."""
        if keys:
            users = [{"email": "robot@shop.test", **keys}]
            text = json.dumps({"workspaces": [{"name": "Shop", "users": users}]})
            app = self.app
            self.run(schema_apply(app.store, app.ids, app.clock, loads(text)))

    def runs(self, display_id: str = "nightly") -> list[tuple[str, int, int]]:
        """State, matched and processed of each run, the newest first."""
        told = self.told(display_id)["runs"]
        return [(one["state"], one["matched"], one["processed"]) for one in told]

    def copy_rows(self, times: int) -> None:
        """More orders, by copying the newest in batches."""
        entry = {"operation": 1, "item": {"name": "one of many"}}
        status, told = self.call(
            "POST", f"{APP}/BatchAction", {"item_actions": {"ORDERS": [entry] * times}}
        )
        assert (status, told["error"]) == (200, None)

    def turn_and_lose(self) -> None:
        """A turn of a process that dies."""

        async def turn() -> None:
            own = Schedules(self.app)
            await own.turn()
            await asyncio.gather(*own.under_way, return_exceptions=True)

        self.run(turn())

    def rows(self, sql: str) -> list[Any]:
        """What a statement gives."""
        return self.run(self.app.store.read(lambda one: one.query(sql)))

    def count(self, table: str) -> int:
        """The rows of a table."""
        count: int = self.rows(f"SELECT count(*) FROM {table}")[0][0]
        return count
