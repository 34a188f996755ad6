"""Where clients find this server, for addresses that are told to them."""

from __future__ import annotations

import re
from typing import Final

from ..core.errors import invalid_request
from ..service.app import App
from .exchange import HttpRequest

_HOST: Final = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.\-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?\Z"
)


def find_origin(app: App, request: HttpRequest) -> str:
    """As the settings say; without a setting as the request names us itself. Raises 400.

    A request that lies deceives only its own sender: what is made of this goes nowhere but into the
    answer to it. Mails and the like are not for this (`HIKIDASHI_LINK_ORIGINS`).
    """
    if app.config.public_url:
        return app.config.public_url
    host = request.headers.get("host", "")
    if not _HOST.match(host):
        raise invalid_request("the Host header names no host")
    forwarded = request.headers.get("x-forwarded-proto", "").strip().lower()
    scheme = "https" if "https" in (request.scheme, forwarded) else "http"
    return f"{scheme}://{host.lower()}"
