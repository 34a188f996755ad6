"""Texts that are searched are written with their items, and only where a field is marked for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hikidashi.core.full_text import index_step
from hikidashi.core.items import HistoryEntry, Item
from hikidashi.core.plan import DeleteItem, IndexText, InsertHistory, InsertItem, UpdateItem
from hikidashi.storage.apply import Fold
from tests.core.samples import WORKSPACE, a_datastore, a_field, id_of

PLAIN = a_datastore("plain", fields=(a_field("name"),))
MARKED = a_datastore("marked", fields=(a_field("name", full_text=True), a_field("other")))
PLACES = {one.id: one for one in (PLAIN, MARKED)}
KEYS = frozenset({id_of("ann")})
NAME = id_of("name")


def an_item(datastore, **rest) -> Item:
    values = {NAME: "会議", id_of("other"): "他"}
    item = Item(
        datastore.id, id_of("item"), 1, 1, 1, "", "", 1, id_of("ann"), None, "", KEYS, values
    )
    return replace(item, **rest)


def a_history(item: Item, comment: str = "") -> HistoryEntry:
    at = (item.seq, item.rev)
    return HistoryEntry(
        id_of(f"h{item.seq}"),
        WORKSPACE,
        item.datastore,
        item.id,
        *at,
        id_of("update"),
        "update",
        id_of("ann"),
        comment,
        id_of("t"),
        1,
        {},
    )


def batches(*steps):
    """By table and kind, the rows of what is written to `texts`."""
    fold = Fold(PLACES.get)
    fold.add(steps)
    acls = {one: at for at, one in enumerate(sorted(fold.workspace_sets(), key=repr), 1)}
    return [
        (type(one).__name__, list(one.rows))
        for one in fold.batches(acls)
        if one.table == "texts" and one.rows
    ]


def steps_of(item: Item, changed=(), comment: str = "", *, published: bool = False):
    history = a_history(item, comment)
    found = index_step(PLACES[item.datastore], item, changed, history, (), is_published=published)
    return [InsertHistory(history), *([found] if found else [])]


def test_a_datastore_without_marked_fields_is_written_without_a_word_of_it():
    item = an_item(PLAIN, rev=2)
    assert batches(InsertItem(item)) == batches(UpdateItem(item, (NAME,))) == []
    assert batches(UpdateItem(item, ()), DeleteItem(item)) == []


def test_only_marked_fields_that_changed_and_comments_are_indexed():
    new = an_item(MARKED)
    rows = [(new.id, NAME, "items", NAME, WORKSPACE, MARKED.id, 1, "会議 議")]
    assert batches(InsertItem(new), *steps_of(new)) == [("Insert", rows)]
    item = an_item(MARKED, rev=2, seq=2)
    assert batches(UpdateItem(item, (id_of("other"),)), *steps_of(item, (id_of("other"),))) == []
    told = batches(UpdateItem(item, ()), *steps_of(item, (), "済"))
    comment = (item.id, "2", "histories", "", WORKSPACE, MARKED.id, 1, "済")
    assert told == [("Delete", [(item.id, "2")]), ("Insert", [comment])]


def test_an_emptied_field_is_taken_out():
    item = an_item(MARKED, rev=2, values={NAME: None})
    told = batches(UpdateItem(item, (NAME,)), *steps_of(item, (NAME,)))
    assert told == [("Delete", [(item.id, NAME)])]


def test_other_keys_of_an_item_are_those_of_all_its_texts():
    item = an_item(MARKED, rev=2)
    later = replace(item, rev=3, keys=KEYS | {id_of("bob")})
    told = batches(
        UpdateItem(item, (NAME,)),
        *steps_of(item, (NAME,)),
        UpdateItem(later, ()),
        *steps_of(later, published=True),
    )
    (acl,) = {rows[0][0] for kind, rows in told if kind == "Update"}
    (row,) = next(rows for kind, rows in told if kind == "Insert")
    assert row[6] == acl


@pytest.mark.parametrize("is_new", [True, False])
def test_texts_go_with_their_item(is_new):
    item = an_item(MARKED, rev=1 if is_new else 2)
    first = InsertItem(item) if is_new else UpdateItem(item, (NAME,))
    told = batches(first, *steps_of(item, (NAME,), published=True), DeleteItem(item))
    assert told == [("Delete", [(item.id,)])]


def test_a_step_alone_is_whole():
    """Where a group is run step by step, for each command alone."""
    (_, step) = steps_of(an_item(MARKED))
    assert isinstance(step, IndexText)
    (_, rows) = batches(step)[-1]
    assert rows[0][6:] == (1, "会議 議")
