"""What may be read of items: by whom, and how it is put together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hikidashi.core import limits
from hikidashi.core.errors import FaultError
from hikidashi.core.query import Query, UnreadTest
from hikidashi.core.values import parse_instant
from hikidashi.service import lists, reads
from hikidashi.service.shown import show, shown_value
from hikidashi.storage.items import HistoryPage, put_read_mark
from tests import reads_world as w
from tests.kept import kept
from tests.reads_world import ReadsWorld, client, task

OFTEN = {
    "Title": "Desk",
    "Num": 2.0,
    "Colour": w.OPTIONS["red"],
    "Tags": (w.OPTIONS["blue"], w.OPTIONS["green"]),
    "Due": parse_instant("2026-02-03T04:05:06.789Z"),
    "Done": False,
    "Owners": (w.ANN, w.id_of(9)),
    "Client": client(1).id,
    "Code": "T-0001",
    "Secret": "s3cret",
    "Hidden": "unseen",
}


kept_world = kept(ReadsWorld)


@pytest.fixture
def world(kept_world) -> ReadsWorld:
    return kept_world.take()


def kind_of(raised: pytest.ExceptionInfo[FaultError]) -> str:
    return raised.value.kind.value


def test_places_are_found_by_id_and_display_id_if_the_actor_may_use_them(world):
    view = world.view(w.BOB)
    for ref, project in (("tasks", "sales"), (w.TASKS, w.SALES), (w.TASKS, ""), ("tasks", "")):
        assert reads.find_place(view, ref, project).id == w.TASKS
    for ref, project in (("vault", "sales"), (w.VAULT, ""), ("tasks", "other"), ("nil", "")):
        with pytest.raises(FaultError) as raised:
            reads.find_place(view, ref, project)
        assert kind_of(raised) == "no place"
    assert reads.find_place(world.view(w.ANN), w.VAULT).id == w.VAULT
    assert reads.find_near(view, world.tasks, "clients").id == w.CLIENTS


def test_an_item_is_not_there_without_a_key_of_it(world):
    world.put(w.TASKS, task(1), task(2, keys=(w.VIP,)))
    assert reads.get_item(world.view(w.BOB), world.tasks, task(1).id).n == 1
    assert reads.get_item(world.view(w.CAT), world.tasks, task(2).id).n == 2
    for ref in (task(2).id, task(9).id, "x", "", "0" * 23 + "\0"):
        for read in (reads.get_item, reads.item_details):
            with pytest.raises(FaultError) as raised:
                read(world.view(w.BOB), world.tasks, ref)
            assert kind_of(raised) == "no item"


def test_details_name_who_is_meant_by_ids(world):
    world.put(w.CLIENTS, client(1, "Ito"))
    world.put(w.TASKS, task(1, OFTEN, updated_at=w.NOW, updated_by=w.CAT))
    shown = reads.item_details(world.view(w.BOB), world.tasks, task(1).id)
    assert {id_: one.name for id_, one in shown.known.users.items()} == {
        w.ANN: "Ann",
        w.BOB: "Bob",
        w.CAT: "Cat",
    }
    assert shown.known.titles == {w.F["Client"]: {client(1).id: "Ito"}}
    assert "Secret" not in {one.display_id for one in shown.fields}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Title", "Desk"),
        ("Num", 2),
        ("Colour", "opt-red"),
        ("Tags", ["opt-blue", "opt-green"]),
        ("Due", "2026-02-03T04:05:06.789Z"),
        ("Done", "false"),
        ("Client", {"d_id": w.CLIENTS, "item_id": client(1).id, "title": "Ito"}),
        ("Code", "T-0001"),
        ("Status", "New"),
        ("Note", None),
        ("Total", None),
        ("Line", None),
    ],
)
def test_a_value_is_shown_typed_and_with_names(world, name, value):
    world.put(w.CLIENTS, client(1, "Ito"))
    item = task(1, OFTEN)
    shown = show(world.view(w.BOB), world.tasks, [item])
    field = world.tasks.find_field(name)
    assert field is not None
    assert shown_value(field, item, world.tasks, shown.known) == value


def test_the_result_of_a_write_holds_what_is_set_and_links_that_may_be_seen(world):
    world.put(w.CLIENTS, client(1, "Ito"), client(2, keys=(w.VIP,)), client(3))
    item = task(1, OFTEN)
    world.put(w.TASKS, item, task(2))
    for target in (task(2), client(3), client(2), client(1)):
        world.link(item, target)
    world.link(item, client(1), "lookup")
    result = reads.item_result(world.view(w.BOB), item, by_display_id=True)
    ann = {
        "access_key": w.ANN,
        "email": "ann@example.com",
        "media_link": "",
        "user_id": w.ANN,
        "user_name": "Ann",
    }
    gone = {"access_key": w.id_of(9), "email": "", "media_link": "", "user_id": w.id_of(9)}
    assert result == {
        "i_id": item.id,
        "d_id": w.TASKS,
        "p_id": w.SALES,
        "w_id": w.WORKSPACE,
        "rev_no": 1,
        "title": "Desk",
        "status_id": w.NEW,
        "created_at": "2026-01-05T09:00:00.000Z",
        "created_by": w.BOB,
        "Title": "Desk",
        "Num": 2,
        "Colour": "opt-red",
        "Tags": ["opt-blue", "opt-green"],
        "Due": "2026-02-03T04:05:06.789Z",
        "Done": "false",
        "Owners": [ann, gone | {"user_name": ""}],
        "Client": {"d_id": w.CLIENTS, "item_id": client(1).id, "title": "Ito"},
        "Code": "T-0001",
        "Status": "New",
        "links": [
            {"d_id": w.TASKS, "i_ids": [task(2).id]},
            {"d_id": w.CLIENTS, "i_ids": [client(1).id, client(3).id]},
        ],
    }
    by_id = reads.item_result(world.view(w.ANN), task(3, {"Secret": "s"}), by_display_id=False)
    assert by_id[w.F["Secret"]] == "s"
    assert by_id["links"] == []


def test_a_lookup_of_an_item_that_may_not_be_seen_is_shown_as_empty(world):
    world.put(w.CLIENTS, client(1, "Ito", keys=(w.VIP,)))
    item = task(1, {"Client": client(1).id})
    assert "Client" not in reads.item_result(world.view(w.BOB), item, by_display_id=True)
    assert "Client" in reads.item_result(world.view(w.CAT), item, by_display_id=True)


def test_linked_items_are_those_that_may_be_seen_once_each_in_order(world):
    world.put(w.CLIENTS, client(1), client(2, keys=(w.VIP,)), client(3))
    item = task(1)
    world.put(w.TASKS, item, task(2))
    for target, kind in ((client(3), "link"), (client(1), "link"), (client(1), "lookup")):
        world.link(item, target, kind)
    world.link(item, client(2))
    world.link(item, task(2))
    world.link(task(2), item)
    view = world.view(w.BOB)

    def found(only=None) -> list[tuple[str, list[int]]]:
        linked = reads.linked_items(view, item, only)
        return [(one.datastore.display_id, [each.n for each in one.items]) for one in linked]

    assert found() == [("tasks", [2]), ("clients", [1, 3])]
    assert found(world.clients) == [("clients", [1, 3])]
    links = reads.links_of(view, show(view, world.tasks, [item, task(2)]))
    assert links == {
        item.id: {
            w.TASKS: [(task(2).id, "link")],
            w.CLIENTS: [
                (client(1).id, "link"),
                (client(1).id, "lookup"),
                (client(3).id, "link"),
            ],
        },
        task(2).id: {w.TASKS: [(item.id, "link")]},
    }


def test_links_into_a_datastore_that_the_actor_may_not_use_are_not_there(world):
    item = task(1)
    world.put(w.TASKS, item)
    secret = w.Item(w.VAULT, w.id_of(77), 1, 1, 1, "", "", w.NOW, w.ANN, None, "", frozenset((w.MEMBER,)), {})  # fmt: skip
    world.put(w.VAULT, secret)
    world.link(item, secret)
    assert reads.linked_ids(world.view(w.BOB), item.id) == []
    assert reads.linked_ids(world.view(w.ANN), item.id) == [(w.VAULT, [secret.id])]


def test_a_long_list_comes_in_portions(world, monkeypatch):
    world.put(w.TASKS, *[task(n) for n in range(1, 26)])
    monkeypatch.setattr(lists, "PORTION_ITEMS", 10)
    view, query = world.view(w.BOB), Query(world.tasks)
    assert [len(one.items) for one in lists.stream_list(view, query)] == [10, 10, 5]
    page = replace(query, per_page=15, page=2)
    assert [len(one.items) for one in lists.list_page(view, page)] == [10]
    assert lists.list_short(view, query) is None
    monkeypatch.setattr(lists, "PORTION_ITEMS", 25)
    short = lists.list_short(view, query)
    assert short is not None
    assert len(short.items) == 25


# --- histories --------------------------------------------------------------------------------


def histories(world: ReadsWorld, user: str, **page: object) -> reads.Histories:
    wanted = HistoryPage(**page)  # type: ignore[arg-type]
    return reads.item_histories(world.view(user), world.tasks, task(1).id, wanted)


def test_histories_are_newest_first_and_count_as_read_when_shown(world):
    world.put(w.TASKS, task(1))
    made = [world.history(task(1), seq, w.ANN if seq % 2 else w.BOB) for seq in range(1, 6)]
    first = histories(world, w.BOB, count=2)
    assert [one.seq for one in first.entries] == [5, 4]
    assert first.unread == 3
    assert first.unread_entries == {made[4]}
    assert first.mark == reads.Mark(w.BOB, task(1).id, 5, task(1).datastore)
    put_read_mark(world.connection, w.BOB, task(1).id, 5)
    put_read_mark(world.connection, w.BOB, task(1).id, 2)  # a mark never goes back
    again = histories(world, w.BOB)
    assert (again.unread, again.unread_entries, again.mark) == (0, frozenset(), None)
    assert histories(world, w.ANN).unread == 2
    view = world.view(w.ANN)
    shown = show(view, world.tasks, [task(1)])
    assert lists.count_unread(view, shown, UnreadTest(w.ANN)) == {task(1).id: 2}


def test_histories_are_narrowed_by_time_and_sort(world):
    world.put(w.TASKS, task(1))
    for seq in range(1, 5):
        world.history(task(1), seq, w.ANN, action_id="" if seq == 3 else w.UPDATE)
    assert [one.seq for one in histories(world, w.BOB, comments=False).entries] == [4, 2, 1]
    assert [one.seq for one in histories(world, w.BOB, actions=False).entries] == [3]
    since = {"since": w.NOW + 2, "until": w.NOW + 3}
    assert [one.seq for one in histories(world, w.BOB, **since).entries] == [3, 2]
    assert [one.seq for one in histories(world, w.BOB, first=1, count=1).entries] == [3]


def test_histories_of_an_item_that_may_not_be_seen_are_not_there(world):
    world.put(w.TASKS, task(1, keys=(w.VIP,)))
    with pytest.raises(FaultError) as raised:
        histories(world, w.BOB)
    assert kind_of(raised) == "no item"
    with pytest.raises(FaultError):
        histories(world, w.CAT, count=limits.HISTORIES_PER_PAGE_MAX + 1)


# --- the day ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "zone", "start", "hours"),
    [
        ("2026-01-05T09:00:00Z", "UTC", "2026-01-05T00:00:00Z", 24),
        ("2026-01-05T15:00:00Z", "Asia/Tokyo", "2026-01-05T15:00:00Z", 24),
        ("2026-01-05T14:59:59.999Z", "Asia/Tokyo", "2026-01-04T15:00:00Z", 24),
        ("2026-03-29T12:00:00Z", "Europe/Berlin", "2026-03-28T23:00:00Z", 23),
        ("2026-01-05T09:00:00Z", "No/Where", "2026-01-05T00:00:00Z", 24),
    ],
)
def test_the_day_is_that_of_the_workspace(now, zone, start, hours):
    first, last = lists.day_of(parse_instant(now) or 0, zone)
    assert first == parse_instant(start)
    assert last - first + 1 == hours * 3_600_000
