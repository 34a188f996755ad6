"""Imports through the wire: every mode, every special column, and all or nothing."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import xlsxwriter

from hikidashi.service import imports, sheet_files
from hikidashi.storage import imports as stored_imports
from hikidashi.storage.engines import QueryKeys
from tests.api.rest import Rest, open_rest

WORLD = Path(__file__).parent.parent / "worlds" / "shop.yaml"
BASE = "/api/v0/applications/SHOP/datastores/orders"
BOUNDARY = "a-boundary"


@pytest.fixture(scope="module")
def opened(new_database, tmp_path_factory) -> Iterator[Rest]:
    with open_rest(new_database(tmp_path_factory.mktemp("shop")), WORLD, BASE) as made:
        yield made


@pytest.fixture
def rest(opened: Rest) -> Rest:
    opened.empty()
    return opened


def send(rest: Rest, file: bytes | str, user: str = "ann", base: str = BASE, **fields: str):
    """One import that is waited for, unless it says otherwise: the reply."""
    content = file if isinstance(file, bytes) else file.encode()
    parts = []
    for name, value in {"filename": "items.csv", "no_queue": "true", **fields}.items():
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        parts.append(f"{head}{value}\r\n".encode())
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    parts += [head.encode(), content, f"\r\n--{BOUNDARY}--\r\n".encode()]
    headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    return rest.call("POST", f"{base}/import", b"".join(parts), headers=headers, user=user)


def take(rest: Rest, file: bytes | str, user: str = "ann", base: str = BASE, **fields: str):
    """What came of an import: its errors, as (line, description)."""
    reply = send(rest, file, user, base, **fields)
    assert reply.status == 200, reply.body
    told = reply.json
    assert told["stream_id"]
    datastore = base.rpartition("/")[2]
    path = f"/api/v0/datastores/{datastore}/import/{told['temp_datastore_id']}"
    result = rest.call("GET", path, user=user)
    assert result.status == 200, result.body
    return (
        [(one["line"], one["description"]) for one in result.json["errors"]] if result.body else []
    )


def rows(rest: Rest, user: str = "ann", base: str = BASE) -> list[dict[str, object]]:
    reply = rest.call("POST", f"{base}/items/search", {"use_display_id": True}, user=user)
    assert reply.status == 200, reply.body
    return list(reply.json["items"])


def export(rest: Rest, form: str = "csv", user: str = "ann", base: str = BASE) -> bytes:
    reply = rest.call("GET", f"{base}/export?format={form}", user=user)
    assert reply.status == 200, reply.body
    return reply.body


def names(rest: Rest, user: str = "ann") -> list[object]:
    return [one["name"] for one in rows(rest, user)]


# --- modes ------------------------------------------------------------------------------------


def test_rows_become_items_with_what_their_cells_say(rest):
    file = (
        "\ufeffname,code,amount,due,size,extras,paid\r\n"
        '"A, ""quoted""\r\nname",a1,12.5,2026-01-05T09:00:00Z,S,"gift,fast",true\r\n'
        "\r\n"
        "plain,a2,,,,,\r\n"
    )
    assert take(rest, file) == []
    first, second = rows(rest)
    assert first["name"] == 'A, "quoted"\r\nname'
    assert (first["code"], first["amount"], first["size"]) == ("a1", "12.5", "Small")
    assert (first["extras"], first["paid"]) == ("Gift,Fast", "true")
    assert first["due"] == "2026-01-05T09:00:00Z"
    assert (first["number"], second["number"]) == ("O-000001", "O-000002")
    assert first["created_by"] == "IMPORT"
    assert second["amount"] is None
    assert str(first["rev_no"]) == "1"


def test_history_says_import_and_nothing_runs_after_it(rest):
    assert take(rest, "name\nx\n") == []
    item = rows(rest)[0]["i_id"]
    found = rest.call("GET", f"/items/histories/{item}").json["histories"]
    assert [one["action_operation"] for one in found] == ["IMPORT"]
    events = rest.rows("SELECT body FROM outbox")
    assert len(events) == 1
    assert '"run_post":false' in events[0][0]


def test_a_key_updates_what_is_there_and_makes_what_is_not(rest):
    assert take(rest, "name,code,amount\nx,a1,1\ny,a2,2\n") == []
    assert take(rest, "code,amount\na2,20\na3,30\n", key_field_displayid="code") == []
    found = {one["code"]: one for one in rows(rest)}
    assert {key: one["amount"] for key, one in found.items()} == {"a1": "1", "a2": "20", "a3": "30"}
    assert found["a2"]["name"] == "y"  # a column that is not there changes nothing
    assert str(found["a2"]["rev_no"]) == "2"


@pytest.mark.parametrize("key", ["amount", "number", "due"])
def test_fields_of_several_kinds_are_keys(rest, key):
    assert take(rest, "name,amount,due\nx,1,2026-01-05\ny,2,2026-01-06\n") == []
    cell = {"amount": "2.0", "number": "O-000002", "due": "2026-01-06T00:00:00.000Z"}[key]
    assert take(rest, f"{key},name\n{cell},z\n", key_field_displayid=key) == []
    assert names(rest) == ["x", "z"]


@pytest.mark.parametrize(("key", "goes_over_all"), [("code", False), ("amount", True)])
def test_keys_that_no_index_has_are_found_by_going_over_the_items_once(
    rest, monkeypatch, key, goes_over_all
):
    assert take(rest, "name,code,amount\nx,1,1\ny,2,2\n") == []
    asked = []

    def ask(*given, **more):
        asked.append(QueryKeys(*given, **more))
        return asked[-1]

    monkeypatch.setattr(stored_imports, "QueryKeys", ask)
    assert take(rest, f"{key},name\n2,z\n3,new\n1,a\n", key_field_displayid=key) == []
    assert names(rest) == ["a", "z", "new"]
    found = {(len(one.keys), one.goes_over_all) for one in asked}
    assert found == {(3, goes_over_all), (2, goes_over_all)}


def test_append_keeps_what_is_there_whatever_the_key(rest):
    assert take(rest, "name,amount\nx,1\n") == []
    assert take(rest, "name,amount\ny,1\n", key_field_displayid="amount", append="true") == []
    assert names(rest) == ["x", "y"]


def test_replace_all_deletes_what_the_caller_sees_and_takes_the_file(rest):
    assert take(rest, "name,code\nx,a1\ny,a2\n") == []
    assert take(rest, "name,code\nz,a1\n", replace_all="true") == []
    assert names(rest) == ["z"]
    operations = rest.rows("SELECT operation FROM histories ORDER BY id")
    assert [one[0] for one in operations] == ["IMPORT"] * 5


def test_replace_all_leaves_what_is_hidden(rest):
    assert take(rest, "name\nhidden\n", user="bob") == []
    assert names(rest, "eve") == []
    assert take(rest, "name\nmine\n", user="eve", replace_all="true") == []
    assert sorted(map(str, names(rest, "ann"))) == ["hidden", "mine"]


def test_auto_numbers_are_taken_from_the_file_if_that_is_asked_for(rest):
    assert take(rest, "name,number\nx,O-000777\n") == []
    assert take(rest, "name,number\ny,O-000002\nz,\n", overwrite_autonumber="true") == []
    assert [one["number"] for one in rows(rest)] == ["O-000001", "O-000002", "O-000003"]


# --- special columns --------------------------------------------------------------------------


def test_delete_column_deletes_the_item_of_the_key(rest):
    assert take(rest, "name,code\nx,a1\ny,a2\nz,a3\n") == []
    file = "code,_delete_\na1,true\na2,1\na3,false\n"
    assert take(rest, file, key_field_displayid="code") == []
    assert names(rest) == ["z"]


def test_status_column_names_the_status(rest):
    assert take(rest, "name,_status_\nx,Done\ny,\nz,完了\n") == []
    found = [one["status_id"] for one in rows(rest)]
    new, done = (one.id for one in rest.catalogs[0].projects[0].datastores[0].statuses)
    assert found == [done, new, done]


def test_group_column_adds_the_key_of_the_group(rest):
    assert take(rest, "name,_group_id_\nseen,WEST\nhidden,\n") == []
    assert names(rest, "eve") == ["seen"]


# --- what is refused --------------------------------------------------------------------------

REFUSED = {
    "no such column": ("name,colour\nx,red\n", {}, 1, "colour"),
    "a column twice": ("name,name\nx,y\n", {}, 1, "twice"),
    "an empty file": ("", {}, 1, "empty"),
    "a key that is no column": ("name\nx\n", {"key_field_displayid": "code"}, 1, "key field"),
    "a key of several values": (
        "name,extras\nx,gift\n",
        {"key_field_displayid": "extras"},
        1,
        "can't be the key",
    ),
    "quotes that go wrong": ('name\n"x"y\n', {}, 2, "not CSV"),
    "quotes without end": ('name\nx\n"y\n', {}, 3, "not CSV"),
    "a number that is none": ("name,amount\nx,1\ny,2x\n", {}, 3, "amount: must be a number"),
    "a number out of its range": ("amount\n1000001\n", {}, 2, "at most"),
    "an option that is none": ("size\nM\n", {}, 2, "no option"),
    "a line behind a broken one": ('name,amount\n"a\nb",1\nx,?\n', {}, 4, "must be a number"),
    "too few cells": ("name,amount\nx\n", {}, 2, "1 cells"),
    "too many cells": ("name\nx,y\n", {}, 2, "2 cells"),
    "a key twice": (
        "code\na\nb\na\n",
        {"key_field_displayid": "code"},
        4,
        "not unique in the file",
    ),
    "a unique value twice": ("name,code\nx,a\ny,a\n", {}, 3, "not unique in the file"),
    "a unique value that is taken": ("name,code\ny,b\nx,taken\n", {}, 3, "not unique"),
    "no such status": ("name,_status_\nx,Lost\n", {}, 2, "no status"),
    "no such group": ("name,_group_id_\nx,NORTH\n", {}, 2, "no group"),
    "a delete without a key": ("name,_delete_\nx,true\n", {}, 2, "needs key_field_displayid"),
    "a delete of nothing": (
        "code,_delete_\ngone,true\n",
        {"key_field_displayid": "code"},
        2,
        "no item",
    ),
    "a delete that is no word": ("name,_delete_\nx,yes\n", {}, 2, "must be true"),
    "a user who is nobody": ("people\n" + "0" * 24 + "\n", {}, 2, "no user"),
    "a lookup of nothing": ("customer\n" + "0" * 24 + "\n", {}, 2, "no item"),
    "no UTF-8": (b"name\nx\n\xff\n", {}, 3, "not UTF-8"),
    "UTF-16": ("name\nx\n".encode("utf-16"), {}, 1, "not UTF-8"),
    "U+0000": ("name\nx\0\n", {}, 2, "U+0000"),
    "a ZIP that is no XLSX": (b"PK\x03\x04nothing", {}, 1, "no XLSX"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("mode", ["add", "replace_all"])
def test_a_file_that_can_t_be_taken_changes_nothing(rest, case, mode):
    file, fields, line, words = REFUSED[case]
    assert take(rest, "name,code\nthere,taken\n") == []
    if mode == "replace_all":
        if case in ("a unique value that is taken", "a delete of nothing"):
            pytest.skip("what is there goes, so it is not in the way")
        fields = {**fields, "replace_all": "true"}
    before = rest.contents()
    errors = take(rest, file, **fields)
    assert errors, "it was taken"
    assert any(at == line and words in said for at, said in errors), errors
    assert rest.contents() == before


def test_every_bad_line_is_told_up_to_a_limit(rest):
    errors = take(rest, "amount\n" + "x\n" * 150)
    assert [line for line, _ in errors] == list(range(2, 102))
    errors = take(rest, "amount\n1\nx\n2\ny\n")
    assert [line for line, _ in errors] == [3, 5]


def test_a_field_of_another_role_is_no_column(rest):
    assert take(rest, "name,secret\nx,y\n") == []
    errors = take(rest, "name,secret\nx,y\n", user="bob")
    assert errors == [(1, "the header names no field: 'secret'")]


def test_a_key_that_several_items_bear_is_refused(rest):
    assert take(rest, "name,amount\nx,1\ny,1\n") == []
    errors = take(rest, "amount,name\n1,z\n", key_field_displayid="amount")
    assert errors == [(2, "several items have the key")]
    assert names(rest) == ["x", "y"]


def test_a_swap_of_unique_values_is_taken(rest):
    assert take(rest, "name,code\nx,a\ny,b\n") == []
    assert take(rest, "name,code\nx,c\ny,a\n", key_field_displayid="name") == []
    assert [(one["name"], one["code"]) for one in rows(rest)] == [("x", "c"), ("y", "a")]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"replace_all": "true", "append": "true"}, "can't both"),
        ({"append": "perhaps"}, "append must be true or false"),
        ({"validate": "never"}, "validate must be"),
    ],
)
def test_fields_of_the_form_that_make_no_sense_are_400(rest, fields, words):
    reply = send(rest, "name\nx\n", **fields)
    assert reply.status == 400
    assert words in reply.body.decode()


def test_who_may_not_use_the_datastore_gets_404(rest):
    reply = send(rest, "name\nx\n", base="/api/v0/applications/SHOP/datastores/nothing")
    assert reply.status == 404


def test_too_large_a_file_is_413(rest, monkeypatch):
    monkeypatch.setattr("hikidashi.api.hexabase_rest.sheets.FILE_BYTES_MAX", 100)
    assert send(rest, "name\n" + "x\n" * 100).status == 413


def test_too_many_rows_are_refused(rest, monkeypatch):
    monkeypatch.setattr(sheet_files, "ROWS_MAX", 3)
    errors = take(rest, "name\na\nb\nc\nd\n")
    assert errors == [(5, "the file has over 3 rows; send it in parts")]
    assert names(rest) == []


# --- the job ----------------------------------------------------------------------------------


def test_results_are_for_who_sent_the_file(rest):
    told = send(rest, "name\nx\n").json
    path = f"/api/v0/datastores/orders/import/{told['temp_datastore_id']}"
    assert rest.call("GET", path, user="bob").status == 404
    assert rest.call("GET", path.replace("orders", "lines")).status == 404
    assert rest.call("GET", f"/api/v0/datastores/orders/import/{'0' * 24}").status == 404


def test_a_queued_import_goes_on_behind_its_answer(rest):
    told = send(rest, "name\nx\n", no_queue="false").json
    path = f"/api/v0/datastores/orders/import/{told['temp_datastore_id']}"
    for _ in range(500):
        reply = rest.call("GET", path)
        if reply.status == 200:
            break
        assert reply.status == 202
        assert reply.json["state"] == "running"
        rest.run(asyncio.sleep(0.01))
    assert (reply.status, reply.body) == (200, b"")
    assert names(rest) == ["x"]


def test_a_job_that_a_stopped_server_left_behind_is_told_as_failed(rest):
    told = send(rest, "name\nx\n").json
    job = told["temp_datastore_id"]

    def leave(connection):
        connection.query(
            "UPDATE jobs SET state = 'running', finished_at = NULL WHERE id = ?", (job,)
        )

    rest.run(rest.app.store.change(leave))
    rest.clock.advance(ms=imports.LOST_MS + 1)
    rest.run(rest.app.imports.sweep())
    result = rest.call("GET", f"/api/v0/datastores/orders/import/{job}")
    assert "the server stopped" in result.json["errors"][0]["description"]


def test_a_file_of_many_batches_is_one_transaction(rest, monkeypatch):
    monkeypatch.setattr(stored_imports, "ROWS_PER_BATCH", 100)
    lines = [f"n{at},c{at},{at}" for at in range(1_050)]
    assert take(rest, "name,code,amount\n" + "\n".join(lines)) == []
    counted = rest.call("POST", f"{BASE}/items/search", {"return_count_only": True})
    assert counted.json["totalItems"] == 1_050
    before = rest.contents()
    lines = [f"m{at},d{at},{at}" for at in range(1_000)] + ["x,c7,1"]
    errors = take(rest, "name,code,amount\n" + "\n".join(lines))
    assert [line for line, _ in errors] == [1_002]
    assert rest.contents() == before


# --- out and in again -------------------------------------------------------------------------

TRICKY = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "'=x", "''@", "'plain", "a,b", 'a"b', "a\r\nb"]


def fill(rest: Rest) -> None:
    ann = rest.identity("ann").user
    customers = "/api/v0/applications/SHOP/datastores/customers"
    name = rest.call("POST", f"{customers}/items/new", {"item": {"name": "Customer"}})
    assert name.status == 200, name.body
    for at, text in enumerate(TRICKY):
        rest.new({"name": text, "code": f"c{at}", "amount": at / 4})
    rest.new(
        {
            "name": "whole",
            "due": "2026-01-05T09:00:00.123Z",
            "size": "L",
            "extras": ["fast", "gift"],
            "people": [ann],
            "paid": False,
            "customer": name.json["item_id"],
            "secret": "s",
        }
    )
    assert take(rest, "name,_status_\nfinished,Done\n") == []


def values(rest: Rest) -> list[dict[str, object]]:
    left_out = ("i_id", "created_by", "created_at", "unread", "rev_no", "updated_at", "updated_by")
    return [{k: v for k, v in one.items() if k not in left_out} for one in rows(rest)]


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_what_is_exported_is_imported_as_the_same_items(rest, form):
    fill(rest)
    before = values(rest)
    file = export(rest, form)
    assert take(rest, file, replace_all="true", overwrite_autonumber="true") == []
    assert values(rest) == before
    assert export(rest, "csv") == export(rest, "csv")


def test_csv_guards_texts_that_a_spreadsheet_would_compute(rest):
    fill(rest)
    found = list(csv.reader(io.StringIO(export(rest).decode(), newline="")))
    assert found[0][:3] == ["number", "name", "code"]
    assert found[0][-1] == "_status_"
    assert [one[1] for one in found[1:9]] == [f"'{one}" for one in TRICKY[:8]]
    assert found[9][1] == "'plain"


def test_export_takes_conditions_and_shows_what_the_caller_sees(rest):
    assert take(rest, "name,amount\nx,1\ny,2\nz,3\n") == []
    body = {"conditions": [{"id": "amount", "search_value": [2, None]}], "format": "csv"}
    body |= {"sort_field_id": "amount", "sort_order": "desc", "select_fields": ["name"]}
    reply = rest.call("POST", "/api/v0/applications/SHOP/datastores/orders/export", body)
    assert reply.body.decode() == "name,_status_\r\nz,New\r\ny,New\r\n"
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    assert b"secret" not in export(rest, user="bob")
    assert len(export(rest, user="eve").splitlines()) == 1


def test_an_export_of_another_form_is_400(rest):
    assert rest.call("GET", f"{BASE}/export?format=pdf").status == 400
    rest.new({"name": "x" * 40_000})
    assert rest.call("GET", f"{BASE}/export?format=xlsx").status == 400


def make_xlsx(cells: list[list[object]], path: Path) -> bytes:
    book = xlsxwriter.Workbook(str(path), {"default_date_format": "yyyy-mm-dd"})
    sheet = book.add_worksheet()
    for at, row in enumerate(cells):
        sheet.write_row(at, 0, row)
    book.close()
    return path.read_bytes()


def test_typed_cells_of_a_spreadsheet_are_read(rest, tmp_path):
    from datetime import datetime

    file = make_xlsx(
        [
            ["name", "amount", "due", "paid"],
            ["x", 12, datetime(2026, 1, 5, 9), True],  # noqa: DTZ001
            [],
            ["y", 0.5, None, None],
        ],
        tmp_path / "made.xlsx",
    )
    assert take(rest, file) == []
    found = rows(rest)
    assert [(one["name"], one["amount"], one["paid"]) for one in found] == [
        ("x", "12", "true"),
        ("y", "0.5", None),
    ]
    assert found[0]["due"] == "2026-01-05T09:00:00Z"


def test_a_spreadsheet_is_told_of_by_line(rest, tmp_path):
    file = make_xlsx([["name", "amount"], ["x", 1], [], ["y", "?"]], tmp_path / "made.xlsx")
    assert take(rest, file) == [(4, "amount: must be a number")]


def test_a_spreadsheet_that_spans_too_much_is_refused(rest, tmp_path):
    path = tmp_path / "made.xlsx"
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet()
    sheet.write(0, 0, "name")
    sheet.write(1_000_000, 16_000, "far")
    book.close()
    (error,) = take(rest, path.read_bytes())
    assert "spans" in error[1]
