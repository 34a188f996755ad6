"""Every limit of a write: what is just allowed goes through, one more is refused and named."""

from __future__ import annotations

from typing import Any

import pytest

from hikidashi.core.limits import (
    BODY_BYTES_MAX,
    BRANCH_KEY_CHARS_MAX,
    CHOICES_MAX,
    COMMENT_CHARS_MAX,
    INDEXED_BYTES_MAX,
    INDEXED_CHARS_MAX,
    JSON_LEVELS_MAX,
    KEYS_PER_ITEM_MAX,
    NUMBER_DIGITS_MAX,
    PUBLISH_KEYS_MAX,
    RELATED_ENTRIES_MAX,
    TEXT_BYTES_MAX,
    URL_BYTES_MAX,
)
from tests.writes.nest import MISSING, Nest


def ids(count: int) -> list[str]:
    """Ids that nobody has."""
    return [f"{at:024x}" for at in range(1, count + 1)]


def refusal(nest: Nest, reply: Any) -> str:
    """The one description of a refusal that wrote nothing."""
    assert reply.status == 400, reply.json
    assert nest.rows(f"SELECT 1 FROM i_{nest.id('ONE')}") == []
    assert nest.rows("SELECT 1 FROM histories WHERE operation <> 'new'") == []
    [told] = reply.json["error"]
    return str(told["description"])


def test_a_thousand_entries_in_all_levels(nest):
    below = {"TWO": [{"operation": 11, "i_id": MISSING}] * (RELATED_ENTRIES_MAX - 2)}
    entries = [{"operation": 1, "related_ds_items": below}, {"operation": 1}]
    parent = nest.make()
    body = {"rev_no": 1, "related_ds_items": {"ONE": [*entries, {"operation": 1}]}}
    assert "over 1000 entries" in refusal(nest, nest.edit(parent, body))
    assert "over 1000 entries" in refusal(nest, nest.create(body))
    reply = nest.edit(parent, {"rev_no": 1, "related_ds_items": {"ONE": entries}})
    assert reply.status == 200
    assert len(reply.json["error"]) == RELATED_ENTRIES_MAX - 2
    assert len(nest.links()) == 2


@pytest.mark.parametrize("letter", ["x", "長"])
def test_a_comment(nest, letter):
    parent = nest.make()
    body = {"rev_no": 1, "comment": letter * (COMMENT_CHARS_MAX + 1)}
    assert "comment has over 100000" in refusal(nest, nest.edit(parent, body))
    old = {"rev_no": 1, "history": {"comment": body["comment"]}}
    assert "comment has over 100000" in refusal(nest, nest.edit(parent, old))
    body["comment"] = letter * COMMENT_CHARS_MAX
    assert nest.edit(parent, body).json["itemHistory"]["comment"] == body["comment"]


@pytest.mark.parametrize("key", ["groups_to_publish", "roles_to_publish", "users_to_publish"])
def test_a_publish_list(nest, key):
    parent = nest.make()
    for count in (PUBLISH_KEYS_MAX + 1, PUBLISH_KEYS_MAX):
        keys = {"access_key_updates": {key: ids(count)}}
        child = {"operation": 2, "i_id": MISSING, **keys}
        for body in (keys, {"related_ds_items": {"ONE": [child]}}):
            reply = nest.edit(parent, {"is_force_update": True, **body})
            if count > PUBLISH_KEYS_MAX:
                assert "publish list" in refusal(nest, reply)
            else:
                assert reply.status == 200


def test_the_old_publish_list(nest):
    parent = nest.make()
    body = {"is_force_update": True, "groups_to_publish": ids(PUBLISH_KEYS_MAX + 1)}
    assert "groups_to_publish has over 1000" in refusal(nest, nest.edit(parent, body))
    body["groups_to_publish"].pop()
    assert len(nest.edit(parent, body).json["error"]) == PUBLISH_KEYS_MAX


def test_the_keys_of_an_item(nest, monkeypatch):
    monkeypatch.setattr("hikidashi.core.draft.KEYS_PER_ITEM_MAX", 2)
    assert KEYS_PER_ITEM_MAX > 2
    parent = nest.make()
    eve, rex = nest.identity("eve").user, nest.identity("rex").user
    body = {"rev_no": 1, "access_key_updates": {"users_to_publish": [eve, rex]}}
    assert "over 2 keys on one item" in refusal(nest, nest.edit(parent, body))
    body["access_key_updates"]["users_to_publish"].pop()
    assert nest.edit(parent, body).json["error"] == ""


def sized(size: int) -> bytes:
    """A body of so many bytes."""
    start, end = b'{"rev_no": 1, "unknown": "', b'"}'
    return start + b"x" * (size - len(start) - len(end)) + end


def test_a_body(nest):
    parent = nest.make()
    reply = nest.edit(parent, sized(BODY_BYTES_MAX + 1))
    assert reply.status == 413
    assert list(reply.json) == ["description", "error", "error_code"]
    assert "10000000 bytes" in reply.json["description"]
    assert nest.rows("SELECT 1 FROM histories WHERE operation <> 'new'") == []
    assert nest.edit(parent, sized(BODY_BYTES_MAX)).status == 200


def deep(levels: int) -> bytes:
    """A body of so many levels of arrays and objects."""
    inner = levels - 1
    return b'{"rev_no": 1, "as_params": ' + b"[" * inner + b"]" * inner + b"}"


def test_the_levels_of_a_body(nest):
    parent = nest.make()
    told = refusal(nest, nest.edit(parent, deep(JSON_LEVELS_MAX + 1)))
    assert f"nests over {JSON_LEVELS_MAX} levels" in told
    for levels in (5_000, 100_000):
        refusal(nest, nest.edit(parent, b'{"as_params": ' + b'{"a":' * levels))
    assert nest.edit(parent, deep(JSON_LEVELS_MAX)).status == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_branch_key(nest, method):
    path = "/fields/number/autonum"
    for length in (BRANCH_KEY_CHARS_MAX + 1, BRANCH_KEY_CHARS_MAX):
        key = "x" * length
        if method == "GET":
            reply = nest.call("GET", f"{path}?branch_key={key}", user="bob")
        else:
            reply = nest.call("POST", path, {"auto_num": 1, "branch_key": key})
        [told] = reply.json.get("errors", [{"description": ""}])
        if length > BRANCH_KEY_CHARS_MAX:
            assert reply.status == 400
            assert "branch_key has over 200 characters" in told["description"]
        else:
            assert "over" not in told["description"]


def test_the_digits_of_a_number(nest):
    path = "/fields/number/autonum"
    assert nest.call("GET", f"{path}?digit={NUMBER_DIGITS_MAX + 1}", user="bob").status == 400
    reply = nest.call("GET", f"{path}?digit={NUMBER_DIGITS_MAX}", user="bob")
    assert reply.json["result"] == {"number": 1, "value": f"N-{'0' * 29}1"}


@pytest.mark.parametrize(
    ("field", "fits", "over", "words"),
    [
        ("text", "x" * TEXT_BYTES_MAX, "x" * (TEXT_BYTES_MAX + 1), "over 1000000 bytes"),
        ("area", "長" * 333_333, "長" * 333_334, "over 1000000 bytes"),
        ("unique", "x" * INDEXED_CHARS_MAX, "x" * (INDEXED_CHARS_MAX + 1), "1001 characters"),
        ("sought", "x" * INDEXED_CHARS_MAX, "x" * (INDEXED_CHARS_MAX + 1), "1001 characters"),
        ("unique", "長" * 900, "長" * 901, f"over {INDEXED_BYTES_MAX} bytes"),
        ("sought", "🚗" * 675, "🚗" * 676, f"over {INDEXED_BYTES_MAX} bytes"),
        ("marks", ["S"] * CHOICES_MAX, ["S"] * (CHOICES_MAX + 1), "at most 1000 are allowed"),
        ("people", "bob", ids(CHOICES_MAX + 1), "at most 1000 are allowed"),
    ],
)
def test_the_size_of_a_value(nest, field, fits, over, words):
    reply = nest.create({"item": {field: over}}, "KINDS")
    assert words in refusal(nest, reply)
    given = [nest.identity("bob").user] * CHOICES_MAX if fits == "bob" else fits
    made = nest.new({field: given}, "KINDS", user="bob")
    if isinstance(fits, str) and field != "people":
        assert nest.value(made, field, "KINDS") == fits


def test_an_address(nest):
    path = f"{nest.base}/items/edit/"
    reply = nest.call("POST", path + "x" * (URL_BYTES_MAX - len(path) + 1), {}, user="bob")
    assert reply.status == 414
    reply = nest.call("POST", path + "x" * (URL_BYTES_MAX - len(path)), {}, user="bob")
    assert reply.status == 404
