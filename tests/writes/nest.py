"""A client of the nest: datastores of one shape, in which items are related over several levels."""

from __future__ import annotations

from typing import Any, ClassVar

from hikidashi.core.actions import Action
from hikidashi.core.catalog import Datastore
from tests.api.rest import Reply, Rest
from tests.contents import Contents

MISSING = "0" * 24  # an id that no item has
LEVELS = ("ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX")


class Nest(Rest):
    """Who calls is Bob, a member, unless a call says otherwise. Nobody sees what others make."""

    APP: ClassVar = "/api/v0/applications/NEST/datastores"
    BASE: ClassVar = f"{APP}/ROOT"

    def datastore(self, display_id: str) -> Datastore:
        """A datastore of the first workspace."""
        for project in self.catalogs[0].projects:
            found = project.find_datastore(display_id)
            if found is not None:
                return found
        raise KeyError(display_id)

    def id(self, datastore: str, field: str = "") -> str:
        """The id of a datastore or of one of its fields."""
        found = self.datastore(datastore)
        if not field:
            return found.id
        known = found.find_field(field)
        assert known is not None
        return known.id

    def action(self, datastore: str, display_id: str) -> Action:
        """One of its actions."""
        found = self.datastore(datastore).find_action(display_id)
        assert found is not None
        return found

    def make(self, datastore: str = "ROOT", user: str = "bob", **values: Any) -> str:
        """Create an item; its id."""
        return self.new(values, datastore, user=user)

    def edit(
        self, item: str, body: Any = None, datastore: str = "ROOT", user: str = "bob", **more: Any
    ) -> Reply:
        """UpdateItem."""
        path = f"{self.APP}/{datastore}/items/edit/{item}"
        return self.call("POST", path, {} if body is None else body, user=user, **more)

    def create(
        self, body: Any = None, datastore: str = "ROOT", user: str = "bob", **more: Any
    ) -> Reply:
        """CreateItem."""
        path = f"{self.APP}/{datastore}/items/new"
        return self.call("POST", path, {} if body is None else body, user=user, **more)

    def delete(self, item: str, body: Any = None, datastore: str = "ROOT", **more: Any) -> Reply:
        """DeleteItem."""
        path = f"{self.APP}/{datastore}/items/delete/{item}"
        return self.call("DELETE", path, {} if body is None else body, **({"user": "bob"} | more))

    def value(self, item: str, field: str, datastore: str = "ROOT") -> Any:
        """What a field of an item holds."""
        column, table = f"f_{self.id(datastore, field)}", f"i_{self.id(datastore)}"
        [(found,)] = self.rows(f"SELECT {column} FROM {table} WHERE id = ?", item)
        return found

    def links(self) -> set[tuple[str, str]]:
        """All links."""
        return set(self.rows("SELECT from_item, to_item FROM links"))


def effects(before: Contents, after: Contents) -> dict[str, tuple[list[Any], list[Any]]]:
    """What went and what came, of each sort of which anything did."""
    found = {}
    for sort, rows in after.items():
        gone = [one for one in before[sort] if one not in rows]
        come = [one for one in rows if one not in before[sort]]
        if gone or come or len(rows) != len(before[sort]):
            found[sort] = (gone, come)
    return found


def fault(
    error: str, code: str, reference: str, description: str = "", path: str = "", **more: Any
) -> dict[str, Any]:
    """An entry of a list of errors."""
    return {
        "description": description,
        "error": error,
        "error_code": code,
        "error_level": "ERROR",
        "reference_id": reference,
        **({"path": path} if path else {}),
        **more,
    }


ABORTED = fault(
    "transaction was aborted",
    "TRANSACTION_ABORTED",
    "",
    "a related item could not be processed; all changes were rolled back",
)


def refused(*faults: dict[str, Any], item: str = "") -> dict[str, Any]:
    """The body of a write that was refused."""
    return {"error": list(faults), "history_id": "", "item_id": item, "item": None}
