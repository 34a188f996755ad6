"""An HTTP client that dials addresses of the internet, and private ones only where it may.

What is dialled is what was looked at: a name is looked up once, by us, and its addresses are checked;
an address that stands in the URL is checked as well. Redirects are not followed, no proxy is used, and
what an answer may cost is bounded.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

import aiohttp
from aiohttp.abc import ResolveResult

from ..core.limits import WEBHOOK_ANSWER_BYTES_MAX, WEBHOOK_SECONDS
from ..core.record import record

Address = IPv4Address | IPv6Address
Lookup = Callable[[str, int], Awaitable[list[str]]]
_CONNECT_S: Final = 3
_PORTS: Final = frozenset((80, 443))
_OPEN_PORTS: Final = 1_024  # from here on; below are services that are no webhooks
_TRANSLATED: Final = tuple(map(IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48")))
_REFUSED: Final = tuple(map(IPv6Network, ("::/96", "2001::/32", "fec0::/10")))


class BlockedError(Exception):
    """An address that must not be dialled."""


class UnreachedError(Exception):
    """Nobody answered."""


@record
class Reply:
    """What somebody answered; `body` only as far as it was read."""

    status: int
    body: bytes


def is_allowed(address: Address, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    """Whether an address may be dialled: one of the internet, or of a network that is allowed.

    An address of IPv6 that stands for one of IPv4 is what it stands for.
    """
    meant = _meant(address)
    if any(one.version == meant.version and meant in one for one in networks):
        return True
    if isinstance(meant, IPv6Address) and any(meant in one for one in (*_REFUSED, *_TRANSLATED)):
        return False
    return meant.is_global and not (meant.is_multicast or meant.is_reserved)


def _meant(address: Address) -> Address:
    if isinstance(address, IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address in _TRANSLATED[0]:
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    return address if inner is None else inner


def _literal(host: str) -> Address | None:
    """The address that a host of a URL is, if it is one."""
    try:
        return ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


async def look_up(host: str, port: int) -> list[str]:
    """The addresses behind a name."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(one[4][0]) for one in found]


class _GuardedConnector(aiohttp.TCPConnector):
    """Looks at every address before it is dialled."""

    def __init__(self, networks: tuple[IPv4Network | IPv6Network, ...], lookup: Lookup) -> None:
        super().__init__(use_dns_cache=False, limit=0, keepalive_timeout=30)
        self._networks = networks
        self._lookup = lookup

    async def _resolve_host(self, host: str, port: int, traces: Any = None) -> list[ResolveResult]:
        if port not in _PORTS and port < _OPEN_PORTS:
            raise BlockedError(f"port {port} is not one of webhooks")
        literal = _literal(host)
        told = [str(literal)] if literal is not None else await self._lookup(host, port)
        good = [one for one in map(_literal, told) if one and is_allowed(one, self._networks)]
        if not good:
            raise BlockedError(f"{host} is in a private network")
        return [
            ResolveResult(
                hostname=host,
                host=str(one),
                port=port,
                family=socket.AF_INET if one.version == 4 else socket.AF_INET6,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for one in good
        ]


class GuardedClient:
    """Posts to whom it may."""

    def __init__(self, networks: Iterable[str], lookup: Lookup = look_up) -> None:
        self._networks = tuple(map(ip_network, networks))
        self._lookup = lookup
        self._session: aiohttp.ClientSession | None = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=_GuardedConnector(self._networks, self._lookup),
                timeout=aiohttp.ClientTimeout(total=WEBHOOK_SECONDS, sock_connect=_CONNECT_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Send a body, and read the beginning of the answer. Raises BlockedError, UnreachedError."""
        try:
            async with self._open().post(
                url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                told = await answer.content.read(WEBHOOK_ANSWER_BYTES_MAX)
                if not answer.content.at_eof():
                    answer.close()  # whatever else it has to say
                return Reply(answer.status, told)
        except TimeoutError as error:
            raise UnreachedError("no answer in time") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise UnreachedError(f"{type(error).__name__}: {error}") from error

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None
