"""Page, List and Count: the rows of a table that filters hold for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final

import msgspec

from ...core.access import Identity
from ...core.limits import CONDITIONS_MAX, PAGE_ITEMS_MAX
from ...core.query import Query
from ...service.app import App, View
from ..body import told
from ..exchange import Answer, HttpRequest
from .envelope import AFTER, BEFORE, success, wrap
from .query_bodies import PAGE_SIZE, Asked, decode_asked, make_row_query
from .route import Route, keyed
from .sources import Source, find_source


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
        source, query = _find(view, request, asked, pages=True)
        return wrap(b'{"List":[%b],"VirtualCount":%d}' % source.page(query))

    return Answer(200, await app.scan(identity, read))


async def list_all(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """List: every row, in portions as they are read if they are many."""
    asked = decode_asked(request.body)

    def read(view: View) -> bytes | None:
        source, query = _find(view, request, asked, pages=False)
        rows = source.short(query)
        return None if rows is None else wrap(b"[%b]" % rows)

    def pieces(view: View) -> Iterator[bytes]:
        source, query = _find(view, request, asked, pages=False)
        before = BEFORE + b"["
        for rows in source.stream(query):
            yield before + rows
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
        source, query = _find(view, request, asked, pages=False)
        return source.count(query)

    return Answer(200, success(await app.scan(identity, read)))


def _find(view: View, request: HttpRequest, asked: Asked, *, pages: bool) -> tuple[Source, Query]:
    source = find_source(view, request.params)
    return source, make_row_query(view, source.datastore, source.scope, asked, pages=pages)


ROUTES: Final = (
    Route(
        name="Page",
        path="/CustomTableValue/Page/:code/:table",
        work=keyed(page, "Page"),
        summary="A page of the rows that filters hold for; `Data` has them as `List`, and as"
        " `VirtualCount` how many there are on all pages.",
        body=PageBody,
    ),
    Route(
        name="List",
        path="/CustomTableValue/List/:code/:table",
        work=keyed(list_all, "List"),
        summary="All rows that filters hold for; `Data` is an array of them.",
        body=ListBody,
    ),
    Route(
        name="Count",
        path="/CustomTableValue/Count/:code/:table",
        work=keyed(count, "Count"),
        summary="How many rows filters hold for, as `Data`.",
        body=ListBody,
    ),
    Route(
        name="GetTableDataList",
        method="GET",
        path="/CustomTableValue/GetTableDataList/:code/:table",
        work=keyed(list_all, "List"),
        summary="All rows of a table, as List without a body.",
    ),
)
