"""Who may see a written item, and what is told of keys that can't be given."""

from __future__ import annotations

from typing import Any

import pytest

from tests.writes.nest import MISSING, Nest, fault


def keys_of(nest: Nest, item: str, datastore: str = "ROOT") -> list[str]:
    """The names of the keys on an item."""
    number = sorted(row[0] for row in nest.rows(f"SELECT id FROM i_{nest.id(datastore)}"))
    name = f"{datastore} {number.index(item) + 1}"
    [found] = [one["keys"] for one in nest.contents()["items"] if one["item"] == name]
    return found


def publish(nest: Nest, item: str, user: str = "bob", **keys: Any) -> Any:
    """UpdateItem with `access_key_updates`."""
    body = {"is_force_update": True, "access_key_updates": keys}
    reply = nest.edit(item, body, user=user)
    assert reply.status == 200, reply.json
    return reply.json["error"]


def warning(what: str, ref: str, *, there: bool) -> dict[str, Any]:
    words = (
        f"the key of the {what} {ref} is not held by the executing user"
        if there
        else f"the {what} {ref} is not found in the workspace"
    )
    code = "NO_PRIVILEGES" if there else "NOT_FOUND"
    return fault(f"can not publish to the {what}", code, ref, words, error_level="WARN")


def test_keys_gather_and_the_actors_own_is_always_there(nest):
    made = nest.make()
    assert keys_of(nest, made) == ["bob"]
    assert publish(nest, made, users_to_publish=[nest.identity("eve").user]) == ""
    assert keys_of(nest, made) == ["bob", "eve"]
    assert publish(nest, made, "eve", overwrite=True, users_to_publish=[]) == ""
    assert keys_of(nest, made) == ["eve"]
    assert nest.edit(made, {"is_force_update": True}).status == 404


def test_an_action_publishes_to_its_roles_and_to_the_groups_of_the_actor(nest):
    made = nest.make()
    assert nest.edit(made, {"rev_no": 1, "action_id": "Share"}).status == 200
    assert keys_of(nest, made) == ["EAST", "MEMBER", "bob"]
    assert nest.edit(made, {"rev_no": 2}, user="eve").status == 200
    # Rex is in TEAM, below EAST: what is published to the upper group is not for him.
    assert nest.edit(made, {"rev_no": 3}, user="rex").status == 404
    assert keys_of(nest, made) == ["EAST", "MEMBER", "bob", "eve"]


@pytest.mark.parametrize("ignore", [True, False])
def test_the_settings_of_the_action_may_be_ignored(nest, ignore):
    made = nest.make()
    body = {
        "rev_no": 1,
        "action_id": "Share",
        "access_key_updates": {"ignore_action_settings": ignore, "groups_to_publish": ["TEAM"]},
    }
    assert nest.edit(made, body).json["error"] == ""
    assert keys_of(nest, made) == ["TEAM", "bob"] if ignore else ["EAST", "MEMBER", "TEAM", "bob"]


def test_users_named_in_a_field_that_publishes_may_see_the_item(nest):
    eve = nest.identity("eve").user
    made = nest.make("KINDS", people=[eve])
    assert "eve" in keys_of(nest, made, "KINDS")
    kept = nest.make("KINDS", keeper=[eve])
    assert "eve" not in keys_of(nest, kept, "KINDS")


def test_what_can_not_be_given_is_a_warning_and_the_rest_is_applied(nest):
    made = nest.make()
    told = publish(
        nest,
        made,
        groups_to_publish=["ALL", "EAST", "TEAM", "WEST", "NONE"],
        roles_to_publish=["ADMIN", "MEMBER", "NONE"],
    )
    assert told == [
        warning("group", "ALL", there=True),
        warning("group", "WEST", there=True),
        warning("group", "NONE", there=False),
        warning("role", "ADMIN", there=True),
        warning("role", "NONE", there=False),
    ]
    assert keys_of(nest, made) == ["EAST", "MEMBER", "TEAM", "bob"]


@pytest.mark.parametrize("ensure", [True, False])
def test_an_unknown_user_is_an_error_entry_that_aborts_nothing(nest, ensure):
    made = nest.make()
    eve, zoe = nest.identity("eve").user, nest.identity("zoe", nest.catalogs[1]).user
    keys = {"users_to_publish": [MISSING, "bob", "", eve, zoe]}
    child = {"operation": 1, "access_key_updates": {"users_to_publish": [MISSING]}}
    body = {
        "rev_no": 1,
        "ensure_transaction": ensure,
        "access_key_updates": keys,
        "related_ds_items": {"ONE": [child]},
    }
    told = nest.edit(made, body)
    assert told.status == 200
    assert [
        (one["error_level"], one["reference_id"], one.get("path", "")) for one in told.json["error"]
    ] == [
        ("ERROR", MISSING, ""),
        ("ERROR", "bob", ""),
        ("ERROR", "", ""),
        ("ERROR", zoe, ""),
        ("ERROR", MISSING, f"{nest.id('ONE')}/0"),
    ]
    assert keys_of(nest, made) == ["bob", "eve"]
    assert len(nest.links()) == 1


def test_keys_of_the_other_workspace_are_not_there(nest):
    strangers = nest.catalogs[1]
    made = nest.make(user="ann")
    group, role = strangers.groups[0].id, strangers.projects[0].roles[0].id
    told = publish(nest, made, "ann", groups_to_publish=[group], roles_to_publish=[role])
    assert told == [
        warning("group", group, there=False),
        warning("role", role, there=False),
    ]


def test_nobody_passes_an_items_keys_not_even_the_administrator(nest):
    made = nest.make()
    for user in ("ann", "eve", "rex"):
        reply = nest.edit(made, {"is_force_update": True}, user=user)
        assert (reply.status, reply.json["error_code"]) == (404, "NOT_FOUND")
        assert nest.delete(made, user=user).status == 404
        path = f"{nest.base}/items/details/{made}"
        assert nest.call("GET", path, user=user).status == 404


def test_no_access_is_404_and_no_right_is_403(nest):
    made = nest.make()
    assert nest.edit(made, {"rev_no": 1, "action_id": "Share"}).status == 200
    team = {"access_key_updates": {"groups_to_publish": ["TEAM"]}}
    assert nest.edit(made, {"rev_no": 2, **team}).status == 200
    assert nest.edit(made, {"rev_no": 3}, user="rex").status == 403
    assert nest.edit(made, {"rev_no": 3}, user="out").status == 404
    assert nest.delete(made, user="rex").status == 403


@pytest.mark.parametrize(
    ("refs", "by_display_id", "given", "told"),
    [
        (["EAST", "TEAM"], True, ["EAST", "TEAM"], []),
        (["EAST", "TEAM"], False, [], ["EAST", "TEAM"]),
        (["EAST", "id of TEAM"], True, ["EAST"], ["id of TEAM"]),
        (["EAST", "id of TEAM"], False, ["TEAM"], ["EAST"]),
        (["id of EAST", "id of TEAM"], False, ["EAST", "TEAM"], []),
    ],
)
def test_groups_of_the_old_list_are_all_named_in_one_way(nest, refs, by_display_id, given, told):
    ids = {f"id of {one.display_id}": one.id for one in nest.catalogs[0].groups}
    made = nest.make()
    body = {
        "rev_no": 1,
        "use_display_id": by_display_id,
        "groups_to_publish": [ids.get(one, one) for one in refs],
    }
    reply = nest.edit(made, body).json
    assert [one["reference_id"] for one in reply["error"] or ()] == [
        ids.get(one, one) for one in told
    ]
    assert keys_of(nest, made) == [*given, "bob"]


def test_the_old_list_and_the_new_one_add_up(nest):
    made = nest.make()
    body = {
        "rev_no": 1,
        "use_display_id": True,
        "groups_to_publish": ["TEAM", "WEST"],
        "access_key_updates": {"groups_to_publish": ["EAST"]},
    }
    told = nest.edit(made, body).json["error"]
    assert told == [warning("group", "WEST", there=True)]
    assert keys_of(nest, made) == ["EAST", "TEAM", "bob"]
