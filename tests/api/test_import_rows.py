"""Rows as the check of a file has parsed them, and as the file itself has them: the same writes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from hikidashi.service import imports, parsed_rows
from hikidashi.storage import imports as stored_imports
from tests.api.rest import Rest
from tests.api.test_imports import BASE, WORLD, take
from tests.deterministic import FixedClock, fixed_ids

CUSTOMERS = "/api/v0/applications/SHOP/datastores/customers"
NUMBERS = {"overwrite_autonumber": "true"}
KEY = {"key_field_displayid": "code"}


@pytest.fixture(scope="module")
def opened(new_database, tmp_path_factory) -> Iterator[Rest]:
    clock = FixedClock()
    with asyncio.Runner() as runner:
        url = new_database(tmp_path_factory.mktemp("shop"))
        made = Rest(url, clock, fixed_ids(clock), runner, WORLD, BASE)
        made.token("ann")
        yield made
        made.close()


@pytest.fixture
def rest(opened: Rest, monkeypatch: pytest.MonkeyPatch) -> Rest:
    monkeypatch.setattr(imports, "STAGED_ROWS", 3)
    opened.empty()
    return opened


@pytest.fixture
def strict(new_database, tmp_path) -> Iterator[Rest]:
    """Whoever makes an order has to name it, and says nothing of its amount."""
    clock = FixedClock()
    plain = "operation: new, default: true, "
    world = WORLD.read_text()
    assert plain in world
    rules = "fields: {name: {mandatory: true}, amount: {update: false}}, "
    (tmp_path / "shop.yaml").write_text(world.replace(plain, plain + rules, 1))
    with asyncio.Runner() as runner:
        place = tmp_path / "shop.yaml"
        made = Rest(new_database(tmp_path), clock, fixed_ids(clock), runner, place, BASE)
        made.token("ann")
        yield made
        made.close()


CASES = {
    "every kind of value": (
        """name,code,amount,due,size,extras,paid,secret
a,1,1.5,2026-01-05T09:00:00.123Z,L,gift,true,s
b,2,,2026-01-05,S,"fast,gift",false,
,,,,,,,
'=1+1,4,-0,2026-01-05T09:00:00.123Z,Large,gift,,x
""",
        {},
    ),
    "an item and people who are named": ("name,customer,people\na,{item},{ann}\nb,,\n", {}),
    "an item that is not there": (f"name,customer\na,{{item}}\nb,{'0' * 24}\nc,\n", {}),
    "a user who is not there": (f"name,people\na,{{ann}}\nb,{'0' * 24}\n", {}),
    "statuses and groups": ("name,_status_,_group_id_\na,Done,ALL\nb,,\nc,Done,\n", {}),
    "numbers that are given": ("name,number\na,O-000003\nb,\nc,\nd,X\n", NUMBERS),
    "numbers that are taken": ("name,number\nz,O-000001\n", NUMBERS),
    "a number that is the key": (
        "number,name\n,a\nO-000001,b\n",
        {"key_field_displayid": "number"},
    ),
    "rows that make items and rows that change them": ("code,name\nthere,a\nnew,b\n,c\n", KEY),
    "a row that deletes": ("code,name,_delete_\nthere,,1\nthere2,c,\n", KEY),
    "a unique value that is taken": ("name,code\na,1\nb,2\nc,3\nd,there\n", {}),
    "all of it, whatever the key": ("name,code\na,5\n", {**KEY, "append": "true"}),
    "instead of what is there": ("name,code\na,there\nb,2\n", {"replace_all": "true"}),
}


@pytest.mark.parametrize("case", CASES)
def test_rows_that_are_parsed_make_what_the_file_itself_makes(rest, monkeypatch, case):
    file, options = CASES[case]
    found = []
    for parts in (imports._parsed_parts, lambda file: imports._raw_parts(file.path, 0)):
        monkeypatch.setattr(imports, "_parsed_parts", parts)
        rest.empty()
        item = rest.call("POST", f"{CUSTOMERS}/items/new", {"item": {"name": "C"}}).json["item_id"]
        rest.new({"name": "there", "code": "there"})
        text = file.replace("{item}", item).replace("{ann}", rest.identity("ann").user)
        errors = [(line, said.replace(item, "")) for line, said in take(rest, text, **options)]
        kept = rest.contents()
        kept["access sets"] = sorted({str(one) for one in kept["access sets"]})
        found.append((errors, kept))
    assert found[0] == found[1]


def test_what_the_action_wants_and_forbids_is_told_by_line(strict):
    assert take(strict, "name,code\na,1\n,2\nc,3\n") == [
        (3, "required field for this action"),
    ]
    assert [line for line, _ in take(strict, "name,amount\na,1\nb,\n")] == [2, 3]
    assert take(strict, "name\na\n") == []


def test_rows_are_read_anew_once_definitions_have_moved(rest, monkeypatch):
    moved, raw = [], []
    write, parts = imports.Imports._write_part, imports._raw_parts

    def write_and_move(self, *given, **how):
        written = write(self, *given, **how)
        if not moved:
            given[-1].query("UPDATE workspaces SET catalog_number = catalog_number + 1")
            moved.append(True)
        return written

    monkeypatch.setattr(imports.Imports, "_write_part", write_and_move)
    monkeypatch.setattr(imports, "_raw_parts", lambda path, at: raw.append(at) or parts(path, at))
    assert take(rest, "name,code\n" + "".join(f"n{at},c{at}\n" for at in range(10))) == []
    assert raw == [3]
    found = rest.call("POST", f"{BASE}/items/search", {"use_display_id": True}).json["items"]
    assert sorted(one["number"] for one in found) == [f"O-{at:06}" for at in range(1, 11)]


def test_rows_are_written_one_by_one_where_the_database_refuses_one(rest, monkeypatch):
    """As it does when somebody else takes a value between the look at it and the write."""
    refused = []
    write = stored_imports.FileWriter._write

    def refuse(self, work):
        if not self._singly:
            refused.append(work)
            raise stored_imports.TakenValueError
        return write(self, work)

    monkeypatch.setattr(stored_imports.FileWriter, "_write", refuse)
    assert take(rest, "name,code\n" + "".join(f"n{at},c{at}\n" for at in range(5))) == []
    assert len(refused) == 2
    found = rest.call("POST", f"{BASE}/items/search", {"use_display_id": True}).json["items"]
    assert sorted(one["number"] for one in found) == [f"O-{at:06}" for at in range(1, 6)]


def test_a_full_disk_refuses_the_file(rest, monkeypatch, tmp_path):
    monkeypatch.setattr(imports, "parsed_path", lambda path: tmp_path / "none" / path.name)
    before = rest.contents()
    (error,) = take(rest, "name\na\n")
    assert error[0] == 0
    assert "temporarily unavailable" in error[1]
    assert rest.contents() == before


def test_nothing_is_left_beside_a_file(rest, monkeypatch):
    kept = []
    place = parsed_rows.parsed_path
    monkeypatch.setattr(imports, "parsed_path", lambda path: kept.append(place(path)) or kept[-1])
    assert take(rest, "name\na\n") == []
    assert take(rest, "amount\nx\n") != []
    assert kept
    assert not [one for one in kept if one.exists()]
