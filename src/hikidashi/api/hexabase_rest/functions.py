"""Scripts by themselves: functions of an application, and scripts of actions on trial."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

from ...core.access import Identity
from ...core.errors import Code, invalid_request
from ...core.limits import SCRIPT_BYTES_MAX
from ...service.app import App
from ...service.functions import Ran, Trial, call_function, try_script
from ...service.scripts import said_by
from ..body import decode_any, decode_body, told
from ..exchange import Answer, Call, HttpRequest, answer_json
from ..running import built_in, refuse_dry_run
from . import envelopes
from .call_maker import CallMaker
from .write_answers import LogLineShape


class FunctionAnswer(msgspec.Struct):
    """What a function gave; `errors` has what it threw, or what became of it."""

    data: Any
    errors: list[dict[str, Any]]


class TrialBody(msgspec.Struct):
    """What a script is tried on."""

    script_type: Annotated[Literal["pre", "post"], told("Which of the two.")]
    item_id: Annotated[str | None, told("The item; none for one that is yet to be made.")] = None
    item: Annotated[
        dict[str, Any] | None, told("Values as a write would bring them, for `pre`.")
    ] = None
    as_params: Annotated[Any, told("Anything; the script finds it as `data.as_params`.")] = None
    script: Annotated[str | None, told("Another text than the one that the action has.")] = None


class TrialAnswer(msgspec.Struct):
    """What came of it."""

    kind: Annotated[
        str, told("`done`, `thrown`, `load`, `script`, `timeout`, `memory`, `too_large`, `killed`.")
    ]
    result: Any
    logs: list[LogLineShape]


_trial: Final = msgspec.json.Decoder(TrialBody)


async def post_function(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Call a function."""
    refuse_dry_run(request)
    params = decode_any(request.body) if request.body else None
    project, function = request.params["app-id"], request.params["function-id"]
    ran = await call_function(app, identity, project, function, params, built_in(request))
    if ran.outcome.kind == "done":
        return answer_json({"data": ran.value, "errors": []})
    status = 200 if ran.outcome.kind == "thrown" else 400
    return answer_json({"data": None, "errors": [_error(ran)]}, status)


def _error(ran: Ran) -> dict[str, object]:
    if ran.outcome.kind == "thrown" and isinstance(ran.value, dict) and "stack" not in ran.value:
        return ran.value
    return {
        "error": "the script failed",
        "error_code": Code.SYSTEM_ERROR.value,
        "description": said_by(ran.value),
    }


async def post_trial(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Try a script of an action."""
    refuse_dry_run(request)
    body = decode_body(_trial, request.body)
    if body.script is not None and len(body.script.encode()) > SCRIPT_BYTES_MAX:
        raise invalid_request(f"script has over {SCRIPT_BYTES_MAX} bytes")
    trial = Trial(
        request.params["action-id"],
        body.script_type,
        body.item_id or "",
        body.item or {},
        body.as_params,
        body.script,
    )
    ran = await try_script(app, identity, trial)
    logs = [{"level": one.level, "message": one.message} for one in ran.outcome.logs]
    return answer_json({"kind": ran.outcome.kind, "result": ran.value, "logs": logs})


_call: Final = CallMaker(envelopes.plain)

CALLS: Final[tuple[Call, ...]] = (
    _call(
        "CallFunction",
        "POST",
        "/api/v0/applications/:app-id/functions/:function-id",
        post_function,
        "Call a function of an application; the body is `data.params` of its script.",
        answer=FunctionAnswer,
    ),
    _call(
        "TryActionScript",
        "POST",
        "/api/v0/actions/:action-id/actionscripts/run",
        post_trial,
        "Run a script of an action for show: it may read by the APIs, nothing is written.",
        body=TrialBody,
        answer=TrialAnswer,
    ),
)
