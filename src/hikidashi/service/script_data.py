"""What a script is given: its text with constants in it, and `data`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from hashlib import blake2b
from typing import Final

import msgspec

from ..core.actions import Action
from ..core.catalog import Project
from ..core.commands import WriteRequest
from ..core.errors import invalid_request
from ..core.limits import SCRIPT_EXPANDED_CHARS_MAX
from ..core.record import record
from ..sandbox.runs import Script
from ..storage.foresight import Foreseen, Outlook
from .app import App, View
from .item_data import LARGE, Act, item_data

# The token is of no use but to stand in a header: a script calls as its user, and no other way.
BUILT_IN: Final = {
    "HEXA_API_SERVER": "",
    "HEXA_API_TOKEN": "Bearer caller",
    "HEXA_CLIENT_IP": "",
}
BuiltIn = Callable[[], Mapping[str, str]]  # asked when there is a script
_MACRO: Final = re.compile(r"\{([\w \-]+)\}")
_LACKS: Final = msgspec.json.encode(LARGE).decode()
_TEXTS_MAX: Final = 256  # scripts that are held taken apart


@record
class Due:
    """A script that is to run."""

    script: Script
    project: str  # id: of whose users' logs its lines are
    json: str  # `data`
    lacks: str = ""  # JSON: the keys that it lacks


class _Text:
    """The text of a script, taken apart at what may be names of constants."""

    __slots__ = ("made", "names", "needs_all", "parts", "script")

    def __init__(self, source: str) -> None:
        self.parts = _MACRO.split(source)  # what is between names, and each second one a name
        self.names = frozenset(self.parts[1::2])
        self.script = _make_script(source)
        self.needs_all = False  # as far as is known
        self.made: tuple[Mapping[str, str], Script] = ({}, self.script)  # of the last constants


def make_due(
    source: str, project: Project, data: Mapping[str, object], built_in: BuiltIn = BUILT_IN.copy
) -> Due:
    """A script and its data. Raises 400 where its constants make it too long."""
    json = msgspec.json.encode(data).decode()
    return Due(_expand(_take_apart(source), project, built_in), project.id, json)


@lru_cache(_TEXTS_MAX)
def _take_apart(source: str) -> _Text:
    return _Text(source)


def _make_script(source: str) -> Script:
    """A script, known by its text."""
    return Script(blake2b(source.encode(), digest_size=16).hexdigest(), source)


def _expand(text: _Text, project: Project, built_in: BuiltIn) -> Script:
    """A script with the values of constants in the place of `{NAME}`; other braces stay.

    Raises 400 when that makes it too long.
    """
    if not text.names:
        return text.script
    values = {} if text.names.isdisjoint(BUILT_IN) else dict(built_in())
    values |= {one.display_id: one.value for one in reversed(project.constants)}
    values = {name: values[name] for name in text.names if name in values}
    constants, script = text.made
    if values == constants:
        return script
    parts = list(text.parts)
    parts[1::2] = [values.get(name, f"{{{name}}}") for name in parts[1::2]]
    if sum(map(len, parts[1::2])) > SCRIPT_EXPANDED_CHARS_MAX:
        raise invalid_request(
            f"the constants of the script have over {SCRIPT_EXPANDED_CHARS_MAX} characters"
        )
    script = _make_script("".join(parts))
    text.made = (values, script)
    return script


def due_before(
    view: View, foreseen: Foreseen, request: WriteRequest, built_in: BuiltIn, *, needs_all: bool
) -> Due:
    """The PRE script of a write.

    The `data` of a script that has not been seen to need all of it lacks what is large.
    """
    action = request.entry.action
    if action is None:
        raise TypeError(request)
    text = _take_apart(action.pre_script)
    text.needs_all = text.needs_all or needs_all
    data = data_before(view, foreseen, request, action, is_whole=text.needs_all)
    due = make_due(action.pre_script, request.project, data, built_in)
    return due if text.needs_all else replace(due, lacks=_LACKS)


def data_before(
    view: View, foreseen: Foreseen, request: WriteRequest, action: Action, *, is_whole: bool = True
) -> dict[str, object]:
    """`data` of a write that is to be judged."""
    command, datastore = request.command, request.entry.datastore
    act = Act(action.id, action, comment=command.comment, as_params=command.as_params)
    return item_data(view, datastore, foreseen.item, act, before=foreseen.before, is_whole=is_whole)


def look_ahead(app: App, view: View, requests: Sequence[WriteRequest]) -> Outlook:
    """What writes under the view's catalogue look at."""
    return Outlook(app.store.engine, view.connection, view.access, view.catalog, requests)
