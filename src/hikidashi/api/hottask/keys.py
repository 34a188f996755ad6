"""Who calls: a project key or a token, in any of the headers that real clients use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from ...core.access import Identity
from ...core.errors import FaultError, FaultKind, unauthorized
from ...service.app import App


async def identify(app: App, headers: Mapping[str, str]) -> Identity:
    """Read `customauth` and `Authorization`. Raises FaultError (401).

    The page update-table-data lists `customauth` and sends `Authorization` without a scheme in
    every sample; browser clients send `Authorization: Bearer`. All three are taken. With both
    headers `customauth` decides, but two keys of different projects are a mistake.
    """
    key = headers.get("customauth", "").strip()
    scheme, secret = _split(headers.get("authorization", ""))
    if not key and not secret:
        raise unauthorized(
            "the project key is missing: send it as customauth, or as Authorization without a scheme"
        )
    if not key:
        return await _identify_authorization(app, scheme, secret)
    identity = await app.identities.identify_key(key)
    if secret and secret != key:
        other = await _find_key(app, secret)
        if other is not None and other.project != identity.project:
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
    if secret.count(".") == 2:  # a session's token is a JWT, a key never looks like one
        ways.reverse()
    try:
        return await ways[0](secret)
    except FaultError as error:
        if error.kind is not FaultKind.UNAUTHORIZED:
            raise
        return await ways[1](secret)


async def _find_key(app: App, secret: str) -> Identity | None:
    try:
        return await app.identities.identify_key(secret)
    except FaultError:
        return None
