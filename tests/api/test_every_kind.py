"""Every field kind from the schema file to the disk and back, on both engines; a made-up one too.

The made-up kind is a class and a line of the registry: nothing else has been told of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from hikidashi.core.kinds import KINDS
from tests.core.test_new_kind import Rating
from tests.served import Served

ITEM = "/api/v0/applications/ALL/datastores/kinds/items"
OPTIONS = [{"display_id": "red", "name": "Red"}, {"display_id": "blue", "name": "Blue"}]
SETTINGS: dict[str, dict[str, Any]] = {
    "select": {"options": OPTIONS},
    "radio": {"options": OPTIONS},
    "checkbox": {"options": OPTIONS},
    "dslookup": {"lookup": {"datastore": "kinds", "field": "F_text"}},
    "autonum": {"digit": 3, "zero_padding": True},
}
# kind: what is sent, what details show, a search that finds it, one that does not
VALUES: dict[str, tuple[Any, Any, list[Any], list[Any]]] = {
    "text": ("Ａ quick 東京", "Ａ quick 東京", ["QUICK 東"], ["slow"]),
    "textarea": ("one\ntwo", "one\ntwo", ["two"], ["three"]),
    "number": ("12.50", 12.5, [12, 13], [13, None]),
    "select": ("blue", "blue", ["blue"], ["red"]),
    "radio": ("Red", "red", ["red"], ["blue"]),
    "checkbox": (["blue", "red"], ["blue", "red"], ["red"], []),
    "datetime": (
        "2026-02-03T04:05:06.789+09:00",
        "2026-02-02T19:05:06.789Z",
        ["2026-02-02T00:00:00Z", None],
        [None, "2026-02-02T00:00:00Z"],
    ),
    "date": ("2026-02-03", "2026-02-03T00:00:00.000Z", ["2026-02-03"], ["2026-02-04"]),
    "time": ("1970-01-01T10:00:00Z", "1970-01-01T10:00:00.000Z", [None, None], []),
    "boolean": (True, "true", ["true"], ["false"]),
    "rating": ("***", 3, [2, 4], [4, 5]),
}


def schema() -> str:
    """A datastore with a field of every kind there is, in JSON, which is YAML."""
    fields = [
        {"display_id": f"F_{kind}", "name": kind, "type": kind, **SETTINGS.get(kind, {})}
        for kind in KINDS
    ]
    workspace = {
        "name": "Kinds",
        "users": [{"email": "ann@kinds.test", "name": "Ann", "password": "ann-password"}],
        "top_group": {"display_id": "TOP", "name": "Top", "members": ["ann@kinds.test"]},
        "applications": [
            {
                "display_id": "ALL",
                "name": "All",
                "roles": [{"display_id": "ADMIN", "name": "Admin", "users": ["ann@kinds.test"]}],
                "datastores": [{"display_id": "kinds", "name": "Kinds", "fields": fields}],
            }
        ],
    }
    return json.dumps({"workspaces": [workspace]}, ensure_ascii=False)


class Kinds:
    """A client that is logged in."""

    def __init__(self, served: Served) -> None:
        self._served = served
        body = {"email": "ann@kinds.test", "password": "ann-password"}
        token = served.send("POST", "/api/v0/login", body).json()["token"]
        self._headers = {"Authorization": f"Bearer {token}"}

    def send(self, method: str, path: str, body: object = None) -> Any:
        answer = self._served.send(method, path, body, self._headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def create(self, item: dict[str, Any]) -> str:
        fields = {f"F_{kind}": value for kind, value in item.items()}
        return str(self.send("POST", f"{ITEM}/new", {"item": fields})["item_id"])

    def details(self, item: str) -> dict[str, Any]:
        answer = self.send("GET", f"{ITEM}/details/{item}?use_display_id=true")
        return {key[2:]: one["value"] for key, one in answer["field_values"].items()}

    def found(self, kind: str, search: list[Any]) -> list[str]:
        leaf = {"id": f"F_{kind}", "search_value": search}
        answer = self.send("POST", f"{ITEM}/search", {"conditions": [leaf], "per_page": 10})
        return [one["i_id"] for one in answer["items"]]


@pytest.fixture
def client(engine_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kinds]:
    monkeypatch.setitem(KINDS, "rating", Rating())
    served = Served(engine_url, schema())
    yield Kinds(served)
    served.close()


def test_every_kind_is_kept_shown_and_found(client: Kinds) -> None:
    sent = {kind: raw for kind, (raw, _, _, _) in VALUES.items()}
    empty = client.create({})
    item = client.create({**sent, "dslookup": empty})
    shown = client.details(item)
    for kind, (_, told, finding, missing) in VALUES.items():
        assert shown[kind] == told, kind
        assert item in client.found(kind, finding), kind
        if missing:
            assert item not in client.found(kind, missing), kind
    assert shown["dslookup"]["item_id"] == empty
    assert (shown["autonum"], client.details(empty)["autonum"]) == ("002", "001")


def test_every_kind_is_emptied(client: Kinds) -> None:
    sent = {kind: raw for kind, (raw, _, _, _) in VALUES.items()}
    item = client.create(sent)
    body = {"rev_no": 1, "item": {f"F_{kind}": None for kind in sent}}
    client.send("POST", f"{ITEM}/edit/{item}", body)
    shown = client.details(item)
    assert {kind: shown[kind] or None for kind in sent} == dict.fromkeys(sent)


def test_every_kind_that_takes_values_is_tried_here() -> None:
    written = {name for name, kind in KINDS.items() if kind.writable}
    assert written - {"users", "dslookup", "file"} <= set(VALUES)
