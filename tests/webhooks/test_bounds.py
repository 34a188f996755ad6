"""What the log of a webhook keeps and what one call replays has bounds; so has the number of secrets."""

from __future__ import annotations

import pytest

from hikidashi.core.limits import WEBHOOK_SECRETS_MAX
from hikidashi.service import design_webhooks, webhooks
from hikidashi.service.schema import SchemaError, loads
from tests.webhooks.test_webhooks import open_world, world

__all__ = ["open_world", "world"]  # fixtures


def test_one_call_replays_so_many_and_the_log_keeps_so_much(world, monkeypatch):
    monkeypatch.setattr(design_webhooks, "REPLAYED_MAX", 1)
    monkeypatch.setattr(webhooks, "WEBHOOK_TOLD_CHARS_MAX", 10)
    path, _ = world.hook()
    for name in "ab":
        world.rest.new({"name": name})
    world.drain()
    assert world.call("POST", f"{path}/replay", {"state": "done"}).json == {"replayed": 1}
    (event,) = world.rest.rows("SELECT event_id FROM deliveries WHERE state = 'waiting'")[0]
    (tried,) = world.call("GET", f"{path}/deliveries/{event}").json["tries"]
    assert tried["request"] == world.receiver.got[0][1].decode()[:10]


def test_a_webhook_has_so_many_secrets_and_no_more():
    file = (
        "workspaces: [{name: W, applications: [{display_id: A, datastores: [{display_id: D,"
        " webhooks: [{display_id: h, url: 'https://a.test', secret_number: %d}]}]}]}]"
    )
    loads(file % WEBHOOK_SECRETS_MAX)
    with pytest.raises(SchemaError, match="secret_number"):
        loads(file % (WEBHOOK_SECRETS_MAX + 1))
