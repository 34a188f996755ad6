"""Page, List and Count: the rows of a table that filters hold for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final

import msgspec

from ...core.access import Identity
from ...core.limits import CONDITIONS_MAX, PAGE_ITEMS_MAX
from ...core.query import Query
from ...service.app import App, View
from ...service.rows import count_rows, page_rows, short_rows, stream_rows
from ..body import told
from ..exchange import Answer, HttpRequest
from .envelope import AFTER, BEFORE, success, wrap
from .places import get_table
from .query_bodies import PAGE_SIZE, Asked, decode_asked, make_row_query
from .route import Route, keyed
from .rows_encode import encode_rows
from .user_table import count_users, or_users, page_users


class FilterBody(msgspec.Struct):
    """One filter; the case of its keys does not matter."""

    name: Annotated[str, told("A field by name, or `id`, `rev_no`, `CreateTime`, `UpdateTime`.")]
    op: Annotated[
        str,
        told(
            "`Equal`, `NotEqual`, `GreaterThan`, `GreaterThanOrEqual`, `LessThan`,"
            " `LessThanOrEqual`, `StringContains`, `StringStartsWith`, `StringEndsWith`, `Like`,"
            " `In`, `IsNull` or `IsNotNull`."
        ),
    ]
    value: Annotated[Any, told("What to compare with; an array for `In`.")] = None


class ListBody(msgspec.Struct):
    """What List and Count take; all of it may also stand under `filter` or `pageFilter`."""

    Filters: Annotated[
        list[FilterBody] | None, told(f"All have to hold; {CONDITIONS_MAX:,} at most.")
    ] = None
    OrderByField: Annotated[str | None, told("One field to sort by; `id` by default.")] = None
    IsAsc: Annotated[bool | None, told("Ascending, which is the default, or not.")] = None


class PageBody(ListBody):
    """What Page takes; all of it may also stand under `pageFilter` or `filter`."""

    PageNo: Annotated[int | None, told("Which page; 1, the default, is the first.")] = None
    PageSize: Annotated[
        int | None,
        told(f"How many rows, up to {PAGE_ITEMS_MAX:,}; {PAGE_SIZE} by default."),
    ] = None


async def page(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Page: some rows, and how many there are in all."""
    asked = decode_asked(request.body)

    def read(view: View) -> bytes:
        rows, total = page_rows(view, _query(view, request, asked, pages=True))
        return wrap(b'{"List":[%b],"VirtualCount":%d}' % (encode_rows(rows), total))

    return Answer(200, await app.scan(identity, read))


async def list_all(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """List: every row, in portions as they are read if they are many."""
    asked = decode_asked(request.body)

    def read(view: View) -> bytes | None:
        rows = short_rows(view, _query(view, request, asked, pages=False))
        return None if rows is None else wrap(b"[%b]" % encode_rows(rows))

    def pieces(view: View) -> Iterator[bytes]:
        before = BEFORE + b"["
        for rows in stream_rows(view, _query(view, request, asked, pages=False)):
            yield before + encode_rows(rows)
            before = b","
        yield (b"]" if before == b"," else before + b"]") + AFTER

    body = await app.scan(identity, read)
    if body is not None:
        return Answer(200, body)
    return Answer(200, chunks=await app.stream(identity, pieces))


async def count(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Count: how many rows there are."""
    asked = decode_asked(request.body)

    def read(view: View) -> int:
        return count_rows(view, _query(view, request, asked, pages=False))

    return Answer(200, success(await app.scan(identity, read)))


def _query(view: View, request: HttpRequest, asked: Asked, *, pages: bool) -> Query:
    return make_row_query(view, get_table(view, request.params), asked, pages=pages)


ROUTES: Final = (
    Route(
        name="Page",
        path="/CustomTableValue/Page/:code/:table",
        work=keyed(or_users(page, page_users), "Page"),
        summary="A page of the rows that filters hold for; `Data` has them as `List`, and as"
        " `VirtualCount` how many there are on all pages.",
        body=PageBody,
    ),
    Route(
        name="List",
        path="/CustomTableValue/List/:code/:table",
        work=keyed(or_users(list_all), "List"),
        summary="All rows that filters hold for; `Data` is an array of them.",
        body=ListBody,
    ),
    Route(
        name="Count",
        path="/CustomTableValue/Count/:code/:table",
        work=keyed(or_users(count, count_users), "Count"),
        summary="How many rows filters hold for, as `Data`.",
        body=ListBody,
    ),
    Route(
        name="GetTableDataList",
        method="GET",
        path="/CustomTableValue/GetTableDataList/:code/:table",
        work=keyed(or_users(list_all), "List"),
        summary="All rows of a table, as List without a body.",
    ),
)
