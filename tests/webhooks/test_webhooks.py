"""Webhooks over the API: what is sent, to whom, signed how; what fails is sent again."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hikidashi.core.limits import (
    DELIVERY_PAGE_MAX,
    WEBHOOK_ANSWER_BYTES_MAX,
    WEBHOOK_BODY_BYTES_MAX,
    WEBHOOK_URL_CHARS_MAX,
    WEBHOOKS_PER_DATASTORE_MAX,
)
from hikidashi.service import webhooks as consumer
from hikidashi.service.guarded import GuardedClient
from hikidashi.service.schema import loads, schema_apply, schema_export
from hikidashi.service.schema.export import export_application
from hikidashi.service.schema.now import read_workspace
from hikidashi.service.template_files import bare
from hikidashi.storage.definitions import list_workspaces
from tests.api.rest import Rest
from tests.deterministic import START_MS, FixedClock, fixed_ids
from tests.files.papers import FORM, form
from tests.waiting import drain
from tests.webhooks.receivers import Receiver, is_signed

SHOP = Path(__file__).parent.parent / "worlds" / "shop.yaml"
BASE = "/api/v0/applications/SHOP/datastores/orders"
LINES = "/api/v0/applications/SHOP/datastores/lines"
FORCE = {"is_force_update": True}
PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text("utf-8")


class World:
    """A shop, and somebody elsewhere who wants to know what happens there."""

    def __init__(self, rest: Rest, receiver: Receiver) -> None:
        self.rest = rest
        self.run = rest.run
        self.call = rest.call
        self.clock = rest.clock
        self.receiver = receiver
        self.hooks: list[tuple[str, str]] = []

    @property
    def consumer(self) -> Any:
        return self.rest.app.events._consumers["webhooks"]

    def hook(self, base: str = BASE, **keys: Any) -> tuple[str, str]:
        """A webhook that is the receiver's: its path and its secret."""
        reply = self.call("POST", f"{base}/webhooks", {"url": self.receiver.url, **keys})
        assert reply.status == 200, reply.body
        path = f"{base}/webhooks/{reply.json['webhook_id']}"
        self.hooks.append((path, reply.json["secret"]))
        return self.hooks[-1]

    def drain(self) -> None:
        """Let the relay turn until nothing is left to do now."""
        self.run(drain(self.rest.app.events))

    def sent(self, path: str, query: str = "") -> list[dict[str, Any]]:
        reply = self.call("GET", f"{path}/deliveries{query}")
        assert reply.status == 200, reply.body
        return reply.json["deliveries"]

    def states(self, path: str) -> list[str]:
        return [one["state"] for one in self.sent(path)][::-1]


@pytest.fixture(scope="module")
def open_world(new_database, tmp_path_factory) -> Iterator[World]:
    clock = FixedClock()
    with asyncio.Runner() as runner:
        url = new_database(tmp_path_factory.mktemp("shop"))
        networks = ("127.0.0.0/8",)
        ids = fixed_ids(clock)
        rest = Rest(url, clock, ids, runner, SHOP, BASE, webhook_networks=networks)
        receiver = Receiver()
        runner.run(receiver.start())
        made = World(rest, receiver)
        yield made
        runner.run(made.consumer.close())
        runner.run(receiver.stop())
        rest.close()


@pytest.fixture
def world(open_world) -> Iterator[World]:
    """Nothing has happened yet, and nobody wants to know."""
    world = open_world

    def forget(connection: Any) -> None:
        for table in ("outbox", "deliveries", "delivery_attempts"):
            connection.query(f"DELETE FROM {table}")

    world.run(world.rest.app.store.change(forget))
    world.receiver.got.clear()
    world.receiver.answers.clear()
    world.rest.app.events._lanes.clear()
    world.clock.advance(ms=START_MS - world.clock.now_ms())
    yield world
    for path, _ in world.hooks:
        world.call("DELETE", path)
    world.hooks.clear()


def test_an_action_is_told_of_with_the_data_of_its_item_signed(world):
    path, secret = world.hook(display_id="bell")
    item = world.rest.new({"name": "りんご", "amount": 3, "size": "S"})
    world.drain()
    ((headers, body),) = world.receiver.got
    assert headers["Content-Type"] == "application/json"
    head = {key.lower(): value for key, value in headers.items()}
    assert is_signed(secret, head, body)
    assert not is_signed(secret, head, body + b" ")
    assert head["webhook-timestamp"] == str(START_MS // 1_000)
    data = json.loads(body)["data"]
    ((history,),) = world.rest.rows("SELECT id FROM histories WHERE item_id = ?", item)
    assert head["webhook-id"] == history == data["history_id"]
    assert (data["user_name"], data["email"]) == ("Ann", "ann@shop.test")
    assert (data["i_id"], data["d_disp_id"], data["title"]) == (item, "orders", "りんご")
    assert (data["created_by"], data["created_at"]) == ("Ann", "2026/01/05 09:00:00")
    assert (data["action_id"], data["action"]) == ("CreateItem", "new")
    rows = re.findall(r"^\| (`\w+`[^|]*) \|", PAGE, re.MULTILINE)
    assert set(data) == {one for row in rows for one in re.findall(r"`(\w+)`", row)}
    assert data["fields_data"]["name"]["value"] == "りんご"
    assert data["fields_data"]["name"]["display_id"] == "name"
    assert data["statuses"][data["status_id"]]["status_id"] == "New"
    (sent,) = world.sent(path)
    assert (sent["state"], sent["tries"], sent["i_id"]) == ("done", 1, item)
    told = world.call("GET", f"{path}/deliveries/{history}").json
    (tried,) = told["tries"]
    assert (tried["status"], tried["answer"], tried["failure"]) == (200, "thanks", "")
    assert tried["request"] == body.decode()


def test_each_event_has_the_item_as_its_write_left_it_and_a_delete_what_it_took(world):
    world.hook()
    item = world.rest.new({"name": "one"})
    for name in ("two", "three"):
        body = {"item": {"name": name}, **FORCE}
        assert world.call("POST", f"/items/edit/{item}", body).status == 200
    assert world.call("DELETE", f"/items/delete/{item}", {}).status == 200
    world.drain()
    told = [(one["action"], one["rev_no"], one["fields_data"]) for one in world.receiver.data]
    names = [(action, rev, fields["name"]["value"]) for action, rev, fields in told]
    assert names == [
        ("new", 1, "one"),
        ("update", 2, "two"),
        ("update", 3, "three"),
        ("delete", 4, "three"),
    ]


@pytest.mark.parametrize("fresh_s", [60.0, 0.0])
def test_what_is_told_is_read_together_and_again_if_that_is_long_ago(world, monkeypatch, fresh_s):
    monkeypatch.setattr(consumer, "FRESH_S", fresh_s)
    app, reads = world.rest.app, []
    read = app.read

    async def counted(identity: Any, fn: Any) -> Any:
        reads.append(identity)
        return await read(identity, fn)

    world.hook()
    names = [*"abcdef"]
    for name in names:
        world.rest.new({"name": name})
    monkeypatch.setattr(app, "read", counted)
    world.drain()
    assert sorted(one["title"] for one in world.receiver.data) == names
    assert len(reads) == (1 if fresh_s else 1 + len(names))


def test_a_webhook_of_some_actions_is_told_of_no_others(world):
    world.hook(actions=["Finish"])
    item = world.rest.new({"name": "one"})
    assert world.call("POST", f"/items/action/{item}/Finish", {"item": {}, **FORCE}).status == 200
    world.drain()
    assert [one["action_id"] for one in world.receiver.data] == ["Finish"]


def test_one_that_is_not_enabled_is_told_of_nothing_and_what_waits_is_dropped(world):
    path, _ = world.hook()
    world.receiver.answers = [500]
    world.rest.new({"name": "one"})
    world.drain()
    assert world.call("PATCH", path, {"enabled": False}).status == 200
    world.rest.new({"name": "two"})
    world.clock.advance(seconds=6)
    world.drain()
    assert len(world.receiver.got) == 1
    assert world.states(path) == ["done"]


@pytest.mark.parametrize("wanted", [False, True])
def test_related_items_are_told_of_where_the_caller_wants_it(world, wanted):
    world.hook()
    world.hook(LINES)
    body = {
        "item": {"name": "x"},
        "exec_children_post_procs": wanted,
        "related_ds_items": {"lines": [{"operation": 1, "item": {"sku": "a"}}]},
    }
    assert world.call("POST", "/items/new", body).status == 200
    world.drain()
    told = sorted(one["d_disp_id"] for one in world.receiver.data)
    assert told == (["lines", "orders"] if wanted else ["orders"])


def test_comments_and_links_are_no_actions(world):
    world.hook()
    item = world.rest.new({"name": "one"})
    world.drain()
    world.receiver.got.clear()
    path = f"/items/histories/{item}"
    assert world.call("POST", path, {"comment": "hm"}).status == 200
    world.drain()
    assert world.receiver.got == []


def test_a_receiver_that_is_down_gets_everything_when_it_is_up_again_in_order(world):
    path, secret = world.hook()
    item = world.rest.new({"name": "0"})
    world.run(world.receiver.stop())
    for at in range(1, 4):
        body = {"item": {"name": str(at)}, **FORCE}
        assert world.call("POST", f"/items/edit/{item}", body).status == 200
    world.drain()
    assert world.receiver.got == []
    (first, *_) = world.sent(path)[::-1]
    assert "ConnectionRefusedError" in first["failure"]
    world.run(world.receiver.start())
    world.clock.advance(seconds=6)
    world.drain()
    assert [one["fields_data"]["name"]["value"] for one in world.receiver.data] == [*"0123"]
    assert len(set(world.receiver.ids)) == 4
    assert world.states(path) == ["done"] * 4
    headers = {key.lower(): value for key, value in world.receiver.got[0][0].items()}
    assert headers["webhook-timestamp"] == str(START_MS // 1_000 + 6)  # of the try
    assert is_signed(secret, headers, world.receiver.got[0][1])


@pytest.mark.parametrize(
    ("said", "state", "failure"),
    [
        (500, "waiting", "answered 500"),
        (404, "waiting", "answered 404"),
        (410, "parked", "answered 410: it wants no more"),
        ("long", "done", ""),
    ],
)
def test_what_an_answer_means(world, said, state, failure):
    path, _ = world.hook()
    world.receiver.answers = [said]
    world.rest.new({"name": "one"})
    world.drain()
    (sent,) = world.sent(path)
    assert (sent["state"], sent["failure"]) == (state, failure)
    (tried,) = world.call("GET", f"{path}/deliveries/{sent['event_id']}").json["tries"]
    assert len(tried["answer"]) <= WEBHOOK_ANSWER_BYTES_MAX
    if state == "waiting":
        world.clock.advance(seconds=6)
        world.drain()
        assert world.states(path) == ["done"]
        assert len(set(world.receiver.ids)) == 1


def test_a_receiver_that_hangs_is_left_after_a_while(world, monkeypatch):
    path, _ = world.hook()
    world.receiver.answers = ["hang"]
    monkeypatch.setattr(world.consumer, "timeout_s", 0.2)
    world.rest.new({"name": "one"})
    world.drain()
    (sent,) = world.sent(path)
    assert (sent["state"], sent["failure"]) == ("waiting", "took longer than 0.2 seconds")


def test_a_redirect_is_not_followed(world):
    path, _ = world.hook()
    other = Receiver()
    world.run(other.start())
    world.receiver.answers = [other.url]
    world.rest.new({"name": "one"})
    world.drain()
    world.run(other.stop())
    assert other.got == []
    assert [one["failure"] for one in world.sent(path)] == ["answered 302"]


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://127.0.0.1:{port}/", []),
        ("http://inner.test:{port}/", ["127.0.0.1"]),
        ("http://inner.test:{port}/", ["10.0.0.1", "fd00::1"]),
    ],
)
def test_nothing_reaches_a_private_address_that_is_not_allowed(world, url, found):
    async def look_up(host: str, port: int) -> list[str]:
        assert (host, port) == ("inner.test", world.receiver.port)
        return found

    path, _ = world.hook(url=url.format(port=world.receiver.port))
    known, world.consumer._client = world.consumer.client, GuardedClient((), look_up)
    world.rest.new({"name": "one"})
    world.drain()
    world.run(world.consumer.close())
    world.consumer._client = known
    (sent,) = world.sent(path)
    assert sent["state"] == "parked"
    assert sent["failure"].endswith("is in a private network")
    assert world.receiver.got == []


def test_a_secret_is_shown_once_and_the_one_before_it_signs_beside_it(world):
    path, first = world.hook()
    assert first.startswith("whsec_")
    assert "secret" not in world.call("GET", path).json
    second = world.call("POST", f"{path}/secret").json["secret"]
    world.rest.new({"name": "one"})
    world.drain()
    third = world.call("POST", f"{path}/secret").json["secret"]
    world.rest.new({"name": "two"})
    world.drain()
    assert len({first, second, third}) == 3
    signed = []
    for headers, body in world.receiver.got:
        head = {key.lower(): value for key, value in headers.items()}
        signed.append([is_signed(one, head, body) for one in (first, second, third)])
    assert signed == [[True, True, False], [False, True, True]]


def test_deliveries_are_listed_in_pages_and_sent_again(world):
    path, _ = world.hook()
    world.receiver.answers = [410, 410]
    for name in "abcd":
        world.rest.new({"name": name})
        world.drain()
        world.clock.advance(seconds=60)
    assert world.states(path) == ["parked", "parked", "done", "done"]
    page = world.call("GET", f"{path}/deliveries?limit=3").json
    assert len(page["deliveries"]) == 3
    rest = world.call("GET", f"{path}/deliveries?limit=3&before={page['next']}").json
    assert (len(rest["deliveries"]), rest["next"]) == (1, None)
    assert len(world.sent(path, "?state=parked")) == 2
    last = page["deliveries"][0]["event_id"]
    world.receiver.got.clear()
    assert world.call("POST", f"{path}/deliveries/{last}/replay").json == {"replayed": 1}
    world.drain()
    assert world.receiver.ids == [last]
    body = {"state": "parked", "until": "2026-01-05T09:00:30Z"}
    assert world.call("POST", f"{path}/replay", body).json == {"replayed": 1}
    assert world.call("POST", f"{path}/replay", {}).json == {"replayed": 1}
    world.drain()
    assert world.states(path) == ["done"] * 4
    told = world.call("GET", f"{path}/deliveries/{last}").json
    assert [one["number"] for one in told["tries"]] == [1, 2]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "word"),
    [
        ("POST", "", {}, 400, "url"),
        ("POST", "", {"url": "ftp://a.test/"}, 400, "https://"),
        ("POST", "", {"url": "https://"}, 400, "https://"),
        ("POST", "", {"url": "https://a.test:99999/"}, 400, "address"),
        ("POST", "", {"url": "https://me:word@a.test/"}, 400, "password"),
        ("POST", "", {"url": "https://a.test/#b"}, 400, "fragment"),
        ("POST", "", {"url": "https://a.test/ b"}, 400, "https://"),
        ("POST", "", {"url": "https://a.test/" + "b" * WEBHOOK_URL_CHARS_MAX}, 400, "at most"),
        ("POST", "", {"url": "https://a.test", "actions": ["Nope"]}, 400, "no action Nope"),
        ("POST", "", {"url": "https://a.test", "actions": "some"}, 400, "actions"),
        ("GET", "/nope", None, 404, "nope"),
        ("PATCH", "/nope", {"enabled": True}, 404, "nope"),
        ("DELETE", "/nope", None, 404, "nope"),
        ("POST", "/nope/secret", None, 404, "nope"),
        ("GET", "/HOOK/deliveries/nope", None, 404, "nope"),
        ("POST", "/HOOK/deliveries/nope/replay", None, 404, "nope"),
        ("GET", "/HOOK/deliveries?limit=0", None, 400, "limit"),
        ("GET", f"/HOOK/deliveries?limit={DELIVERY_PAGE_MAX + 1}", None, 400, "limit"),
        ("GET", "/HOOK/deliveries?state=lost", None, 400, "state"),
        ("GET", "/HOOK/deliveries?before=x", None, 400, "before"),
        ("POST", "/HOOK/replay", {"since": "yesterday"}, 400, "since"),
        ("POST", "/HOOK/replay", {"state": "waiting"}, 400, "state"),
        ("POST", "/HOOK/replay?dry_run=true", {}, 400, "dry_run"),
    ],
)
def test_bad_input_is_refused_and_changes_nothing(world, method, path, body, status, word):
    hook, _ = world.hook()
    before = world.call("GET", f"{BASE}/webhooks").json
    reply = world.call(method, f"{BASE}/webhooks{path}".replace("/HOOK", hook[-25:]), body)
    assert reply.status == status, reply.body
    assert word in reply.body.decode()
    assert world.call("GET", f"{BASE}/webhooks").json == before


def test_only_who_designs_the_application_has_to_do_with_webhooks(world):
    path, _ = world.hook()
    for method, place, body in (
        ("GET", f"{BASE}/webhooks", None),
        ("POST", f"{BASE}/webhooks", {"url": "https://a.test/"}),
        ("GET", path, None),
        ("PATCH", path, {"enabled": False}),
        ("DELETE", path, None),
        ("POST", f"{path}/secret", None),
        ("GET", f"{path}/deliveries", None),
        ("POST", f"{path}/replay", {}),
    ):
        reply = world.call(method, place, body, user="bob")
        assert reply.status == 403, (method, place, reply.body)


def test_a_datastore_has_so_many_webhooks_and_no_more(world):
    for _ in range(WEBHOOKS_PER_DATASTORE_MAX):
        world.hook()
    reply = world.call("POST", f"{BASE}/webhooks", {"url": world.receiver.url})
    assert reply.status == 400
    assert f"at most {WEBHOOKS_PER_DATASTORE_MAX}" in reply.body.decode()


def test_a_body_that_is_too_long_is_parked(world, monkeypatch):
    assert WEBHOOK_BODY_BYTES_MAX >= 1_000_000
    monkeypatch.setattr(consumer, "WEBHOOK_BODY_BYTES_MAX", 1_000)
    path, _ = world.hook()
    world.rest.new({"name": "x" * 1_000})
    world.drain()
    (sent,) = world.sent(path)
    assert (sent["state"], sent["failure"]) == ("parked", "the body has over 1000 bytes")
    assert world.receiver.got == []


def test_an_import_tells_nobody(world):
    world.hook()
    content = b"name\r\nx\r\n"
    body = form(("no_queue", b"true"), ("filename", b"a.csv"), ("file", content, "a.csv"))
    place = world.rest.catalogs[0].projects[0].find_datastore("orders")
    path = f"/api/v0/applications/SHOP/datastores/{place.display_id}/import"
    reply = world.call("POST", path, body, headers=FORM)
    assert reply.status == 200, reply.body
    world.drain()
    assert world.rest.rows("SELECT COUNT(*) FROM outbox") == [(0,)]
    assert world.receiver.got == []


def test_a_schema_file_has_webhooks_and_what_it_exports_changes_nothing(world):
    store, ids, clock = world.rest.app.store, world.rest.app.ids, world.clock
    hook = {"display_id": "bell", "url": world.receiver.url, "actions": ["Finish"]}
    path, _ = world.hook(**hook)
    before = world.call("GET", path).json
    text = world.run(schema_export(store))
    assert "secret:" not in text
    assert world.run(schema_apply(store, ids, clock, loads(text))) == []
    assert world.call("GET", path).json == before


def test_a_template_takes_no_webhook_along(world):
    world.hook()
    project = world.rest.catalogs[0].projects[0].id

    def read(connection: Any) -> Any:
        every = list_workspaces(connection)
        return bare(export_application(read_workspace(connection, every[0].id, every), project))

    found = world.run(world.rest.app.store.scan(read))
    assert found["datastores"]
    assert "webhook" not in str(found)


def test_a_dry_run_makes_no_webhook(world):
    reply = world.call("POST", f"{BASE}/webhooks?dry_run=true", {"url": "https://a.test/"})
    assert reply.json["plan"][0].startswith("+ webhook SHOP/orders/Hook-")
    assert world.call("GET", f"{BASE}/webhooks").json == {"webhooks": []}
