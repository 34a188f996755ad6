"""The commands for operators: people, groups, workspaces, datastores, tokens and the audit."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from hikidashi.bootstrap import SystemClock
from hikidashi.core.limits import AUDIT_PAGE_MAX
from hikidashi.service.identity import hash_secret
from tests.command_line import CommandLine, quiet_logging
from tests.deterministic import FixedClock
from tests.served import Served

WORLD = """
workspaces:
  - name: Acme
    users:
      - {email: ann@acme.test, name: Ann, password: ann-password, admin: true}
      - {email: bob@acme.test, name: Bob, password: bob-password}
    top_group: {display_id: TOP, members: [ann@acme.test], children: [{display_id: EAST}]}
    applications:
      - display_id: APP
        roles:
          - {display_id: ADMIN, users: [ann@acme.test]}
          - {display_id: MEMBER, users: [bob@acme.test]}
        datastores:
          - display_id: notes
            fields: [{display_id: text, type: text, as_title: true}]
"""


@pytest.fixture
def line(engine_url, tmp_path, monkeypatch) -> Iterator[CommandLine]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "world.yaml").write_text(WORLD)
    with quiet_logging():
        made = CommandLine(engine_url)
        made.done("schema", "apply", "world.yaml")
        yield made


def by_cli(line: CommandLine, *words: str) -> list[tuple[str, str]]:
    """What the audit has of commands, the oldest first."""
    told = line.json("audit", "--limit", str(AUDIT_PAGE_MAX), *words)
    told.sort(key=lambda one: (one["at"], one["id"]))  # ids of processes mix within a second
    return [(one["what"], one["kind"]) for one in told if one["via"] == "cli"]


def test_a_user_comes_is_changed_and_goes(line):
    words = ("--name", "Cy", "--group", "EAST", "--role", "APP/MEMBER", "--stdin")
    line.done("user", "add", "cy@acme.test", *words, stdin="cy-password\n")
    found = line.json("user", "show", "cy@acme.test")
    assert (found["name"], found["groups"], found["roles"]) == ("Cy", ["EAST"], ["APP/MEMBER"])
    assert (found["admin"], found["may_log_in"], found["workspaces"]) == (False, True, ["Acme"])
    line.done(
        "user", "change", "cy@acme.test", "--name", "Cyd", "--email", "c@acme.test", "--admin"
    )
    line.done("user", "take-role", "c@acme.test", "APP/MEMBER")
    line.done("user", "give-role", found["id"], "APP/ADMIN")
    rows = {one["email"]: one for one in line.json("user", "list")}
    assert list(rows) == ["ann@acme.test", "bob@acme.test", "c@acme.test"]
    assert (rows["c@acme.test"]["admin"], rows["c@acme.test"]["roles"]) == (True, ["APP/ADMIN"])
    assert line.json("user", "give-role", "c@acme.test", "APP/ADMIN") == {"changed": False}
    assert "- user c@acme.test" in line.refused("user", "remove", "c@acme.test")
    line.done("user", "remove", "c@acme.test", "--yes")
    assert "c@acme.test" not in line.done("user", "list")
    assert by_cli(line) == [
        *(("made", one) for one in ("user", "member", "group_members", "user_roles")),
        *(("changed", one) for one in ("user", "member")),
        *(("removed", "user_roles"), ("made", "user_roles"), ("removed", "member")),
    ]


def test_a_group_is_made_filled_renamed_and_removed(line):
    line.done("group", "add", "SOUTH", "--in", "EAST", "--name", "Southern")
    line.done("group", "add-member", "SOUTH", "bob@acme.test")
    line.done("group", "give-role", "SOUTH", "APP/ADMIN")
    line.done("group", "change", "SOUTH", "--name", "南", "--language", "ja")
    line.done("group", "change", "SOUTH", "--display-id", "S")
    found = line.json("group", "show", "S")
    shown = (found["name"], found["parent"], found["members"], found["roles"])
    assert shown == ("Southern", "EAST", 1, ["APP/ADMIN"])
    assert [one["email"] for one in line.json("group", "members", "S")] == ["bob@acme.test"]
    (admin, member) = line.json("workspace", "roles")
    assert (admin["users"], admin["groups"]) == (["ann@acme.test"], ["S"])
    assert (member["role"], member["users"]) == ("APP/MEMBER", ["bob@acme.test"])
    line.done("group", "take-role", "S", "APP/ADMIN")
    line.done("group", "remove-member", "S", "bob@acme.test")
    assert "has groups in it" in line.refused("group", "remove", "EAST", "--yes")
    line.done("group", "remove", "S", "--yes")
    assert [one["display_id"] for one in line.json("group", "list")] == ["TOP", "EAST"]
    assert ("removed", "group") in by_cli(line)


def test_workspaces_are_made_changed_and_measured(line):
    line.done("workspace", "add", "Other", "--time-zone", "Asia/Tokyo", "--admin", "ann@acme.test")
    assert "With --workspace name one of Acme, Other" in line.refused("user", "list")
    line.done("workspace", "change", "Other", "--name", "Else")
    found = line.json("workspace", "show", "Else")
    assert (found["time_zone"], found["administrators"]) == ("Asia/Tokyo", ["ann@acme.test"])
    assert [one["name"] for one in line.json("workspace", "list")] == ["Acme", "Else"]
    told = {"users": 2, "applications": 1, "datastores": 1, "items": 0, "files": 0, "bytes": 0}
    assert line.json("workspace", "usage", "Acme") == told
    assert {("made", "workspace"), ("changed", "workspace")} <= set(by_cli(line, "-w", "Else"))
    line.done("user", "add", "bob@acme.test", "-w", "Else")
    assert line.json("user", "show", "bob@acme.test", "-w", "Acme")["workspaces"] == [
        "Acme",
        "Else",
    ]


def test_a_workspace_is_removed_and_brought_back_with_all_that_was_in_it(line, engine_url):
    line.done("workspace", "add", "Other", "--admin", "bob@acme.test")
    before = line.done("schema", "export", "--workspace", "Acme")
    line.done("token", "create", "x", "--user", "ann@acme.test", "--project", "APP")
    server = Served(engine_url)
    try:
        path = "/api/v0/applications/APP/datastores/notes/items/new"
        body = {"item": {"text": "Kept"}}
        made = server.send("POST", path, body, log_in(server, "bob-password"))
        assert made.status_code == 200, made.text
    finally:
        server.close()
    sound = line("check").exit_code
    told = line.refused("workspace", "remove", "Acme")
    assert "- workspace Acme: 2 users, 1 applications, 1 datastores, 1 items" in told
    assert "add --yes if it is meant" in told
    assert line.done("schema", "export", "--workspace", "Acme") == before
    gone = line.json("workspace", "remove", "Acme", "--yes")
    assert [one["name"] for one in line.json("workspace", "list")] == ["Other"]
    assert line.json("token", "list") == []
    assert line("check").exit_code == sound
    assert "there is no workspace Acme" in line.refused("workspace", "remove", "Acme", "--yes")
    [listed] = line.json("workspace", "list", "--removed")
    assert (listed["id"], listed["name"]) == (gone["id"], "Acme")
    assert line.json("user", "show", "bob@acme.test")["workspaces"] == ["Other"]
    assert line.json("workspace", "restore", "Acme")["id"] == gone["id"]
    assert line.json("workspace", "list", "--removed") == []
    assert line.done("schema", "export", "--workspace", "Acme") == before
    assert line.json("workspace", "usage", "Acme")["items"] == 1
    assert [one["name"] for one in line.json("token", "list")] == ["x"]
    assert "removed workspace is not found" in line.refused("workspace", "restore", "Acme")
    told = by_cli(line, "-w", "Acme")
    assert told.count(("removed", "workspace")) == told.count(("made", "workspace")) == 1


def test_a_datastore_is_made_renamed_opened_and_removed(line):
    line.done("datastore", "add", "APP", "bills", "--name", "Bills", "--role", "MEMBER")
    line.done("datastore", "change", "APP/bills", "--display-id", "invoices", "--role", "every")
    line.done("datastore", "change", "APP/invoices", "--role", "ADMIN")
    found = line.json("datastore", "show", "APP/invoices")
    assert (found["name"], found["roles"]) == ("Bills", ["ADMIN"])
    assert (found["fields"], len(found["actions"])) == (["Title (text)", "Status (status)"], 4)
    names = [one["datastore"] for one in line.json("datastore", "list")]
    assert names == ["APP/notes", "APP/invoices"]
    (size,) = line.json("datastore", "usage", "notes")
    assert (size["items"], size["bytes"]) == (0, 0)
    assert "- datastore APP/invoices" in line.refused("datastore", "remove", "APP/invoices")
    line.done("datastore", "remove", "APP/invoices", "--yes")
    assert len(line.json("datastore", "usage")) == 1
    assert by_cli(line, "--kind", "datastore") == [
        *(("made", "datastore"), ("changed", "datastore")),
        *(("changed", "datastore"), ("removed", "datastore")),
    ]


REFUSED = [
    (1, "user add nowhere", "is no e-mail address"),
    (1, "user add bob@acme.test", "is in the workspace already"),
    (1, "user add x@acme.test --group NONE", "group is not found for id:NONE"),
    (1, "user add x@acme.test --role APP/NONE", "role is not found for id:APP/NONE"),
    (1, "user add x@acme.test --stdin", "at least 6 characters"),
    (1, "user show x@acme.test", "user is not found for id:x@acme.test"),
    (1, "user change bob@acme.test --email ann@acme.test", "ann@acme.test"),
    (2, "user change bob@acme.test", "say what is to change"),
    (1, "user remove x@acme.test --yes", "user is not found"),
    (1, "user list --workspace None", "there is no workspace None; there are: Acme"),
    (1, "group add EAST", "EAST is the display id of another group"),
    (1, "group add WEST --in NONE", "group is not found"),
    (1, "group remove TOP --yes", "the top group can't be deleted"),
    (1, "workspace add Acme --admin ann@acme.test", "there is a workspace Acme already"),
    (1, "workspace add New --admin nowhere", "is no e-mail address"),
    (1, "workspace change Acme --time-zone Mars/Base", "time_zone"),
    (2, "workspace add New", "Missing option '--admin'"),
    (1, "datastore add APP notes", "notes is there already"),
    (1, "datastore add NONE notes", "application is not found for id:NONE"),
    (1, "datastore change APP/notes --role NONE", "NONE"),
    (1, "datastore remove APP/none --yes", "datastore is not found for id:none"),
    (1, "token show 6560c1a2f3b4c5d6e7f80912", "there is no token"),
    (1, "token change 6560c1a2f3b4c5d6e7f80912 --write", "there is no token"),
    (2, "token change 6560c1a2f3b4c5d6e7f80912", "say what is to change"),
    (2, "audit --since yesterday", "must be a date or a time"),
    (2, "audit --target x", "must be an id"),
    (2, "audit --limit 0", "is not in the range"),
]


def test_what_is_refused_changes_nothing(line):
    for code, words, sentence in REFUSED:
        assert sentence in line.ended(code, *words.split(), stdin="short\n")
    assert by_cli(line) == []


def test_who_is_asked_may_say_no(line, monkeypatch):
    monkeypatch.setattr("hikidashi.cli.output._is_at_terminal", lambda: True)
    assert "Go on?" in line.refused("user", "remove", "bob@acme.test", stdin="n\n")
    assert by_cli(line) == []
    line.done("user", "remove", "bob@acme.test", stdin="y\n")
    assert by_cli(line) == [("removed", "member")]


def test_the_audit_is_searched_and_holds_no_secret(line):
    line.done("user", "set-password", "bob@acme.test", stdin="bob-password\n")
    made = line.json("token", "create", "job", "--user", "ann@acme.test", "--project", "APP")
    line.done("token", "change", made["id"], "--name", "job 2", "--read-only")
    shown = line.json("token", "show", made["id"])
    assert (shown["name"], shown["rights"], shown["project"]) == ("job 2", "read", "APP")
    line.done("token", "revoke", made["id"], "--yes")
    three = [(one, "token") for one in ("made", "changed", "removed")]
    assert by_cli(line) == [("changed", "user"), *three]
    assert by_cli(line, "--target", made["id"]) == three
    newest, older = line.json("audit", "--limit", "2")
    assert line.json("audit", "--limit", "1", "--before", newest["id"]) == [older]
    assert line.json("audit", "--since", "2999-01-01") == []
    assert len(line.json("audit", "--since", newest["at"])) >= 1
    everything = line.done("audit", "--limit", str(AUDIT_PAGE_MAX), "--json")
    for one in ("argon2", "bob-password", made["secret"], hash_secret(made["secret"])):
        assert one not in everything
    line.done("group", "add-member", "EAST", "bob@acme.test")
    line.done("user", "give-role", "bob@acme.test", "APP/ADMIN")
    told = line.done("audit")
    assert {"job", "APP/ADMIN: bob@acme.test", "EAST: bob@acme.test"} <= set(
        re.split(r"\s{2,}", told)
    )


def test_tables_show_what_people_typed_without_obeying_it(line):
    line.done("user", "change", "bob@acme.test", "--name", "[red]\u202ebob")
    shown = line.done("user", "list")
    assert ("[red]\ufffdbob" in shown, "\u202e" in shown) == (True, False)


def test_passwords_are_held_to_the_policy_of_the_workspace(line, tmp_path):
    policy = "{use_min_length: true, min_length: 12}"
    text = f"workspaces: [{{name: Acme, password_policy: {policy}}}]"
    (tmp_path / "policy.yaml").write_text(text)
    line.done("schema", "apply", "policy.yaml")
    for words in (("add", "cy@acme.test", "--stdin"), ("set-password", "bob@acme.test")):
        told = line.refused("user", *words, stdin="too-short\n")
        assert "must have at least 12 characters" in told
        line.done("user", *words, stdin="long-enough-now\n")
    assert line.json("user", "show", "cy@acme.test")["may_log_in"] is True


SHARED = """
workspaces:
  - name: Acme
    users:
      - {id: 0123456789abcdef01234567, email: two@acme.test, user_code: one, name: One}
      - {id: 0123456789abcdef01234568, email: two@acme.test, user_code: other, name: Other}
"""


def test_users_who_share_an_address_are_named_by_id_or_code(line, tmp_path):
    (tmp_path / "shared.yaml").write_text(SHARED)
    line.done("schema", "apply", "shared.yaml")
    words = ("user", "change", "two@acme.test", "--name", "X")
    assert "2 users have the address two@acme.test" in line.refused(*words)
    line.done("user", "change", "other", "--name", "X")
    found = line.json("user", "show", "0123456789abcdef01234568")
    assert (found["name"], found["user_code"], found["may_log_in"]) == ("X", "other", False)
    line.done("user", "set-password", found["id"], stdin="a-password\n")
    assert line.json("user", "show", "other")["may_log_in"] is True
    assert line.json("user", "show", "one")["may_log_in"] is False


def test_a_server_that_runs_follows(line, engine_url):
    clock = FixedClock(SystemClock().now_ms())
    server = Served(engine_url, clock=clock)
    try:
        head = log_in(server, "bob-password")
        assert look(server, head) == (200, False)
        line.done("user", "take-role", "bob@acme.test", "APP/MEMBER")
        assert look(server, head)[0] == 404
        line.done("group", "add-member", "EAST", "bob@acme.test")
        line.done("group", "give-role", "EAST", "APP/MEMBER")
        line.done("datastore", "add", "APP", "bills")
        assert look(server, head) == (200, True)
        line.done("user", "set-password", "bob@acme.test", stdin="another-one\n")
        clock.advance(seconds=2)
        assert look(server, head)[0] == 401
        head = log_in(server, "another-one")
        assert look(server, head) == (200, True)
        line.done("user", "remove", "bob@acme.test", "--yes")
        assert look(server, head)[0] == 401
    finally:
        server.close()


def log_in(server: Served, password: str) -> dict[str, str]:
    body = {"email": "bob@acme.test", "password": password}
    token = server.send("POST", "/api/v0/login", body).json()["token"]
    return {"Authorization": f"Bearer {token}"}


def look(server: Served, head: dict[str, str]) -> tuple[int, bool]:
    """The status of an application, and whether the datastore `bills` is in it."""
    answer = server.send("GET", "/api/v0/applications/APP/datastores", None, head)
    return answer.status_code, "bills" in answer.text
