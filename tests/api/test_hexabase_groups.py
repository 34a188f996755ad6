"""Groups and roles over the wire: what is refused, and what a change brings about."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hikidashi.core.limits import DISPLAY_ID_CHARS_MAX, GROUP_LEVELS_MAX, NAME_CHARS_MAX
from hikidashi.service.design import Wish
from hikidashi.storage import people_writes
from tests.api.office import ALL, ANN, BOB, DESK, EAST, EVE, SALES, Office, W, open_office

NEW = {"name": "New", "display_id": "NEW"}
NONE = "0" * 24


@pytest.fixture(scope="module")
def office(new_database, tmp_path_factory) -> Iterator[Office]:
    with open_office(new_database(tmp_path_factory.mktemp("office"))) as one:
        yield one


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("POST", "groups/ALL", b"{", 400, "not valid JSON"),
        ("POST", "groups/ALL", b"", 400, "the body is empty"),
        ("POST", "groups/ALL", {"name": 1, "display_id": "X"}, 400, "$.name"),
        ("POST", "groups/ALL", {"name": "X"}, 400, "display_id and name"),
        ("POST", "groups/ALL", {"display_id": "X"}, 400, "display_id and name"),
        ("POST", "groups/ALL", NEW | {"display_id": "STORE"}, 400, "of another group"),
        ("POST", "groups/ALL", NEW | {"display_id": ALL}, 400, "of another group"),
        ("POST", "groups/ALL", NEW | {"display_id": NONE}, 400, "looks like an internal id"),
        ("POST", "groups/ALL", NEW | {"display_id": "a/b"}, 400, "display_id: must be letters"),
        ("POST", "groups/ALL", NEW | {"name": "a\0b"}, 400, "control characters"),
        (
            "POST",
            "groups/ALL",
            NEW | {"display_id": "x" * (DISPLAY_ID_CHARS_MAX + 1)},
            400,
            f"at most {DISPLAY_ID_CHARS_MAX}",
        ),
        (
            "POST",
            "groups/ALL",
            NEW | {"name": "x" * (NAME_CHARS_MAX + 1)},
            400,
            f"at most {NAME_CHARS_MAX}",
        ),
        ("POST", "groups/ALL?dry_run=true", NEW, 400, "dry_run is not available"),
        ("POST", "groups/NOWHERE", NEW, 404, "group is not found for id:NOWHERE"),
        ("POST", f"workspaces/{NONE}/groups", NEW, 404, "workspace is not found"),
        ("POST", "workspaces/Office/groups", NEW, 404, "workspace is not found"),
        ("PUT", "groups/EAST", {}, 400, "display_id or name"),
        ("PUT", "groups/EAST", {"display_id": "STORE"}, 400, "of another group"),
        ("PUT", f"groups/{NONE}", {"name": "X"}, 404, f"group is not found for id:{NONE}"),
        ("DELETE", "groups/ALL", None, 400, "the top group can't be deleted"),
        ("DELETE", "groups/SALES", None, 400, "the group SALES has groups in it"),
        ("DELETE", "groups/STORE", {"id": "EAST"}, 400, "the body names the group EAST"),
        ("DELETE", "groups/STORE", {"group-id": "NO"}, 400, "the body names the group NO"),
        ("DELETE", "groups/STORE", {"workspace-id": NONE}, 404, "workspace is not found"),
        ("DELETE", f"groups/STORE?workspace-id={NONE}", None, 404, "workspace is not found"),
        ("GET", "groups/NOWHERE", None, 404, "group is not found"),
        ("GET", "applications/DESK/roleusers/NOBODY", None, 404, "role is not found"),
        ("GET", "applications/NO/roleusers/ADMIN", None, 404, "application is not found"),
        ("GET", "applications/NO/roles", None, 404, "application is not found"),
        ("POST", "applications/DESK/userroles", {"user_id": BOB}, 400, "role_id"),
        (
            "POST",
            "applications/DESK/userroles",
            {"user_id": NONE, "role_id": "MEMBER"},
            404,
            "user",
        ),
        (
            "POST",
            "applications/DESK/userroles",
            {"user_id": "66a0000000000000000000a9", "role_id": "MEMBER"},
            404,
            "user is not found for id:66a0000000000000000000a9",
        ),
        ("DELETE", "applications/DESK/userroles", {"user_id": BOB, "role_id": "X"}, 404, "role"),
        ("POST", "grouproles/EAST", {}, 400, "group_roles"),
        ("POST", "grouproles/EAST", {"group_roles": [{"app_id": "DESK"}]}, 400, "role_id"),
        ("POST", "grouproles/NO", {"group_roles": []}, 404, "group is not found"),
        (
            "PUT",
            "grouproles/EAST",
            {"group_roles": [{"app_id": "NO", "role_id": "ADMIN"}]},
            404,
            "application is not found for id:NO",
        ),
    ],
)
def test_what_can_not_be_is_refused_and_changes_nothing(office, method, path, body, status, words):
    before = office.kept()
    reply = office.ask(method, path, body)
    assert reply.status == status, reply.body
    assert words in reply.json["description"]
    assert office.kept() == before


def test_a_tree_has_so_many_levels(office):
    node = {"display_id": "deepest", "name": "Deepest"}
    for level in range(GROUP_LEVELS_MAX - 1, 1, -1):
        node = {"display_id": f"level-{level}", "name": "Deep", "children": [node]}
    wish = Wish({"top_group": {"id": ALL, "children": [node]}})
    office.run(office.app.designs.change(office.identity("ann"), lambda _: wish, lambda _: None))
    reply = office.ask("POST", "groups/deepest", {"name": "Deep", "display_id": "DEEP"})
    assert reply.status == 400
    assert f"more than {GROUP_LEVELS_MAX} levels" in reply.json["description"]


def test_a_group_keeps_what_a_change_does_not_name(office):
    before = office.done("GET", "groups/SALES")
    office.done("PUT", f"groups/{SALES}", {"display_id": "SELL"})
    after = office.done("GET", "groups/SELL")
    assert after == before | {"group": before["group"] | {"group_id": "SELL"}}
    office.done("PUT", "groups/SELL", {"display_id": "SALES", "name": "Sales"})
    japanese = {"headers": {"accept-language": "ja"}}
    assert office.done("GET", "groups/SALES", **japanese)["group"]["name"] == "営業"
    assert office.done("GET", "groups/SALES") == before


def test_members_of_a_deleted_group_lose_its_key_and_its_roles(office):
    group = office.make_group()
    identity = office.identity("eve")
    workspace = office.catalogs[0].workspace
    office.run(
        office.app.store.change(
            lambda one: people_writes.grant(one, workspace, "group_members", [(group, EVE)])
        )
    )
    office.done("PUT", f"grouproles/{group}", {"group_roles": [role("READER")]})
    reader = office.catalogs[0].projects[0].find_role("READER")
    actor = office.run(office.app.scan(identity, lambda view: view.actor))
    assert {group, reader.id} <= actor.keyring
    office.done("DELETE", f"groups/{group}")
    actor = office.run(office.app.scan(identity, lambda view: view.actor))
    assert not {group, reader.id} & actor.keyring
    assert office.rows("SELECT 1 FROM group_members WHERE group_id = ?", group) == []
    assert office.rows("SELECT 1 FROM group_roles WHERE group_id = ?", group) == []


def role(ref: str, app: str = "DESK") -> dict[str, str]:
    return {"app_id": app, "role_id": ref}


def roles_of(office: Office, group: str) -> set[str]:
    found = office.rows(
        "SELECT display_id FROM definitions WHERE id IN"
        " (SELECT role_id FROM group_roles WHERE group_id = ?)",
        group,
    )
    return {one for (one,) in found}


def test_post_replaces_the_roles_of_a_group_and_put_adds(office):
    group = office.make_group()

    def send(method: str, *refs: str) -> set[str]:
        body = {"group_roles": [role(one) for one in refs]}
        assert office.done(method, f"grouproles/{group}", body) == {}
        return roles_of(office, group)

    assert send("PUT", "READER") == {"READER"}
    assert send("PUT", "MEMBER", "MEMBER") == {"READER", "MEMBER"}
    assert send("POST", "ADMIN", "MEMBER") == {"ADMIN", "MEMBER"}
    assert send("PUT") == {"ADMIN", "MEMBER"}
    assert send("POST") == set()


def test_what_is_so_already_is_no_change(office):
    path = f"applications/{DESK}/userroles"
    for method, given in (("POST", "ADMIN"), ("DELETE", "MEMBER")):
        before = office.kept()
        body = {"user_id": BOB, "role_id": given}
        assert office.done(method, path, body) == {"error": None}
        assert office.kept() == before


def test_a_role_held_through_a_group_stays(office):
    body = {"user_id": BOB, "role_id": "READER"}
    office.done("DELETE", "applications/DESK/userroles", body)
    users = office.done("GET", "applications/DESK/roleusers/READER")["role_users"]
    assert "Bob" in [one["username"] for one in users]


def test_a_token_that_may_write_gives_roles_of_its_application_only(office):
    token = office.make_token(BOB, may_write=True)
    body = {"user_id": ANN, "role_id": "MEMBER"}
    for method in ("POST", "DELETE"):
        assert office.ask(method, "applications/DESK/userroles", body, token=token).status == 200
    token = office.make_token(ANN, may_write=True)
    for path in ("applications/SHOP/userroles", "applications/DESK/userroles"):
        assert office.ask("POST", path, body, token=token).status == 404
    assert office.ask("POST", "groups/ALL", NEW, token=token).status == 403
    assert office.ask("POST", f"workspaces/{W}/groups", NEW, token=token).status == 403


def test_the_audit_tells_who_gave_what_to_whom(office):
    office.done("POST", "applications/DESK/userroles", {"user_id": ANN, "role_id": "MEMBER"})
    newest = office.rows(
        "SELECT kind, target_id, user_id, via, before, after FROM audit ORDER BY id DESC LIMIT 1"
    )
    member = office.catalogs[0].projects[0].find_role("MEMBER").id
    assert newest == [("user_roles", member, ANN, "api", None, f'{{"holder":"{ANN}"}}')]
    office.done("PUT", f"groups/{EAST}", {"name": "East"})
    office.done("PUT", f"groups/{EAST}", {"name": "Far east"})
    newest = office.rows("SELECT kind, name, user_id FROM audit ORDER BY id DESC LIMIT 1")
    assert newest == [("group", "EAST", ANN)]
