"""Ids that are reserved for items that are yet to be made."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.ids import is_id
from ..core.items import Reservation
from ..core.limits import RESERVATION_LIFE_MS
from .engines import Batch, Column, Connection, Delete, Insert, Row

ID = Column("id", "text")
SELECT = "SELECT id, workspace_id, datastore_id, user_id, created_at FROM reserved_items"
_COLUMNS = (
    ID,
    Column("workspace_id", "text"),
    Column("datastore_id", "text"),
    Column("user_id", "text"),
    Column("created_at", "bigint"),
)


def reservation_batches(made: Sequence[Reservation], used: Sequence[str]) -> list[Batch]:
    """What keeps reservations, and what takes used ones away."""
    batches: list[Batch] = []
    if made:
        rows: list[Row] = [
            (one.item, one.workspace, one.datastore, one.user, one.created_at) for one in made
        ]
        batches.append(Insert("reserved_items", _COLUMNS, rows))
    if used:
        batches.append(Delete("reserved_items", (ID,), [(one,) for one in used]))
    return batches


def forget_reservations(connection: Connection, now: int) -> None:
    """Drop reservations past their time."""
    connection.query(
        "DELETE FROM reserved_items WHERE created_at < ?", (now - RESERVATION_LIFE_MS,)
    )


def find_reservation(connection: Connection, item: str) -> Reservation | None:
    """For whom, and for an item of which datastore, an id is kept."""
    rows = connection.query(f"{SELECT} WHERE id = ?", (item,)) if is_id(item) else []
    return Reservation(*rows[0]) if rows else None
