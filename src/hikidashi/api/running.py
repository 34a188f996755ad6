"""Running a write for a request: once for each Idempotency-Key, or only for show (`dry_run`)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from msgspec.structs import replace

from ..core.access import Identity
from ..core.commands import Command, WriteItem
from ..core.errors import FaultError, invalid_request
from ..core.plan import Result
from ..service.app import App, View, view_of
from ..service.script_data import BUILT_IN
from ..service.scripts import Trace, run_scripted
from ..storage.idempotency import Replay
from ..storage.telling import PLAINLY, Inside, Telling, Told
from .body import encode
from .exchange import Answer, HeaderList, HttpRequest
from .idempotency import has_key, make_remember, replayed
from .plan_encode import encode_plan

# The answer to what came of a write; the view, where there is one, shows what was written.
Answering: TypeAlias = Callable[[Result | FaultError, View | None], Answer]
Work: TypeAlias = Callable[[Telling], Awaitable[Result | Replay | Told]]

_PLACE: Final = re.compile(r"[A-Za-z0-9.:\[\]_-]{1,255}")  # a host with its port, or an address
_FLAGS: Final = {"": False, "false": False, "0": False, "true": True, "1": True}


async def answer_write(  # noqa: PLR0913  a write, who sends it, and how its answer is made
    app: App,
    request: HttpRequest,
    identity: Identity,
    work: Work,
    answer: Answering,
    *,
    looks: bool = False,
    headers: HeaderList = (),
) -> Answer:
    """Do the work and answer; `looks`: the answer shows what was written. Raises FaultError."""
    telling = make_telling(request, identity, answer, looks=looks)
    outcome = await work(telling)
    if isinstance(outcome, Replay):
        return replayed(outcome, headers)
    if isinstance(outcome, Told):
        return Answer(outcome.status, outcome.answer, headers)
    if looks:
        try:
            return await app.read(identity, lambda view: answer(outcome, view))
        except FaultError:  # access was lost since; the write itself is done and must be told
            pass
    return answer(outcome, None)


def run(app: App, identity: Identity, command: Command, trace: Trace | None = None) -> Work:
    """The work of running a command that is there already, with the scripts of its action.

    `trace` gathers what they say.
    """
    if isinstance(command, WriteItem):
        said = trace or Trace()
        return lambda telling: run_scripted(app, identity, command, telling, said)
    return lambda telling: app.run_telling(identity, command, telling)


def built_in(request: HttpRequest) -> Mapping[str, str]:
    """The constants that every script has, for a request; "" for what is no host or address.

    They become part of the script: a caller who could put a quote there could rewrite it.
    """
    host, client = request.headers.get("host", ""), request.client
    return {
        **BUILT_IN,
        "HEXA_API_SERVER": host if _PLACE.fullmatch(host) else "",
        "HEXA_CLIENT_IP": client if _PLACE.fullmatch(client) else "",
    }


def make_telling(
    request: HttpRequest, identity: Identity, answer: Answering, *, looks: bool
) -> Telling:
    """What becomes of the write beside being done. Raises 400."""
    is_rehearsal = is_dry(request)
    if not is_rehearsal and not has_key(request):
        return PLAINLY

    def look(result: Result, inside: Inside) -> Told:
        told = answer(result, view_of(inside))
        return Told(told.status, told.body)

    def show_plan(result: Result, inside: Inside) -> Told:
        view = view_of(inside)
        told = with_plan(answer(result, view), encode_plan(view, inside.steps))
        return Told(told.status, told.body)

    if is_rehearsal:
        return Telling(None, show_plan, is_dry=True)  # a rehearsal keeps no key
    remember = make_remember(request, identity, lambda outcome: answer(outcome, None))
    return Telling(remember, look if looks else None)


def is_dry(request: HttpRequest) -> bool:
    """Whether the write is only to be shown. Raises 400 for a word that is no flag."""
    if not request.query:
        return False
    flag = _FLAGS.get(request.query.get("dry_run", "").lower())
    if flag is None:
        raise invalid_request("dry_run must be true or false")
    return flag


def refuse_dry_run(request: HttpRequest) -> None:
    """For what can't be shown without being done. Raises 400."""
    if is_dry(request):
        raise invalid_request("dry_run is not available here; nothing was written")


def with_plan(answer: Answer, plan: list[dict[str, object]]) -> Answer:
    """An answer with the steps of its write added; `null` becomes an object that has only those."""
    body = answer.body.rstrip()
    shown = b'"plan":' + encode(plan) + b"}"
    if body == b"null":
        return replace(answer, body=b"{" + shown)
    return replace(answer, body=body[:-1] + (b"," if len(body) > 2 else b"") + shown)
