"""Calls of the APIs from inside: a script's, by the same routes as those that come by the network."""

from __future__ import annotations

from collections.abc import Iterable
from string import printable
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

from ..core.limits import BODY_BYTES_MAX, SCRIPT_ANSWER_BYTES_MAX
from ..service.script_calls import InnerCall
from .address import refuse, refuse_path, split_path
from .exchange import Answer, Call, HttpRequest
from .handling import Handling, Known
from .routing import Routes

if TYPE_CHECKING:
    from ..service.app import App

_JSON: Final = {"content-type": "application/json"}


# Changes of one's own account and session. Whoever writes a script does not become whoever runs it.
_OWN = ("/api/v0/users/", "/api/v0/userinfo", "/api/v0/workspaces/:workspace-id/select")


def _is_for_scripts(call: Call) -> bool:
    return call.auth == "token" and (call.method == "GET" or not call.path.startswith(_OWN))


class InnerEdge:
    """Answers the calls of scripts as the edge would, for an identity that is known already."""

    def __init__(
        self, app: App, calls: Iterable[Call], body_bytes_max: int = BODY_BYTES_MAX
    ) -> None:
        self._handling = Handling(app, app.observe, body_bytes_max)
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
        whole = quote(inner.path, safe=printable, errors="surrogatepass")  # as a browser sends it
        raw, _, query = whole.encode("ascii").partition(b"?")
        path = unquote(raw.decode("ascii"))
        segments = split_path(raw, query, path)
        if not segments:
            return refuse_path(raw, query)
        target = self._routes.find(inner.method, segments)
        if target is None:
            return refuse(404, f"there is no {inner.method} {path} for scripts", "NOT_FOUND")
        request = HttpRequest(inner.method, path, {}, {}, _JSON, id="script")
        caller = Known(inner.identity, inner.body)
        return await self._handling.answer(target, segments, query, request, caller)
