"""Where the links of mails lead: {host}/{path}/{secret}[?{query}]."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from ...core.errors import invalid_request
from ...service.app import App
from ...service.design_members import read_email, read_words
from ...service.mail import Letterhead
from ..edge import HttpRequest
from .definitions_encode import language_of

_LOCAL: Final = frozenset(("localhost", "127.0.0.1"))
_HOST: Final = re.compile(
    r"(?:https?://)?[A-Za-z0-9](?:[A-Za-z0-9.\-]*[A-Za-z0-9])?(?::\d{1,5})?\Z"
)
_PATH: Final = re.compile(r"[\w\-.~/]{0,255}\Z", re.ASCII)
_QUERY: Final = re.compile(r"[\w\-.~%&=+/:,]{0,1000}\Z", re.ASCII)
_ADDRESS: Final = re.compile(r"[^\s<>()\[\]\\,;:\"@]+@[^\s<>()\[\]\\,;:\"@]+\Z")


def read_address(given: str, key: str = "email") -> str:
    """An address that mails are sent to, as it is kept. Raises 400."""
    email = read_email(given, key)
    if not _ADDRESS.match(email):
        raise invalid_request(f"{key}: {given!r} is no e-mail address")
    return email


def read_origin(app: App, given: str, key: str) -> str:
    """An origin that links may lead to; the usual one if none is given. Raises 400.

    Who asks for a mail need not be who gets it, so a link leads nowhere but where the settings let
    it, lest it hand its secret to a stranger.
    """
    host = given.strip().rstrip("/")
    if not host:
        return app.config.link_origins[0]
    if not _HOST.match(host):
        raise invalid_request(f"{key}: must be the name of a host, with a port if it has one")
    name = urlsplit(host if "://" in host else f"//{host}").hostname
    if "://" not in host:
        host = f"{'http' if name in _LOCAL else 'https'}://{host}"
    allowed = [one.lower() for one in app.config.link_origins]
    if host.lower() not in allowed and name not in _LOCAL:
        raise invalid_request(f"{key}: is not among those of HIKIDASHI_LINK_ORIGINS")
    return host.lower()


def make_head(  # noqa: PLR0913
    request: HttpRequest,
    origin: str,
    path: str,
    path_key: str,
    template: str = "",
    query: str = "",
) -> Letterhead:
    """The head of a mail, in the language that the client likes best. Raises 400."""
    if not _PATH.match(path):
        raise invalid_request(f"{path_key}: must be letters, digits and -._~/")
    if not _QUERY.match(query):
        raise invalid_request("query_params: must be pairs of a query string, like a=1&b=2")
    words = read_words(template, "email_templates_id")
    parts = [origin, path.strip("/")]
    link = "/".join(one for one in parts if one)
    return Letterhead(link, "", words, query, language_of(request))
