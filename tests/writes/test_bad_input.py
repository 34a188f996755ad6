"""What no client should send, to every route: the right status and shape, nothing changed, no 500."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from hikidashi.api.exchange import Call
from hikidashi.api.hexabase_rest.routes import CALLS
from hikidashi.api.hottask import list_calls
from tests.contents import Contents
from tests.writes.nest import MISSING, Nest

HOTTASK = tuple(one for one in list_calls() if one.name.startswith("hottask."))
ALL = {one.name: one for one in (*CALLS, *HOTTASK)}
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
        }
        return bodies.get(call.name, {}) if call.body is not None else None

    def send(self, call: Call, **more: Any) -> Any:
        """The call as it should be, but for what is said."""
        action = "Create" if call.name == "CreateItemWithItemID" else "Update"
        own = {"action-id": self.nest.action("ROOT", action).id}
        params = self.params() | own | more.pop("params", {})
        path = call.path
        for name in sorted(params, key=len, reverse=True):
            path = path.replace(f":{name}", params[name])
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


@pytest.fixture(scope="module")
def made(opened) -> Ground:
    return Ground(opened)


@pytest.fixture
def ground(made) -> Ground:
    """What was made, whole again if a test has spoilt it."""
    if not made.before or made.times_emptied != made.nest.times_emptied:
        made.make()
    return made


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
        {"error"},
    )
    assert set(told) in shapes, told
    return int(reply.status)


# --- who calls --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name, one in ALL.items() if one.auth != "none"])
def test_without_a_good_token_nothing_is_told_or_done(ground, name):
    call = ALL[name]
    wrong = (
        "",
        "Bearer ",
        "nonsense",
        "Bearer a.b.c",
        "Bearer " + "x" * 5_000,
        "Basic YTpi",
        "\xff",
    )
    for token in wrong:
        reply = ground.send(call, token=token, headers={})
        assert code_of(call, reply) == 401
        if call.auth == "token":
            assert reply.headers["www-authenticate"] == "Bearer"
            told = reply.json
            assert (told["error"], told["error_code"]) == ("TOKEN_INVALID", "UNAUTHORIZED")
    assert ground.unchanged()


def test_a_forged_token_is_none(ground):
    head, body, _ = ground.nest.token("bob").split(".")
    _, other, signature = ground.nest.token("ann").split(".")
    for token in (
        f"{head}.{other}.{signature[::-1]}",
        f"{head}.{body}.",
        f"{head}.{body}.{signature}",
    ):
        assert ground.nest.call("GET", "/api/v0/userinfo", token=token).status == 401


# --- places and ids ---------------------------------------------------------------------------

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


def missing_code(call: Call, param: str, what: str) -> set[int]:
    """What a path is answered that names something that is not there."""
    if what == "a surrogate":
        return {400}  # the path is not UTF-8
    if call.name.endswith("AutoNumber"):
        return {400}
    if param == "action-id" and call.name == "CreateItemWithItemID":
        return {400}
    if param == "action-id" and call.name.startswith("Execute"):
        return {403}
    return {404}


@pytest.mark.parametrize("what", NOT_THERE)
@pytest.mark.parametrize("name", PLACED)
def test_a_path_to_what_is_not_there(ground, name, what):
    call = ALL[name]
    for param in (one[1:] for one in call.path.split("/") if one.startswith(":")):
        reply = ground.send(call, params={param: NOT_THERE[what]})
        if what == "a surrogate":
            assert reply.status == 400
            assert reply.json["error"] == "bad request"
            continue
        assert code_of(call, reply) in missing_code(call, param, what), (param, reply.json)
    assert ground.unchanged()


@pytest.mark.parametrize("name", PLACED)
def test_ids_of_another_workspace_are_not_there(ground, name):
    call = ALL[name]
    strangers = ground.nest.catalogs[1]
    project = strangers.projects[0]
    root = project.datastores[0]
    foreign = {
        "app-id": project.id,
        "datastore-id": root.id,
        "item-id": ground.stranger,
        "field-id": root.fields[1].id,
        "action-id": root.actions[0].id,
        "workspace-id": strangers.workspace,
        "code": "strangercode",
    }
    for param in (one[1:] for one in call.path.split("/") if one.startswith(":")):
        if param in foreign:
            reply = ground.send(call, params={param: foreign[param]})
            assert code_of(call, reply) in missing_code(call, param, ""), (param, reply.json)
    assert ground.unchanged()


@pytest.mark.parametrize("name", PLACED)
def test_tokens_of_another_workspace_open_nothing_here(ground, name):
    call = ALL[name]
    if call.auth == "hottask":
        reply = ground.send(call, headers={"customauth": "key-of-the-strangers"})
    else:
        reply = ground.send(call, token=ground.zoe)
    assert code_of(call, reply) in missing_code(call, "", ""), reply.json
    assert ground.unchanged()


def test_ids_of_another_workspace_in_a_body_are_not_there(ground):
    nest, root = ground.nest, ground.nest.catalogs[1].projects[0].datastores[0]
    force = {"is_force_update": True}
    for body, status in (
        ({"related_ds_items": {root.id: [{"operation": 1}]}}, 400),
        ({"item": {root.fields[0].id: "x"}}, 400),
        ({"action_id": root.actions[0].id}, 403),
        ({"changes": [{"id": root.fields[0].id, "value": "x"}]}, 400),
    ):
        assert nest.edit(ground.item, {**force, **body}).status == status
    for operation in (2, 3, 11, 12):
        entry = {"operation": operation, "i_id": ground.stranger}
        body = {"ensure_transaction": True, "related_ds_items": {"ONE": [entry]}}
        assert nest.edit(ground.item, {**force, **body}).status == 400
    for place in (root.id, "ONE"):
        link = {"link_datastore_id": place, "link_item_id": ground.stranger}
        assert nest.call("POST", f"/items/addlink/{ground.item}", link, user="bob").status == 404
    values = {"parent": ground.stranger, "people": [nest.identity("zoe", nest.catalogs[1]).user]}
    for key, value in values.items():
        assert nest.create({"item": {key: value}}, "KINDS").status == 400
    assert ground.unchanged()


# --- bodies -----------------------------------------------------------------------------------

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


@pytest.mark.parametrize("what", BROKEN)
@pytest.mark.parametrize("name", WITH_BODY)
def test_a_body_that_can_not_be_read(ground, name, what):
    call = ALL[name]
    reply = ground.send(call, body=BROKEN[what])
    assert code_of(call, reply) == 400, reply.json
    assert ground.unchanged()


@pytest.mark.parametrize("name", [key for key, one in WITH_BODY.items() if not one.streams_body])
def test_a_body_over_the_limit(ground, name):
    call = ALL[name]
    reply = ground.send(call, body=b'{"x": "' + b"x" * 10_000_000 + b'"}')
    assert code_of(call, reply) == 413
    assert ground.unchanged()


def keys(call: Call) -> list[str]:
    """The keys of a body, and those of what is in it."""
    if call.auth == "hottask":
        return ["update" if call.name.endswith("UD") else "create"]
    return [one.encode_name for one in msgspec.structs.fields(call.body)]


@pytest.mark.parametrize(
    ("name", "key"), [(name, key) for name, call in WITH_BODY.items() for key in keys(call)]
)
def test_a_key_of_every_wrong_type(ground, name, key):
    """Whatever is given is done or refused in the shape of the route; a refusal changes nothing."""
    call = ALL[name]
    for given in ANY_TYPE:
        reply = ground.send(call, body={**ground.body(call), key: given})
        if reply.status == 200 and (call.auth != "hottask" or reply.json["Success"]):
            ground.make()  # it was not wrong
            continue
        assert code_of(call, reply) in (400, 401, 403, 404, 409), (given, reply.json)
    assert ground.unchanged()


def test_a_number_that_no_double_holds(ground):
    for body in (b'{"item": {"amount": 1e999}}', b'{"item": {"amount": -1e400}}'):
        assert ground.nest.create(body).status == 400
    assert ground.unchanged()


NESTED = {
    "item": {"item": {"name": None}},
    "changes": {"changes": [{"id": None, "value": None}]},
    "history": {"history": {"comment": None}},
    "publish": {"access_key_updates": {"groups_to_publish": [None]}},
    "publish flag": {"access_key_updates": {"overwrite": None}},
    "entry": {"related_ds_items": {"ONE": [{"operation": None}]}},
    "entry item": {"related_ds_items": {"ONE": [{"operation": 1, "item": None}]}},
    "entry id": {"related_ds_items": {"ONE": [{"operation": 2, "i_id": None}]}},
    "entry revision": {
        "related_ds_items": {"ONE": [{"operation": 2, "i_id": "x", "rev_no": None}]}
    },
    "entry action": {"related_ds_items": {"ONE": [{"operation": 1, "action_id": None}]}},
    "entry flag": {"related_ds_items": {"ONE": [{"operation": 1, "link_to_parent": None}]}},
    "entry value": {"related_ds_items": {"ONE": [{"operation": 1, "item": {"amount": None}}]}},
    "entries": {"related_ds_items": {"ONE": None}},
    "datastore": {"related_ds_items": {None: [{"operation": 1}]}},
    "nested": {"related_ds_items": {"ONE": [{"operation": 1, "related_ds_items": None}]}},
}


def fill(shape: Any, given: Any) -> Any:
    """A shape with what is given in place of None."""
    if shape is None:
        return given
    if isinstance(shape, dict):
        return {
            (str(given) if key is None else key): fill(one, given) for key, one in shape.items()
        }
    return [fill(one, given) for one in shape] if isinstance(shape, list) else shape


@pytest.mark.parametrize("where", NESTED)
def test_wrong_types_deep_in_a_write(ground, where):
    """With ensure_transaction nothing may stay of what is refused."""
    for given in (*ANY_TYPE, -(2**63), 2**64, "\ud800", "x" * 100_000):
        body = {"rev_no": 9, "ensure_transaction": True, **fill(NESTED[where], given)}
        reply = ground.nest.edit(ground.item, json.dumps(body).encode())
        assert reply.status in (400, 409), (given, reply.json)
    assert ground.unchanged()


QUERY_KEYS = (
    "format",
    "use_display_id",
    "include_lookups",
    "include_linked_items",
    "return_number_value",
    "from_index",
    "to_index",
    "from_datetime",
    "to_datetime",
    "linked_p_id",
    "linked_d_id",
    "with_options",
    "status_id",
    "zero_padding",
    "digit",
    "dry_run",
    "exclude_comment_history",
    "nonsense",
)


@pytest.mark.parametrize(
    "given", ["true", "maybe", "%00", "%ED%A0%80", "-1", "9" * 50, "", "x" * 3_000]
)
@pytest.mark.parametrize("name", [name for name, one in ALL.items() if one.method == "GET"])
def test_queries_of_every_kind(ground, name, given):
    call = ALL[name]
    for key in QUERY_KEYS:
        reply = ground.send(call, query=f"?{key}={given}")
        assert reply.status in (200, 400, 404), (key, reply.json)
        assert reply.status == 200 or code_of(call, reply)
    may_write = name == "GetAutoNumber" or name.startswith("GetItemHistories")  # numbers, marks
    assert ground.unchanged() or may_write


@pytest.mark.parametrize("name", ALL)
def test_another_method_is_405_and_does_nothing(ground, name):
    call = ALL[name]
    path = call.path
    for param, value in sorted(ground.params().items(), key=lambda one: -len(one[0])):
        path = path.replace(f":{param}", value)
    others = {one.method for one in (*CALLS, *HOTTASK) if one.path == call.path}
    for method in sorted({"PUT", "PATCH", "DELETE", "TRACE", "get"} - others):
        reply = ground.nest.call(method, path, {}, user="bob")
        assert reply.status == 405
        assert call.method in reply.headers["allow"]
    assert ground.unchanged()
