"""Long batches and lists of keys: whatever shares a statement, each is written, and found."""

from __future__ import annotations

import pytest

from hikidashi.core.plan import DeleteItem, InsertItem, UpdateItem
from hikidashi.core.query import fold
from hikidashi.core.substrings import pieces
from hikidashi.storage.apply import Fold
from hikidashi.storage.engines import (
    Column,
    Connection,
    Delete,
    Insert,
    IntegrityError,
    QueryKeys,
    Row,
    Update,
)
from hikidashi.storage.migrate import list_migrations
from hikidashi.storage.search_sql import escape
from hikidashi.storage.tables import N, drop_substrings, field_column, item_table, substring_table
from tests import reads_world as w
from tests.reads_world import ReadsWorld, task
from tests.storage.search_rules import field

COUNT, TOGETHER = 100, 16  # texts; the number of a migration
TEXTS = ("a", "ab", "abc", "ノート二三", "x\x01y z", "ﾊﾝｶｸ ﾃｷｽﾄ", "\U0001f600 smile", "line\nbreak")


@pytest.fixture
def connection(engine_url):
    made = ReadsWorld(engine_url, indexed=("Note",))
    yield made.connection
    made.close()


@pytest.mark.parametrize("together", [False, True], ids=["row by row", "together"])
@pytest.mark.parametrize("width", [2, 90, 700])
def test_every_row_of_a_long_batch_is_written(connection, width, together):
    columns = tuple(Column(f"c{at}", "bigint") for at in range(width))
    words = ", ".join(f"{one.name} BIGINT" for one in columns)
    connection.run_script(f"CREATE TABLE long ({words}, UNIQUE (c0))")
    for count in (1, 7, 8, 63, 73, 200):
        rows = [tuple(range(at, at + width)) for at in range(count)]
        connection.begin()
        check_inserts(connection, columns, rows, together=together)
        connection.rollback()
        connection.begin()
        check_changes(connection, columns, rows, together=together)
        connection.rollback()


def check_inserts(
    connection: Connection, columns: tuple[Column, ...], rows: list[Row], *, together: bool
) -> None:
    connection.write([Insert("long", columns, rows, together=together)])
    assert connection.query("SELECT * FROM long ORDER BY c0") == rows
    again = [(*row[:-1], -1) for row in rows]
    connection.write([Insert("long", columns, again, ("c0",), (), together)])
    assert connection.query("SELECT * FROM long ORDER BY c0") == rows
    connection.write([Insert("long", columns, again, ("c0",), (columns[-1].name,), together)])
    assert connection.query("SELECT * FROM long ORDER BY c0") == again
    with pytest.raises(IntegrityError):
        connection.write([Insert("long", columns, rows[-1:])])


def check_changes(
    connection: Connection, columns: tuple[Column, ...], rows: list[Row], *, together: bool
) -> None:
    last, count = columns[-1], len(rows)
    connection.write([Insert("long", columns, rows)])
    changed: list[Row] = [(-row[0], row[0]) for row in rows[1:]]
    some: list[Row] = [*changed, (None, 0), (1, count)]
    connection.write([Update("long", columns[0], (last,), some, together)])
    found = connection.query(f"SELECT {last.name}, c0 FROM long ORDER BY c0")
    assert found == [(None, 0), *changed]
    gone: list[Row] = [(row[0],) for row in rows[1:]]
    connection.write([Delete("long", columns[:1], [*gone, (count,)], together)])
    assert connection.query("SELECT c0 FROM long") == [(0,)]
    again = [*rows[1:], tuple([count] * len(columns))]
    connection.write([Insert("long", columns, again)])
    pairs: list[Row] = [(row[0], row[-1]) for row in rows[1:]]
    connection.write([Delete("long", (columns[0], last), [*pairs, (count, 0)], together)])
    assert connection.query("SELECT c0 FROM long ORDER BY c0") == [(0,), (count,)]


@pytest.mark.parametrize("goes_over_all", [False, True])
@pytest.mark.parametrize("count", [1, 7, 8, 63, 73, 200])
def test_every_key_of_a_long_list_is_found(connection, count, goes_over_all):
    connection.run_script("CREATE TABLE long (a BIGINT, b TEXT); CREATE INDEX long_b ON long (b)")
    column = Column("b", "text")
    rows: list[Row] = [(at, f"k{at // 2}") for at in range(500)]
    connection.write([Insert("long", (Column("a", "bigint"), column), rows)])
    keys = [f"k{at}" for at in range(count)]
    asked = QueryKeys("SELECT a, b FROM long", column, [*keys, "none"], False, "", goes_over_all)
    assert sorted(connection.read([asked])[0]) == rows[: 2 * count]


def make_texts(world: ReadsWorld) -> None:
    notes = [f"{TEXTS[at % len(TEXTS)]}{at}" for at in range(COUNT)]
    world.put(w.TASKS, *[task(at, {"Note": one}) for at, one in enumerate(notes)])


def ask(world: ReadsWorld, piece: str) -> list[int]:
    """What the index of pieces names, as far as the text has the piece."""
    table = substring_table(field(world, "Note"))
    source, match, params = world.connection.holding(table, [piece])
    rows = world.connection.query(
        f"SELECT s.n FROM {source} WHERE {match} AND s.folded LIKE ? ESCAPE '!' ORDER BY s.n",
        (*params, f"%{escape(piece)}%"),
    )
    return [row[0] for row in rows]


def check_pieces(world: ReadsWorld, turn: int = 0) -> None:
    folded = [fold(f"{TEXTS[(at + turn) % len(TEXTS)]}{at}") for at in range(COUNT)]
    for piece in set().union(*[pieces(one) for one in folded[: len(TEXTS)]]):
        assert ask(world, piece) == [at for at, one in enumerate(folded) if piece in one], piece


def test_texts_that_come_together_are_found_by_each_piece(engine_url):
    world = ReadsWorld(engine_url, indexed=("Note",))
    make_texts(world)
    check_pieces(world)
    table, note = item_table(world.tasks).name, field_column(field(world, "Note"))
    changed: list[Row] = [(f"{TEXTS[(at + 1) % len(TEXTS)]}{at}", at) for at in range(COUNT)]
    world.connection.write([Update(table, N, (note,), changed, together=True)])
    check_pieces(world, 1)
    world.connection.write([Delete(table, (N,), [(at,) for at in range(1, COUNT)], together=True)])
    assert [ask(world, piece) for piece in ("0", "1", "ab")] == [[0], [], [0]]
    world.close()


def test_an_index_that_took_texts_row_by_row_takes_them_together(engine_url, engine_name):
    if engine_name == "sqlite":
        return  # nothing of the table has changed
    world = ReadsWorld(engine_url, indexed=("Note",))
    note, items = field(world, "Note"), item_table(world.tasks).name
    table = substring_table(note)
    world.connection.run_script(
        f"DROP TRIGGER {table}_insert ON {items}; DROP FUNCTION {table}_add();"
        f"CREATE TRIGGER {table}_insert AFTER INSERT ON {items} FOR EACH ROW"
        f" WHEN (new.{field_column(note).name} IS NOT NULL) EXECUTE FUNCTION {table}_follow();"
    )
    world.connection.run_script(dict(list_migrations("postgresql"))[TOGETHER])
    make_texts(world)
    check_pieces(world)
    world.connection.run_script(drop_substrings(w.TASKS, note.id, engine_name))
    world.close()


def test_only_what_feeds_an_index_of_texts_goes_together(engine_url):
    world = ReadsWorld(engine_url, indexed=("Note",))
    made, noted, moved, gone = [task(at, {"Note": f"a{at}"}) for at in range(4)]
    note, other = field(world, "Note").id, field(world, "Title").id
    fold_ = Fold(world.catalog.find_datastore)
    fold_.add([InsertItem(made), UpdateItem(noted, (note,)), UpdateItem(moved, (other,))])
    fold_.add([DeleteItem(gone)])
    acls = {(w.WORKSPACE, one.keys): 1 for one in (made, noted, moved)}
    table = item_table(world.tasks).name
    told = [(type(one), one.together) for one in fold_.batches(acls) if one.table == table]
    assert told == [(Delete, True), (Insert, True), (Update, True), (Update, False)]
    world.close()
