"""Items that a file makes are there before anybody sees them: published at once, or taken back."""

from __future__ import annotations

from ..core.record import record
from .engines import Column, Connection, Delete, OutdatedSchemaError, QueryKeys, Row
from .tables import ID, table_name

UNDONE_AT_ONCE = 500  # items taken back in one transaction
_ITEM_ID = Column("item_id", "text")
_FROM = Column("from_item", "text")
_TO = Column("to_item", "text")


@record
class TakenNumbers:
    """What one transaction did to a counter of new items."""

    field: str  # id
    before: int
    after: int


def publish(connection: Connection, job: str) -> None:
    """Let everybody see the items of a job who holds a key of theirs. In a transaction."""
    connection.query(
        "INSERT INTO access_sets (acl, key) SELECT acl, key FROM staged_sets WHERE job_id = ?",
        (job,),
    )
    connection.query("DELETE FROM staged_sets WHERE job_id = ?", (job,))


def list_abandoned(connection: Connection) -> list[str]:
    """Jobs that are over and have items staged all the same."""
    found = connection.query(
        "SELECT DISTINCT job_id FROM staged_sets s WHERE NOT EXISTS"
        " (SELECT 1 FROM jobs j WHERE j.id = s.job_id AND j.state = 'running')"
    )
    return [row[0] for row in found]


def take_back_some(connection: Connection, job: str) -> bool:
    """Take some hundred staged items back, with all that was written of them. In a transaction.

    False when there are no more.
    """
    places = connection.query(
        "SELECT DISTINCT acl, datastore_id FROM staged_sets WHERE job_id = ?", (job,)
    )
    for acl, datastore in places:
        table = table_name(datastore)
        items = _find_staged(connection, table, acl)
        if not items:
            continue
        ids = [row[0] for row in items]
        events: list[Row] = connection.read(
            [QueryKeys("SELECT id FROM histories", _ITEM_ID, ids)]  # an event has its entry's id
        )[0]
        connection.write(
            [
                Delete(table, (ID,), items, together=True),
                Delete("links", (_FROM,), items),
                Delete("links", (_TO,), items),
                Delete("texts", (_ITEM_ID,), items, together=True),
                Delete("outbox", (ID,), events),
                Delete("histories", (_ITEM_ID,), items),
            ]
        )
        return True
    connection.query("DELETE FROM staged_sets WHERE job_id = ?", (job,))
    return False


def _find_staged(connection: Connection, table: str, acl: int) -> list[Row]:
    """Some hundred staged items; none where the table went for good with its datastore."""
    select = f"SELECT id FROM {table} WHERE acl = ? LIMIT ?"  # noqa: S608  our own name
    connection.savepoint()
    try:
        items = connection.query(select, (acl, UNDONE_AT_ONCE))
    except OutdatedSchemaError:
        connection.rollback_to()
        return []
    connection.release()
    return items


def read_counters(connection: Connection, fields: list[str]) -> dict[str, int]:
    """The last numbers of new items, by field."""
    key = Column("field_id", "text")
    select = "SELECT field_id, last FROM (SELECT * FROM counters WHERE branch = '-') AS c"
    return dict(connection.read([QueryKeys(select, key, fields)])[0])


def give_back(connection: Connection, taken: list[TakenNumbers]) -> None:
    """Set counters back as far as nobody has counted on since. In a transaction."""
    for one in reversed(taken):
        connection.query(
            "UPDATE counters SET last = ? WHERE field_id = ? AND branch = '-' AND last = ?",
            (one.before, one.field, one.after),
        )


__all__ = [
    "TakenNumbers",
    "give_back",
    "list_abandoned",
    "publish",
    "read_counters",
    "take_back_some",
]
