"""What no client should send, to every route: the right status and shape, nothing changed, no 500."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from hikidashi.api.exchange import Call
from tests.writes.ground import (
    ALL,
    ANY_TYPE,
    BROKEN,
    EVERY,
    NOT_THERE,
    PLACED,
    WITH_BODY,
    code_of,
    keys,
    params_of,
)

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


def missing_code(call: Call, param: str, what: str) -> set[int]:
    """What a path is answered that names something that is not there."""
    if what == "a surrogate":
        return {400}  # the path is not UTF-8
    if call.name.endswith("AutoNumber"):
        return {400}
    if call.auth == "hottask" and param in ("code", ""):
        return {401}  # a key opens its own project
    if param == "action-id" and call.name == "CreateItemWithItemID":
        return {400}
    if param == "action-id" and call.name.startswith("Execute"):
        return {403}
    return {404}


@pytest.mark.parametrize("name", PLACED)
def test_a_path_to_what_is_not_there(ground, name):
    call = ALL[name]
    for what, given in NOT_THERE.items():
        for param in params_of(call):
            reply = ground.send(call, params={param: given})
            if what == "a surrogate":
                assert reply.status == 400
                assert reply.json["error"] == "bad request"
                continue
            told = (what, param, reply.json)
            assert code_of(call, reply) in missing_code(call, param, what), told
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
    for param in params_of(call):
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


@pytest.mark.parametrize("name", WITH_BODY)
def test_a_body_that_can_not_be_read(ground, name):
    call = ALL[name]
    for what, body in BROKEN.items():
        reply = ground.send(call, body=body)
        assert code_of(call, reply) == 400, (what, reply.json)
    assert ground.unchanged()


@pytest.fixture(scope="module")
def too_long():
    return b'{"x": "' + b"x" * 10_000_000 + b'"}'


@pytest.mark.parametrize("name", [key for key, one in WITH_BODY.items() if not one.streams_body])
def test_a_body_over_the_limit(ground, name, too_long):
    call = ALL[name]
    reply = ground.send(call, body=too_long)
    assert code_of(call, reply) == 413
    assert ground.unchanged()


@pytest.mark.parametrize(
    ("name", "key"), [(name, key) for name, call in WITH_BODY.items() for key in keys(call)]
)
def test_a_key_of_every_wrong_type(ground, name, key):
    """Whatever is given is done or refused in the shape of the route; a refusal changes nothing."""
    call = ALL[name]
    for given in ANY_TYPE:
        reply = ground.send(call, body={**ground.body(call), key: given})
        if reply.status == 200 and (call.auth != "hottask" or reply.json["Success"]):
            if not ground.unchanged():  # it was not wrong
                ground.make()
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


QUERY_VALUES = ("true", "maybe", "%00", "%ED%A0%80", "-1", "9" * 50, "", "x" * 3_000)


@pytest.mark.parametrize("name", [name for name, one in ALL.items() if one.method == "GET"])
def test_queries_of_every_kind(ground, name):
    call = ALL[name]
    for key, given in itertools.product(QUERY_KEYS, QUERY_VALUES):
        reply = ground.send(call, query=f"?{key}={given}")
        assert reply.status in (200, 400, 404), (key, given, reply.json)
        assert reply.status == 200 or code_of(call, reply)
    may_write = name == "GetAutoNumber" or name.startswith("GetItemHistories")  # numbers, marks
    assert ground.unchanged() or may_write


def serves(other: Call, call: Call) -> bool:
    """Whether a path of one call is also one of the other."""
    pairs = list(zip(other.path.split("/"), call.path.split("/"), strict=False))
    same = all(one.startswith(":") or one == two or two.startswith(":") for one, two in pairs)
    return same and other.path.count("/") == call.path.count("/")


@pytest.mark.parametrize("name", EVERY)
def test_another_method_is_405_and_does_nothing(ground, name):
    call = EVERY[name]
    path = call.path
    for param, value in sorted(ground.params().items(), key=lambda one: -len(one[0])):
        path = path.replace(f":{param}", value)
    others = {one.method for one in EVERY.values() if serves(one, call)}
    for method in sorted({"PUT", "PATCH", "DELETE", "TRACE", "get"} - others):
        reply = ground.nest.call(method, path, {}, user="bob")
        assert reply.status == 405
        assert call.method in reply.headers["allow"]
    assert ground.unchanged()
