"""End users of an application, who come by the HotTask API: shutting one of them out."""

from __future__ import annotations

from typing import Final

from ...core.access import Identity
from ...service.app import App
from ...service.design_end_users import remove_end_user
from ..exchange import Answer, Call, HttpRequest
from ..running import refuse_dry_run
from . import envelopes
from .call_maker import CallMaker
from .write_answers import NULL


async def delete_end_user(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Shut somebody out."""
    refuse_dry_run(request)
    number = request.params["end-user-number"]
    user = await app.designs.act(identity, remove_end_user(request.params["app-id"], number))
    app.end_users.forget(user)
    return Answer(200, NULL)


_call: Final = CallMaker(envelopes.design)

CALLS: Final[tuple[Call, ...]] = (
    _call(
        "RemoveEndUser",
        "DELETE",
        "/api/v0/applications/:app-id/end-users/:end-user-number",
        delete_end_user,
        "Shut out somebody who signed up, by the number that the table `User` shows (ours)."
        " Answers `null`.",
    ),
)
