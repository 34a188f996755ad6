"""The hub: who is told what, in which protocol, and what ends a connection."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from hikidashi.api import hub
from hikidashi.core.limits import HUB_MESSAGE_BYTES_MAX
from hikidashi.service import live as service
from tests.live.served import CARS, END, HELLO, PROJECT, USERS, WAIT_S, Hub

ANN, BOB, EVE = USERS.values()
NOBODY = "0" * 24


# --- who is told what -------------------------------------------------------------------------


def test_a_comment_is_told_to_those_who_see_the_item_and_to_nobody_else(live, car):
    async def run() -> None:
        async with (
            live.hub("ann") as ann,
            live.hub("ann") as again,
            live.hub("bob") as bob,
            live.hub("eve") as eve,
        ):
            await live.until(4)
            await live.comment(car, "第一")
            for one, user in ((ann, ANN), (again, ANN), (bob, BOB)):
                name, told = await one.told()
                assert name == f"item_view_{car}_{user}"
                assert len(told.pop("_id")) == 24
                assert told == {
                    "actionname": "",
                    "comment": "第一",
                    "created_at": "2026-01-05T09:00:00.000Z",
                    "datastore_id": CARS,
                    "displayorder": 0,
                    "email": "bob@cars.test",
                    "file_ids": [],
                    "i_id": car,
                    "is_fetchreplymail": False,
                    "is_notify": True,
                    "ischanged": True,
                    "isnotifytosender": False,
                    "issenditemunread": True,
                    "post_for_rel": False,
                    "post_mode": "",
                    "project_id": PROJECT,
                    "user_id": BOB,
                    "user_obj_id": BOB,
                    "username": "Bob",
                    "workspace_id": "62d7afb1cc1351eb97f32bcf",
                }
            assert await eve.is_quiet()

    live.run(run())


def test_each_new_history_entry_is_told_and_no_other_change(live, car):
    async def run() -> None:
        async with live.hub("ann") as ann:
            await live.until(1)
            await live.comment(car)
            _, told = await ann.told()
            path = f"/items/histories/{car}/{told['_id']}"
            await live.acall("PUT", path, {"comment": "other"}, user="bob")
            await live.acall("DELETE", path, user="bob")
            body = {"rev_no": 1, "comment": "up", "item": {"CAR_NAME": "b"}}
            reply = await live.acall("POST", f"/items/edit/{car}", body, user="bob")
            assert reply.status == 200, reply.body
            name, told = await ann.told()
            assert (name, told["comment"], told["actionname"], told["post_mode"]) == (
                f"item_view_{car}_{ANN}",
                "up",
                "Update",
                "ExecuteAction",
            )
            made = await live.acall("POST", "/items/new", {"item": {}}, user="ann")
            name, told = await ann.told()
            assert name == f"item_view_{made.json['item_id']}_{ANN}"
            assert told["actionname"] == "Create"
            dry = f"/items/histories/{car}?dry_run=true"
            assert (await live.acall("POST", dry, {"comment": "dry"})).status == 200
            assert await ann.is_quiet()

    live.run(run())


def test_a_channel_narrows_what_is_told(live, car):
    other = live.new({"CAR_NAME": "other"}, user="bob")

    async def run() -> None:
        async with (
            live.hub("ann", f"item_view_{car}_{ANN}") as item,
            live.hub("ann", f"datastore_{ANN}_{CARS}") as datastore,
            live.hub("ann", f"unread_{ANN},logs_{ANN}_{PROJECT}") as mixed,
        ):
            await live.until(3)
            await live.comment(other, "1")
            await live.comment(car, "2")
            await live.comment(car, "3", is_send_item_unread=False)
            live.app.live.publish_log(ANN, PROJECT, "a line")
            live.app.live.publish_log(BOB, PROJECT, "Bob's")
            assert await item.comments(2) == ["2", "3"]
            names = [(await datastore.told())[0] for _ in range(3)]
            assert names == [f"datastore_{ANN}_{CARS}"] * 3
            told = [await mixed.told() for _ in range(3)]
            assert [name for name, _ in told] == [f"unread_{ANN}"] * 2 + [f"logs_{ANN}_{PROJECT}"]
            assert [(one["i_id"], one["unread"]) for _, one in told[:2]] == [(other, 2), (car, 2)]
            assert told[2][1] == {"message": "a line"}
            for one in (item, datastore, mixed):
                assert await one.is_quiet()

    live.run(run())


def test_who_loses_the_item_hears_no_more_of_it(live, car):
    async def run() -> None:
        async with live.hub("bob", f"item_view_{car}_{BOB}") as bob, live.hub("ann") as ann:
            await live.until(2)
            await live.comment(car, "1", "ann")
            assert await bob.comments(1) == ["1"]
            body = {"rev_no": 1, "unset_access_keys": {"users": [BOB]}, "item": {}}
            reply = await live.acall("POST", f"/items/edit/{car}", body, user="ann")
            assert reply.status == 200, reply.body
            seen = await live.acall("GET", f"/items/details/{car}", user="bob")
            await live.comment(car, "2", "ann")
            assert (await ann.comments(3))[::2] == ["1", "2"]
            assert await bob.is_quiet() is (seen.status != 200)

    live.run(run())


# --- coming in --------------------------------------------------------------------------------

REFUSED = [
    pytest.param("nonsense", "", 401, "not one of this server", id="a wrong token"),
    pytest.param("", "", 401, "there is no token", id="no token"),
    pytest.param("ann", "nonsense", 400, "'nonsense' is not the name of one", id="no channel"),
    pytest.param("ann", f"item_view_{NOBODY}_{ANN}", 404, NOBODY, id="no item"),
    pytest.param(
        "ann", f"item_view_@car_{BOB}", 403, "another user's", id="another user's channel"
    ),
    pytest.param("eve", f"item_view_@car_{EVE}", 404, "datastore", id="an item one can't see"),
    pytest.param("ann", f"datastore_{ANN}_{NOBODY}", 404, "datastore", id="no datastore"),
    pytest.param("eve", f"datastore_{EVE}_{CARS}", 404, "datastore", id="a closed datastore"),
    pytest.param("eve", f"logs_{EVE}_{PROJECT}", 404, "application", id="a closed application"),
    pytest.param("bob", f"logs_{ANN}_{PROJECT}", 403, "another user's", id="another user's logs"),
    pytest.param("bob", f"unread_{ANN}", 403, "another user's", id="another user's marks"),
    pytest.param("ann", ",".join([f"unread_{ANN}"] * 21), 400, "over 20", id="CHANNELS_MAX"),
]


@pytest.mark.parametrize(("user", "channel", "status", "words"), REFUSED)
def test_who_may_not_listen_is_refused_with_a_reason(live, car, user, channel, status, words):
    channel = channel.replace("@car", car)

    async def run() -> None:
        query = live.query(user, channel)
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"ws://127.0.0.1:{live.port}/hub?{query}")
        assert refused.value.response.status_code == status
        assert words in json.loads(refused.value.response.body)["error"]
        async with live.sse(user, channel or f"unread_{ANN}") as sse:
            assert (await sse.head())[0] == status

    live.run(run())
    live.run(live.until(0))


def test_no_more_connections_than_allowed_are_open(live, monkeypatch):
    async def run(user: str) -> None:
        async with live.hub("ann"), live.hub("ann"):
            await live.until(2)
            with pytest.raises(InvalidStatus) as refused:
                async with live.hub(user):
                    pass
            assert refused.value.response.status_code == 503
            async with live.sse(user, f"unread_{USERS[user]}") as sse:
                assert (await sse.head())[0] == 503
        await live.until(0)
        async with live.hub("ann"):  # there is room again
            await live.until(1)

    monkeypatch.setattr(service, "LISTENERS_PER_USER_MAX", 2)
    live.run(run("ann"))
    monkeypatch.setattr(service, "LISTENERS_PER_USER_MAX", 100)
    monkeypatch.setattr(service, "LISTENERS_MAX", 2)
    live.run(run("bob"))


def test_negotiation_says_that_there_is_websocket(live):
    async def run(path: str, user: str = "ann", method: str = "POST", **headers: str):
        return await live.acall(method, path, user=user, headers=headers)

    ways = [{"transport": "WebSockets", "transferFormats": ["Text"]}]
    first = live.run(run("/hub/negotiate")).json
    name = first.pop("connectionId")
    assert first == {"negotiateVersion": 0, "availableTransports": ways}
    query = live.query(negotiateVersion="1")
    second = live.run(run(f"/hub/negotiate?{query}", authorization="", origin="https://a.test"))
    assert second.json["connectionToken"] == second.json["connectionId"] != name
    assert second.json["negotiateVersion"] == 1
    told = run("/hub/negotiate", method="OPTIONS", origin="https://a.test")
    for reply in (second, live.run(told)):  # as the client's `withCredentials` needs it
        assert reply.headers["access-control-allow-origin"] == "https://a.test"
        assert reply.headers["access-control-allow-credentials"] == "true"
    wrong = live.run(live.acall("POST", "/hub/negotiate?token=nonsense", user="nobody"))
    assert wrong.status == 401
    plain = live.call("GET", "/hub")
    assert (plain.status, plain.headers["upgrade"]) == (426, "websocket")


def test_there_is_no_other_websocket(live):
    async def run() -> None:
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"ws://127.0.0.1:{live.port}/other")
        assert refused.value.response.status_code == 404

    live.run(run())


@pytest.mark.parametrize(
    ("origins", "origin", "is_let_in"),
    [
        (("*",), b"https://a.test", True),
        (("https://a.test",), b"https://a.test", True),
        (("https://a.test",), b"https://b.test", False),
        ((), b"https://a.test", False),
        ((), b"http://here:80", True),
        ((), b"null", False),
    ],
)
def test_pages_of_other_origins_are_refused(origins, origin, is_let_in):
    sent: list[dict] = []

    class Live:
        async def listen(self, *_):
            raise AssertionError

    async def run() -> None:
        one = hub.Hub(None, origins)  # type: ignore[arg-type]
        scope = {"path": "/hub", "headers": [(b"origin", origin), (b"host", b"here:80")]}

        async def receive():
            return {"type": "websocket.connect"}

        async def send(message):
            sent.append(message)

        try:
            await one(scope, receive, send)
        except AttributeError:  # on to the application, which is not there
            sent.append({"status": 0})

    asyncio.run(run())
    assert sent[0]["status"] == (0 if is_let_in else 403)


# --- the protocol -----------------------------------------------------------------------------


def test_a_ping_comes_where_nothing_else_does(live, monkeypatch):
    assert hub.PING_S == 15
    monkeypatch.setattr(hub, "PING_S", 0.02)

    async def run() -> None:
        async with live.hub() as ann:
            for _ in range(3):
                assert await ann.record() == {"type": 6}

    live.run(run())


GREETINGS = [
    ('{"protocol":"json","version":1}', "0x1E"),
    ('{"protocol":"messagepack","version":1}' + END, "json"),
    ('{"protocol":"json","version":2}' + END, "version 1"),
    ("[]" + END, "not a handshake"),
    ("\0" + END, "not a handshake"),
    (END, "not a handshake"),
    ("", "0x1E"),
    (b"\xff" + END.encode(), "UTF-8"),
]


@pytest.mark.parametrize(("greeting", "words"), GREETINGS, ids=repr)
def test_a_handshake_that_is_none_ends_the_connection(live, greeting, words):
    async def run() -> None:
        async with connect(f"ws://127.0.0.1:{live.port}/hub?{live.query()}") as one:
            await one.send(greeting)
            told = json.loads(str(await one.recv()).removesuffix(END))
            assert told.keys() == {"error"}
            assert words in told["error"]
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(one.recv(), WAIT_S)
            assert closed.value.rcvd.code == 1008
        await live.until(0)

    live.run(run())


def test_who_does_not_shake_hands_is_not_waited_for(live, monkeypatch):
    monkeypatch.setattr(hub, "HANDSHAKE_S", 0.02)

    async def run() -> None:
        async with connect(f"ws://127.0.0.1:{live.port}/hub?{live.query()}") as one:
            assert "no handshake" in str(await one.recv())
        await live.until(0)

    live.run(run())


GARBAGE = ["nonsense" + END, "[]" + END, '{"type":"x"}' + END, "{}" + END, '{"type":6}', b"\xff"]


@pytest.mark.parametrize("garbage", GARBAGE, ids=repr)
def test_garbage_ends_its_own_connection_and_no_other(live, car, garbage):
    async def run() -> None:
        async with live.hub("ann") as ann, live.hub("bob") as bob:
            await ann.socket.send(garbage)
            last, code = await ann.ending()
            assert (last["type"], code) == (7, 1008)
            assert "record" in last["error"]
            await live.until(1)
            await live.comment(car)
            assert await bob.comments(1) == ["hello"]

    live.run(run())


def test_a_message_over_its_limit_ends_the_connection(live):
    async def run() -> None:
        async with live.hub("ann") as ann:
            fits = json.dumps({"type": 6, "x": "x" * (HUB_MESSAGE_BYTES_MAX - 21)}) + END
            assert len(fits) == HUB_MESSAGE_BYTES_MAX
            await ann.socket.send(fits)
            assert await ann.is_quiet()
            await ann.socket.send("x" * (HUB_MESSAGE_BYTES_MAX + 1))
            with pytest.raises(ConnectionClosed):
                await ann.record()
        await live.until(0)

    live.run(run())


def test_what_a_client_invokes_is_answered_with_an_error(live, car):
    async def run() -> None:
        async with live.hub("ann") as ann:
            calls = [{"type": 1, "target": "x", "arguments": [], "invocationId": "7"}]
            calls.append({"type": 4, "target": "x", "arguments": [], "invocationId": "8"})
            calls += [{"type": 1, "target": "x", "arguments": []}, {"type": 6}, {"type": 99}]
            await ann.socket.send("".join(json.dumps(one) + END for one in calls))
            for id_ in ("7", "8"):
                told = await ann.record()
                assert (told["type"], told["invocationId"]) == (3, id_)
                assert "no methods" in told["error"]
            await live.comment(car)
            assert await ann.comments(1) == ["hello"]
            await ann.socket.send('{"type":7}' + END)
            assert await ann.ending() == ({"type": 7, "allowReconnect": True}, 1000)

    live.run(run())


def test_records_may_come_with_the_handshake(live):
    async def run() -> None:
        async with connect(f"ws://127.0.0.1:{live.port}/hub?{live.query()}") as one:
            await one.send(HELLO + '{"type":1,"target":"x","invocationId":"1"}' + END)
            ann = Hub(one)
            assert await ann.record() == {}
            assert (await ann.record())["invocationId"] == "1"

    live.run(run())
