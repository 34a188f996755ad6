"""HotTask's Delete, and lookups by row number; what one dialect does, the other shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.tables import CODE, KEY, READ_KEY, SCHEMA, TABLE, Tables

OK = {"Data": 1, "Version": "1.0.0", "Success": True, "Code": 200, "Message": ""}
LINKED = SCHEMA.replace(
    "          - display_id: strict\n",
    """\
          - display_id: parts
            hottask_table: 130
            fields:
              - {display_id: name, type: text, as_title: true}
              - {display_id: task, type: dslookup, lookup: {datastore: tasks, field: subject}}
              - {display_id: state, type: text}
            actions:
              - {display_id: New, operation: new, default: true}
              - display_id: Edit
                operation: update
                default: true
                pre_script: |
                  async function main(data) {
                    if (data.item.state === "never") { throw "not this one"; }
                    return {item: {state: "seen " + data.item.name}};
                  }
              - {display_id: Delete, operation: delete, default: true, roles: [ADMIN]}
          - display_id: strict
""",
)


@pytest.fixture(scope="module")
def tables(new_database, tmp_path_factory) -> Iterator[Tables]:
    served = Tables(new_database(tmp_path_factory.mktemp("deletes")), LINKED)
    assert served.create(subject="first") == 1  # for those that are refused
    yield served
    served.close()


@pytest.mark.parametrize(
    "body",
    [
        '{"delete":{"id":%d}}',
        '{"delete":{"ID":"%d"}}',
        '{"id":%d}',
        '{"ID":%d}',
        '{"customTableID":123,"ID":%d}',
        '{"customTableID":123,"delete":{"id":%d.0,"rev_no":1}}',
    ],
)
def test_a_row_is_deleted_by_its_id_in_either_dialect(tables, body):
    row, other = tables.create(subject="gone"), tables.create(subject="stays")
    assert tables.post("Delete", body % row) == OK
    left = [number for number, _ in tables.rows()]
    assert row not in left
    assert other in left
    assert tables.post("Delete", body % row)["Code"] == 404


@pytest.mark.parametrize(
    ("body", "headers", "code", "words"),
    [
        ("", None, 400, "the body is empty"),
        ("{}", None, 400, "the body names no field"),
        ({"delete": {}}, None, 400, "the id of the row to delete is missing"),
        ({"delete": 1}, None, 400, '"delete" must be an object of fields'),
        ({"delete": [1]}, None, 400, '"delete" must be an object of fields'),
        ({"id": 1, "delete": {}}, None, 400, "the id belongs inside delete"),
        ({"delete": {"id": [1]}}, None, 400, "id must be a whole number"),
        ({"delete": {"id": None}}, None, 400, "id must be a whole number"),
        ({"id": 1, "ID": 2}, None, 400, "named twice, as 1 and as 2"),
        ({"id": 1, "subject": "x"}, None, 400, "Delete takes the id of one row, and no subject"),
        ({"id": 1, "rev_no": "x"}, None, 400, "rev_no must be a whole number"),
        ({"id": 1, "rev_no": 99}, None, 409, "specified rev_no:99"),
        ({"Filters": []}, None, 400, "the id of the row to delete is missing"),
        ({"id": 987654321}, None, 404, "987654321"),
        ({"id": 0}, None, 404, "i_id:0"),
        ({"id": 1}, {"customauth": READ_KEY}, 403, ""),
        ({"id": 1}, {"customauth": "nobody's"}, 401, ""),
        ("{id: 1}", None, 400, "it is JavaScript text"),
    ],
)
def test_a_delete_that_can_not_be_done_changes_nothing(tables, body, headers, code, words):
    before = tables.rows()
    told = tables.post("Delete", body, headers)
    assert (told["Code"], told["Data"]) == (code, 0)
    assert words in told["Message"]
    assert tables.rows() == before


def test_an_action_that_is_not_for_the_key_deletes_nothing(tables):
    row = tables.post("Create", {"name": "kept"}, table=130)["Data"]
    for body in ({"id": row}, {"id": row, "rev_no": 1}):
        assert tables.post("Delete", body, table=130)["Code"] == 403
    assert tables.post("Count", {}, table=130)["Data"] == 1


def test_a_delete_with_a_key_of_its_own_is_done_once(tables):
    row = tables.create(subject="once")
    path = f"/autodev/CustomTableValue/Delete/{CODE}/{TABLE}"
    head = {"customauth": KEY, "Idempotency-Key": f"delete {row}"}
    first = tables.send("POST", path, {"id": row}, head)
    again = tables.send("POST", path, {"id": row}, head)
    assert first.json() == again.json() == OK
    assert again.headers["idempotent-replay"] == "true"
    assert tables.post("Delete", {"id": row + 1}, head)["Code"] == 422


def test_a_dry_delete_shows_what_would_go(tables):
    row = tables.create(subject="stays")
    path = f"/autodev/CustomTableValue/Delete/{CODE}/{TABLE}?dry_run=true"
    told = tables.send("POST", path, {"id": row}, {"customauth": KEY}).json()
    assert (told["Success"], told["Data"]) == (True, 1)
    assert any(step["step"] == "delete_item" for step in told["plan"])
    assert row in [number for number, _ in tables.rows()]


# --- lookups ----------------------------------------------------------------------------------


def parts(tables: Tables, row: int) -> dict[str, Any]:
    asked = {"Filters": [{"name": "id", "op": "Equal", "value": row}]}
    [found] = tables.post("List", asked, table=130)["Data"]
    return found


def test_a_lookup_is_the_row_number_of_what_it_names(tables):
    task, other = tables.create(subject="whole"), tables.create(subject="other")
    row = tables.post("Create", {"name": "part", "task": task}, table=130)["Data"]
    assert parts(tables, row)["task"] == task
    assert tables.post("UD", {"id": row, "task": str(other)}, table=130)["Code"] == 400
    assert tables.post("UD", {"id": row, "task": other}, table=130) == OK
    assert parts(tables, row)["task"] == other
    asked = {"Filters": [{"name": "task", "op": "Equal", "value": other}]}
    assert [one["id"] for one in tables.post("List", asked, table=130)["Data"]] == [row]
    assert tables.post("Delete", {"id": other}) == OK
    assert parts(tables, row)["task"] is None
    assert tables.post("UD", {"id": row, "task": None}, table=130) == OK


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (987654321, "task: there is no row 987654321 to look up"),
        (-1, "there is no row -1 to look up"),
        (1.5, "task must be a whole number"),
        (True, "task must be a whole number"),
        ([1], "task must be a whole number"),
        ("one", "task: must be an item id"),
    ],
)
def test_a_lookup_of_what_is_not_there_is_refused(tables, value, words):
    before = tables.post("Count", {}, table=130)["Data"]
    told = tables.post("Create", {"name": "part", "task": value}, table=130)
    assert (told["Code"], told["Data"]) == (400, 0)
    assert words in told["Message"]
    assert tables.post("Count", {}, table=130)["Data"] == before


# --- both dialects ----------------------------------------------------------------------------


def ann(tables: Tables, method: str, path: str, body: Any = None) -> Any:
    """A call of the other dialect."""
    token = tables.run(tables.app.identities.login("ann@makers.test", "ann-password"))
    base = "/api/v0/applications/tasks/datastores"
    reply = tables.send(method, f"{base}/{path}", body, {"Authorization": f"Bearer {token}"})
    assert reply.status_code == 200, reply.text
    return reply.json()


def rows_of(tables: Tables, query: str, item: str) -> list[Any]:
    """What the database has of an item, past all wires."""
    return [
        one
        for (one,) in tables.read(tables.bot, lambda view: view.connection.query(query, (item,)))
    ]


def test_what_a_row_went_through_is_in_the_histories_and_events_of_its_item(tables):
    row = tables.create(subject="one", estimate=1)
    tables.post("UD", {"id": row, "subject": "two"})
    found = ann(
        tables,
        "POST",
        "tasks/items/search",
        {"conditions": [{"id": "subject", "search_value": ["two"], "exact_match": True}]},
    )
    [item] = found["items"]
    assert item["rev_no"] == "2"
    histories = ann(tables, "GET", f"tasks/items/histories/{item['i_id']}")["histories"]
    assert [one["user_id"] for one in histories] == [tables.bot.user] * 2
    tables.post("Delete", {"id": row})
    kept = "SELECT operation FROM histories WHERE item_id = ? ORDER BY seq"
    assert rows_of(tables, kept, item["i_id"]) == ["new", "update", "delete"]
    events = rows_of(tables, "SELECT kind FROM outbox WHERE item_id = ? ORDER BY seq", item["i_id"])
    assert events == ["item.created", "item.updated", "item.deleted"]


def test_what_the_other_dialect_does_is_in_the_page(tables):
    made = ann(tables, "POST", "tasks/items/new", {"item": {"subject": "from there"}})
    asked = {"Filters": [{"name": "subject", "op": "Equal", "value": "from there"}]}
    assert tables.post("Count", asked)["Data"] == 1
    edit = {"is_force_update": True, "item": {"estimate": 7, "size": "S"}}
    ann(tables, "POST", f"tasks/items/edit/{made['item_id']}", edit)
    [row] = tables.post("Page", asked)["Data"]["List"]
    assert (row["estimate"], row["size"], row["rev_no"]) == (7, "S", 2)
    ann(tables, "DELETE", f"tasks/items/delete/{made['item_id']}", {})
    assert tables.post("Page", asked)["Data"] == {"List": [], "VirtualCount": 0}


def test_an_item_that_no_key_of_the_project_opens_is_no_row(tables):
    hide = {"overwrite": True, "ignore_action_settings": True}
    item = {"item": {"subject": "hidden"}, "access_key_updates": hide}
    ann(tables, "POST", "tasks/items/new", item)
    asked = {"Filters": [{"name": "subject", "op": "Equal", "value": "hidden"}]}
    assert tables.post("Page", asked)["Data"] == {"List": [], "VirtualCount": 0}
    assert tables.post("Count", asked)["Data"] == 0
    assert tables.post("List", asked)["Data"] == []


def test_a_script_of_the_action_judges_a_row(tables):
    row = tables.post("Create", {"name": "a"}, table=130)["Data"]
    assert tables.post("UD", {"id": row, "name": "b"}, table=130) == OK
    assert parts(tables, row)["state"] == "seen b"
    told = tables.post("UD", {"id": row, "state": "never"}, table=130)
    assert (told["Code"], "not this one" in told["Message"]) == (400, True)
    assert parts(tables, row)["state"] == "seen b"
