"""Events over HTTP: logs of scripts and unread marks."""

from __future__ import annotations

from hikidashi.api import live as calls
from hikidashi.core.limits import LOG_LINE_CHARS_MAX
from tests.live.served import CARS, PROJECT, USERS

ANN, BOB, EVE = USERS.values()


def test_a_script_s_log_goes_to_the_user_who_runs_it(live):
    async def run() -> None:
        async with (
            live.sse("ann", f"logs_{ANN}_{PROJECT}") as ann,
            live.sse("bob", f"logs_{BOB}_{PROJECT}") as bob,
        ):
            await ann.began()
            await bob.began()
            for line in ("one", "二\nthree", "x" * (LOG_LINE_CHARS_MAX + 1)):
                live.app.live.publish_log(ANN, PROJECT, line)
            live.app.live.publish_log(BOB, PROJECT, "Bob's")
            live.app.live.publish_log(BOB, PROJECT, "last")
            told = [await ann.event() for _ in range(3)]
            assert told[:2] == [
                ("log_actionscript", {"message": "one"}),
                ("log_actionscript", {"message": "二\nthree"}),
            ]
            assert len(told[2][1]["message"]) == LOG_LINE_CHARS_MAX
            assert [(await bob.event())[1]["message"] for _ in range(2)] == ["Bob's", "last"]

    live.run(run())


def test_unread_marks_come_and_go(live, car):
    async def run() -> None:
        async with live.sse("ann", f"unread_{ANN}") as ann, live.sse("bob", f"unread_{BOB}") as bob:
            await ann.began()
            await bob.began()
            await live.comment(car, "one")
            await live.comment(car, "two")
            name = f"unread_{ANN}"
            place = {
                "workspace_id": "62d7afb1cc1351eb97f32bcf",
                "project_id": PROJECT,
                "datastore_id": CARS,
                "i_id": car,
            }
            first, second = await ann.event(), await ann.event()
            assert second == (name, {**place, "unread": 3})
            assert first[1]["unread"] in (2, 3)  # it counts when it is told
            reply = await live.acall("GET", f"/items/histories/{car}", user="ann")
            assert reply.json["unread"] == 3
            assert await ann.event() == (name, {**place, "unread": 0})
            await live.comment(car, "mine", "ann")  # of one's own nothing is unread
            assert (await bob.event())[1]["unread"] == 1

    live.run(run())


def test_a_stream_says_now_and_then_that_it_is_there(live, monkeypatch):
    assert calls.PING_S == 15
    monkeypatch.setattr(calls, "PING_S", 0.02)

    async def run() -> None:
        async with live.sse("ann", f"unread_{ANN}") as ann:
            await ann.began()
            assert [await ann.block() for _ in range(2)] == [": ping"] * 2

    live.run(run())


def test_a_channel_has_to_be_named(live):
    async def run() -> None:
        async with live.sse("ann") as ann:
            assert (await ann.head())[0] == 400

    live.run(run())
