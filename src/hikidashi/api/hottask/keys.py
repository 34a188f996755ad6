"""Who calls: a project key, an end user, or nobody in particular, in any of the headers that clients use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ...core.access import Identity
from ...core.errors import FaultError, FaultKind, unauthorized
from ...service.app import App
from ...service.end_users import PREFIX
from ..exchange import HttpRequest


async def identify(app: App, request: HttpRequest) -> Identity:
    """Read `customauth` and `Authorization`; with neither it is whom the project of the path takes
    everybody for. Raises FaultError (401).

    The page update-table-data lists `customauth` and sends `Authorization` without a scheme in
    every sample; browser clients send `Authorization: Bearer`. All three are taken. With both
    headers `customauth` decides, but two keys of different projects are a mistake.
    """
    key = request.headers.get("customauth", "").strip()
    scheme, secret = _split(request.headers.get("authorization", ""))
    if not key and not secret:
        return await app.end_users.identify_anonymous(request.params["code"])
    if not key:
        return await _identify_authorization(app, scheme, secret)
    identity = await app.identities.identify_key(key)
    if secret and secret != key:
        other = await _find_other(app, scheme, secret)
        if other is not None and other.project not in ("", identity.project):
            raise unauthorized("customauth and Authorization are keys of different projects")
    return identity


def _split(header: str) -> tuple[str, str]:
    """Scheme (lower case, "" if there is none) and secret."""
    parts = header.split(None, 1)
    if len(parts) == 2:
        return parts[0].lower(), parts[1].strip()
    if parts and parts[0].lower() == "bearer":  # `Bearer ` and nothing after it
        return "", ""
    return "", parts[0] if parts else ""


async def _identify_authorization(app: App, scheme: str, secret: str) -> Identity:
    if scheme == "":
        return await app.identities.identify_key(secret)
    if scheme != "bearer":
        raise unauthorized(f"Authorization takes the key alone or Bearer, not {scheme[:20]}")
    ways: list[Callable[[str], Awaitable[Identity]]]
    ways = [app.identities.identify_key, app.identities.identify]
    if secret.startswith(PREFIX):
        ways[1] = app.end_users.identify
    if secret.startswith(PREFIX) or secret.count(".") == 2:  # a session's, which no key looks like
        ways.reverse()
    try:
        return await ways[0](secret)
    except FaultError as error:
        if error.kind is not FaultKind.UNAUTHORIZED:
            raise
        try:
            return await ways[1](secret)
        except FaultError:
            raise error from None  # what it looks like, that it is said not to be


async def _find_other(app: App, scheme: str, secret: str) -> Identity | None:
    """Whose the second of two secrets is, if anybody's."""
    try:
        return await _identify_authorization(app, scheme, secret)
    except FaultError:
        return None
