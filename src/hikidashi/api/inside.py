"""Calls of the APIs from inside: a script's, by the same routes as those that come by the network."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from ..core.access import MovedError
from ..core.errors import FaultError, crashed, unavailable
from ..core.limits import SCRIPT_ANSWER_BYTES_MAX
from ..service.script_calls import InnerCall
from .body import check_levels
from .exchange import Answer, Call, HttpRequest, answer_json
from .routing import Routes

if TYPE_CHECKING:
    from ..service.app import App

_JSON = {"content-type": "application/json"}


# Changes of one's own account and session. Whoever writes a script does not become whoever runs it.
_OWN = ("/api/v0/users/", "/api/v0/userinfo", "/api/v0/workspaces/:workspace-id/select")


def _is_for_scripts(call: Call) -> bool:
    return call.auth == "token" and (call.method == "GET" or not call.path.startswith(_OWN))


class InnerEdge:
    """Answers the calls of scripts as the edge would, for an identity that is known already."""

    def __init__(self, app: App, calls: Iterable[Call]) -> None:
        self._app = app
        self._routes = Routes(one for one in calls if _is_for_scripts(one))

    async def __call__(self, inner: InnerCall) -> tuple[int, bytes]:
        """Status and body; of a body over the bound only what came before it."""
        answer = await self._answer(inner)
        if answer.chunks is None:
            return answer.status, answer.body
        gathered = bytearray()
        try:
            async for chunk in answer.chunks:
                gathered += chunk
                if len(gathered) > SCRIPT_ANSWER_BYTES_MAX:
                    break
        finally:
            await answer.chunks.aclose()
        return answer.status, bytes(gathered)

    async def _answer(self, inner: InnerCall) -> Answer:
        path, _, query = inner.path.partition("?")
        segments = [unquote(one) for one in path.rstrip("/").split("/")]
        target = self._routes.find(inner.method, segments)
        if target is None:
            words = f"there is no {inner.method} {path} for scripts"
            told = {"description": words, "error": "not found", "error_code": "NOT_FOUND"}
            return answer_json(told, 404)
        call = target.call
        request = HttpRequest(
            inner.method,
            path,
            {name: segments[at] for name, at in target.params},
            dict(parse_qsl(query, keep_blank_values=True)),
            _JSON,
            inner.body,
            "script",
            inner.identity.user,
        )
        if call.streams_body:
            request.chunks, request.body = _once(inner.body), b""
        try:
            if call.is_json and inner.body:
                check_levels(inner.body)
            return await call.handle(self._app, request, inner.identity)
        except FaultError as fault:
            return call.envelope(fault, request)
        except MovedError:
            moved = unavailable("another workspace was selected meanwhile")
            return call.envelope(moved, request)
        except Exception as error:  # noqa: BLE001  as at the edge: the log is told why
            self._app.observe.request_crashed(call.name, request.id, error)
            return call.envelope(crashed(request.id), request)


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body
