"""A workspace that was removed is not there for anybody, and after some days is there no more at all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hikidashi.core.errors import FaultError
from hikidashi.core.limits import DELETED_KEEP_MS
from hikidashi.service.operating import recover_applications, remove_workspace
from tests.api.office import BOB, NOTES, STRANGE, Office, W, open_office


@pytest.fixture
def office(engine_url) -> Iterator[Office]:
    with open_office(engine_url) as one:
        yield one


def remove(office: Office) -> None:
    office.run(office.app.designs.operate(W, remove_workspace))


def test_nobody_finds_it_and_everything_is_there_again(office):
    item = office.new({"text": "Kept"}, user="bob")
    machine = office.make_token(BOB, may_write=True)
    details = f"{NOTES}/items/details/{item}"
    before = office.call("GET", details, user="bob").json
    kept = [office.rows(f"SELECT * FROM {one}") for one in ("users", "members", "user_roles")]
    kept = [sorted(one, key=repr) for one in kept]
    remove(office)
    for name in ("ann", "bob"):
        assert office.call("GET", details, user=name).status in (401, 404)
        assert office.ask("GET", f"workspaces/{W}/users", user=name).status in (401, 404)
        assert office.done("GET", "workspaces", user=name)["workspaces"] == []
    assert office.call("GET", details, token=machine).status == 401
    assert office.call("POST", f"{NOTES}/items/new", {"item": {}}, user="bob").status in (401, 404)
    assert office.done("GET", "workspaces", user="zoe")["workspaces"][0]["workspace_id"] == STRANGE
    found = office.run(office.app.designs.bring_back("Office"))
    office.run(office.app.designs.operate(W, recover_applications(found.at)))
    assert office.call("GET", details, user="bob").json == before
    assert office.call("GET", details, token=machine).status == 200
    bots = {user for (user,) in office.rows("SELECT id FROM users WHERE is_bot = 1")}
    now = [office.rows(f"SELECT * FROM {one}") for one in ("users", "members", "user_roles")]
    now = [sorted(one, key=repr) for one in now]
    without = [[row for row in part if not bots.intersection(row)] for part in (*kept, *now)]
    assert without[:3] == without[3:]


def test_after_some_days_it_is_gone_for_good(office):
    office.new({"text": "Lost"}, user="bob")
    remove(office)
    office.clock.advance(ms=DELETED_KEEP_MS)
    office.run(office.app._housekeeping.round())
    assert office.rows("SELECT id FROM removed_workspaces") == [(W,)]
    office.clock.advance(ms=1)
    with pytest.raises(FaultError):
        office.run(office.app.designs.bring_back(W))
    office.run(office.app._housekeeping.round())
    for table in ("workspaces", "removed_workspaces"):
        assert office.rows(f"SELECT 1 FROM {table} WHERE id = ?", W) == []
    for table in ("members", "removed_members", "group_members", "user_roles", "tokens"):
        assert office.rows(f"SELECT 1 FROM {table} WHERE workspace_id = ?", W) == []
    office._tokens.pop("zoe")
    assert office.done("GET", "workspaces", user="zoe")["workspaces"][0]["workspace_id"] == STRANGE


def test_what_is_set_aside_has_every_column(office):
    def columns(table: str) -> set[str]:
        if office.app.store.engine.name == "sqlite":
            return {row[0] for row in office.rows(f"SELECT name FROM pragma_table_info('{table}')")}
        sql = "SELECT column_name FROM information_schema.columns WHERE table_name = ?"
        return {row[0] for row in office.rows(sql, table)}

    assert columns("removed_workspaces") == columns("workspaces") | {"removed_at"}
    assert columns("removed_members") == columns("members")
