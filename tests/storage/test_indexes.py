"""Indexes that a datastore's table lacks are made when the server starts."""

from __future__ import annotations

import pytest

from hikidashi.storage.definitions import list_workspaces, load_catalog
from hikidashi.storage.engines import Connection
from hikidashi.storage.indexes import list_indexes
from tests.served import Served

SCHEMA = """
workspaces:
  - name: W
    users: [{email: ann@w.test, name: Ann, password: ann-password, admin: true}]
    applications:
      - display_id: shop
        roles: [{display_id: ADMIN, users: [ann@w.test]}]
        datastores:
          - display_id: orders
            fields:
              - {display_id: Code, type: text, unique: true}
              - {display_id: Due, type: date, has_index: true}
              - {display_id: Size, type: number}
"""


def names(served: Served) -> dict[str, str]:
    """The indexes of the table, by what each is for."""

    def look(connection: Connection) -> dict[str, str]:
        catalog = load_catalog(connection, list_workspaces(connection)[0].id)
        [datastore] = catalog.projects[0].datastores
        table = f"i_{datastore.id}"
        found = {one: f"{table}_{one}" for one in ("id", "created", "acl")}
        for field in datastore.fields:
            found[field.display_id] = f"x_{field.id}_i"
        there = list_indexes(served.app.store.engine, connection)
        return {what: name for what, name in found.items() if name in there}

    return served.run(served.app.store.scan(look))


def drop(served: Served, name: str) -> None:
    def run(connection: Connection) -> None:
        connection.run_script(f"DROP INDEX {name}")

    served.run(served.app.store.change(run))


def test_a_start_makes_the_indexes_that_are_lacking_and_no_others(engine_url):
    served = Served(engine_url, SCHEMA)
    made = names(served)
    assert sorted(made) == ["Code", "Due", "acl", "created", "id"]
    for name in made.values():
        drop(served, name)
    assert names(served) == {}
    served.close()
    for _ in range(2):  # the second start has nothing to do
        again = Served(engine_url)
        assert names(again) == made
        again.close()


@pytest.mark.parametrize("is_twice", [True, False])
def test_what_can_not_be_made_keeps_no_server_from_starting(engine_url, is_twice):
    """A value that is twice there though its field is unique: `hikidashi check` tells it."""
    served = Served(engine_url, SCHEMA)
    login = {"email": "ann@w.test", "password": "ann-password"}
    token = served.send("POST", "/api/v0/login", login).json()["token"]
    made = names(served)
    for name in made.values():
        drop(served, name)
    path = "/api/v0/applications/shop/datastores/orders/items/new"
    for code in ("a", "b"):
        head = {"Authorization": f"Bearer {token}"}
        reply = served.send("POST", path, {"item": {"Code": code}}, head)
        assert reply.status_code == 200, reply.text
    column = made["Code"].removeprefix("x_").removesuffix("_i")
    table = made["id"].removesuffix("_id")
    if is_twice:
        update = f"UPDATE {table} SET f_{column} = 'a'"
        served.run(served.app.store.change(lambda one: one.query(update)))
    served.close()
    again = Served(engine_url)
    wanted = dict(made)
    if is_twice:
        del wanted["Code"]
    assert names(again) == wanted
    again.close()
