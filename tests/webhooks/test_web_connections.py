"""What is made of the answers of a web server, whatever it says, over connections that are kept."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hikidashi.core.limits import WEBHOOK_ANSWER_BYTES_MAX
from hikidashi.service import guarded
from hikidashi.service.guarded import GuardedClient, UnreachedError
from hikidashi.service.web_connections import HEAD_BYTES_MAX

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
MOST = WEBHOOK_ANSWER_BYTES_MAX


class Speaker:
    """A server that says what a test gives it, a request at a time, and counts who comes."""

    def __init__(self, *says: bytes, hangs_up: bool = False) -> None:
        self.says = list(says)
        self.hangs_up = hangs_up
        self.connections = 0
        self.heads: list[bytes] = []
        self.port = 0
        self.under_way: set[asyncio.Task[None] | None] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.under_way.add(asyncio.current_task())
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length))
                writer.write(self.says.pop(0))
                await writer.drain()
                if self.hangs_up:
                    break
        except (asyncio.IncompleteReadError, ConnectionError, IndexError):
            pass
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def _with(
    speaker: Speaker,
    course: Callable[[GuardedClient, str], Awaitable[Any]],
    tls: ssl.SSLContext | None = None,
) -> Any:
    async def look_up(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    async def run() -> Any:
        server = await asyncio.start_server(speaker.serve, "127.0.0.1", 0, ssl=tls)
        speaker.port = server.sockets[0].getsockname()[1]
        client = GuardedClient(["127.0.0.0/8"], look_up)
        scheme = "https" if tls else "http"
        try:
            return await course(client, f"{scheme}://inner.test:{speaker.port}")
        finally:
            await client.close()
            await asyncio.gather(*[one for one in speaker.under_way if one])
            server.close()

    return asyncio.run(run())


def _post(speaker: Speaker, times: int = 1) -> list[tuple[int, bytes]]:
    async def course(client: GuardedClient, url: str) -> list[tuple[int, bytes]]:
        told = []
        for _ in range(times):
            reply = await client.post(f"{url}/", b"{}", {})
            told.append((reply.status, reply.body))
            await asyncio.sleep(0.02)
        return told

    return _with(speaker, course)


ANSWERS = {
    "with its length": (OK, 200, b"ok"),
    "in chunks": (
        b"HTTP/1.1 201 Made\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n1\r\n!\r\n0\r\n\r\n",
        201,
        b"ok!",
    ),
    "that goes on until the end": (b"HTTP/1.1 200 OK\r\n\r\nall of it", 200, b"all of it"),
    "of an old server": (b"HTTP/1.0 200 OK\r\n\r\n", 200, b""),
    "without a body": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    "after another": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nlink: x\r\n\r\n" + OK,
        200,
        b"ok",
    ),
    "that leads elsewhere": (
        b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n",
        302,
        b"",
    ),
    "that is long": (
        b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n" + b"x" * 100_000,
        200,
        b"x" * MOST,
    ),
    "that never ends": (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        + b"1;a=bcdefghijk\r\nx\r\n" * 5_000,
        200,
        b"x" * MOST,
    ),
    "of another protocol": (
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
        101,
        b"",
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer(name):
    said, status, body = ANSWERS[name]
    speaker = Speaker(said, hangs_up=name in ("that goes on until the end", "of an old server"))
    assert _post(speaker) == [(status, body)]


BROKEN = {
    "nothing": (b"", "SilentError: the connection was closed"),
    "half a head": (b"HTTP/1.1 200 O", "BrokenError: the connection was closed"),
    "half a body": (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok", "was closed before"),
    "half of its chunks": (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n",
        "was closed before",
    ),
    "only what comes before": (b"HTTP/1.1 100 Continue\r\n\r\n", "was closed before"),
    "something else": (b"220 mail.test ESMTP\r\n", "is no HTTP"),
    "two lengths": (
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nok",
        "is no HTTP",
    ),
    "a head that never ends": (
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * ((HEAD_BYTES_MAX + MOST) // 6 + 1),
        f"has over {HEAD_BYTES_MAX} bytes",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_answer(name):
    said, words = BROKEN[name]
    with pytest.raises(UnreachedError, match=words):
        _post(Speaker(said, hangs_up=True))


def test_requests_share_a_connection():
    speaker = Speaker(OK, OK, OK)
    assert _post(speaker, 3) == [(200, b"ok")] * 3
    assert speaker.connections == 1


ENDED = {
    "that was closed": ((OK, OK), True),
    "that says too much": ((OK + OK, OK), False),
    "that is to be closed": (
        (OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"), OK),
        False,
    ),
}


@pytest.mark.parametrize("name", ENDED)
def test_a_connection_that_has_ended_is_replaced(name):
    says, hangs_up = ENDED[name]
    speaker = Speaker(*says, hangs_up=hangs_up)
    assert _post(speaker, 2) == [(200, b"ok")] * 2
    assert speaker.connections == 2


def test_one_that_is_closed_as_it_is_used_is_replaced_without_a_failure():
    speaker = Speaker(OK, b"", OK)

    async def course(client: GuardedClient, url: str) -> int:
        await client.post(f"{url}/", b"{}", {})
        speaker.hangs_up = True  # it reads the next request, and says nothing to it
        return (await client.post(f"{url}/", b"{}", {})).status

    assert _with(speaker, course) == 200
    assert speaker.connections == 2


def test_connections_that_nobody_uses_are_closed(monkeypatch):
    monkeypatch.setattr(guarded, "_IDLE_S", 0.02)

    async def course(client: GuardedClient, url: str) -> bool:
        await client.post(f"{url}/", b"{}", {})
        ((connection, _),) = next(iter(client._idle.values()))
        for _ in range(100):
            if not client._idle:
                break
            await asyncio.sleep(0.02)
        return connection.is_open

    assert _with(Speaker(OK), course) is False


def test_at_most_so_many_are_kept(monkeypatch):
    monkeypatch.setattr(guarded, "_IDLE_MAX", 1)

    async def course(client: GuardedClient, url: str) -> int:
        await asyncio.gather(*[client.post(f"{url}/", b"{}", {}) for _ in range(3)])
        return sum(map(len, client._idle.values()))

    assert _with(Speaker(OK, OK, OK), course) == 1


URLS = {
    "/a?b=c&d=%20e": "POST /a?b=c&d=%20e HTTP/1.1",
    "": "POST / HTTP/1.1",
    "?q": "POST /?q HTTP/1.1",
    "/注文": "POST /%E6%B3%A8%E6%96%87 HTTP/1.1",
}


@pytest.mark.parametrize("path", URLS)
def test_what_is_asked_for(path):
    speaker = Speaker(OK)

    async def course(client: GuardedClient, url: str) -> None:
        await client.post(url + path, b"{}", {"x-one": "1"})

    _with(speaker, course)
    first, *lines = speaker.heads[0].decode().splitlines()
    assert first == URLS[path]
    assert f"host: inner.test:{speaker.port}" in lines
    assert "x-one: 1" in lines


def test_names_of_other_scripts_are_looked_up_as_names_are():
    asked = []

    async def look_up(host: str, _port: int) -> list[str]:
        asked.append(host)
        return []

    async def course() -> None:
        await GuardedClient((), look_up).post("https://例え.test/", b"{}", {})

    with pytest.raises(guarded.BlockedError):
        asyncio.run(course())
    assert asked == ["xn--r8jz45g.test"]


def _certificate(folder: Path, name: str) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.mark.parametrize(
    ("name", "is_trusted", "words"),
    [
        ("inner.test", True, ""),
        ("inner.test", False, "CERTIFICATE_VERIFY_FAILED"),
        ("other.test", True, "CERTIFICATE_VERIFY_FAILED"),
    ],
)
def test_over_tls_the_server_is_the_one_that_was_meant(
    tmp_path, monkeypatch, name, is_trusted, words
):
    path = _certificate(tmp_path, name)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(path)
    trust = ssl.create_default_context(cafile=str(path) if is_trusted else None)
    monkeypatch.setattr(guarded, "_trust", lambda: trust)
    speaker = Speaker(OK)

    async def course(client: GuardedClient, url: str) -> str:
        try:
            reply = await client.post(f"{url}/", b"{}", {})
        except UnreachedError as error:
            return str(error)
        assert reply.status == 200
        return ""

    assert words in _with(speaker, course, tls)
