"""A client of a world in which items are linked by rule, and what rules ask for, said naively."""

from __future__ import annotations

from typing import Any

from tests.api.rest import Reply, Rest
from tests.waiting import drain

PLACES = dict.fromkeys(("ORDERS", "CUSTOMERS", "TASKS", "PLAIN"), "SALES") | {"BILLS": "BOOKS"}
RULES = (  # from, its key, to, its key
    ("ORDERS", "customer", "CUSTOMERS", "code"),
    ("CUSTOMERS", "code", "ORDERS", "customer"),
    ("BILLS", "number", "ORDERS", "number"),
    ("TASKS", "topic", "TASKS", "topic"),
)


class Rules(Rest):
    """Who calls is Bob unless a call says otherwise; nobody sees what others make."""

    def path(self, place: str, rest: str) -> str:
        """A path of a datastore."""
        return f"/api/v0/applications/{PLACES[place]}/datastores/{place}/{rest}"

    def make(self, place: str, user: str = "bob", *, at_once: bool = False, **values: Any) -> str:
        """Make an item; its id."""
        body = {"item": values, "realtime_auto_link": at_once}
        reply = self.call("POST", self.path(place, "items/new"), body, user=user)
        assert reply.status == 200, reply.body
        return str(reply.json["item_id"])

    def edit(
        self, place: str, item: str, user: str = "bob", *, at_once: bool = False, **values: Any
    ) -> Reply:
        """UpdateItem."""
        body = {"item": values, "is_force_update": True, "realtime_auto_link": at_once}
        return self.call("POST", self.path(place, f"items/edit/{item}"), body, user=user)

    def remove(self, place: str, item: str, user: str = "bob") -> Reply:
        """DeleteItem."""
        return self.call("DELETE", self.path(place, f"items/delete/{item}"), {}, user=user)

    def drain(self) -> None:
        """Let what follows writes be done."""
        self.run(drain(self.app.events))

    def links(self, kind: str = "auto_link") -> set[tuple[str, str]]:
        """All links of a kind."""
        return set(self.rows("SELECT from_item, to_item FROM links WHERE kind = ?", kind))

    def id(self, place: str, field: str = "") -> str:
        """The id of a datastore, or of a field of it."""
        project = self.catalogs[0].find_project(PLACES[place])
        datastore = project and project.find_datastore(place)
        assert datastore is not None
        found = datastore.find_field(field) if field else datastore
        assert found is not None
        return found.id

    def keys(self, place: str, field: str) -> list[tuple[str, Any]]:
        """The items of a datastore, each with its key."""
        return self.rows(f"SELECT id, f_{self.id(place, field)} FROM i_{self.id(place)}")

    def wanted(self) -> set[tuple[str, str]]:
        """All pairs that a rule asks for."""
        return {
            (one, other)
            for source, field, target, equals in RULES
            for one, key in self.keys(source, field)
            for other, held in self.keys(target, equals)
            if key is not None and key == held and one != other
        }
