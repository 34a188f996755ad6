"""What the calls of a part of the dialect have in common, said once."""

from __future__ import annotations

from typing import Any, Literal, TypedDict, Unpack

from ..exchange import NO_DRY_RUN, Call, Envelope, Handle, QueryKey

Auth = Literal["token", "none"]


class More(TypedDict, total=False):
    """What a call may have besides; a key that its part has too comes in the place of that."""

    envelope: Envelope
    query: tuple[QueryKey, ...]
    body: Any
    answer: Any
    auth: Auth
    allows_head: bool
    body_type: str
    is_json: bool
    streams_body: bool


class CallMaker:
    """Makes the calls of a part. `base`: what their paths begin with; `writes`: the keys of the
    query that each reads unless it is a GET or names its own."""

    def __init__(
        self,
        envelope: Envelope,
        *,
        base: str = "",
        writes: tuple[QueryKey, ...] = (NO_DRY_RUN,),
        auth: Auth = "token",
    ) -> None:
        self._base = base
        self._reads: More = {"envelope": envelope, "auth": auth}
        self._writes: More = {**self._reads, "query": writes}

    def __call__(
        self, name: str, method: str, path: str, handle: Handle, summary: str, **more: Unpack[More]
    ) -> Call:
        """A call."""
        common = self._reads if method == "GET" else self._writes
        given: More = {**common, **more}
        return Call(
            name=name,
            method=method,
            path=f"{self._base}{path}",
            handle=handle,
            summary=summary,
            **given,
        )
