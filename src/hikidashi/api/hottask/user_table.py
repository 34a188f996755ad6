"""Page, List and Count of the table User, which every project has: those who signed up."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ...core.access import Identity
from ...core.public import names_users
from ...core.query import Query
from ...service.app import App, View
from ...service.lists import PORTION_ITEMS
from ...service.user_rows import UserTable, find_user_table
from ...storage.end_user_search import count_end_users, list_end_users, stream_end_users
from ..body import encode
from ..exchange import Answer, HttpRequest
from .envelope import AFTER, BEFORE, success
from .people import encode_user
from .places import get_project
from .query_bodies import decode_asked, make_query_of
from .route import KeyedWork


def page_users(view: View, users: UserTable, query: Query) -> object:
    """Some of them, and how many there are in all."""
    found = list_end_users(view.connection, query, users.user)
    total = count_end_users(view.connection, query, users.user)
    return {"List": [encode_user(one) for one in found], "VirtualCount": total}


def count_users(view: View, users: UserTable, query: Query) -> object:
    """How many there are."""
    return count_end_users(view.connection, query, users.user)


def or_users(
    work: KeyedWork, answer: Callable[[View, UserTable, Query], object] | None = None
) -> KeyedWork:
    """Work on a table that may be the table User; without an `answer` all its rows are listed."""

    async def either(app: App, request: HttpRequest, identity: Identity) -> Answer:
        if not names_users(request.params["table"]):
            return await work(app, request, identity)
        asked, is_page = decode_asked(request.body), answer is page_users

        def find(view: View) -> tuple[UserTable, Query] | None:
            users = find_user_table(
                view, get_project(view, request.params), request.params["table"]
            )
            if users is None:
                return None
            return users, make_query_of(view, users.datastore, users.scope, asked, pages=is_page)

        def read(view: View) -> bytes | None:
            found = find(view)
            if found is None:
                return None
            return success(answer(view, *found)) if answer is not None else b""

        def pieces(view: View) -> Iterator[bytes]:
            found = find(view)
            before = BEFORE + b"["
            if found is not None:
                users, query = found
                for some in stream_end_users(view.connection, query, users.user, PORTION_ITEMS):
                    rows = encode([encode_user(one) for one in some])[1:-1]
                    if rows:
                        yield before + rows
                        before = b","
            yield (b"]" if before == b"," else before + b"]") + AFTER

        body = await app.scan(identity, read)
        if body is None:
            return await work(app, request, identity)
        if body:
            return Answer(200, body)
        return Answer(200, chunks=await app.stream(identity, pieces))

    return either
