"""A client of one application over a schema of the test's own."""

from __future__ import annotations

from typing import Any

from tests.deterministic import START_MS, FixedClock, fixed_ids
from tests.kept import Versions, catalogs_of, empty_store, versions_of
from tests.served import Served

APP = "/api/v0/applications/SHOP/datastores"


class Client:
    """Ann of the workspace Shop, unless a call says otherwise; a field is called by its name."""

    def __init__(self, url: str, schema: str) -> None:
        self.clock = FixedClock()
        self.served = Served(url, schema, clock=self.clock, ids=fixed_ids(self.clock))
        self._tokens: dict[str, str] = {}

    def versions(self) -> Versions:
        """How often definitions and people have changed."""
        return self.served.run(self.served.app.store.scan(versions_of))

    def empty(self) -> None:
        """Take every item away; the clock is as it began."""
        store = self.served.app.store
        self.served.run(empty_store(store, self.served.run(store.scan(catalogs_of))))
        self.clock.advance(ms=START_MS - self.clock.now_ms())

    def close(self) -> None:
        """Close the application."""
        self.served.close()

    def send(
        self, method: str, path: str, body: Any = None, user: str = "ann", status: int = 200
    ) -> Any:
        if user not in self._tokens:
            login = {"email": f"{user}@shop.test", "password": f"{user}-password"}
            self._tokens[user] = self.served.send("POST", "/api/v0/login", login).json()["token"]
        headers = {"Authorization": f"Bearer {self._tokens[user]}"}
        answer = self.served.send(method, f"{APP}/{path}", body, headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    def new(
        self, datastore: str = "ORDERS", action: str = "Make", user: str = "ann", **values: Any
    ) -> str:
        body = {"item": values, "action_id": action}
        return str(self.send("POST", f"{datastore}/items/new", body, user)["item_id"])

    def edit(self, item: str, datastore: str = "ORDERS", user: str = "ann", **values: Any) -> Any:
        body = {"item": values, "is_force_update": True, "return_item_result": True}
        body["use_display_id"] = True
        return self.send("POST", f"{datastore}/items/edit/{item}", body, user)

    def faults(self, path: str, body: dict[str, Any], user: str = "ann", status: int = 400) -> Any:
        """What a write is refused for: error code and description of each fault."""
        told = self.send("POST", path, {"is_force_update": True, **body}, user, status)
        return [(one["error_code"], one["description"] or one["error"]) for one in told["error"]]

    def details(self, item: str, datastore: str = "ORDERS", user: str = "ann") -> dict[str, Any]:
        told = self.send("GET", f"{datastore}/items/details/{item}?use_display_id=true", user=user)
        values = {key: one["value"] for key, one in told["field_values"].items()}
        return {**values, "title": told["title"], "rev": told["rev_no"]}

    def search(
        self, datastore: str = "ORDERS", user: str = "ann", **body: Any
    ) -> list[dict[str, Any]]:
        body = {"per_page": 100, "use_display_id": True, **body}
        return list(self.send("POST", f"{datastore}/items/search", body, user)["items"])
