"""What a receiver gets: the headers and keys of a message."""

from __future__ import annotations

import json
import re

from tests.webhooks.test_webhooks import open_world, world

__all__ = ["open_world", "world"]  # fixtures

HEAD = {
    "accept": r"\*/\*",
    "content-length": r"\d+",
    "content-type": "application/json",
    "host": r"127\.0\.0\.1:\d+",
    "user-agent": "Hikidashi-Webhooks/1",
    "webhook-id": "[0-9a-f]{24}",
    "webhook-signature": "v1,[A-Za-z0-9+/]{43}=",
    "webhook-timestamp": r"\d{10}",
}
KEYS = [
    "a_id",
    "action",
    "action_id",
    "as_params",
    "comment",
    "created_at",
    "created_by",
    "d_disp_id",
    "d_id",
    "email",
    "fields_data",
    "history_id",
    "i_id",
    "item",
    "old_item",
    "p_id",
    "related_items",
    "rev_no",
    "status_id",
    "statuses",
    "title",
    "trans_id",
    "u_id",
    "updated_at",
    "updated_by",
    "user_name",
    "w_id",
]


def test_a_message_has_these_headers_and_keys_and_no_others(world):
    world.hook()
    world.rest.new({"name": "りんご", "amount": 3})
    world.drain()
    ((headers, body),) = world.receiver.got
    head = {key.lower(): value for key, value in headers.items()}
    assert sorted(head) == sorted(HEAD)
    assert [key for key, one in HEAD.items() if not re.fullmatch(one, head[key])] == []
    assert int(head["content-length"]) == len(body)
    whole = json.loads(body)
    assert (list(whole), sorted(whole["data"])) == (["data"], KEYS)
    told = whole["data"]["fields_data"]["amount"]
    assert {**told, "f_id": ""} == {
        "f_id": "",
        "display_id": "amount",
        "dataType": "number",
        "value": 3,
        "uncommitted_value": None,
    }
