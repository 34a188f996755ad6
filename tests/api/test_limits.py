"""Every limit is tried one over. Those that no other file tries are tried here."""

from __future__ import annotations

import ast
import asyncio
import io
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

import hikidashi
from hikidashi.api.hexabase_rest.reads_bodies import timeout_ms
from hikidashi.core import cursor
from hikidashi.core.commands import Entry, Op, WriteItem
from hikidashi.core.errors import FaultError, FaultKind
from hikidashi.core.file_types import _ENDING_CHARS_MAX, clean_name
from hikidashi.core.formula.values import _NUMERAL_CHARS_MAX, round_to
from hikidashi.core.limits import (
    FILE_NAME_BYTES_MAX,
    FORMULA_EXPONENT_MAX,
    GROUP_LEVELS_MAX,
    INTEGER_MAX,
    LIST_MS_MAX,
    PASSWORD_CHARS_MIN,
    QUERY_FIELDS_MAX,
    QUEUE_JOBS_MAX,
    ROW_NUMBER_END,
    SEARCH_MATCHES_MAX,
)
from hikidashi.core.sheets import _COLUMNS_MAX
from hikidashi.service.identity import _ADDRESS_CHARS_MAX, _TOKEN_CHARS_MAX
from hikidashi.service.passwords import check_password
from hikidashi.service.schema import SchemaError, loads, schema_apply
from hikidashi.storage.imports import ERRORS_MAX
from tests.api.doors_table import FORM, KEY, PLACE, ROOMS
from tests.api.rest import Rest
from tests.deterministic import FixedClock, fixed_ids
from tests.files.papers import form
from tests.writes.client import Client

WORLD = Path(__file__).parent.parent / "worlds" / "doors.yaml"
# Bounds that refuse no request: what is kept in memory, tried again, remarked on or cut in a text.
NOT_REFUSALS = {
    *("_ACTORS_MAX", "_ASPECTS_MAX", "_CHOICES_MAX", "_FRAMES_MAX", "_KNOWN_MAX", "_PEOPLE_MAX"),
    *("MISSES_MAX", "RESTARTS_MAX", "_RESTARTS_MAX", "RETRIES_MAX", "_RETRIES_MAX", "_PROBES_MAX"),
    *(
        "COPY_ROWS_MIN",
        "FIELDS_SHOWN_MAX",
        "_DIGITS_MAX",  # what has more is over INTEGER_MAX
        "_SHOWN_MAX",
        "FREE_BYTES_MIN",
        "_LOOKUP_LEVELS_MAX",
        "_EXPANDED_MAX",
        "_PARTS_MAX",
        "_WORDS_MAX",
    ),
    # How much is held or done at once; what is beyond waits, or is made anew.
    *("COUNTED_MAX", "DELIVERIES_CLAIMED_MAX", "PARAMS_TOGETHER_MAX", "SCHEDULE_RUNS_AT_ONCE"),
    *("_IDLE_CONTEXTS_MAX", "_IDLE_BYTES_MAX", "_SOURCES_MAX", "_TEXTS_MAX", "_SAID_CHARS_MAX"),
    # What the system keeps a worker of scripts to, beside its own limits.
    *("_CPU_SECONDS_MAX", "_FILES_MAX"),
    # Times of one statement, which the databases keep: what happens past them is tried with less.
    "READ_MS",
    # The time of one try, which tests of a receiver that hangs make shorter.
}


def limits() -> Iterator[str]:
    """The names of all bounds in the program."""
    for path in Path(hikidashi.__file__).parent.rglob("*.py"):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.Assign):
                (target, *_) = node.targets
            elif isinstance(node, ast.AnnAssign):
                target = node.target
            else:
                continue
            name = target.id if isinstance(target, ast.Name) else ""
            if name.endswith(("_MAX", "_MIN")) or (path.name == "limits.py" and name.isupper()):
                yield name


def test_every_limit_is_named_by_a_test():
    folder = Path(__file__).parent.parent
    words = {
        word
        for path in folder.rglob("*.py")
        for word in re.findall(r"\w+", path.read_text("utf-8").split("NOT_REFUSALS = {")[0])
    }
    words |= set(
        re.findall(r"\w+", Path(__file__).read_text("utf-8").rpartition("def test_every")[2])
    )
    known = set(limits())
    assert known - words == known & NOT_REFUSALS
    assert known >= NOT_REFUSALS


# --- requests ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def opened(new_database, tmp_path_factory) -> Iterator[Rest]:
    clock = FixedClock()
    with asyncio.Runner() as runner:
        url = new_database(tmp_path_factory.mktemp("limits"))
        made = Rest(url, clock, fixed_ids(clock), runner, WORLD, ROOMS)
        made.token("eve")
        yield made
        made.close()


@pytest.fixture
def rest(opened: Rest) -> Rest:
    opened.empty()
    return opened


def new(rest: Rest, **values: Any) -> Any:
    return rest.call("POST", f"{ROOMS}/items/new", {"item": values}, user="eve")


@pytest.mark.parametrize(
    ("count", "status"), [(QUERY_FIELDS_MAX, 200), (QUERY_FIELDS_MAX + 1, 400)]
)
def test_the_parts_of_a_query_string(rest, count, status):
    query = "&".join(f"k{at}=1" for at in range(count))
    assert rest.call("GET", f"{ROOMS}/fields?{query}", user="eve").status == status


@pytest.mark.parametrize("length", [_TOKEN_CHARS_MAX, _TOKEN_CHARS_MAX + 1])
def test_a_token(rest, length):
    assert rest.call("GET", f"{ROOMS}/fields", token="x" * length).status == 401


@pytest.mark.parametrize("length", [_ADDRESS_CHARS_MAX, _ADDRESS_CHARS_MAX + 1])
def test_an_address(rest, length):
    body = {"email": "x" * length, "password": "x"}
    assert rest.call("POST", "/api/v0/login", body, token="").status == 401
    kept = rest.rows("SELECT count(*) FROM login_failures")
    assert kept == [(int(length <= _ADDRESS_CHARS_MAX),)]


@pytest.mark.parametrize("length", [PASSWORD_CHARS_MIN, PASSWORD_CHARS_MIN - 1])
def test_a_short_password(length):
    if length < PASSWORD_CHARS_MIN:
        with pytest.raises(FaultError) as raised:
            check_password("x" * length)
        assert f"at least {PASSWORD_CHARS_MIN} characters" in raised.value.faults[0].description
    else:
        check_password("x" * length)


def test_logins_that_wait(rest, monkeypatch):
    monkeypatch.setattr("hikidashi.service.passwords.WAITING_MAX", 0)
    body = {"email": "eve@doors.test", "password": "eve-password"}
    assert rest.call("POST", "/api/v0/login", body, token="").status == 503


@pytest.mark.parametrize(("row", "code"), [(INTEGER_MAX, 404), (INTEGER_MAX + 1, 400)])
def test_a_row_number(rest, row, code):
    path = "/autodev/CustomTableValue/UD/doorstestcode/1"
    body = {"update": {"id": row, "name": "x"}}
    assert rest.call("POST", path, body, headers=KEY, token="").json["Code"] == code


@pytest.mark.parametrize("row", [ROW_NUMBER_END - 1, ROW_NUMBER_END])
def test_a_row_number_that_no_column_holds(rest, row):
    command = WriteItem("DOORS", Entry(Op.UPDATE, "ROOMS", row=row, values={"name": "x"}))
    with pytest.raises(FaultError) as raised:
        rest.run(rest.app.run(rest.identity("eve"), command))
    assert raised.value.kind is FaultKind.NO_ITEM


def test_writes_that_wait(rest, monkeypatch):
    monkeypatch.setattr("hikidashi.storage.driver.QUEUE_JOBS_MAX", 0)
    assert QUEUE_JOBS_MAX > 0
    reply = new(rest, name="x")
    assert (reply.status, "over 0 writes are waiting" in reply.body.decode()) == (503, True)
    monkeypatch.undo()
    assert new(rest, name="x").status == 200


def test_texts_that_a_search_looks_at(rest, monkeypatch):
    if rest.app.store.engine.name != "sqlite":
        pytest.skip("PostgreSQL looks at all of them")
    assert SEARCH_MATCHES_MAX > 1
    for at in range(3):
        new(rest, name=f"会議 {at}")
    monkeypatch.setattr("hikidashi.storage.engines.sqlite.SEARCH_MATCHES_MAX", 2)
    found = rest.call("POST", "/api/v0/globalsearch", {"query": "会議"}, user="eve").json
    assert [one["title"] for one in found["search_result"]] == ["会議 2", "会議 1"]


def test_the_values_of_a_statement(rest, monkeypatch):
    path, body = (
        f"{ROOMS}/items/search",
        {"conditions": [{"id": "name", "search_value": ["a"] * 9}]},
    )
    assert rest.call("POST", path, body, user="eve").status == 200
    monkeypatch.setattr("hikidashi.storage.search_sql._PARAMS_MAX", 5)
    reply = rest.call("POST", path, body, user="eve")
    assert (reply.status, b"too many values" in reply.body) == (400, True)


def test_a_cursor(rest, monkeypatch):
    monkeypatch.setattr(cursor, "_CHARS_MAX", 10)
    reply = rest.call(
        "POST", f"{ROOMS}/items/search", {"after": "A" * 11, "per_page": 1}, user="eve"
    )
    assert (reply.status, b"after" in reply.body) == (400, True)


@pytest.mark.parametrize(
    ("seconds", "wanted"),
    [
        (None, None),
        (0, None),
        (0.0001, 1),
        (600, LIST_MS_MAX),
        (601, LIST_MS_MAX),
        (1e300, LIST_MS_MAX),
    ],
)
def test_the_time_of_a_list(seconds, wanted):
    assert timeout_ms(seconds) == wanted


# --- values and definitions -------------------------------------------------------------------


def test_the_name_of_a_file():
    assert clean_name("x" * FILE_NAME_BYTES_MAX) == "x" * FILE_NAME_BYTES_MAX
    assert clean_name("x" * (FILE_NAME_BYTES_MAX + 1)) == "x" * FILE_NAME_BYTES_MAX
    ending = "." + "e" * _ENDING_CHARS_MAX
    assert clean_name("長" * 300 + ending).endswith(f"長{ending}")
    assert len(clean_name("長" * 300 + ending).encode()) <= FILE_NAME_BYTES_MAX
    assert not clean_name("長" * 300 + ending + "e").endswith("e")


SCHEMA = """
workspaces:
  - name: Shop
    users: [{email: ann@shop.test, name: Ann, password: ann-password, admin: true}]
    applications:
      - display_id: SHOP
        roles: [{display_id: ADMIN, may_design: true, users: [ann@shop.test]}]
        datastores:
          - display_id: ORDERS
            fields:
              - {display_id: text, type: text}
              - {display_id: number, type: calc, formula: "number(text)"}
            actions: [{display_id: Make, operation: new, default: true}]
"""


@pytest.fixture
def shop(engine_url) -> Iterator[Client]:
    made = Client(engine_url, SCHEMA)
    yield made
    made.served.close()


def test_a_numeral_that_a_formula_reads(shop):
    digits = "0" * (_NUMERAL_CHARS_MAX - 1)
    for text, wanted in ((f"{digits}7", 7), (f"{digits}07", None)):
        item = shop.new(text=text)
        assert shop.details(item)["number"] == wanted


def test_the_digits_that_a_formula_rounds_to():
    for digits in (FORMULA_EXPONENT_MAX, -FORMULA_EXPONENT_MAX):
        assert round_to(Decimal(7), Decimal(digits), "ROUND_HALF_UP") in (0, 7)
        over = digits + (1 if digits > 0 else -1)
        with pytest.raises(ArithmeticError):
            round_to(Decimal(7), Decimal(over), "ROUND_HALF_UP")


@pytest.mark.parametrize("levels", [GROUP_LEVELS_MAX, GROUP_LEVELS_MAX + 1])
def test_the_levels_of_groups(engine_url, levels):
    group = ""
    for at in reversed(range(levels)):
        below = f", children: [{group}]" if group else ""
        group = f"{{display_id: G{at}, name: G{below}}}"
    schema = loads(f"workspaces: [{{name: W, top_group: {group}}}]")
    app = Client(engine_url, "").served
    apply = schema_apply(app.app.store, app.app.ids, app.app.clock, schema)
    if levels > GROUP_LEVELS_MAX:
        with pytest.raises(SchemaError, match=f"more than {GROUP_LEVELS_MAX} levels deep"):
            app.run(apply)
    else:
        app.run(apply)
    app.close()


# --- files to import and export ---------------------------------------------------------------


def take(rest: Rest, content: bytes, **fields: str) -> list[tuple[int, str]]:
    """What is wrong with a file."""
    parts = [(key, one.encode()) for key, one in {"no_queue": "true", **fields}.items()]
    body = form(*parts, ("file", content, "a.csv"))
    told = rest.call("POST", f"{ROOMS}/import", body, user="eve", headers=FORM)
    assert told.status == 200, told.body
    result = rest.call("GET", f"{PLACE}/import/{told.json['temp_datastore_id']}", user="eve")
    errors = result.json["errors"] if result.body else []
    if errors:
        assert rest.call("POST", f"{ROOMS}/items/search", {}, user="eve").json["totalItems"] == 0
    return [(one["line"], one["description"]) for one in errors]


def book(rows: int, columns: int) -> bytes:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as made:
        sheet = made.add_worksheet()
        for row in range(rows):
            for column in range(columns):
                sheet.write(row, column, "name" if row == 0 else "x")
    return file.getvalue()


@pytest.mark.parametrize("count", [ERRORS_MAX, ERRORS_MAX + 1])
def test_the_errors_of_a_file(rest, count):
    assert len(take(rest, b"amount\n" + b"x\n" * count)) == ERRORS_MAX


def test_the_columns_of_a_file(rest):
    for count, words in ((_COLUMNS_MAX, "is not a field"), (_COLUMNS_MAX + 1, "columns")):
        header = ",".join(f"c{at}" for at in range(count)).encode()
        ((line, told), *_) = take(rest, header + b"\n")
        assert (line, "over 1000 columns" in told) == (1, words == "columns")


def test_a_line_of_a_file(rest, monkeypatch):
    monkeypatch.setattr("hikidashi.service.sheet_files._LINE_BYTES_MAX", 20)
    assert take(rest, b"name\n" + b"x" * 20 + b"\n") == [(2, "the line has over 20 bytes")]
    assert take(rest, b"name\n" + b"x" * 18 + b"\n") == []


@pytest.mark.parametrize(
    ("name", "words"), [("_UNPACKED_BYTES_MAX", "unpacks to over"), ("_CELLS_MAX", "5 cells")]
)
def test_a_sheet_that_unpacks_to_too_much(rest, monkeypatch, name, words):
    monkeypatch.setattr(f"hikidashi.service.sheet_files.{name}", 5)
    ((_, told),) = take(rest, book(6, 1))
    assert words in told
    monkeypatch.undo()
    assert take(rest, book(5, 1)) == []


@pytest.mark.parametrize(
    ("name", "words"), [("_XLSX_ROWS_MAX", b"1 items"), ("_XLSX_CHARS_MAX", b"1 characters")]
)
def test_a_sheet_that_has_no_room(rest, monkeypatch, name, words):
    for text in ("x", "xy"):
        new(rest, name=text)
    path = f"{ROOMS}/export?format=xlsx"
    assert rest.call("GET", path, user="eve").status == 200
    monkeypatch.setattr(f"hikidashi.service.sheet_files.{name}", 1)
    reply = rest.call("GET", path, user="eve")
    assert (reply.status, words in reply.body) == (400, True), reply.body


def test_files_that_wait(rest, monkeypatch):
    monkeypatch.setattr("hikidashi.service.imports.WAITING_MAX", -1)
    body = form(("no_queue", b"true"), ("file", b"name\nx\n", "a.csv"))
    assert rest.call("POST", f"{ROOMS}/import", body, user="eve", headers=FORM).status == 503
