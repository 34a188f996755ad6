"""Which addresses a webhook may be at: those of the internet, and private ones where it is allowed."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address, ip_network

import pytest

from hikidashi.service.guarded import BlockedError, GuardedClient, Reply, UnreachedError, is_allowed
from tests.webhooks.receivers import Receiver

PROBES = (
    "127.0.0.1",
    "localhost",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "2130706433",  # 127.0.0.1 as one number
    "0177.0.0.1",
    "127.1",
    "0x7f.0.0.1",
    "169.254.169.254",
    "10.0.0.1",
    "[64:ff9b::7f00:1]",
    "100.64.0.1",
    "[fe80::1%25lo]",
    "0.0.0.0",
    "[::]",
    "[::127.0.0.1]",
    "[2002:7f00:1::]",
    "[fd00::1]",
    "224.0.0.1",
    "255.255.255.255",
    "192.168.0.1.",
)


async def _post(url: str, *networks: str) -> Reply:
    client = GuardedClient(networks)
    try:
        return await client.post(url, b"{}", {})
    finally:
        await client.close()


@pytest.mark.parametrize("host", PROBES)
def test_a_private_address_is_not_dialled_however_it_is_written(host):
    receiver = Receiver()

    async def course() -> str:
        await receiver.start()
        try:
            await _post(f"http://{host}:{receiver.port}/")
        except (BlockedError, UnreachedError) as error:
            return type(error).__name__
        finally:
            await receiver.stop()
        return "reached"

    # A name that the machine can't look up is not dialled either.
    assert asyncio.run(course()) in ("BlockedError", "UnreachedError")
    assert receiver.got == []


@pytest.mark.parametrize("host", [one for one in PROBES[:8] if one != "0x7f.0.0.1"])
def test_such_an_address_is_dialled_where_it_is_allowed(host):
    receiver = Receiver()

    async def course() -> int:
        await receiver.start()
        try:
            reply = await _post(f"http://{host}:{receiver.port}/", "127.0.0.0/8")
        except (BlockedError, UnreachedError) as error:
            return 0 if "::1" in host or host == "localhost" else (_ for _ in ()).throw(error)
        finally:
            await receiver.stop()
        return reply.status

    assert asyncio.run(course()) in (200, 0)


def test_a_port_of_something_else_is_not_dialled():
    with pytest.raises(BlockedError, match="port 25"):
        asyncio.run(_post("http://127.0.0.1:25/", "127.0.0.0/8"))


@pytest.mark.parametrize(
    ("address", "network", "allowed"),
    [
        ("8.8.8.8", "", True),
        ("2606:4700:4700::1111", "", True),
        ("::ffff:8.8.8.8", "", True),
        ("64:ff9b::808:808", "", True),
        ("10.1.2.3", "10.1.0.0/16", True),
        ("10.2.2.3", "10.1.0.0/16", False),
        ("::ffff:10.1.2.3", "10.1.0.0/16", True),
        ("fd00::1", "fd00::/8", True),
        ("fd00::1", "10.0.0.0/8", False),
        ("64:ff9b:1::808:808", "", False),
        ("2001::1", "", False),
        ("fec0::1", "", False),
        ("198.18.0.1", "", False),
        ("240.0.0.1", "", False),
    ],
)
def test_which_addresses_are_allowed(address, network, allowed):
    networks = [ip_network(network)] if network else []
    assert is_allowed(ip_address(address), networks) is allowed
