"""The ground that bad input is thrown at: some items, every call, and what no client should send."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from hikidashi.api.exchange import Call
from hikidashi.api.hexabase_rest.routes import CALLS
from hikidashi.api.hottask import list_calls
from tests.contents import Contents
from tests.writes.nest import MISSING, Nest


def module_of(call: Call) -> str:
    """The module that a call is handled in, without its package."""
    return str(call.handle.__module__).rpartition(".")[2]


HOTTASK = tuple(  # those of files are tried in tests/files
    one
    for one in list_calls()
    if one.name.startswith("hottask.") and module_of(one) in ("rows", "queries")
)
EVERY = {one.name: one for one in (*CALLS, *HOTTASK)}
# The modules whose calls read or write items, or read definitions for that; those that manage a
# workspace ask for rights first and are tried together, below.
OF_ITEMS = frozenset(
    (
        "identity",
        "writes",
        "bulk",
        "lists",
        "searches",
        "reports",
        "reads_routes",
        "comments",
        "global_search",
        "sheets",
        "definitions_routes",
        "files",
        "rows",
        "queries",
    )
)
ALL = {name: one for name, one in EVERY.items() if module_of(one) in OF_ITEMS}
MANAGING = {name: one for name, one in EVERY.items() if name not in ALL}
HEXABASE = {name: one for name, one in ALL.items() if one.auth != "hottask"}
# An upload's form is read before its place is looked for: tests/files holds its doors.
PLACED = [name for name, one in ALL.items() if ":" in one.path and name != "UploadFile"]
WITH_BODY = {name: one for name, one in ALL.items() if one.body is not None}
KEY = {"customauth": "key-of-the-nest-site"}
ENVELOPE = ["Data", "Version", "Success", "Code", "Message"]
ANY_TYPE = ("text", 7, 7.5, True, [], [1], {}, {"a": 1}, 10**40, "", "a\0b", [[[[[]]]]])


@dataclass
class Ground:
    """The nest with some items, which no test of this file may change."""

    nest: Nest
    item: str = ""
    other: str = ""
    stranger: str = ""  # an item of the other workspace
    comment: str = ""  # bob's, on the item
    zoe: str = ""  # a token of the other workspace
    before: Contents = field(default_factory=dict)
    times_emptied: int = 0

    def make(self) -> None:
        """Fill the nest."""
        nest = self.nest
        nest.empty()
        self.item = nest.make(name="a", code="c", amount=1)
        self.other = nest.make("ONE", name="b")
        link = {"link_datastore_id": "ONE", "link_item_id": self.other}
        assert nest.call("POST", f"/items/addlink/{self.item}", link, user="bob").status == 200
        histories = f"/items/histories/{self.item}"
        assert nest.call("POST", histories, {"comment": "well"}, user="bob").status == 200
        self.comment = nest.call("GET", histories, user="bob").json["histories"][0]["history_id"]
        self.zoe = nest.token("zoe")
        made = nest.call("POST", f"{nest.base}/items/new", {"item": {}}, user="zoe")
        self.stranger = made.json["item_id"]
        self.before = nest.contents()
        self.times_emptied = nest.times_emptied

    def params(self) -> dict[str, str]:
        """A good value for each parameter of a path."""
        nest = self.nest
        return {
            "app-id": nest.catalogs[0].projects[0].id,
            "datastore-id": nest.id("ROOT"),
            "item-id": self.item,
            "history-id": self.comment,
            "field-id": "number",
            "action-id": nest.action("ROOT", "Update").id,
            "workspace-id": nest.catalogs[0].workspace,
            "code": "nesttestcode",
            "table": "1",
            "status-id": MISSING,
            "group-id": MISSING,
            "role-id": MISSING,
            "deleted-id": MISSING,
        }

    def body(self, call: Call) -> Any:
        """A good body."""
        bodies: dict[str, Any] = {
            "Login": {"email": "bob@nest.test", "password": "bob-password"},
            "UpdateItem": {"rev_no": 1, "item": {"name": "b"}},
            "ExecuteAction": {"rev_no": 1, "item": {"name": "b"}},
            "ExecuteActionByActionID": {"rev_no": 1, "datastore_id": self.nest.id("ROOT")},
            "CreateItemWithItemID": {"datastore_id": self.nest.id("ROOT")},
            "DeleteItemByConditions": {"conditions": [{"id": "name", "search_value": ["a"]}]},
            "ExecuteBulkAction": {"conditions": [], "item": {"name": "b"}},
            "ExecuteBatchAction": {"item_actions": {"ROOT": [{"operation": 1}]}},
            "AddItemLink": {"link_datastore_id": "ONE", "link_item_id": self.other},
            "UpdateItemLink": {
                "old_link_datastore_id": "ONE",
                "old_link_item_id": self.other,
                "new_link_datastore_id": "ROOT",
                "new_link_item_id": self.item,
            },
            "DeleteItemLink": {"link_datastore_id": "ONE"},
            "PostItemComment": {"comment": "well"},
            "UpdateItemComment": {"comment": "better"},
            "RestoreItem": {"rev_no": 1, "to": 1},
            "UpdateAutoNumber": {"auto_num": 1},
            "hottask.UD": {"update": {"id": 1, "name": "b"}},
            "hottask.Create": {"create": {"name": "b"}},
            "hottask.Delete": {"delete": {"id": 1}},
        }
        return bodies.get(call.name, {}) if call.body is not None else None

    def send(self, call: Call, **more: Any) -> Any:
        """The call as it should be, but for what is said."""
        action = "Create" if call.name == "CreateItemWithItemID" else "Update"
        own = {"action-id": self.nest.action("ROOT", action).id}
        params = self.params() | own | more.pop("params", {})
        path = call.path
        for name in sorted(params_of(call), key=len, reverse=True):
            path = path.replace(f":{name}", params.get(name, MISSING))
        body = more.pop("body", self.body(call))
        more.setdefault("user", "ann" if call.name == "UpdateAutoNumber" else "bob")
        if call.auth == "hottask":
            more = {"token": "", "headers": KEY, **more}
        return self.nest.call(call.method, path + more.pop("query", ""), body, **more)

    def unchanged(self) -> bool:
        """Whether everything is as it was; if not, it has to be made again."""
        self.nest.settle()
        if self.nest.contents() == self.before:
            return True
        self.before = {}
        return False


def code_of(call: Call, reply: Any) -> int:
    """The status, or HotTask's code; the answer has the shape of its route."""
    told = reply.json
    if call.auth == "hottask":
        assert (reply.status, list(told)) == (200, ENVELOPE)
        assert (told["Data"], told["Success"]) == (0, False)
        assert told["Message"]
        return int(told["Code"])
    shapes = (
        {"error", "history_id", "item_id", "item"},  # item actions
        {"errors", "has_error", "result"},  # numbers, lists
        {"description", "error", "error_code"},
        {"description", "error"},
        {"error", "errors"},
        {"error", "error_code"},
        {"code", "error_code", "message"},
        {"code", "message"},
        {"error"},
    )
    assert set(told) in shapes, told
    return int(reply.status)


def params_of(call: Call) -> list[str]:
    """The names that a path has places for."""
    return [one[1:] for one in call.path.split("/") if one.startswith(":")]


NOT_THERE = {
    "an unknown name": "NOWHERE",
    "an unknown id": MISSING,
    "a short id": "0" * 23,
    "an id in capitals": "ABCDEFABCDEFABCDEFABCDEF",
    "a NUL": "%00",
    "a NUL in an id": "0" * 23 + "%00",
    "a surrogate": "%ED%A0%80",
    "a slash": "a%2Fb",
    "dots": "..%2F..",
    "SQL": "%27%3B%20DROP%20TABLE%20x%3B--",
    "a long one": "x" * 2_000,
    "a number": "99999999999999999999999",
    "Japanese": "%E5%90%8D%E5%89%8D",
}
BROKEN = {
    "half an object": b'{"a": ',
    "a trailing comma": b'{"a": 1,}',
    "a comment": b'{"a": 1} // one',
    "two values": b"{} {}",
    "single quotes": b"{'a': 1}",
    "NaN": b'{"x": NaN}',
    "infinity": b'{"x": -Infinity}',
    "a lone surrogate": rb'{"x": "\ud800"}',
    "a lone surrogate as a key": rb'{"\udfff": 1}',
    "a control character": b'{"x": "\n"}',
    "not UTF-8": b'{"x": "\xff"}',
    "UTF-16": '{"x": 1}'.encode("utf-16"),
    "deep arrays": b'{"x": ' + b"[" * 70 + b"]" * 70 + b"}",
    "very deep": b"[" * 200_000,
    "deep and closed": b'{"x":' * 5_000 + b"1" + b"}" * 5_000,
    "an array": b"[]",
    "a string": b'"x"',
    "a number": b"1",
    "null": b"null",
    "a form": b"a=1&b=2",
    "NULs": b"\0" * 100,
}


def keys(call: Call) -> list[str]:
    """The keys of a body, and those of what is in it."""
    return [one.encode_name for one in msgspec.structs.fields(call.body)]
