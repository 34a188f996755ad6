"""The keys of a webhook: where it is, and the actions that it is told of."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from msgspec import UNSET

from ...core.limits import WEBHOOK_URL_CHARS_MAX
from .forms import EVERY, Around, Form, Scope
from .sections import Section


def url_problem(url: str) -> str:
    """Why a webhook can't be there; "" if it may be, as far as the address tells."""
    if len(url) > WEBHOOK_URL_CHARS_MAX:
        return f"has {len(url)} characters, at most {WEBHOOK_URL_CHARS_MAX} are allowed"
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return "is no address of the web"
    if not good or any(one.isspace() or not one.isprintable() for one in url):
        return "must be an address that begins with https:// or http://"
    if parts.username is not None or parts.password is not None:
        return "must not have a user or password in it"
    return "must not have a fragment" if parts.fragment else ""


class WebhookUrl(Form):
    """The address."""

    def read(self, section: Section) -> Any:
        """Read and check it."""
        url = section.text(self.name, WEBHOOK_URL_CHARS_MAX)
        if url is None:
            return UNSET
        problem = url_problem(url)
        if problem:
            section.fail(problem, self.name)
            return UNSET
        return url


class ActionRefs(Form):
    """Actions of the same datastore, or the word `every`."""

    def read(self, section: Section) -> Any:
        """Read the word or the list."""
        if section.is_text(self.name):
            return UNSET if section.word(self.name, (EVERY,)) is None else EVERY
        found = section.texts(self.name)
        return UNSET if found is None else found

    def resolve(self, raw: Any, section: Section, scope: Scope, body: Any) -> dict[str, Any]:
        """Find the actions."""
        if raw == EVERY:
            return {"actions": None}
        found = set()
        for ref in raw:
            action = scope.index.find("action", scope.datastore, ref)
            if action is None:
                section.fail(f"has no action {ref} in the datastore", self.name)
            else:
                found.add(action)
        return {"actions": tuple(sorted(found))}

    def show(self, body: Any, around: Around) -> Any:
        """Display ids in the order of the actions."""
        if body.actions is None:
            return EVERY
        return [around.index.display(one) for one in around.index.ordered(body.actions)]
