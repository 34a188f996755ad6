"""Mails over TLS, with a login, to a real SMTP server whose certificate is made here."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hikidashi.service.post import SmtpPost
from tests.deterministic import START_MS, FixedClock, fixed_ids
from tests.service.post_office import PostOffice, Receiver, listen, port_of

# Of the test server: where the line is encrypted from the start, it does not know that it is.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH")

FAR = "127.0.0.2"  # this machine under an address that does not say so
LOGIN = "post%40app.test:s%3Acret"


def make_certificate(folder: Path, name: str, addresses: list[str]) -> Path:
    """A certificate of its own making, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    places = [x509.IPAddress(ip_address(one)) for one in addresses]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(places), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("certificates")
    return {
        "good": make_certificate(folder, "good", [FAR]),
        "strange": make_certificate(folder, "strange", [FAR]),
        "elsewhere": make_certificate(folder, "elsewhere", ["127.0.0.3"]),
    }


@dataclass
class Doorman:
    """Lets the one login in, and notes all that was tried."""

    tried: list[tuple[bytes, bytes]] = field(default_factory=list)

    def __call__(self, _server, _session, _envelope, _mechanism, data) -> AuthResult:
        self.tried.append((data.login, data.password))
        good = self.tried[-1] == (b"post@app.test", b"s:cret")
        return AuthResult(success=good, handled=False)


@pytest.fixture(scope="module")
def open_office(new_database, tmp_path_factory) -> Iterator[PostOffice]:
    clock = FixedClock()
    with asyncio.Runner() as runner:
        url = new_database(tmp_path_factory.mktemp("office"))
        made = PostOffice(url, clock, fixed_ids(clock), runner)
        yield made
        made.close()


class Exchange:
    """Tries mails against servers of many sorts."""

    def __init__(self, office: PostOffice, certificates: dict[str, Path]) -> None:
        self.office = office
        self.certificates = certificates
        self.doorman = Doorman()
        self.receiver = Receiver()
        self._servers: list[asyncio.Server] = []
        office.run(office.app.store.change(lambda one: one.query("DELETE FROM mails")))
        office.clock.advance(ms=START_MS - office.clock.now_ms())
        self._post = office.app.relay._post

    def serve(self, certificate: str, *, implicit: bool = False, host: str = FAR) -> int:
        """The port of a server that wants a login over TLS; without a certificate there is none."""
        settings: dict[str, Any] = {
            "authenticator": self.doorman,
            "auth_required": True,
            "auth_require_tls": not implicit and bool(certificate),
        }
        tls = None
        if certificate:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(self.certificates[certificate])
            if not implicit:
                settings |= {"tls_context": tls, "require_starttls": True}
        start = tls if implicit else None
        server = self.office.run(listen(self.receiver, host, start, **settings))
        self._servers.append(server)
        return port_of(server)

    def mail(self, url: str) -> str:
        """Send a mail by a server; its id."""
        id_ = self.office.write()
        self.office.app.relay._post = SmtpPost(url, "post@app.test")
        assert self.office.round() == 1
        return id_

    def close(self) -> None:
        self.office.app.relay._post = self._post
        for one in self._servers:
            one.close()


@pytest.fixture
def exchange(open_office, certificates, monkeypatch) -> Iterator[Exchange]:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates["good"]))
    made = Exchange(open_office, certificates)
    yield made
    made.close()


@pytest.mark.parametrize(("scheme", "implicit"), [("smtp", False), ("smtps", True)])
def test_a_mail_goes_over_tls_with_a_login(exchange, scheme, implicit):
    port = exchange.serve("good", implicit=implicit)
    id_ = exchange.mail(f"{scheme}://{LOGIN}@{FAR}:{port}")
    assert exchange.office.find(id_).state == "sent", exchange.office.find(id_).failure
    assert exchange.doorman.tried == [(b"post@app.test", b"s:cret")]
    assert len(exchange.receiver.got) == 1


@pytest.mark.parametrize(("scheme", "implicit"), [("smtp", False), ("smtps", True)])
@pytest.mark.parametrize("certificate", ["strange", "elsewhere"])
@pytest.mark.parametrize("login", ["", f"{LOGIN}@"])
def test_a_wrong_certificate_is_refused_and_the_mail_tried_again(
    exchange, monkeypatch, scheme, implicit, certificate, login
):
    if certificate == "elsewhere":  # who made it is known, but it is another server's
        monkeypatch.setenv("SSL_CERT_FILE", str(exchange.certificates[certificate]))
    port = exchange.serve(certificate, implicit=implicit)
    id_ = exchange.mail(f"{scheme}://{login}{FAR}:{port}")
    found = exchange.office.find(id_)
    assert (found.state, found.tries) == ("waiting", 1)
    assert "certificate verify failed" in found.failure
    assert (exchange.doorman.tried, exchange.receiver.got) == ([], [])
    monkeypatch.setenv("SSL_CERT_FILE", str(exchange.certificates["good"]))
    port = exchange.serve("good", implicit=implicit)
    exchange.office.app.relay._post = SmtpPost(f"{scheme}://{LOGIN}@{FAR}:{port}", "a@app.test")
    exchange.office.clock.advance(ms=found.due_at - exchange.office.clock.now_ms())
    assert exchange.office.round() == 1
    assert exchange.office.find(id_).state == "sent"


def test_a_password_is_not_said_over_an_open_line(exchange):
    port = exchange.serve("")
    id_ = exchange.mail(f"smtp://{LOGIN}@{FAR}:{port}")
    found = exchange.office.find(id_)
    assert (found.state, exchange.doorman.tried) == ("waiting", [])
    assert "STARTTLS" in found.failure


@pytest.mark.parametrize(("scheme", "implicit"), [("smtp", False), ("smtps", True)])
def test_a_wrong_login_is_tried_again(exchange, scheme, implicit):
    port = exchange.serve("good", implicit=implicit)
    id_ = exchange.mail(f"{scheme}://post:wrong@{FAR}:{port}")
    found = exchange.office.find(id_)
    assert (found.state, found.tries) == ("waiting", 1)
    assert "535" in found.failure or "Authentication" in found.failure
    assert "wrong" not in found.failure
    assert exchange.receiver.got == []


def test_a_server_on_this_machine_may_have_a_certificate_of_its_own_making(exchange):
    port = exchange.serve("strange", host="127.0.0.1")
    id_ = exchange.mail(f"smtp://{LOGIN}@127.0.0.1:{port}")
    assert exchange.office.find(id_).state == "sent", exchange.office.find(id_).failure
    port = exchange.serve("strange", host="127.0.0.1", implicit=True)
    id_ = exchange.mail(f"smtps://{LOGIN}@127.0.0.1:{port}")
    assert "certificate verify failed" in exchange.office.find(id_).failure
