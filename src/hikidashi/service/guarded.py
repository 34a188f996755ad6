"""An HTTP client that dials addresses of the internet, and private ones only where it may.

What is dialled is what was looked at: a name is looked up once, by us, its addresses are checked, and
one of them is dialled, never the name; an address that stands in the URL is checked as well. Redirects
are not followed, no proxy is used, and what an answer may cost is bounded.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import cache, lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import quote, urlsplit

from ..core.limits import WEBHOOK_ANSWER_BYTES_MAX
from ..core.record import record
from .web_connections import BrokenError, Connection, Reply, SilentError

Address = IPv4Address | IPv6Address
Lookup = Callable[[str, int], Awaitable[list[str]]]
_CONNECT_S: Final = 3
_IDLE_S: Final = 30.0  # that a connection is kept for the next request
_IDLE_MAX: Final = 8  # to one place
_REMEMBERED: Final = 1_000  # URLs that are remembered as they are read
_PORTS: Final = frozenset((80, 443))
_OPEN_PORTS: Final = 1_024  # from here on; below are services that are no webhooks
_TRANSLATED: Final = tuple(map(IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48")))
_REFUSED: Final = tuple(map(IPv6Network, ("::/96", "2001::/32", "fec0::/10")))


class BlockedError(Exception):
    """An address that must not be dialled."""


class UnreachedError(Exception):
    """Nobody answered."""


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


@record
class _Place:
    """What a URL says: whom to dial, and what to ask for."""

    is_secure: bool
    host: str  # a name, or an address without brackets
    port: int
    path: str
    said: str  # the header `host`

    @property
    def key(self) -> tuple[bool, str, int]:
        """Requests of the same key may share a connection."""
        return (self.is_secure, self.host, self.port)


@lru_cache(_REMEMBERED)
def _read(url: str) -> _Place:
    """Read a URL. Raises ValueError."""
    parts = urlsplit(url)
    is_secure, host = parts.scheme == "https", parts.hostname or ""
    if not host or parts.scheme not in ("http", "https"):
        raise ValueError("the address is none of the web")
    if _literal(host) is None:
        host = host.encode("idna").decode()
    usual = 443 if is_secure else 80
    port = usual if parts.port is None else parts.port
    said = f"[{host.partition('%')[0]}]" if ":" in host else host
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~?")
    return _Place(
        is_secure,
        host,
        port,
        f"{path}?{query}" if query else path,
        said if port == usual else f"{said}:{port}",
    )


@cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()


class GuardedClient:
    """Posts to whom it may, over connections that are kept for a while."""

    def __init__(
        self, networks: Iterable[str], lookup: Lookup = look_up, *, seconds: float = 10
    ) -> None:
        """`seconds`: that a request may take, its answer included."""
        self._seconds = seconds
        self._networks = tuple(map(ip_network, networks))
        self._lookup = lookup
        self._idle: dict[tuple[bool, str, int], list[tuple[Connection, float]]] = {}
        self._sweeper: asyncio.TimerHandle | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Send a body, and read the beginning of the answer. Raises BlockedError, UnreachedError."""
        try:
            place = _read(url)
            lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
            head = f"POST {place.path} HTTP/1.1\r\nhost: {place.said}\r\naccept: */*\r\n{lines}"
            message = f"{head}content-length: {len(body)}\r\n\r\n".encode("ascii") + body
            async with asyncio.timeout(self._seconds):
                return await self._ask(place, message)
        except TimeoutError as error:
            raise UnreachedError("no answer in time") from error
        except (BrokenError, OSError, ValueError) as error:
            raise UnreachedError(f"{type(error).__name__}: {error}") from error

    async def _ask(self, place: _Place, message: bytes) -> Reply:
        connection = self._take(place)
        if connection is not None:
            try:
                return await self._exchange(place, connection, message)
            except SilentError:  # it was closed while nobody used it
                pass
        return await self._exchange(place, await self._dial(place), message)

    async def _exchange(self, place: _Place, connection: Connection, message: bytes) -> Reply:
        try:
            reply = await connection.send(message)
        except BaseException:
            connection.abort()
            raise
        self._keep(place, connection)
        return reply

    async def _dial(self, place: _Place) -> Connection:
        """A new connection, to an address that was looked at."""
        if place.port not in _PORTS and place.port < _OPEN_PORTS:
            raise BlockedError(f"port {place.port} is not one of webhooks")
        literal = _literal(place.host)
        told = [str(literal)]
        if literal is None:
            told = await self._lookup(place.host, place.port)
        good = [one for one in map(_literal, told) if one and is_allowed(one, self._networks)]
        if not good:
            raise BlockedError(f"{place.host} is in a private network")
        loop = asyncio.get_running_loop()
        failure: OSError = OSError("nobody was dialled")
        for address in good:
            try:
                async with asyncio.timeout(_CONNECT_S):
                    _, connection = await loop.create_connection(
                        lambda: Connection(WEBHOOK_ANSWER_BYTES_MAX),
                        str(address),
                        place.port,
                        ssl=_trust() if place.is_secure else None,
                        server_hostname=place.host if place.is_secure else None,
                    )
            except OSError as error:
                failure = error
            else:
                return connection
        raise failure

    # --- connections that nobody uses ---------------------------------------------------------

    def _take(self, place: _Place) -> Connection | None:
        idle = self._idle.get(place.key)
        while idle:
            connection, since = idle.pop()
            if connection.is_open and time.monotonic() < since + _IDLE_S:
                return connection
            connection.abort()
        return None

    def _keep(self, place: _Place, connection: Connection) -> None:
        if not connection.is_open:
            return
        idle = self._idle.setdefault(place.key, [])
        if len(idle) >= _IDLE_MAX:
            connection.abort()
            return
        idle.append((connection, time.monotonic()))
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(_IDLE_S, self._sweep)

    def _sweep(self) -> None:
        """Close what was idle for long, and look again as long as there is anything."""
        self._sweeper = None
        before = time.monotonic() - _IDLE_S
        for key, idle in list(self._idle.items()):
            kept = [one for one in idle if one[0].is_open and one[1] > before]
            for one in idle:
                if one not in kept:
                    one[0].abort()
            if kept:
                self._idle[key] = kept
            else:
                del self._idle[key]
        if self._idle:
            self._sweeper = asyncio.get_running_loop().call_later(_IDLE_S, self._sweep)

    async def close(self) -> None:
        """Close every connection that is idle; those in use are closed with whoever uses them."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for idle in self._idle.values():
            for connection, _ in idle:
                connection.abort()
        self._idle.clear()
