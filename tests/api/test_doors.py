"""No route shows, counts, sorts by, finds, links to, exports or changes what the caller's keys don't
open: the answer for a hidden item is the answer for one that is not there."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hikidashi.api.hexabase_rest.routes import CALLS as HEXABASE_CALLS
from hikidashi.api.hottask import list_calls
from tests.api.doors_table import DOORS, FORM, HUSH, KEY, ROOMS, SECRETS, Door
from tests.api.itemless_table import NO_ITEMS
from tests.api.rest import Reply, Rest
from tests.deterministic import FixedClock, fixed_ids
from tests.files.papers import form

WORLD = Path(__file__).parent.parent / "worlds" / "doors.yaml"
VAULT = ROOMS.replace("ROOMS", "VAULT")
ID = re.compile(rb"[0-9a-f]{24}")
TABLES = ("histories", "outbox", "texts", "files", "read_marks")


@dataclass
class Subject:
    """What is asked after, and all that belongs to it."""

    item: str = "0" * 23 + "1"
    file: str = "0" * 23 + "2"
    comment: str = "0" * 23 + "3"
    reserved: str = "0" * 23 + "4"
    job: str = "0" * 23 + "5"
    row: int = 999_999
    number: int = 999_998

    def words(self) -> dict[str, str]:
        """What stands for it in a request."""
        return {
            "@item": self.item,
            "@file": self.file,
            "@comment": self.comment,
            "@reserved": self.reserved,
            "@import": self.job,
        }


class House(Rest):
    """Who tries the doors is Eve. What is hidden is Bob's, Ann's in the vault, or a stranger's."""

    is_used = False  # whether what is hidden may have been changed

    def make(self, values: dict[str, Any], user: str, base: str = ROOMS) -> str:
        """Create an item; its id."""
        reply = self.call("POST", f"{base}/items/new", {"item": values}, user=user)
        assert reply.status == 200, reply.body
        return str(reply.json["item_id"])

    def hide(self, user: str, base: str = ROOMS) -> Subject:
        """Something with a file, a comment, two revisions, a reserved id and an import."""
        body = form(("fileName", "隠し図.txt".encode()), ("file", b"the hidden bytes", "x"))
        file = self.call("POST", "/api/v0/files", body, user=user, headers=FORM).json["file_id"]
        values = {"name": "秘密の品", "tag": HUSH, "amount": 987654321, "paper": [file]}
        item = self.make(values, user, base)
        edit = {"is_force_update": True, "item": {"name": "秘密の品 2"}, "comment": "囁き"}
        assert self.call("POST", f"{base}/items/edit/{item}", edit, user=user).status == 200
        path = f"{base}/items/histories/{item}"
        reply = self.call("POST", path, {"comment": "囁き"}, user=user)
        assert reply.status == 200, reply.body
        comment = self.rows("SELECT id FROM histories WHERE item_id = ? AND rev = 2", item)[-1][0]
        place = self.rows("SELECT datastore_id FROM histories WHERE item_id = ?", item)[0][0]
        create = f"/api/v0/datastores/{place}/items/create-id"
        reserved = self.call("POST", create, user=user).json["item_id"]
        sheet = form(("no_queue", b"true"), ("file", b"nothing\nx\n", "a.csv"))
        told = self.call("POST", f"{base}/import", sheet, user=user, headers=FORM).json
        [(row,)] = self.rows(f"SELECT n FROM i_{place} WHERE id = ?", item)
        [(number,)] = self.rows("SELECT n FROM files WHERE id = ?", file)
        return Subject(item, file, comment, reserved, told["temp_datastore_id"], row, number)

    def link(self, source: str, target: str) -> None:
        """AddItemLink by Bob."""
        body = {"link_datastore_id": "ROOMS", "link_item_id": target}
        reply = self.call("POST", f"{ROOMS}/items/addlink/{source}", body, user="bob")
        assert reply.status == 200, reply.body

    def knock(
        self, door: Door, subject: Subject, names: dict[str, str], user: str = "eve"
    ) -> tuple[int, str, bytes]:
        """Send a door's request: status, content type, and the body with ids made alike."""
        words = {**names, **subject.words(), '"@row"': str(subject.row)}
        words['"@number"'] = str(subject.number)
        is_form = isinstance(door.body, bytes)
        text = door.body if is_form else json.dumps(door.body).encode()
        path = door.path
        for word, meant in words.items():
            path = path.replace(word, meant)
            text = text.replace(word.encode(), meant.encode())
        more: dict[str, Any] = {"headers": FORM} if is_form else {}
        if door.call.startswith("hottask"):
            more = {"headers": KEY, "token": ""}
        body = None if door.body is None else text
        reply: Reply = self.call(door.method, path, body, user=user, **more)
        for word in SECRETS:
            assert user == "bob" or word.encode() not in reply.body, (door, reply.body)
        if user == "bob" and door.method != "GET" and reply.status < 300:
            self.is_used = True
        told = reply.body
        if door.call == "ImportItems":
            job = reply.json["temp_datastore_id"]
            told = self.call(
                "GET", f"{ROOMS.split('/app')[0]}/datastores/ROOMS/import/{job}", user=user
            ).body
        told = ID.sub(b"<id>", told)
        if "@row" in str(door.body):
            told = told.replace(f":{subject.row}".encode(), b":<row>")
            told = told.replace(f" {subject.row} ".encode(), b" <row> ")
        if "@number" in str(door.body):
            told = told.replace(f":{subject.number}".encode(), b":<number>")
        return reply.status, reply.headers.get("content-type", ""), told

    def kept(self, *subjects: Subject) -> list[Any]:
        """All that the database holds of subjects."""
        items, ids = [one.item for one in subjects], [one.reserved for one in subjects]
        marks = ", ".join("?" * len(items)) or "''"
        places = [
            f"i_{place.id}"
            for catalog in self.catalogs
            for project in catalog.projects
            for place in project.datastores
        ]
        return [
            self.rows(f"SELECT * FROM {table} WHERE {column} IN ({marks}) ORDER BY 1, 2", *wanted)
            for table, column, wanted in (
                *((table, "item_id", items) for table in TABLES),
                *((table, "id", items) for table in places),
                ("reserved_items", "id", ids),
                ("links", "from_item", items),
                ("links", "to_item", items),
            )
        ]


@pytest.fixture(scope="module")
def house(new_database, tmp_path_factory) -> Iterator[House]:
    clock = FixedClock()
    with asyncio.Runner() as runner:
        folder = tmp_path_factory.mktemp("doors")
        settings = {"files": str(folder / "bytes")}
        url = new_database(folder)
        made = House(url, clock, fixed_ids(clock), runner, WORLD, ROOMS, **settings)
        for name in ("ann", "bob", "eve", "zoe"):
            made.token(name)
        yield made
        made.close()


def actions(house: House) -> dict[str, str]:
    rooms = house.catalogs[0].projects[0].find_datastore("ROOMS")
    assert rooms is not None
    found = {one.display_id: one.id for one in rooms.actions}
    return {"@finish": found["Finish"], "@copy": found["Copy"]}


def furnish(house: House) -> dict[str, str]:
    """Two linked items that all members see, the first with a comment of Eve's."""
    seen, peer = (house.make({"name": "見える", "tag": one}, "eve") for one in ("a", "b"))
    for item in (seen, peer):
        share = {"is_force_update": True}
        assert (
            house.call("POST", f"{ROOMS}/items/action/{item}/Share", share, user="eve").status
            == 200
        )
    house.link(seen, peer)
    path = f"{ROOMS}/items/histories/{seen}"
    house.call("POST", path, {"comment": "here"}, user="eve")
    own = house.rows("SELECT id FROM histories WHERE item_id = ? AND action_id = ''", seen)[0][0]
    shelf = house.make({"name": "s"}, "eve", ROOMS.replace("ROOMS", "SHELF"))
    return {"@seen": seen, "@peer": peer, "@shelf": shelf, "@own": own, **actions(house)}


def hide_all(house: House, names: dict[str, str]) -> tuple[Subject, Subject, Subject]:
    hidden = house.hide("bob")
    house.link(names["@seen"], hidden.item)
    house.link(hidden.item, names["@seen"])
    return hidden, house.hide("ann", VAULT), house.hide("zoe")


def test_every_route_is_tried_or_is_not_about_items():
    calls = {one.name for one in (*HEXABASE_CALLS, *list_calls())}
    tried = {one.call for one in DOORS}
    assert tried | NO_ITEMS.keys() == calls
    assert not tried & NO_ITEMS.keys()


def test_what_is_hidden_is_answered_as_if_it_were_not_there(house):
    house.empty()
    names = furnish(house)
    subjects = hide_all(house, names)
    before = house.kept(*subjects)
    wrong = []
    for door in DOORS:
        if not door.names_item:
            continue
        missing = house.knock(door, Subject(), names)
        text = str(door.body)
        alike = 1 if "@row" in text else 2 if "@number" in text else 3  # places that count together
        for subject in subjects[:alike]:
            told = house.knock(door, subject, names)
            if told != missing:
                wrong.append((door, subjects.index(subject), told, missing))
            assert house.kept(*subjects) == before, door
    assert wrong == []


def test_each_of_these_doors_opens_for_who_holds_the_keys(house):
    """Otherwise the test above would try nothing."""
    house.empty()
    names = furnish(house)
    house.is_used = True
    shut = []
    for door in DOORS:
        if not door.names_item or door.is_alike or door.call.startswith("hottask"):
            continue
        missing = house.knock(door, Subject(), names, "bob")
        if house.is_used:
            hidden, house.is_used = house.hide("bob"), False
            house.link(names["@seen"], hidden.item)
            house.link(hidden.item, names["@seen"])
        if house.knock(door, hidden, names, "bob") == missing:
            shut.append(door)
    assert shut == []


def test_what_is_of_all_items_is_of_those_that_one_sees(house):
    answers = []
    for is_hidden in (False, True):
        house.empty()
        names = furnish(house)
        subjects = hide_all(house, names) if is_hidden else ()
        before = house.kept(*subjects)
        told = []
        for door in DOORS:
            if not door.names_item:
                told.append((door, house.knock(door, Subject(), names)))
                assert house.kept(*subjects) == before, door
        answers.append(told)
    wrong = [pair for pair in zip(*answers, strict=True) if pair[0] != pair[1]]
    assert wrong == []


def test_an_item_that_looks_up_a_hidden_one_says_nothing_of_it(house):
    house.empty()
    names = furnish(house)
    (hidden, *_) = hide_all(house, names)
    looks = {"is_force_update": True, "item": {"other": hidden.item}, "action_id": "Share"}
    assert (
        house.call("POST", f"{ROOMS}/items/edit/{names['@seen']}", looks, user="bob").status == 200
    )
    for door in DOORS:
        if not door.names_item:
            house.knock(door, Subject(), names)
