"""No route tells what is in another workspace, nor that there is anything, nor changes it."""

from __future__ import annotations

import asyncio
import re
import typing
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from hikidashi.storage.engines import Connection
from hikidashi.storage.whole import list_tables, read_rows
from tests.api.calls_table import ROUTES, ROWS, Proper
from tests.api.rest import Reply
from tests.api.sealed import CODES, ENDS, NAMED, OURS, THEIRS, Sealed, Things, id_in, open_sealed

ID = re.compile(rb"(?<![0-9a-f])(?:[0-9a-f]{24}|[0-9a-f]{64})(?![0-9a-f])")
GIVEN = re.compile(
    rb"new-\d{5}|(?:Fld|Rel|Fn|Sch|Act|Sts|Db|App)-\w{8}"
)  # names, each other than the last
NOWHERE = "67c"  # the ids of no workspace begin so
KINDS = {  # the words for what has a display id: the other workspace alone has a `hush-` of each kind
    word: kind
    for kind, words in {
        "app": "$app $app_id $new_app $there_app",
        "store": "$store $store_id $new_store $there $shelf",
        "field": "$field $choice $paper $paper_id $number $new_field $new_lookup $column",
        "option": "$option $new_option",
        "status": "$status $new_status",
        "action": "$create $update $update_id $delete $new_action $scripted $shelving $binding",
        "role": "$role $role_name $reader",
        "group": "$group $group_id $group_name $new_group",
        "report": "$report",
        "chart": "$chart",
    }.items()
    for word in words.split()
}
OTHER_PAIRS = {
    "$code": [(CODES[THEIRS], "nonesealed12"), ("hushhushhush", "nonenonenone")],
    "$table": [("77", "78")],
}
NOT_IDS = {
    "$end_number",
    "$address",
    "$password",
    "$new_address",
    "$new_name",
    "$row",
    "$file_number",
    "$zip",
}
ID_KEY = re.compile(r"(^|_)ids?$|_to_publish$|-id$|^(roles|group_roles)$|_datastores$")
NO_NAMES = re.compile(
    r"display_id$|use_field_id|sort_id|email_templates_id"
)  # of nothing that is there


@pytest.fixture(scope="module")
def sealed(new_database, tmp_path_factory) -> Iterator[Sealed]:
    folder = tmp_path_factory.mktemp("sealed")
    with open_sealed(new_database(folder), folder, ("kim", "zoe")) as one:
        yield one


def pairs(sealed: Sealed, word: str, theirs: Things) -> list[tuple[str, str]]:
    """Names for what is in the other workspace alone, each with a name for nothing."""
    if word in OTHER_PAIRS:
        return OTHER_PAIRS[word]
    kind = KINDS.get(word)
    found = [(f"hush-{kind}", f"none-{kind}")] if kind else []
    if word in ("$group_name", "$role_name"):  # an import knows no others
        return found
    name = word.removesuffix("_id")
    end = NAMED[name][1] if name in NAMED else ENDS.get(word, "fff")
    if word == "$me":
        word = "$user"
    meant = theirs[word] if word in ENDS or name not in NAMED else id_in(THEIRS, end)
    if word == "$column":
        meant = sealed.catalogs[1].projects[0].reports[0].columns[0].id
    return [*found, (meant, id_in(NOWHERE, end))]


NO_MATTER = {  # what is answered alike whatever is named, and why
    **dict.fromkeys(
        (
            *(("CreateItem", "$there"), ("UpdateItem", "$there"), ("ExecuteAction", "$there")),
            *(("ExecuteBulkAction", "$there"), ("ExecuteActionByActionID", "$update")),
            *(("GlobalSearch", "$there"), ("ExportItemsByConditions", "$there")),
        ),
        "has no effect",
    ),
    **dict.fromkeys((("ItemList", "$item"), ("ItemList", "$user")), "no item has it as a value"),
    ("DeleteItemByConditions", "$item"): "does not tell what it found",
    ("UpdateUserInfo", "$user"): "names nobody but the caller",
    ("UserInvite", "$w"): "no account is of one workspace alone",
    ("GlobalSearch", "$column"): "items have no columns",
}


def named_in(row: Proper) -> Iterator[tuple[Proper, str]]:
    """Each word of a row; and of its variants each word that the row itself has not."""
    for one in (row, *row.others):
        for word in one.words:
            if word not in NOT_IDS and (one is row or word not in row.words):
                yield one, word


class Listener:
    """Who asks in our workspace after what is in theirs."""

    def __init__(self, sealed: Sealed, theirs: Things) -> None:
        self._sealed = sealed
        self._theirs = theirs
        self.secrets: set[str] = set()  # all ids of theirs
        self.ours = Things(sealed, OURS)
        self.wrong: list[Any] = []

    def try_row(self, row: Proper) -> None:
        """Each word by itself, then all words of the row."""
        for one, word in named_in(row):
            for theirs, nothing in pairs(self._sealed, word, self._theirs):
                self._compare(one, {word: theirs}, {word: nothing})
        words = [word for word in row.words if word not in NOT_IDS]
        named = {word: pairs(self._sealed, word, self._theirs) for word in words}
        for at in (0, -1):  # names, and ids
            theirs, nothing = (
                {word: pair[at][one] for word, pair in named.items()} for one in (0, 1)
            )
            self._compare(row, theirs, nothing)

    def find_deaf(self, row: Proper) -> list[tuple[str, str]]:
        """The words of a row that might as well name nothing."""
        found = []
        usual: dict[str, tuple[int, str, bytes]] = {}
        for one, word in named_in(row):
            [*_, (_, nothing)] = pairs(self._sealed, word, self._theirs)
            if one.text not in usual:
                usual[one.text] = self._told(one, {})
            status, kind, body = self._told(one, {word: nothing})
            if usual[one.text] == (status, kind, body.replace(b"<sent>", b"")):
                found.append((one.name, word))
        return found

    def _compare(self, one: Proper, theirs: dict[str, str], nothing: dict[str, str]) -> None:
        told, untold = (self._told(one, names) for names in (theirs, nothing))
        if told != untold:
            self.wrong.append((one.name, one.text, theirs, told, untold))

    def _told(self, one: Proper, names: dict[str, str]) -> tuple[int, str, bytes]:
        """What is answered, with ids made alike; fails if an id of theirs is in it that was not sent."""
        words = {word: self.ours[word] for word in one.words} | names
        reply = self._sealed.send(one, words)
        body = reply.body + self._outcome(one, reply)
        if reply.status < 300 and one.writes:  # it may have changed what it named
            self.ours = Things(self._sealed, OURS)
        for sent in sorted(names.values(), key=len, reverse=True):
            body = body.replace(sent.encode(), b"<sent>")
        found = {id_.decode() for id_ in ID.findall(body)}
        assert not found & self.secrets, (one, names, body)
        return (
            reply.status,
            reply.headers.get("content-type", ""),
            GIVEN.sub(b"", ID.sub(b"", body)),
        )

    def _outcome(self, one: Proper, reply: Reply) -> bytes:
        """What a task has come to that the answer names."""
        if reply.status != 200 or one.name not in ("ImportItems", "SaveTemplate", "UploadTemplate"):
            return b""
        made = reply.json
        if one.name == "ImportItems":
            path = f"/api/v0/datastores/NOTES/import/{made['temp_datastore_id']}"
            return self._sealed.call("GET", path, user="kim").body
        while True:
            path = f"/api/v0/tasks?stream_id={made['stream_id']}"
            [task] = self._sealed.call("GET", path, user="kim").json.values()
            if task["finished_at"] is not None:
                return str((task["status"], task["errors"])).encode()
            self._sealed.run(asyncio.sleep(0.005))


def rows_of(sealed: Sealed, words: set[str]) -> list[str]:
    """Each row of the database in which one of the words stands."""
    engine = sealed.app.store.engine

    def read(connection: Connection) -> list[str]:
        tables = list_tables(engine, connection)
        return [
            f"{table.name} {row}"
            for table in tables
            for row in read_rows(engine, connection, table, tables)
            if table.name not in ("sessions", "jobs") or id_in(OURS, "f1") not in row
        ]

    mark = re.compile("|".join(words))
    return sorted(row for row in sealed.run(sealed.app.store.scan(read)) if mark.search(row))


CALLED = [
    one for one in ROWS.values() if one.auth != "none"
]  # without a caller nothing is another's


def test_no_answer_tells_of_another_workspace_and_nothing_in_it_changes(sealed):
    theirs = Things(sealed, THEIRS)
    listener = Listener(sealed, theirs)
    for row in CALLED:
        for _, word in named_in(row):
            theirs[word]  # makes it
    told = rows_of(sealed, {THEIRS})
    listener.secrets = {one for row in told for one in re.findall(r"\b[0-9a-f]{24}\b", row)}
    before = rows_of(sealed, listener.secrets)
    for row in CALLED:
        listener.try_row(row)
    assert listener.wrong == []
    assert rows_of(sealed, listener.secrets) == before


def test_each_word_is_listened_to_in_ones_own_workspace(tmp_path):
    """Otherwise the test above would try nothing. What is told of here is the same on each engine."""
    with open_sealed(f"sqlite:///{tmp_path / 'deaf.db'}", tmp_path, ("kim", "zoe")) as sealed:
        listener = Listener(sealed, Things(sealed, THEIRS))
        assert {one for row in CALLED for one in listener.find_deaf(row)} == NO_MATTER.keys()


def test_a_key_of_idempotency_is_ones_own(sealed):
    path, again = "/api/v0/applications/DESK/datastores/NOTES/items/new", {"idempotency-key": "k"}
    answers = [
        sealed.call("POST", path, {"item": {"text": "x"}}, user=user, headers=again)
        for user in ("kim", "zoe", "kim")
    ]
    assert [one.headers.get("idempotent-replay") for one in answers] == [None, None, "true"]
    ids = [one.json["item_id"] for one in answers]
    assert ids[0] == ids[2] != ids[1]


def keys_of(kind: Any, known: set[Any]) -> Iterator[str]:
    """The keys of a body, and of what is in it, that name things."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        if kind in known:
            return
        known.add(kind)
        for one in msgspec.structs.fields(kind):
            if ID_KEY.search(one.encode_name) and not NO_NAMES.search(one.encode_name):
                yield one.encode_name
            yield from keys_of(one.type, known)
    for one in typing.get_args(kind):
        yield from keys_of(one, known)


def test_every_key_that_names_something_is_tried():
    untried = {}
    for row in CALLED:
        call = ROUTES[row.name]
        sent = " ".join(one.text for one in (row, *row.others))
        keys = {*keys_of(call.body, set())} if call.body else set()
        keys |= {
            one.name
            for one in call.query
            if ID_KEY.search(one.name) and not NO_NAMES.search(one.name)
        }
        missing = {key for key in keys if f'"{key}"' not in sent and f"{key}=" not in sent}
        if missing:
            untried[row.name] = missing
    assert untried == {}
