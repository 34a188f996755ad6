"""A selected workspace is that of the next request, at whichever process it comes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.served import Served

SCHEMA = "workspaces:" + "".join(
    f"""
  - name: {name}
    users: [{{email: ann@w.test, name: Ann, password: ann-password, admin: true}}]
    applications:
      - display_id: in_{name}
        hottask_code: {name}aaaaaaaaa
        roles: [{{display_id: ADMIN, may_design: true, users: [ann@w.test]}}]
        datastores:
          - {{display_id: notes, hottask_table: {number},
              fields: [{{display_id: text, type: text}}]}}"""
    for number, name in enumerate(("one", "two"), 1)
)


class Both:
    """Two processes over a database, and Ann, who is in two workspaces."""

    def __init__(self, url: str) -> None:
        self.here, self.there = Served(url, SCHEMA), Served(url)
        login = {"email": "ann@w.test", "password": "ann-password"}
        token = self.here.send("POST", "/api/v0/login", login).json()["token"]
        self.headers = {"Authorization": f"Bearer {token}"}
        found = self.send(self.here, "GET", "/api/v0/workspaces")
        self.ids = {one["workspace_name"]: one["workspace_id"] for one in found["workspaces"]}

    def send(self, served: Served, method: str, path: str, body: Any = None) -> Any:
        reply = served.send(method, path, body, self.headers)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def select(self, served: Served, name: str) -> None:
        self.send(served, "POST", f"/api/v0/workspaces/{self.ids[name]}/select", {})

    def make(self, served: Served, name: str) -> int:
        path = f"/api/v0/applications/in_{name}/datastores/notes/items/new"
        return served.send("POST", path, {"item": {"text": "x"}}, self.headers).status_code

    def list(self, served: Served, name: str) -> int:
        path = f"/api/v0/applications/in_{name}/datastores/notes/items/search"
        return served.send("POST", path, {"per_page": 1}, self.headers).status_code

    def create_row(self, served: Served, name: str) -> int:
        path = f"/autodev/CustomTableValue/Create/{name}aaaaaaaaa/notes"
        reply = served.send("POST", path, {"create": {"text": "x"}}, self.headers)
        code: int = reply.json()["Code"]
        return code

    def close(self) -> None:
        self.here.close()
        self.there.close()


@pytest.fixture(scope="module")
def both(new_database, tmp_path_factory) -> Iterator[Both]:
    made = Both(new_database(tmp_path_factory.mktemp("select")))
    yield made
    made.close()


@pytest.mark.parametrize("call", [Both.make, Both.list, Both.create_row])
def test_the_next_request_at_another_process_is_in_the_selected_workspace(both, call):
    both.select(both.here, "one")
    for name, other in (("two", "one"), ("one", "two")):
        assert call(both, both.there, other) == 200  # the process knows the token now
        both.select(both.here, name)
        assert call(both, both.there, name) == 200
        assert call(both, both.there, other) == 404
        assert call(both, both.here, name) == 200


def test_a_process_that_never_saw_it_selected_follows_every_turn(both):
    both.select(both.here, "one")
    assert both.list(both.there, "one") == 200
    for name in ("two", "one", "two"):
        both.select(both.here, name)
    assert both.list(both.there, "two") == 200
    both.select(both.there, "one")
    assert both.list(both.here, "one") == 200


def test_who_asks_which_one_it_is_is_told_by_every_process(both):
    both.select(both.here, "one")
    asked = {
        "/api/v0/workspacecurrent": "workspace_id",
        "/api/v0/workspaces": "current_workspace_id",
        "/api/v0/userinfo": "current_workspace_id",
    }
    for path, key in asked.items():
        for name in ("two", "one"):
            both.select(both.here, name)
            assert both.send(both.there, "GET", path)[key] == both.ids[name], path


def test_selecting_what_is_selected_moves_nobody(both):
    both.select(both.here, "one")
    numbers = "SELECT id, people_number FROM workspaces ORDER BY id"

    def look() -> Any:
        return both.here.run(both.here.app.store.scan(lambda one: one.query(numbers)))

    before = look()
    both.select(both.there, "one")
    assert look() == before


def test_another_workspace_than_the_selected_one_may_be_named(both):
    both.select(both.here, "one")
    for name in ("two", "one"):
        path = f"/api/v0/workspaces/{both.ids[name]}/groups"
        for number, served in enumerate((both.here, both.there)):
            both.send(served, "POST", path, {"display_id": f"{name}{number}", "name": name})
            assert both.list(served, "one") == 200
