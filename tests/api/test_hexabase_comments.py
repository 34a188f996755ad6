"""Comments: who may post, edit and delete them, what they mark as unread, what they leave alone."""

from __future__ import annotations

import asyncio
import json

import pytest

MISSING = "0" * 24


@pytest.fixture
def car(rest) -> str:
    """A car that Ann and Bob see."""
    rest.empty()
    return rest.new({"CAR_NAME": "a car"}, user="bob")


def post(rest, item: str, comment: str = "hello", user: str = "bob", **more):
    return rest.call(
        "POST", f"/items/histories/{item}", {"comment": comment, **more.pop("body", {})}, user=user
    )


def listed(rest, item: str, query: str = "", user: str = "ann"):
    reply = rest.call("GET", f"/items/histories/{item}{query}", user=user)
    assert reply.status == 200, reply.body
    rest.settle()
    return reply.json


def comments(rest, item: str, user: str = "ann"):
    return listed(rest, item, "?exclude_action_history=true", user)["histories"]


def test_a_comment_is_a_history_and_no_revision(rest, car):
    assert post(rest, car).body == b"null"
    (one,) = comments(rest, car)
    assert (one["comment"], one["username"], one["is_updated"]) == ("hello", "Bob", False)
    assert not {"action_id", "action_name", "changes", "updated_by"} & one.keys()
    assert rest.call("GET", f"/items/details/{car}").json["rev_no"] == 1
    assert rest.call("POST", f"/items/edit/{car}", {"rev_no": 1}).status == 200
    rows = rest.rows("SELECT seq, rev, operation FROM histories ORDER BY seq")
    assert rows == [(1, 1, "new"), (2, 1, ""), (3, 2, "update")]
    kinds = rest.rows("SELECT seq, kind FROM outbox ORDER BY seq")
    assert kinds == [(1, "item.created"), (2, "comment.created"), (3, "item.updated")]


def test_editing_and_deleting_leave_the_place_of_a_comment(rest, car):
    post(rest, car, "first")
    post(rest, car, "second")
    second, first = (one["history_id"] for one in comments(rest, car))
    rest.clock.advance(ms=1_000)
    path = f"/items/histories/{car}"
    body = {"comment": "第一"}
    assert rest.call("PUT", f"{path}/{first}", body, user="bob").body == b"null"
    edited = comments(rest, car)[1]
    assert (edited["comment"], edited["is_updated"]) == ("第一", True)
    assert edited["updated_by"] == "62d657fb0ac22e357f5b69c5"
    assert edited["updated_at"] > edited["created_at"]
    assert rest.call("DELETE", f"{path}/{second}", user="bob").body == b"null"
    assert [one["history_id"] for one in comments(rest, car)] == [first]
    events = rest.rows("SELECT seq, kind, body FROM outbox WHERE kind LIKE 'comment.%' ORDER BY 1")
    told = [(seq, kind, json.loads(text)["run_post"]) for seq, kind, text in events]
    assert told == [
        (2, "comment.created", True),
        (3, "comment.created", True),
        (4, "comment.updated", False),
        (5, "comment.deleted", False),
    ]
    assert rest.rows("SELECT comment FROM histories WHERE id = ?", second) == [("",)]


def test_only_the_author_and_administrators_change_a_comment(rest, car):
    post(rest, car, "of Ann", user="ann")
    post(rest, car, "of Bob", user="bob")
    bobs, anns = (one["history_id"] for one in comments(rest, car))
    path = f"/items/histories/{car}"
    before = rest.contents()
    refused = rest.call("PUT", f"{path}/{anns}", {"comment": "x"}, user="bob")
    assert (refused.status, refused.json) == (403, {"error": "no privileges to update history"})
    refused = rest.call("DELETE", f"{path}/{anns}", user="bob")
    assert (refused.status, refused.json) == (403, {"error": "no privileges to delete history"})
    assert rest.contents() == before
    assert rest.call("PUT", f"{path}/{bobs}", {"comment": "y"}, user="ann").status == 200
    assert rest.call("DELETE", f"{path}/{bobs}", user="ann").status == 200


def test_what_is_no_comment_of_the_item_is_404(rest, car):
    other = rest.new({"CAR_NAME": "another"}, user="bob")
    post(rest, other)
    (elsewhere,) = (one["history_id"] for one in comments(rest, other))
    (action,) = (one["history_id"] for one in listed(rest, car)["histories"])
    post(rest, car)
    (gone,) = (one["history_id"] for one in comments(rest, car))
    assert rest.call("DELETE", f"/items/histories/{car}/{gone}", user="bob").status == 200
    before = rest.contents()
    for history in (elsewhere, action, gone, MISSING, "nothing"):
        for method, body in (("PUT", {"comment": "x"}), ("DELETE", None)):
            reply = rest.call(method, f"/items/histories/{car}/{history}", body, user="bob")
            assert (reply.status, reply.json["error_code"]) == (404, "NOT_FOUND"), history
    assert rest.contents() == before


def test_who_does_not_see_the_item_finds_nothing_to_comment_on(rest, car):
    before = rest.contents()
    for item in (car, MISSING, "nothing"):
        reply = post(rest, item, user="eve")
        assert reply.status == 404
    assert rest.contents() == before


@pytest.mark.parametrize(
    "body",
    [
        *({}, {"comment": None}, {"comment": ""}, {"comment": 1}, {"comment": "a\0b"}),
        *({"comment": "x" * 100_001}, {"comment": "x", "is_send_item_unread": "no"}),
    ],
    ids=repr,
)
def test_a_comment_is_a_text_within_limits(rest, car, body):
    before = rest.contents()
    assert rest.call("POST", f"/items/histories/{car}", body, user="bob").status == 400
    assert rest.contents() == before
    assert post(rest, car, "x" * 100_000).status == 200


def test_unread_is_what_others_posted_loudly_and_still_stands(rest, car):
    listed(rest, car)  # Ann has read that Bob made it
    post(rest, car, "loud")
    post(rest, car, "quiet", body={"is_send_item_unread": False})
    post(rest, car, "own", user="ann")
    post(rest, car, "gone")
    found = {one["comment"]: one["history_id"] for one in comments(rest, car, "bob")}
    rest.call("DELETE", f"/items/histories/{car}/{found['gone']}", user="bob")
    unread = {"unread_only": True}
    assert rest.call("POST", "/items/search", unread).json["items"][0]["unread"] == "1"
    first = listed(rest, car)
    assert first["unread"] == 1
    assert [one["comment"] for one in first["histories"] if one["is_unread"]] == ["loud"]
    assert listed(rest, car)["unread"] == 0
    assert rest.call("POST", "/items/search", unread).json["items"] == []


def test_comments_at_the_same_moment_are_all_kept_in_order(rest, car):
    async def all_at_once():
        path = f"/items/histories/{car}"
        calls = (rest.acall("POST", path, {"comment": str(at)}, user="bob") for at in range(20))
        return await asyncio.gather(*calls)

    assert {one.status for one in rest.run(all_at_once())} == {200}
    assert sorted(int(one["comment"]) for one in comments(rest, car)) == list(range(20))
    assert rest.rows("SELECT count(*), max(seq) FROM histories") == [(21, 21)]


def test_a_comment_edited_and_deleted_in_one_group(rest, car):
    post(rest, car)
    (one,) = (entry["history_id"] for entry in comments(rest, car))
    path = f"/items/histories/{car}/{one}"

    async def all_at_once():
        return await asyncio.gather(
            rest.acall("PUT", path, {"comment": "a"}, user="bob"),
            rest.acall("PUT", path, {"comment": "b"}, user="bob"),
            rest.acall("DELETE", path, user="bob"),
            rest.acall("PUT", path, {"comment": "c"}, user="bob"),
        )

    statuses = [reply.status for reply in rest.run(all_at_once())]
    assert statuses.count(404) <= 3
    assert statuses[2] == 200
    assert comments(rest, car) == []


def test_a_comment_with_a_key_is_posted_once(rest, car):
    key = {"idempotency-key": "comment-1"}
    for _ in range(2):
        reply = rest.call(
            "POST", f"/items/histories/{car}", {"comment": "once"}, user="bob", headers=key
        )
        assert reply.body == b"null"
    assert len(comments(rest, car)) == 1


def test_histories_tell_what_was_changed_as_far_as_one_may_see(rest, car):
    option = "596e2327fbfcbab8283dde09"
    body = {
        "rev_no": 1,
        "action_id": "Update",
        "item": {"PRICE": 5, "COST": 3, "OPTIONS": [option]},
    }
    assert rest.call("POST", f"/items/edit/{car}", body).status == 200
    body = {"rev_no": 2, "action_id": "Sell", "item": {"CAR_NAME": None, "PRICE": 6.5}}
    assert rest.call("POST", f"/items/edit/{car}", body).status == 200

    def changes(user: str):
        return [one["changes"] for one in listed(rest, car, user=user)["histories"]]

    sold, priced, made = changes("ann")
    assert sold == {
        "status_id": {"from": "New", "to": "Sold"},
        "CAR_NAME": {"from": "a car", "to": None},
        "PRICE": {"from": 5, "to": 6.5},
    }
    assert priced["COST"] == {"from": None, "to": 3}
    assert priced["OPTIONS"] == {"from": None, "to": ["roof"]}
    assert made["CAR_NAME"] == {"from": None, "to": "a car"}
    assert "COST" not in changes("bob")[1]


def test_histories_of_a_time(rest, car):
    for minute in range(3):
        rest.clock.advance(ms=60_000)
        post(rest, car, f"after {minute + 1}")
    base = "2026-01-05T09:0"

    def told(query: str) -> list[str]:
        return [one["comment"] for one in listed(rest, car, f"?{query}")["histories"]][:3]

    start = rest.rows("SELECT min(created_at) FROM histories")[0][0]
    assert start % 60_000 == 0, base
    assert told(f"from_datetime={base}2:00Z") == ["after 3", "after 2"]
    assert told(f"to_datetime={base}1:00Z&exclude_action_history=true") == ["after 1"]
    assert told("exclude_comment_history=true") == ["ITEM_DETAILS.POST_EMPTY_COMMENT"]
