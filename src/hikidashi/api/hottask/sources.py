"""Where the rows that a path asks for come from: a table, or the table User that every project has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from ...core.catalog import Datastore
from ...core.filters import RowScope
from ...core.public import names_users
from ...core.query import Query
from ...core.record import record
from ...service.app import View
from ...service.lists import PORTION_ITEMS
from ...service.rows import count_rows, page_rows, row_scope, short_rows, stream_rows
from ...service.user_rows import UserTable, find_user_table
from ...storage.end_user_search import count_end_users, list_end_users, stream_end_users
from ...storage.end_users import EndUser
from ..body import encode
from .people import encode_user
from .places import get_project, get_table
from .rows_encode import encode_rows


class Source(Protocol):
    """Rows that may be searched, as JSON without the brackets around them."""

    @property
    def datastore(self) -> Datastore:
        """What a query is made for."""

    @property
    def scope(self) -> RowScope:
        """What the names in filters are read against."""

    def page(self, query: Query) -> tuple[bytes, int]:
        """One page, and how many rows there are on all pages."""

    def short(self, query: Query) -> bytes | None:
        """All rows, if they are few enough for one portion."""

    def stream(self, query: Query) -> Iterator[bytes]:
        """All rows in portions, none of them empty."""

    def count(self, query: Query) -> int:
        """How many rows there are."""


def find_source(view: View, params: Mapping[str, str]) -> Source:
    """What the path names, as far as the caller sees it. Raises 404, 403."""
    if names_users(params["table"]):
        users = find_user_table(view, get_project(view, params), params["table"])
        if users is not None:
            return _Users(view, users)
    return _Table(view, get_table(view, params).datastore)


@record
class _Table:
    view: View
    datastore: Datastore

    @property
    def scope(self) -> RowScope:
        return row_scope(self.view, self.datastore)

    def page(self, query: Query) -> tuple[bytes, int]:
        rows, total = page_rows(self.view, query)
        return encode_rows(rows), total

    def short(self, query: Query) -> bytes | None:
        rows = short_rows(self.view, query)
        return None if rows is None else encode_rows(rows)

    def stream(self, query: Query) -> Iterator[bytes]:
        return map(encode_rows, stream_rows(self.view, query))

    def count(self, query: Query) -> int:
        return count_rows(self.view, query)


@record
class _Users:
    view: View
    users: UserTable

    @property
    def datastore(self) -> Datastore:
        return self.users.datastore

    @property
    def scope(self) -> RowScope:
        return self.users.scope

    def page(self, query: Query) -> tuple[bytes, int]:
        return _encode_users(self._list(query)), self.count(query)

    def short(self, query: Query) -> bytes | None:
        found = self._list(replace(query, page=1, per_page=PORTION_ITEMS + 1))
        return _encode_users(found) if len(found) <= PORTION_ITEMS else None

    def stream(self, query: Query) -> Iterator[bytes]:
        connection, user = self.view.connection, self.users.user
        return map(_encode_users, stream_end_users(connection, query, user, PORTION_ITEMS))

    def count(self, query: Query) -> int:
        return count_end_users(self.view.connection, query, self.users.user)

    def _list(self, query: Query) -> list[EndUser]:
        return list_end_users(self.view.connection, query, self.users.user)


def _encode_users(found: Sequence[EndUser]) -> bytes:
    return encode([encode_user(one) for one in found])[1:-1]
