"""ItemList: a page at once, a walk by cursor, or everything, streamed; as JSON or as CSV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from ...core.access import Identity
from ...core.cursor import encode_cursor
from ...core.errors import Fault, count_timeout, search_timeout
from ...core.query import Position, Query
from ...service.app import App, View
from ...service.lists import (
    Sight,
    TimeLimitError,
    count_list,
    list_page,
    list_short,
    look_for,
    stream_list,
    time_limit,
    walk_page,
)
from ...service.shown import Shown
from ..body import encode
from ..edge import Answer, Call, HttpRequest
from . import envelopes
from .definitions_encode import language_of
from .lists_csv import CSV_HEADERS, Sheet
from .reads_bodies import (
    ItemListBody,
    asked_for,
    decode_item_list,
    is_csv,
    make_list_query,
    row_options,
    timeout_ms,
)
from .reads_encode import RowOptions, encode_row_fields, encode_rows
from .writes import BASE


class ItemListAnswer(msgspec.Struct):
    """items/ItemList; `fields` only with `include_fields_data`, `next` (ours) only with `after`."""

    items: list[dict[str, Any]]
    totalItems: int  # noqa: N815  the wire's name; -1 if counting took too long
    fields: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    next: str | msgspec.UnsetType | None = msgspec.UNSET
    errors: list[dict[str, str]] | msgspec.UnsetType = msgspec.UNSET


@dataclass(slots=True)
class _List:
    """One list that is asked for."""

    view: View
    body: ItemListBody
    query: Query
    options: RowOptions
    sight: Sight | None = None

    # -- at once -------------------------------------------------------------------------------

    def answer(self) -> Answer | None:
        """The answer in one piece; None if it is too long for that."""
        faults: list[Fault] = []
        found: Iterable[Shown] | None = ()
        position = None
        if not self.body.return_count_only:
            try:
                with time_limit(self.view, timeout_ms(self.body.data_result_timeout_sec)):
                    found, position = self._find()
            except TimeLimitError:
                if is_csv(self.body):
                    raise
                faults.append(search_timeout())
        if found is None:
            return None
        if is_csv(self.body):
            return Answer(200, b"".join(self._sheet(found)), CSV_HEADERS)
        count = 0
        rows: list[bytes] = []
        for portion in found:
            count += len(portion.items)
            rows += self._rows(portion)
        total = self._total(None if faults else count, faults)
        return Answer(
            200, b"".join((b'{"items":[', b",".join(rows), *self._end(total, position, faults)))
        )

    def _find(self) -> tuple[Iterable[Shown] | None, Position | None]:
        if self.body.after is not None:
            return walk_page(self.view, self.query, self._look())
        if self.query.per_page:
            return list_page(self.view, self.query, self._look()), None
        short = list_short(self.view, self.query)
        return ([short] if short else None), None

    def _look(self) -> Sight:
        if self.sight is None:
            self.sight = look_for(self.view, self.query)
        return self.sight

    def _total(self, listed: int | None, faults: list[Fault]) -> int:
        body = self.body
        if not body.return_count_only:
            if body.omit_total_items:
                return 0
            if listed is not None and not self.query.per_page:
                return min(listed, body.total_items_max or listed)
        try:
            with time_limit(self.view, timeout_ms(body.total_count_timeout_sec)):
                most = body.total_items_max or 0
                return count_list(self.view, self.query, most, self._look())
        except TimeLimitError:
            faults.append(count_timeout())
            return -1

    # -- in pieces -----------------------------------------------------------------------------

    def pieces(self) -> Iterator[bytes]:
        """The whole list, as it is read."""
        found = stream_list(self.view, self.query)
        if is_csv(self.body):
            yield from self._sheet(found)
            return
        count = 0
        before = b'{"items":['
        for portion in found:
            count += len(portion.items)
            for rows in self._rows(portion):
                yield before + rows
                before = b","
        if not count:
            yield before
        total = 0 if self.body.omit_total_items else min(count, self.body.total_items_max or count)
        yield b"".join(self._end(total, None, []))

    # -- parts ---------------------------------------------------------------------------------

    def _sheet(self, found: Iterable[Shown]) -> Iterator[bytes]:
        sheet = Sheet(self.query, self.body, self.options)
        yield sheet.head()
        for portion in found:
            yield sheet.rows(portion)

    def _rows(self, portion: Shown) -> list[bytes]:
        rows = encode_rows(self.view, portion, self.options)
        return [encode(rows)[1:-1]] if rows else []

    def _end(self, total: int, position: Position | None, faults: list[Fault]) -> list[bytes]:
        """What follows the items."""
        body, query = self.body, self.query
        pieces = [b'],"totalItems":', str(total).encode()]
        if body.include_fields_data and not body.omit_fields_data:
            told = encode_row_fields(self.view, query.datastore, query.fields or (), self.options)
            pieces += (b',"fields":', encode(told))
        if body.after is not None:
            cursor = encode_cursor(position, asked_for(body, query)) if position else None
            pieces += (b',"next":', encode(cursor))
        if faults:
            pieces += (b',"errors":', encode([envelopes.fault_object(one) for one in faults]))
        pieces.append(b"}")
        return pieces


async def list_items(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """ItemList."""
    body = decode_item_list(request)
    now_ms, language = app.clock.now_ms(), language_of(request)

    def read(view: View) -> _List:
        query = make_list_query(view, body, request, now_ms)
        return _List(view, body, query, row_options(view, body, query.datastore, language))

    answer = await app.scan(identity, lambda view: read(view).answer())
    if answer is not None:
        return answer
    chunks = await app.stream(identity, lambda view: read(view).pieces())
    return Answer(200, headers=CSV_HEADERS if is_csv(body) else (), chunks=chunks)


CALLS: Final[tuple[Call, ...]] = (
    Call(
        name="ItemList",
        method="POST",
        path=f"{BASE}/items/search",
        handle=list_items,
        envelope=envelopes.results,
        summary="Items that conditions hold for, in pages or all.",
        body=ItemListBody,
        answer=ItemListAnswer,
    ),
)
