"""Requests that come twice with an Idempotency-Key, and what is not offered."""

from __future__ import annotations

import asyncio

import pytest

from hikidashi.api.idempotency import KEY_CHARS_MAX


def test_a_write_with_a_key_is_done_once(rest):
    item = rest.new()
    body = {"rev_no": 1, "item": {"CAR_NAME": "once"}}
    key = {"idempotency-key": "update-1"}
    first = rest.call("POST", f"/items/edit/{item}", body, headers=key)
    again = rest.call("POST", f"/items/edit/{item}", body, headers=key)
    assert first.status == again.status == 200
    assert first.body == again.body
    assert "idempotent-replay" not in first.headers
    assert again.headers["idempotent-replay"] == "true"
    other = rest.call("POST", f"/items/edit/{item}", {"rev_no": 2}, headers=key)
    assert other.status == 422
    assert "Idempotency-Key" in other.json["error"]


def test_a_refusal_with_a_key_is_repeated(rest):
    item = rest.new()
    key = {"idempotency-key": "update-2"}
    body = {"rev_no": 2}
    first = rest.call("POST", f"/items/edit/{item}", body, headers=key)
    assert rest.call("POST", f"/items/edit/{item}", {"rev_no": 1}).status == 200
    again = rest.call("POST", f"/items/edit/{item}", body, headers=key)
    assert (first.status, again.status) == (409, 409)
    assert first.body == again.body


def test_the_same_key_at_the_same_moment_writes_once(rest):
    async def all_at_once():
        body = {"item": {"CAR_NAME": "one of eight"}}
        key = {"idempotency-key": "create-1"}
        return await asyncio.gather(
            *(rest.acall("POST", "/items/new", body, headers=key) for _ in range(8))
        )

    replies = rest.run(all_at_once())
    assert {one.status for one in replies} == {200}
    assert len({one.body for one in replies}) == 1
    assert sum("idempotent-replay" in one.headers for one in replies) == 7


def test_a_key_is_of_its_user_and_path(rest):
    key = {"idempotency-key": "create-2"}
    made = {
        rest.call("POST", "/items/new", {"item": {}}, headers=key, user=user).json["item_id"]
        for user in ("ann", "bob")
    }
    assert len(made) == 2


@pytest.mark.parametrize("key", ["", "x" * (KEY_CHARS_MAX + 1)])
def test_a_bad_key_is_refused(rest, key):
    reply = rest.call("POST", "/items/new", {"item": {}}, headers={"idempotency-key": key})
    assert reply.status == 400
