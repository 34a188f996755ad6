"""GlobalSearch: texts of any datastore, found by the words in them, for who may see their items."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from hikidashi.core.limits import SEARCH_HITS_MAX
from hikidashi.service.schema import schema_apply
from tests.api.rest import Rest, open_rest
from tests.deterministic import FixedClock, fixed_ids
from tests.worlds import FOLDER

WORLD = FOLDER / "minutes.yaml"
BASE = "/api/v0/applications/OFFICE/datastores/minutes"
F = {
    name: f"62d7b36da69d9d279545f10{at}" for at, name in enumerate(("subject", "body", "secret"), 1)
}
SHOP = "/api/v0/applications/SHOP/datastores/goods/items/new"


@pytest.fixture(scope="module")
def opened(new_database, tmp_path_factory) -> Iterator[Rest]:
    with open_rest(new_database(tmp_path_factory.mktemp("minutes")), WORLD, BASE) as made:
        yield made


@pytest.fixture
def office(opened) -> Rest:
    """The world with nothing in it."""
    opened.empty()
    return opened


def search(rest: Rest, query: str, user: str = "bob", **body: Any) -> Any:
    reply = rest.call("POST", "/api/v0/globalsearch", {"query": query, **body}, user=user)
    assert reply.status == 200, reply.body
    return reply.json


def found(rest: Rest, query: str, user: str = "bob", **body: Any) -> list[str]:
    """Which items, and where in them."""
    hits = search(rest, query, user, **body)["search_result"]
    return [f"{one['title']}: {one['highlight_value']['value'][0]}" for one in hits]


def em(text: str) -> str:
    return f"<em class='searched_em'>{text}</em>"


def edit(rest: Rest, item: str, values: dict[str, Any], user: str = "bob", **more: Any) -> None:
    body = {"is_force_update": True, "item": values, **more}
    reply = rest.call("POST", f"/items/edit/{item}", body, user=user)
    assert reply.status == 200, reply.body


def test_a_word_of_two_characters_is_found_anywhere_in_a_text(office):
    item = office.new({"subject": "定例会", "body": "本日の議事録を送ります"}, user="bob")
    (hit,) = search(office, "議事")["search_result"]
    assert hit == {
        "category": "items",
        "d_id": "62d7b36da69d9d2795450001",
        "datastore_name": "Minutes",
        "f_id": F["body"],
        "highlight_value": {"value": [f"本日の{em('議事')}録を送ります"]},
        "i_id": item,
        "p_id": "62d7b261cc1351eb97f34001",
        "project_name": "Office",
        "title": "定例会",
        "w_id": "62d7afb1cc1351eb97f33bcf",
    }


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("議", True),
        ("録", True),
        ("議事録", True),
        ("議事録を送", True),
        ("事議", False),
        ("議録", False),
        ("本日 送り", True),
        ("本日 明日", False),
        ("ABC", True),
        ("ａｂｃ", True),
        ("bc1", True),
        ("ac", False),
        ("c12", True),
        ("ガス", True),
        ("2", True),
        ("1", True),
        ("9", False),
        ("。", False),
        ("", False),
        ('"議事" OR x*', False),
        ("議事 -録", True),
        ("%", False),
    ],
)
def test_what_finds_a_text(office, query, is_found):
    office.new({"subject": "x", "body": "本日の議事録を送ります。Abc12、ｶﾞｽ"}, user="bob")
    assert bool(found(office, query)) is is_found


def test_only_fields_that_are_marked_for_it(office):
    item = office.new({"plain": "議事録", "subject": "無"}, user="bob")
    base = "/api/v0/applications/OFFICE/datastores/plain"
    office.call("POST", f"{base}/items/new", {"item": {"subject": "議事録"}}, user="bob")
    assert search(office, "議事録", return_item_list=True) == {
        "search_result": [],
        "item_list": {"items": [], "totalItems": 0},
    }
    assert [one["i_id"] for one in search(office, "GJ-0001")["search_result"]] == [item]


def test_writes_are_found_and_what_they_replaced_is_not(office):
    item = office.new({"subject": "会議", "body": "東京"}, user="bob")
    edit(office, item, {"body": "大阪"})
    assert found(office, "東京") == []
    assert found(office, "大阪") == [f"会議: {em('大阪')}"]
    edit(office, item, {"body": None})
    assert found(office, "大阪") == []
    edit(office, item, {"body": "京都"})
    reply = office.call("DELETE", f"/items/delete/{item}", {}, user="bob")
    assert reply.status == 200
    assert found(office, "京都") == found(office, "会議") == []
    assert office.rows("SELECT count(*) FROM texts") == [(0,)]


def test_a_write_that_is_taken_back_leaves_nothing(office):
    item = office.new({"subject": "会議"}, user="bob")
    body = {
        "rev_no": 1,
        "item": {"subject": "変更"},
        "ensure_transaction": True,
        "related_ds_items": {"plain": [{"operation": 2, "i_id": "0" * 24}]},
    }
    assert office.call("POST", f"/items/edit/{item}", body, user="bob").status == 400
    assert (found(office, "変更"), len(found(office, "会議"))) == ([], 1)


def test_one_finds_only_what_one_may_see_of_items_fields_and_places(office):
    mine = office.new({"subject": "会議 A", "body": "x"}, user="bob")
    office.new({"subject": "会議 B", "secret": "内密の会議"}, user="ann")
    office.call("POST", SHOP, {"item": {"name": "会議室"}}, user="ann")
    title = em("会議")
    assert found(office, "会議", "bob") == [f"会議 A: {title} A"]
    assert found(office, "会議", "eve") == []
    assert found(office, "会議", "ann") == [
        f"会議室: {title}室",
        f"会議 B: 内密の{title}",
        f"会議 B: {title} B",
        f"会議 A: {title} A",
    ]
    edit(office, mine, {}, action_id="Publish")
    assert found(office, "会議", "eve") == [f"会議 A: {title} A"]
    body = {"access_key_updates": {"overwrite": True, "ignore_action_settings": True}}
    edit(office, mine, {"secret": "会議"}, user="ann", **body)
    assert found(office, "会議", "eve") == found(office, "会議", "bob") == []


def test_comments_are_found_while_they_stand(office):
    item = office.new({"subject": "定例会"}, user="bob")
    path = f"/items/histories/{item}"
    office.call("POST", path, {"comment": "確認をお願いします"}, user="bob")
    edit(office, item, {"plain": "x"}, comment="確認済み")
    mark = em("確認")
    assert found(office, "確認") == [f"定例会: {mark}済み", f"定例会: {mark}をお願いします"]
    hit = search(office, "確認 願い", category="histories")["search_result"][0]
    assert (hit["category"], hit["f_id"], hit["i_id"]) == ("histories", "", item)
    assert found(office, "確認", "eve") == []
    assert found(office, "確認", category="items") == []
    histories = office.call("GET", f"{path}?exclude_action_history=true", user="bob").json
    (comment,) = (one["history_id"] for one in histories["histories"])
    office.call("PUT", f"{path}/{comment}", {"comment": "承認"}, user="bob")
    assert found(office, "願い") == []
    assert found(office, "承認") == [f"定例会: {em('承認')}"]
    office.call("DELETE", f"{path}/{comment}", user="bob")
    assert found(office, "承認") == []


def test_where_is_looked(office):
    office.new({"subject": "会議", "body": "会議"}, user="ann")
    office.call("POST", SHOP, {"item": {"name": "会議"}}, user="ann")

    def where(**body: Any) -> list[str]:
        return [one["f_id"] for one in search(office, "会議", "ann", **body)["search_result"]]

    goods = "62d7b36da69d9d279545f301"
    assert set(where()) == {goods, F["subject"], F["body"]}
    assert where(app_id="SHOP") == [goods]
    assert where(datastore_id="goods") == [goods]
    assert set(where(app_id="OFFICE", datastore_id="minutes")) == {F["subject"], F["body"]}
    assert where(datastore_id="minutes", field_id="body") == [F["body"]]
    assert where(field_id=F["body"]) == [F["body"]]
    assert where(field_id="nothing") == where(category="files") == []
    assert where(datastore_id="plain") == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"query": None}, 400),
        ({"query": "x" * 1_001}, 400),
        ({"query": "x", "category": "all"}, 400),
        ({"query": "x", "app_id": "NONE"}, 404),
        ({"query": "x", "app_id": "SHOP"}, 404),
        ({"query": "x", "datastore_id": "none"}, 404),
        (
            {"query": "x", "return_item_list": True, "item_search_params": {"sort_field_id": "a"}},
            400,
        ),
        ({"query": "x", "return_item_list": True, "item_search_params": {"format": "csv"}}, 400),
        ({"query": "x\0y"}, 200),
    ],
    ids=lambda one: repr(one)[:60],
)
def test_requests_that_are_refused(office, body, status):
    assert office.call("POST", "/api/v0/globalsearch", body, user="bob").status == status


def test_the_items_of_the_hits_as_a_list(office):
    for at in range(3):
        office.new({"subject": f"会議 {at}", "body": "会議"}, user="ann")
    office.call("POST", SHOP, {"item": {"name": "会議室"}}, user="ann")

    def listed(**params: Any) -> tuple[list[str], int]:
        place = params.pop("place", {})
        told = search(
            office, "会議", "ann", return_item_list=True, item_search_params=params, **place
        )["item_list"]
        return [one["title"] for one in told["items"]], told["totalItems"]

    assert listed() == (["会議室", "会議 2", "会議 1", "会議 0"], 4)
    assert listed(per_page=2, page=2) == (["会議 1", "会議 0"], 4)
    assert listed(return_count_only=True) == ([], 4)
    place = {"datastore_id": "minutes"}
    assert listed(place=place, sort_field_id="subject") == (["会議 0", "会議 1", "会議 2"], 3)
    assert listed(
        place=place,
        sort_field_id="subject",
        sort_order="desc",
        per_page=1,
        conditions=[{"id": "subject", "search_value": ["0", "1"]}],
    ) == (["会議 1"], 2)


def test_many_at_once_in_one_group(office):
    item = office.new({"subject": "始"}, user="bob")

    async def all_at_once():
        path = f"{BASE}/items/edit/{item}"
        words = [f"語彙{at}番" for at in range(10)]
        calls = [
            office.acall("POST", path, {"is_force_update": True, "item": {"body": one}}, user="bob")
            for one in words
        ]
        calls += [
            office.acall("POST", f"{BASE}/items/new", {"item": {"subject": one}}, user="bob")
            for one in words
        ]
        return await asyncio.gather(*calls)

    assert {one.status for one in office.run(all_at_once())} == {200}
    assert len(found(office, "語彙")) == 11
    assert len(found(office, "語彙3番")) in (1, 2)


def test_hits_have_an_end(office):
    rows = [
        {"operation": 1, "item": {"subject": f"頻出 {at}"}}
        for at in range(SEARCH_HITS_MAX // 2 + 1)
    ]
    for _ in range(2):
        body = {"item": {}, "related_ds_items": {"62d7b36da69d9d2795450001": rows}}
        path = "/api/v0/applications/OFFICE/datastores/plain/items/new"
        assert office.call("POST", path, body, user="bob").status == 200
    hits = search(office, "頻出")["search_result"]
    assert len(hits) == SEARCH_HITS_MAX
    assert hits[0]["title"] == f"頻出 {SEARCH_HITS_MAX // 2}"


FIELDS = """
workspaces:
  - name: Minutes
    applications:
      - display_id: OFFICE
        datastores:
          - display_id: plain
            fields: [{{display_id: subject, full_text: {plain}}}]
          - display_id: minutes
            fields: [{{display_id: body, full_text: {body}}}]
"""


def test_what_is_there_is_indexed_when_a_field_is_marked_for_it(new_database, tmp_path):
    clock = FixedClock()
    with asyncio.Runner() as runner:
        url = new_database(tmp_path)
        office = Rest(url, clock, fixed_ids(clock), runner, WORLD, BASE)
        plain = "/api/v0/applications/OFFICE/datastores/plain"
        for at in range(3):
            new = office.call("POST", f"{plain}/items/new", {"item": {"subject": f"会議 {at}"}})
            body = {"comment": f"会議は {at} 時"}
            item = new.json["item_id"]
            assert office.call("POST", f"{plain}/items/histories/{item}", body).status == 200
        office.new({"subject": "会", "body": "会議"})

        def apply(**marked: str) -> None:
            changed = tmp_path / "changed.yaml"
            changed.write_text(FIELDS.format(**marked), "utf-8")
            runner.run(schema_apply(office.app.store, office.app.ids, clock, changed))

        assert len(found(office, "会議", "ann")) == 1
        apply(plain="true", body="true")
        assert len(found(office, "会議", "ann")) == 7
        assert len(found(office, "会議", "ann", category="histories")) == 3
        assert len(found(office, "会議", "eve")) == 6  # Ann's minutes are published to nobody
        apply(plain="true", body="false")
        assert len(found(office, "会議", "ann")) == 6
        apply(plain="false", body="false")
        assert office.rows("SELECT DISTINCT source FROM texts ORDER BY source") == [
            (F["subject"],),
            ("62d7b36da69d9d279545f105",),
        ]
        office.close()
