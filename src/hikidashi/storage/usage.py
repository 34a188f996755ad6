"""How much a workspace holds, counted."""

from __future__ import annotations

from collections.abc import Iterable

from ..core.record import record
from .engines import Connection
from .tables import table_name


@record
class Usage:
    """What is there."""

    users: int
    storage: int  # bytes of files
    datastores: int
    items: int


def read_usage(connection: Connection, workspace: str, datastores: Iterable[str]) -> Usage:
    """Count people, programs left out, and what the datastores (ids) hold. Takes as long as that."""
    [(users,)] = connection.query(
        "SELECT count(*) FROM members JOIN users ON users.id = members.user_id"
        " WHERE members.workspace_id = ? AND users.is_bot = 0",
        (workspace,),
    )
    [(stored,)] = connection.query(
        "SELECT COALESCE(SUM(size), 0) FROM files WHERE workspace_id = ? AND dropped_at IS NULL",
        (workspace,),
    )
    places = list(datastores)
    counted = [
        connection.query(f"SELECT count(*) FROM {table_name(one)}")[0][0]  # noqa: S608  our names
        for one in places
    ]
    return Usage(users, int(stored), len(places), sum(counted))
