"""What a script is given: its text with constants in it, and `data`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from ..core.actions import Action
from ..core.catalog import Datastore, Project
from ..core.commands import WriteRequest
from ..core.errors import invalid_request
from ..core.limits import SCRIPT_EXPANDED_CHARS_MAX
from ..core.record import record
from ..storage.foresight import Foreseen, foresee
from .app import App, View
from .item_data import Act, item_data

# The token is of no use but to stand in a header: a script calls as its user, and no other way.
BUILT_IN: Final = {
    "HEXA_API_SERVER": "",
    "HEXA_API_TOKEN": "Bearer caller",
    "HEXA_CLIENT_IP": "",
}
BuiltIn = Callable[[], Mapping[str, str]]  # asked when there is a script
_MACRO: Final = re.compile(r"\{([\w \-]+)\}")


@record
class Due:
    """A script that is to run."""

    source: str
    project: str  # id: of whose users' logs its lines are
    json: str  # `data`


def make_due(
    source: str, project: Project, data: Mapping[str, object], built_in: BuiltIn = BUILT_IN.copy
) -> Due:
    """A script and its data. Raises 400 where its constants make it too long."""
    json = msgspec.json.encode(data).decode()
    return Due(expand(source, project, built_in()), project.id, json)


def data_before(
    app: App, view: View, request: WriteRequest, datastore: Datastore, action: Action
) -> tuple[dict[str, object], Foreseen]:
    """`data` of a write that is to be judged, and what it would make of its item.

    Raises what planning would raise.
    """
    now, command = app.clock.now_ms(), request.command
    foreseen = foresee(
        app.store.engine, view.connection, view.access, view.catalog, view.actor, request, now
    )
    act = Act(action.id, action, comment=command.comment, as_params=command.as_params)
    return item_data(view, datastore, foreseen.item, act, before=foreseen.before), foreseen


def expand(source: str, project: Project, built_in: Mapping[str, str]) -> str:
    """A script with the values of constants in the place of `{NAME}`; other braces stay.

    Raises 400 when that makes it too long.
    """
    texts = dict(built_in)
    texts |= {one.display_id: one.value for one in reversed(project.constants)}
    if "{" not in source or not any(f"{{{name}}}" in source for name in texts):
        return source
    left = SCRIPT_EXPANDED_CHARS_MAX

    def put(found: re.Match[str]) -> str:
        nonlocal left
        text = texts.get(found[1], found[0])
        left -= len(text)
        if left < 0:
            raise invalid_request(
                f"the constants of the script have over {SCRIPT_EXPANDED_CHARS_MAX} characters"
            )
        return text

    return _MACRO.sub(put, source)
