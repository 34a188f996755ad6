"""What the search over all datastores finds is what the items and comments hold, after any writes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from hikidashi.core.commands import Command, Entry, Op, PostComment, Publish, WriteItem
from hikidashi.core.plan import WriteResult
from hikidashi.core.query import fold
from hikidashi.core.substrings import has_substrings
from hikidashi.service.app import View
from hikidashi.service.global_search import TextWish, search_texts
from hikidashi.storage.engines import Connection
from hikidashi.storage.tables import substring_table
from tests.contents import empty
from tests.worlds import World, world_now

ITEMS = 3
WORDS = ("会", "会議", "議会", "東京", "京", "ab", "b", "bc1")
items = st.integers(0, ITEMS - 1)
texts = st.lists(st.sampled_from((*WORDS, " ", "、", "ＡＢ")), max_size=5).map("".join)
wishes = st.one_of(
    st.tuples(st.just("subject"), items, texts),
    st.tuples(st.just("body"), items, texts),
    st.tuples(st.just("secret"), items, texts),
    st.tuples(st.just("create"), texts, texts),
    st.tuples(st.just("comment"), items, texts.filter(bool)),
    st.tuples(st.just("publish"), items, st.booleans()),
    st.tuples(st.just("delete"), items),
    st.tuples(st.just("bad"), items, texts),
)


def command(ids: list[str], wish: tuple[Any, ...]) -> Command:
    match wish:
        case ("create", subject, body):
            values = {"subject": subject, "body": body}
            return WriteItem("OFFICE", Entry(Op.NEW, "minutes", values=values), comment=body)
        case ("comment", item, text):
            return PostComment("OFFICE", "minutes", ids[item], text)
        case ("publish", item, there):
            publish = Publish(overwrite=True, ignore_action_settings=True)
            action = "Publish" if there else ""
            entry = Entry(Op.UPDATE, "minutes", ids[item], action=action)
            if not there:
                entry = Entry(Op.UPDATE, "minutes", ids[item], publish=publish)
            return WriteItem("OFFICE", entry, force=True)
        case ("delete", item):
            return WriteItem("OFFICE", Entry(Op.DELETE, "minutes", ids[item]), force=True)
        case ("bad", item, text):
            child = Entry(Op.UPDATE, "plain", "0" * 24)
            values = {"subject": text}
            entry = Entry(Op.UPDATE, "minutes", ids[item], values=values, related=(child,))
            return WriteItem("OFFICE", entry, force=True, all_or_nothing=True)
        case (field, item, text):
            entry = Entry(Op.UPDATE, "minutes", ids[item], values={field: text})
            return WriteItem("OFFICE", entry, force=True, comment=text)
    raise AssertionError(wish)


def expected(connection: Connection, world: World, view: View, word: str) -> list[tuple[str, str]]:
    """Item and field ("" for a comment) of each text that holds the word, by looking at all."""
    datastore = world.datastore("minutes")
    fields = [one for one in datastore.text_fields if not view.actor.roles.isdisjoint(one.roles)]
    columns = ", ".join(f"i.f_{one.id}" for one in fields)
    keys = sorted(view.actor.keyring)
    rows = connection.query(
        f"SELECT i.id, {columns} FROM i_{datastore.id} i WHERE EXISTS (SELECT 1 FROM access_sets a"
        f" WHERE a.acl = i.acl AND a.key IN ({', '.join('?' * len(keys))}))",
        keys,
    )
    found = []
    for id_, *held in rows:
        found += [
            (id_, field.id)
            for field, text in zip(fields, held, strict=True)
            if text is not None and word in fold(text)
        ]
        comments = connection.query("SELECT comment FROM histories WHERE item_id = ?", (id_,))
        found += [(id_, "") for (text,) in comments if word in fold(text)]
    return sorted(found)


def check(connection: Connection, world: World, view: View) -> None:
    for word in WORDS:
        hits = search_texts(view, TextWish(word))
        found = sorted((one.item.id, one.field) for one in hits)
        assert found == expected(connection, world, view, word), word
        assert all("<em" in one.marked[0] for one in hits)


def check_substrings(connection: Connection, world: World) -> None:
    """The index of the field's pieces has what the items have, and finds it."""
    datastore = world.datastore("minutes")
    (field,) = [one for one in datastore.fields if has_substrings(one)]
    items = connection.query(
        f"SELECT n, acl, f_{field.id} FROM i_{datastore.id}"
        f" WHERE f_{field.id} IS NOT NULL ORDER BY n"
    )
    table = substring_table(field)
    expected = [(n, acl, fold(text)) for n, acl, text in items]
    assert connection.query(f"SELECT n, acl, folded FROM {table} ORDER BY n") == expected
    for word in ("会", "会議", "京会", "b", "bc1"):
        source, match, params = connection.holding(table, [word])
        found = connection.query(f"SELECT s.n FROM {source} WHERE {match} ORDER BY s.n", params)
        assert [n for (n,) in found] == [n for n, _, text in expected if word in text], word


@pytest.fixture(scope="module")
def world(
    new_database: Callable[..., str],
    tmp_path_factory: pytest.TempPathFactory,
    runner: asyncio.Runner,
) -> Iterator[World]:
    with world_now("minutes", new_database(tmp_path_factory.mktemp("texts")), runner) as made:
        yield made


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(groups=st.lists(st.lists(wishes, min_size=1, max_size=6), min_size=1, max_size=3))
def test_a_search_finds_what_is_there_and_nothing_else(
    world: World, runner: asyncio.Runner, groups: list[list[tuple[Any, ...]]]
) -> None:
    async def run() -> None:
        app = world.app
        engine = app.store.engine.name
        await app.store.change(lambda one: empty(one, [world.catalog], engine))
        app.store.access._keys.clear()
        app.store.access._acls.clear()
        ids = []
        for _ in range(ITEMS):
            made = await world.run("ann", command([], ("create", "会議", "東京")))
            assert isinstance(made, WriteResult)
            ids.append(made.item.id)
        for group in groups:
            calls = [world.run("ann", command(ids, wish)) for wish in group]
            await asyncio.gather(*calls, return_exceptions=True)
        for name in ("ann", "bob", "eve"):
            who = await world.identity(name)
            await app.scan(who, lambda view: check(view.connection, world, view))
        await app.scan(who, lambda view: check_substrings(view.connection, world))

    runner.run(run())
