"""Every write path leaves histories that, carried out again, are the items it leaves."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hikidashi.api.hexabase_rest.routes import CALLS as HEXABASE_CALLS
from hikidashi.api.hottask import list_calls
from hikidashi.core.computed import calc_plan
from hikidashi.core.items import Item
from hikidashi.core.replay import Revision, replay, rewind
from hikidashi.service.schema import loads, schema_apply
from hikidashi.storage.engines import Connection
from hikidashi.storage.items import list_revisions
from hikidashi.storage.tables import ACL_AT, item_table
from tests.api.doors_table import APP, FORCE, FORM, KEY, PLACE, ROOMS, SHELF
from tests.api.itemless_table import NO_ITEMS
from tests.api.rest import Rest
from tests.deterministic import FixedClock, fixed_ids
from tests.files.papers import form
from tests.kept import catalogs_of

WORLD = Path(__file__).parent.parent / "worlds" / "doors.yaml"
TABLE = "doorstestcode/1"
FULL = {"name": "名前", "tag": "t", "amount": 2.5, "other": "@new", "paper": ["@file", "@file2"]}
KEYS = {"overwrite": True, "roles_to_publish": ["MEMBER"], "users_to_publish": ["@bob"]}
NEW = {"operation": 1, "item": {"name": "child", "amount": 1}, "link_to_parent": True}
TARGET = {"link_datastore_id": "ROOMS", "link_item_id": "@new"}
WHERE = {"conditions": [{"id": "i_id", "search_value": ["@new", "@shared"]}]}


def sheet(text: str, **fields: str) -> bytes:
    """The form of an import that is waited for."""
    parts = [(key, one.encode()) for key, one in {"no_queue": "true", **fields}.items()]
    return form(*parts, ("file", text.encode(), "a.csv"))


def related(*entries: dict[str, Any]) -> dict[str, Any]:
    return {**FORCE, "ensure_transaction": True, "related_ds_items": {"ROOMS": list(entries)}}


# By route, what it can do to items: each request is sent with new items where it says `@new`.
WRITES: dict[str, list[tuple[Any, ...]]] = {
    "CreateItem": [
        ("POST", f"{ROOMS}/items/new", {"item": FULL, "comment": "made"}),
        ("POST", f"{ROOMS}/items/new", {"access_key_updates": KEYS}),
        ("POST", f"{SHELF}/items/new", related(NEW, {"operation": 11, "i_id": "@new"})),
        ("POST", f"{ROOMS}/items/new?dry_run=true", {"item": {"name": "x"}}),
    ],
    "CreateItemWithItemID": [
        (
            "POST",
            "/api/v0/items/@reserved/new-actions/Create",
            {"datastore_id": "65d000000000000000000001", "item": FULL},
        )
    ],
    "UpdateItem": [
        ("POST", f"{ROOMS}/items/edit/@new", {**FORCE, "item": FULL}),
        ("POST", f"{ROOMS}/items/edit/@shared", {**FORCE, "item": dict.fromkeys(FULL)}),
        ("POST", f"{ROOMS}/items/edit/@new", FORCE),
        ("POST", f"{ROOMS}/items/edit/@new", {**FORCE, "access_key_updates": KEYS}),
        (
            "POST",
            f"{ROOMS}/items/edit/@new",
            {**FORCE, "groups_to_publish": ["65d0000000000000000000a1"]},
        ),
        ("POST", f"{ROOMS}/items/edit/@new", {**FORCE, "item": {"people": ["@bob"]}}),
        ("POST", f"{ROOMS}/items/edit/@new", {**FORCE, "action_id": "Finish"}),
        (
            "POST",
            f"{SHELF}/items/edit/@shelf",
            related(NEW, {"operation": 2, "i_id": "@new", "item": {"amount": 9}}),
        ),
        ("POST", f"{SHELF}/items/edit/@shelf", related({"operation": 11, "i_id": "@shared"})),
        ("POST", f"{SHELF}/items/edit/@shelf", related({"operation": 12, "i_id": "@shared"})),
        ("POST", f"{SHELF}/items/edit/@shelf", related({"operation": 3, "i_id": "@new"})),
    ],
    "ExecuteAction": [
        ("POST", f"{ROOMS}/items/action/@new/{action}", {**FORCE, "item": {"amount": 3}})
        for action in ("Finish", "Share", "Copy")
    ]
    + [("POST", f"{ROOMS}/items/action/@new/Delete", FORCE)],
    "ExecuteActionByActionID": [
        ("POST", f"/api/v0/items/@new/actions/{action}", {**FORCE, "datastore_id": "ROOMS"})
        for action in ("@Finish", "@Share", "@Copy", "@Delete")
    ],
    "AddItemLink": [("POST", f"{ROOMS}/items/addlink/@shared", TARGET)],
    "UpdateItemLink": [
        (
            "POST",
            f"{ROOMS}/items/updatelink/@shared",
            {
                "old_link_datastore_id": "ROOMS",
                "old_link_item_id": "@linked",
                "new_link_datastore_id": "ROOMS",
                "new_link_item_id": "@new",
            },
        )
    ],
    "DeleteItemLink": [
        (
            "DELETE",
            f"{ROOMS}/items/dellink/@shared",
            {"link_datastore_id": "ROOMS", "link_item_id": "@linked"},
        )
    ],
    "PostItemComment": [("POST", f"{ROOMS}/items/histories/@shared", {"comment": "x"})],
    "UpdateItemComment": [
        ("PUT", f"{ROOMS}/items/histories/@shared/@comment", {"comment": "another"})
    ],
    "DeleteItemComment": [("DELETE", f"{ROOMS}/items/histories/@shared/@comment")],
    "RestoreItem": [
        ("POST", f"{ROOMS}/items/restore/@edited", {"rev_no": 3, "to": 1}),
        ("POST", f"{ROOMS}/items/restore/@edited", {"rev_no": 3, "to": 2, "action_id": "Share"}),
    ],
    "ExecuteBulkAction": [
        ("POST", f"{ROOMS}/items/bulkaction/{action}", {**WHERE, "item": {"amount": 7}})
        for action in ("Update", "Finish", "Share", "Copy")
    ]
    + [("POST", f"{ROOMS}/items/bulkaction/Delete", WHERE)],
    "ExecuteBatchAction": [
        (
            "POST",
            f"{APP}/BatchAction",
            {
                **FORCE,
                "item_actions": {
                    "ROOMS": [
                        {"operation": 1, "item": {"name": "b", "amount": 1}},
                        {"operation": 2, "i_id": "@shared", "item": {"amount": 8}},
                        {"operation": 2, "i_id": "@shared", "item": {"amount": None}},
                        {"operation": 3, "i_id": "@new"},
                    ]
                },
            },
        )
    ],
    "ImportItems": [
        ("POST", f"{ROOMS}/import", sheet("name,amount,_status_,_group_id_\na,1,Done,ALL\nb,,,\n")),
        (
            "POST",
            f"{ROOMS}/import",
            sheet("tag,amount\n@tag,5\nnew,6\n", key_field_displayid="tag"),
        ),
        ("POST", f"{ROOMS}/import", sheet("tag,number\nq,77\n", overwrite_autonumber="true")),
        (
            "POST",
            f"{ROOMS}/import",
            sheet("tag,_delete_,_status_\n@tag,true,\nnew,,Done\n", key_field_displayid="tag"),
        ),
        ("POST", f"{ROOMS}/import", sheet("name\nonly\n", replace_all="true")),
    ],
    "CreateNewItemID": [("POST", f"{PLACE}/items/create-id")],
    "GetAutoNumber": [("GET", f"{ROOMS}/fields/number/autonum")],
    "UpdateAutoNumber": [("POST", f"{ROOMS}/fields/number/autonum", {"auto_num": 500})],
    "UploadFile": [
        (
            "POST",
            "/api/v0/items/@shared/fields/paper/attachments",
            form(("application_id", b"DOORS"), ("datastore_id", b"ROOMS"), ("file", b"x", "a.txt")),
        )
    ],
    "UploadToStorage": [("POST", "/api/v0/files", form(("file", b"x", "a.txt")))],
    "DeleteFile": [("DELETE", "/api/v0/items/@filed/fields/paper/attachments/@held")],
    **{
        f"{name}.{verb}": [("POST", f"{base}/CustomTableValue/{verb}/{TABLE}", body)]
        for name, base in (("hottask", "/autodev"), ("hottask-staging", "/stagingautodev"))
        for verb, body in (
            ("Create", {"create": {"name": "row", "amount": 4}}),
            ("UD", {"update": {"id": "@row", "amount": 5}}),
        )
    },
    # Last, for they take away what there is.
    **{
        f"{name}.Delete": [
            ("POST", f"{base}/CustomTableValue/Create/{TABLE}", {"create": {"name": "short"}}),
            ("POST", f"{base}/CustomTableValue/Delete/{TABLE}", {"delete": {"id": "@row"}}),
        ]
        for name, base in (("hottask", "/autodev"), ("hottask-staging", "/stagingautodev"))
    },
    "DeleteItem": [
        ("DELETE", f"{ROOMS}/items/delete/@new", {}),
        (
            "DELETE",
            f"{ROOMS}/items/delete/@shared",
            {"delete_linked_items": True, "target_datastores": ["ROOMS"]},
        ),
    ],
    "DeleteItemByConditions": [
        ("DELETE", f"{ROOMS}/items/delete", WHERE),
        ("DELETE", f"{ROOMS}/items/delete", {"conditions": []}),
    ],
}
# What sends a body and writes no item, beside all that is called Get.
READS = {"ItemList", "GlobalSearch", "ExportItemsByConditions", "TryActionScript"}
READS |= {
    f"hottask{base}.{verb}"
    for base in ("", "-staging")
    for verb in ("Page", "List", "Count", "ReportUploadSuccess", "GetFileStaticUrl")
}
Images = dict[tuple[str, str, int], Item]  # by datastore, item and revision


class Book(Rest):
    """Who writes is Eve; what she writes is read again after each request."""

    seen: Images

    def look(self) -> None:
        """Keep every item as it is."""
        self.seen |= self.run(self.app.store.scan(self._images))

    def _images(self, connection: Connection) -> Images:
        keys: dict[int, set[str]] = {}
        for acl, key in connection.query("SELECT acl, key FROM access_sets"):
            keys.setdefault(acl, set()).add(key)
        found: Images = {}
        for place in self.catalogs[0].projects[0].datastores:
            table = item_table(place)
            for row in connection.query(table.select):
                item = table.item(row, frozenset(keys[row[ACL_AT]]))
                found[place.id, item.id, item.rev] = item
        return found

    def make(self, *edits: dict[str, Any], datastore: str = "ROOMS", share: bool = False) -> str:
        """A new item of Eve's, edited; its id."""
        base = f"{APP}/datastores/{datastore}"
        first, *later = edits or ({"name": "new", "amount": 1},)
        reply = self.call("POST", f"{base}/items/new", {"item": first}, user="eve")
        item = str(reply.json["item_id"])
        action = {"action_id": "Share"} if share else {}
        for values in (*later, *([{}] if share else [])):
            body = {**FORCE, **action, "item": values}
            assert self.call("POST", f"{base}/items/edit/{item}", body, user="eve").status == 200
        self.look()
        return item

    def file(self) -> str:
        body = form(("fileName", b"a.txt"), ("file", b"x", "a.txt"))
        reply = self.call("POST", "/api/v0/files", body, user="eve", headers=FORM)
        return str(reply.json["file_id"])

    def words(self, asked: str) -> dict[str, str]:
        """What stands for new things in a request, as far as it asks for them."""
        rooms = self.catalogs[0].projects[0].find_datastore("ROOMS")
        assert rooms is not None
        found = {f"@{one.display_id}": one.id for one in rooms.actions}
        found["@bob"] = self.identity("bob").user
        if re.search("@shared|@linked|@comment|@row", asked):
            found |= self.shared(rooms.id)
        if re.search("@filed|@held", asked):
            held = self.file()
            found |= {"@filed": self.make({"paper": [held, self.file()]}), "@held": held}
        if "@reserved" in asked:
            reply = self.call("POST", f"{PLACE}/items/create-id", user="eve")
            found["@reserved"] = reply.json["item_id"]
        if "@file" in asked:
            found |= {"@file2": self.file(), "@file": self.file()}
        if "@edited" in asked:
            found["@edited"] = self.make(
                {"name": "1", "amount": 1}, {"amount": None}, {"name": "3"}
            )
        if "@shelf" in asked:
            found["@shelf"] = self.make({"name": "s"}, datastore="SHELF")
        if re.search("@new|@tag", asked):
            tag = f"k{len(self.seen)}"
            found |= {"@new": self.make({"name": "new", "tag": tag, "amount": 1}), "@tag": tag}
        return dict(sorted(found.items(), key=lambda one: -len(one[0])))

    def shared(self, datastore: str) -> dict[str, str]:
        """An item that all members see, with a link and a comment."""
        shared, linked = self.make(share=True), self.make({"name": "linked"})
        body = {**TARGET, "link_item_id": linked}
        self.call("POST", f"{ROOMS}/items/addlink/{shared}", body, user="eve")
        path = f"{ROOMS}/items/histories/{shared}"
        self.call("POST", path, {"comment": "mine"}, user="eve")
        query = "SELECT id FROM histories WHERE item_id = ? AND action_id = ''"
        [(comment,)] = self.rows(query, shared)
        [(row,)] = self.rows(f"SELECT n FROM i_{datastore} WHERE id = ?", shared)
        return {
            "@shared": shared,
            "@linked": linked,
            "@comment": comment,
            '"@row"': str(row),
        }

    def write(self, call: str, method: str, path: str, body: Any = None) -> None:
        """Send one request, which has to be carried out."""
        is_form = isinstance(body, bytes)
        text = body if is_form else json.dumps(body).encode()
        for word, meant in self.words(path + str(body)).items():
            path = path.replace(word, meant)
            text = text.replace(word.encode(), meant.encode())
        more: dict[str, Any] = {"headers": FORM} if is_form else {}
        if call.startswith("hottask"):
            more = {"headers": KEY, "token": ""}
        user = "ann" if call == "UpdateAutoNumber" else "eve"
        reply = self.call(method, path, None if body is None else text, user=user, **more)
        assert reply.status < 300, (call, path, reply.body)
        told = reply.json if reply.body not in (b"", b"null") else {}
        assert not told.get("error"), told
        assert not told.get("errors"), told
        assert told.get("Success", True), told
        if call == "ImportItems":
            result = f"{PLACE}/import/{told['temp_datastore_id']}"
            refused = self.call("GET", result, user="eve").body
            assert refused == b"", refused
        self.look()


@pytest.fixture(scope="module")
def opened(new_database, tmp_path_factory) -> Iterator[Book]:
    clock = FixedClock()
    with asyncio.Runner() as runner:
        folder = tmp_path_factory.mktemp("book")
        url = new_database(folder)
        made = Book(url, clock, fixed_ids(clock), runner, WORLD, ROOMS, files=str(folder / "bytes"))
        made.token("eve")
        yield made
        made.close()


@pytest.fixture
def book(opened: Book) -> Book:
    opened.empty()
    opened.seen = {}
    return opened


def filled(item: Any) -> dict[str, object]:
    return {key: one for key, one in item.values.items() if one is not None}


def check(book: Book) -> None:
    """Forwards from nothing to each image that was seen, and back to it from the last."""
    last = {key[:2]: item for key, item in sorted(book.seen.items(), key=lambda one: one[0][2])}

    def read(connection: Connection) -> dict[str, list[Revision]]:
        return {
            id_: [
                Revision(one.rev, one.user, one.created_at, one.changes)
                for one in list_revisions(connection, id_, 1)
            ]
            for _, id_ in last
        }

    revisions = book.run(book.app.store.scan(read))
    for (place, id_, rev), was in book.seen.items():
        datastore = book.catalogs[0].find_datastore(place)
        assert datastore is not None
        told = [one for one in revisions[id_] if one.rev <= rev]
        assert [one.rev for one in told] == list(range(rev, 0, -1))
        image = replay(datastore, reversed(told))
        assert (image.rev, image.status, image.keys) == (was.rev, was.status, was.keys)
        assert (filled(image), image.gone) == (filled(was), {})
        end = last[place, id_]
        later = [one for one in revisions[id_] if rev < one.rev <= end.rev]
        then, gone = rewind(end, datastore, later)
        assert (filled(then), gone) == (filled(was), {})
        assert (then.rev, then.status, then.keys, then.title) == (
            *(was.rev, was.status, was.keys, was.title),
        )


def test_every_route_that_writes_is_replayed():
    calls = (*HEXABASE_CALLS, *list_calls())
    writes = {one.name for one in calls if one.method != "GET" and not one.name.startswith("Get")}
    writes -= READS | NO_ITEMS.keys()
    assert writes <= WRITES.keys() <= {one.name for one in calls}


@pytest.mark.parametrize("call", WRITES)
def test_histories_carried_out_again_are_the_items(book, call):
    for request in WRITES[call]:
        book.write(call, *request)
    check(book)


def test_values_that_another_formula_gives_follow_from_what_is_replayed(book):
    """A change of definitions is no action on items: it leaves no history."""
    items = [book.make({"amount": 1}, {"amount": at}) for at in range(3)]
    before = book.rows("SELECT count(*) FROM histories")

    def define(formula: str) -> None:
        fields = f'[{{display_id: double, formula: "{formula}"}}]'
        schema = (
            "workspaces: [{name: Doors, applications: [{display_id: DOORS, datastores:"
            f" [{{display_id: ROOMS, fields: {fields}}}]}}]}}]"
        )
        book.run(schema_apply(book.app.store, book.app.ids, book.clock, loads(schema)))
        book.catalogs = book.run(book.app.store.read(catalogs_of))

    define("amount * 3")
    book.seen = {}
    book.look()
    assert book.rows("SELECT count(*) FROM histories") == before
    catalog = book.catalogs[0]
    rooms = catalog.projects[0].find_datastore("ROOMS")
    assert rooms is not None
    for (_, id_, _), item in book.seen.items():
        told = book.run(book.app.store.scan(lambda one, id_=id_: list_revisions(one, id_, 1)))
        revisions = [Revision(one.rev, one.user, one.created_at, one.changes) for one in told]
        image = replay(rooms, revisions[::-1])
        values = dict(image.values)
        values |= calc_plan(rooms, catalog).compute(values, image.status, 0, lambda _: {})
        assert {key: one for key, one in values.items() if one is not None} == filled(item)
    assert len(book.seen) == len(items)
    define("amount * 2")
