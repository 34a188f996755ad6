"""ItemList as a walk, a stream and CSV, and what is answered when time runs out."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from hikidashi.core.limits import STREAMS_MAX
from hikidashi.service import lists
from hikidashi.storage import streams
from tests import reads_world as w
from tests.api.reads_api import A, Api, api, kept_api
from tests.reads_world import client, task

__all__ = ["api", "kept_api"]

SORTS = [{"id": "Num", "order": "desc"}, {"id": "Colour"}]


def ids(told: Any) -> list[str]:
    return [one["i_id"] for one in told["items"]]


@pytest.fixture
def many(api: Api) -> Api:
    """Forty tasks with equal and with empty sort keys; every fifth is not for Bob."""
    colours = [None, w.OPTIONS["red"], w.OPTIONS["blue"]]
    api.world.put(
        w.TASKS,
        *[
            task(
                n,
                {"Num": [None, 1.0, 2.5][n % 3], "Colour": colours[n // 3 % 3]},
                keys=(w.VIP,) if n % 5 == 0 else (w.MEMBER,),
            )
            for n in range(1, 41)
        ],
    )
    return api


# --- walks ------------------------------------------------------------------------------------


def walk(api: Api, **body: Any) -> tuple[list[list[str]], list[Any]]:
    """The pages and the cursors of a whole walk."""
    pages, cursors = [], [""]
    while cursors[-1] is not None:
        told = api.search(after=cursors[-1], **body)
        pages.append(ids(told))
        cursors.append(told["next"])
    return pages, cursors


@pytest.mark.parametrize("order", [{}, {"sort_field_id": "created_at"}, {"sort_fields": SORTS}])
def test_a_walk_by_cursor_gives_the_list_in_its_order(many, order):
    pages, _ = walk(many, per_page=7, **order)
    assert [one for page in pages for one in page] == ids(many.search(**order))
    assert [len(page) for page in pages] == [7, 7, 7, 7, 4]
    assert many.search(after="", per_page=7, **order)["totalItems"] == 32
    assert many.search(per_page=7, total_items_max=9, **order)["totalItems"] == 9
    assert many.search(per_page=7, total_items_max=33, **order)["totalItems"] == 32
    assert "next" not in many.search(per_page=7, **order)


def test_a_walk_goes_on_where_it_stood_whatever_was_added_and_deleted(many):
    first = many.search(after="", per_page=8)
    many.world.connection.query(f"DELETE FROM i_{w.TASKS} WHERE n <= 12")
    many.world.put(w.TASKS, task(51))
    second = many.search(after=first["next"], per_page=100)
    assert ids(second) == [task(n).id for n in (*range(13, 41), 51) if n % 5]
    assert second["next"] is None


def test_a_cursor_is_of_one_list_only(many):
    cursor = many.search(after="", per_page=5, sort_fields=SORTS)["next"]
    assert len(ids(many.search(after=cursor, per_page=9, sort_fields=SORTS))) == 9
    condition = [{"id": "Num", "search_value": [1, None]}]
    for other in (
        {},
        {"sort_fields": SORTS[:1]},
        {"sort_fields": SORTS, "conditions": condition},
        {"sort_fields": SORTS, "unread_only": True},
        {"sort_fields": [*reversed(SORTS)]},
    ):
        status, told = many.ask(
            "POST", f"{A}/items/search", {"after": cursor, "per_page": 5, **other}
        )
        assert status == 400
        assert "another list" in told["errors"][0]["description"]


@pytest.mark.parametrize(
    "change",
    [
        lambda held: [*held[:2], "1", *held[3:]],
        lambda held: [*held[:2], 2**63, *held[3:]],
        lambda held: [*held[:3], "x", held[4]],
        lambda held: [*held[:3], 1e400, held[4]],
        lambda held: [*held[:4], 1.5],
        lambda held: [*held[:4], True],
        lambda held: held[:4],
        lambda held: {"n": held},
        lambda held: [2, *held[1:]],
    ],
)
def test_what_is_no_cursor_of_ours_is_refused_before_the_database(many, change):
    cursor = many.search(after="", per_page=5, sort_fields=SORTS)["next"]
    held = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    text = base64.urlsafe_b64encode(json.dumps(change(held)).encode()).decode()
    body = {"after": text, "per_page": 5, "sort_fields": SORTS}
    status, told = many.ask("POST", f"{A}/items/search", body)
    assert status == 400
    assert "cursor" in told["errors"][0]["description"]


# --- streams ----------------------------------------------------------------------------------


def test_everything_is_streamed_beyond_one_portion(many, monkeypatch):
    whole = many.search(include_fields_data=True, sort_fields=SORTS)
    monkeypatch.setattr(lists, "PORTION_ITEMS", 10)
    body = {"include_fields_data": True, "sort_fields": SORTS}
    status, headers, pieces = many.pieces(body)
    assert status == 200
    assert "content-length" not in headers
    assert len(pieces) > 4
    assert json.loads(b"".join(pieces)) == whole
    assert whole["totalItems"] == 32
    assert json.loads(b"".join(many.pieces({"omit_total_items": True})[2]))["totalItems"] == 0
    assert not many.app.store._streams._open


def test_a_stream_tells_what_is_wrong_before_it_begins(many, monkeypatch):
    monkeypatch.setattr(lists, "PORTION_ITEMS", 10)
    assert many.ask("POST", f"{A}/items/search", {"sort_field_id": "nowhere"})[0] == 400


def test_so_many_streams_at_once_and_each_gives_its_place_back(many, monkeypatch):
    monkeypatch.setattr(lists, "PORTION_ITEMS", 5)

    async def start_all() -> None:
        app, identity = many.app, many.world.identity(w.BOB)

        def read(view: Any) -> Any:
            return lists.stream_list(view, lists.Query(many.world.tasks))

        opened = [await app.stream(identity, read) for _ in range(STREAMS_MAX)]
        with pytest.raises(Exception, match="unavailable"):
            await app.stream(identity, read)
        sizes = [len(one.items) async for one in opened[0]]
        assert sum(sizes) == 32
        for stream in opened[1:]:
            await stream.aclose()
        assert not app.store._streams._open

    many.run(start_all())


def test_a_stream_that_is_left_standing_is_closed_when_its_time_is_up(many, monkeypatch):
    monkeypatch.setattr(lists, "PORTION_ITEMS", 5)
    many.app.store._streams._stream_ms_max = 300

    async def stand() -> None:
        def read(view: Any) -> Any:
            return lists.stream_list(view, lists.Query(many.world.tasks))

        stream = await many.app.stream(many.world.identity(w.BOB), read)
        assert (await anext(stream)).items
        await asyncio.sleep(0.6)
        assert not many.app.store._streams._open
        with pytest.raises(streams.TimeLimitError):
            await anext(stream)

    many.run(stand())


# --- time -------------------------------------------------------------------------------------


def slow(api: Api) -> dict[str, Any]:
    """A condition that takes both engines many seconds over the tasks that are there."""
    api.world.put(w.TASKS, *[task(n, {"Note": "\u00e9" * 40_000}) for n in range(100, 400)])
    wanted = [f"\u00fc{n}" for n in range(50)]
    return {"conditions": [{"id": "Note", "search_value": wanted}], "per_page": 10}


def test_what_is_not_found_in_time_is_told_and_the_connection_is_good_for_more(api):
    body = slow(api)
    told = api.search(**body, data_result_timeout_sec=0.02, total_count_timeout_sec=0.02)
    assert (told["items"], told["totalItems"]) == ([], -1)
    assert [one["error_code"] for one in told["errors"]] == ["SEARCH_TIMEOUT", "COUNT_TIMEOUT"]
    told = api.search(**body, data_result_timeout_sec=0.02, omit_total_items=True)
    assert (told["items"], told["totalItems"]) == ([], 0)
    told = api.search(**body, return_count_only=True, total_count_timeout_sec=0.02)
    assert (told["totalItems"], told["errors"][0]["error_code"]) == (-1, "COUNT_TIMEOUT")
    status, headers, _ = api.pieces({**body, "format": "csv", "data_result_timeout_sec": 0.02})
    assert (status, headers["retry-after"]) == (503, "1")
    told = api.search(per_page=3, data_result_timeout_sec=30, no_cache=True, debug_query=True)
    assert (len(told["items"]), told["totalItems"]) == (3, 300)
    assert "errors" not in told


# --- CSV --------------------------------------------------------------------------------------

TEXTS = ("=1+1", "+81-3", "-5", "-x", "@me", "\tx", "＝1", 'a "b", c', "two\nlines", "x=1", "赤")


@pytest.fixture
def texts(api: Api) -> Api:
    api.world.put(w.CLIENTS, client(1, "Ito, Ltd"))
    api.world.put(
        w.TASKS,
        task(1, {"Title": TEXTS[0], "Num": -1.5, "Client": client(1).id, "Done": True}),
        *[task(n, {"Title": text}) for n, text in enumerate(TEXTS[1:], 2)],
    )
    return api


def test_csv_has_the_ids_and_values_that_lists_show(texts):
    status, headers, pieces = texts.pieces({"format": "csv", "per_page": 1})
    assert (status, headers["content-type"]) == (200, "text/csv; charset=utf-8")
    head, row = b"".join(pieces).decode().splitlines()
    fields = "Title,Note,Num,Colour,Shade,Tags,Due,Day,Done,Owners,Client,Code,Status,Total"
    assert head == f"i_id,{fields}"
    assert row == f'{task(1).id},\'=1+1,,-1.5,,,,,,true,,"Ito, Ltd",,New!,'


def test_csv_columns_are_those_selected_in_their_order(texts):
    wanted = ["Num", w.F["Title"], "rev_no", "created_at"]
    body = {"format": "csv", "per_page": 1, "select_fields": wanted, "csv_bom": True}
    told = b"".join(texts.pieces(body)[2])
    assert told == (
        b"\xef\xbb\xbfNum,Title,rev_no,created_at\r\n-1.5,'=1+1,1,2026-01-05T09:00:00Z\r\n"
    )


def test_csv_does_not_let_a_value_be_computed_unless_asked_to(texts, monkeypatch):
    def column(**body: Any) -> str:
        pieces = texts.pieces({"format": "csv", "select_fields": ["Title"], **body})[2]
        return b"".join(pieces).decode().removeprefix("Title\r\n")

    plain = ('"a ""b"", c"', '"two\nlines"', "x=1", "赤")
    guarded = ("'=1+1", "'+81-3", "-5", "'-x", "'@me", "'\tx", "'＝1", *plain)
    assert column() == "".join(f"{one}\r\n" for one in guarded)
    monkeypatch.setattr(lists, "PORTION_ITEMS", 4)
    assert column() == "".join(f"{one}\r\n" for one in guarded)
    assert column(csv_formulas=True) == "".join(f"{one}\r\n" for one in (*TEXTS[:7], *plain))


# --- lookups ----------------------------------------------------------------------------------


def test_the_fields_of_looked_up_items_may_be_selected(texts):
    flags = {"include_lookups": True, "use_display_id": True, "per_page": 1}
    told = texts.search(**flags, select_fields_lookup={"clients": ["Rank"]})
    found = told["items"][0]["lookup_items"]["Client"]
    assert "Rank" in found
    assert "Name" not in found
    for wrong in ({"clients": ["nowhere"]}, {"nowhere": ["Rank"]}):
        status, _ = texts.ask("POST", f"{A}/items/search", {**flags, "select_fields_lookup": wrong})
        assert status in (400, 404)
