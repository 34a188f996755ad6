"""What a project opens to those who are not of its workspace, as keys of a file."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from msgspec import UNSET

from ...core.limits import SIGN_UP_URL_CHARS_MAX
from ...core.public import PUBLIC_CALLS, TOKEN
from .forms import Around, Form, Scope, find_roles, show_roles
from .sections import Section


class SignUpForm(Form):
    """Whether people sign up, what they hold, who sees them, where they choose a new password."""

    def read(self, section: Section) -> Any:
        """Read what is said."""
        inner = section.section(self.name)
        if inner is None:
            return UNSET
        found = {
            "roles": inner.texts("roles"),
            "closed": inner.flag("closed"),
            "seen_by": inner.texts("seen_by"),
            "reset_url": _read_url(inner),
        }
        inner.refuse_unknown_keys()
        return found

    def resolve(self, raw: Any, section: Section, scope: Scope, body: Any) -> dict[str, Any]:
        """Find the roles; what is not said stays."""
        found: dict[str, Any] = {}
        if raw["roles"] is not None:
            found["sign_up_roles"] = find_roles(raw["roles"], section, self.name, scope)
        if raw["seen_by"] is not None:
            found["seen_by"] = find_roles(raw["seen_by"], section, self.name, scope)
        if raw["closed"] is not None:
            found["sign_up_closed"] = raw["closed"]
        if raw["reset_url"] is not None:
            found["reset_url"] = raw["reset_url"]
        return found

    def show(self, body: Any, around: Around) -> Any:
        """What differs from saying nothing."""
        shown: dict[str, Any] = {"roles": show_roles(body.sign_up_roles, around)}
        if body.sign_up_closed:
            shown["closed"] = True
        if body.seen_by:
            shown["seen_by"] = show_roles(body.seen_by, around)
        if body.reset_url:
            shown["reset_url"] = body.reset_url
        return shown


class PublicCalls(Form):
    """Calls of HotTask that anybody may make of a table."""

    def read(self, section: Section) -> Any:
        """Read the list, in the order of all there are."""
        found = section.texts(self.name)
        if found is None:
            return UNSET
        unknown = [one for one in found if one not in PUBLIC_CALLS]
        if unknown:
            section.fail(
                f"has {unknown[0]!r}, which is none of {', '.join(PUBLIC_CALLS)}", self.name
            )
            return UNSET
        return tuple(one for one in PUBLIC_CALLS if one in found)

    def show(self, body: Any, around: Around) -> Any:
        """The list."""
        return list(body.public)


def _read_url(section: Section) -> str | None:
    """Where the secret of a mail goes: at `{token}`, else as the parameter `token`."""
    value = section.text("reset_url", SIGN_UP_URL_CHARS_MAX)
    if not value:
        return value
    try:
        parts = urlsplit(value)
        is_place = parts.scheme in ("https", "http") and bool(parts.hostname)
    except ValueError:
        is_place = False
    if not is_place or not value.isprintable() or any(one.isspace() for one in value):
        section.fail("must be an address of the web, https://… or http://…", "reset_url")
        return None
    if TOKEN in value:
        return value
    main, hash_, fragment = value.partition("#")
    return f"{main}{'&' if '?' in main else '?'}token={TOKEN}{hash_}{fragment}"
