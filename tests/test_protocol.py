"""An answer goes to the system in one piece, and never later than the loop's turn."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from hikidashi.cli.protocol import OneWriteTransport

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


class Wire:
    """What is behind: keeps what it is given, write by write."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed


@pytest.mark.parametrize(
    ("writes", "at_once", "in_the_end"),
    [
        pytest.param([HEAD, b"{}"], [HEAD + b"{}"], [HEAD + b"{}"], id="head and body"),
        pytest.param([HEAD], [], [HEAD], id="a head alone"),
        pytest.param([HEAD, b""], [HEAD], [HEAD], id="an empty body"),
        pytest.param(
            [HEAD, b"1\r\na\r\n", b"0\r\n\r\n"],
            [HEAD + b"1\r\na\r\n", b"0\r\n\r\n"],
            [HEAD + b"1\r\na\r\n", b"0\r\n\r\n"],
            id="a body in chunks",
        ),
        pytest.param(
            [HEAD, b"{}", HEAD, b"[]"],
            [HEAD + b"{}", HEAD + b"[]"],
            [HEAD + b"{}", HEAD + b"[]"],
            id="two answers",
        ),
    ],
)
def test_a_head_is_sent_with_what_follows(writes, at_once, in_the_end):
    async def run() -> None:
        wire = Wire()
        transport = OneWriteTransport(cast("asyncio.Transport", wire), asyncio.get_running_loop())
        for one in writes:
            transport.write(one)
        assert wire.sent == at_once
        await asyncio.sleep(0)
        assert wire.sent == in_the_end

    asyncio.run(run())


def test_closing_sends_what_waits_and_the_rest_is_the_transports():
    async def run() -> None:
        wire = Wire()
        transport = OneWriteTransport(cast("asyncio.Transport", wire), asyncio.get_running_loop())
        transport.write(HEAD)
        transport.close()
        assert (wire.sent, transport.is_closing()) == ([HEAD], True)
        await asyncio.sleep(0)
        assert wire.sent == [HEAD]

    asyncio.run(run())
