"""What a change of definitions leaves to be done for many items: right before it is done, at each
portion and after it, and gone on with by whoever comes next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hikidashi.core.query import fold
from hikidashi.storage import builds
from hikidashi.storage.builds import list_builds, list_indexes
from hikidashi.storage.definitions import list_workspaces, load_catalog
from hikidashi.storage.engines import Connection
from hikidashi.storage.whole import list_tables
from tests.served import Served

COUNT = 12_000
ROWS = 3_000  # in a portion
SCHEMA = """
workspaces:
  - name: W
    users: [{email: ann@w.test, name: Ann, password: ann-password, admin: true}]
    applications:
      - display_id: shop
        roles: [{display_id: ADMIN, users: [ann@w.test]}]
        datastores:
          - display_id: orders
            fields:
              - {display_id: Note, type: text}
              - {display_id: Size, type: number}
"""
BASE = "/api/v0/applications/shop/datastores/orders"


class Shop(Served):
    """Twelve thousand orders; builds are done when a test says so."""

    def __init__(self, url: str, schema: str = "") -> None:
        super().__init__(url, schema)
        self.app.builds.wake = lambda: None  # type: ignore[method-assign]
        self.app.builds.rows = ROWS
        login = {"email": "ann@w.test", "password": "ann-password"}
        self.head = {
            "Authorization": f"Bearer {self.send_('POST', '/api/v0/login', login)['token']}"
        }

    def send_(self, method: str, path: str, body: object = None, **more: Any) -> Any:
        """Ask, and want no fault."""
        path = path if path.startswith("/api") else BASE + path
        reply = self.send(method, path, body, more.get("head") or getattr(self, "head", None))
        assert reply.status_code == more.get("status", 200), (path, reply.text)
        return reply.json()

    def learn(self) -> None:
        """The names of tables and columns."""
        datastore = self.datastore
        self.table = f"i_{datastore.id}"
        self.fields = {one.display_id: one.id for one in datastore.fields}

    def fill(self) -> None:
        """Copies of one item, each with a text of its own."""
        self.learn()
        self.send_("POST", "/items/new", {"item": {"Note": "note 0", "Size": 0}})
        table, ids = self.table, self.fields
        columns = "rev, seq, status, title, created_at, created_by, updated_by, acl"
        note, size = f"f_{ids['Note']}", f"f_{ids['Size']}"
        sql = (
            f"WITH RECURSIVE k (k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM k WHERE k < {COUNT})"
            f" INSERT INTO {table} (n, id, {columns}, {note}, {size})"
            " SELECT CAST(k AS BIGINT) + 100, 'copy-' || k, " + columns + ","
            f" CASE WHEN k % 5 = 0 THEN NULL ELSE 'Note ' || k END, k % 7 FROM k, {table} WHERE k > 0"
        )
        self.change(lambda one: one.query(sql))

    def change(self, fn: Callable[[Connection], Any]) -> Any:
        return self.run(self.app.store.change(fn))

    def look(self, fn: Callable[[Connection], Any]) -> Any:
        return self.run(self.app.store.scan(fn))

    @property
    def datastore(self) -> Any:
        def look(connection: Connection) -> Any:
            catalog = load_catalog(connection, list_workspaces(connection)[0].id)
            return catalog.projects[0].datastores[0]

        return self.look(look)

    def step(self) -> bool:
        return self.run(self.app.builds.step())

    def finish(self) -> None:
        self.run(self.app.builds.finish())

    def total(self, word: str) -> int:
        """How many items a search finds."""
        body = {
            "conditions": [{"id": "Note", "search_value": [word]}],
            "page": 1,
            "per_page": 1,
            "use_display_id": True,
        }
        return int(self.send_("POST", "/items/search", body)["totalItems"])

    def brute(self, word: str) -> int:
        """The same without any index."""
        column = f"f_{self.fields['Note']}"
        rows = self.look(lambda one: one.query(f"SELECT {column} FROM {self.table}"))
        return sum(fold(word) in fold(row[0]) for row in rows if row[0] is not None)

    def pieces_fit(self) -> None:
        """The texts of the index are those of the items, each once; so are its entries."""
        column, index = f"f_{self.fields['Note']}", f"s_{self.fields['Note']}"
        wanted = self.look(
            lambda one: one.query(
                f"SELECT n, acl, hikidashi_fold({column}) FROM {self.table}"
                f" WHERE {column} IS NOT NULL ORDER BY n"
            )
        )
        assert self.look(
            lambda one: one.query(f"SELECT n, acl, folded FROM {index} ORDER BY n")
        ) == (wanted)
        if self.app.store.engine.name == "sqlite":
            entries = self.look(lambda one: one.query(f"SELECT count(*) FROM {index}_pieces"))
            assert entries == [(len(wanted),)]

    def tasks(self) -> list[Any]:
        return list(self.send_("GET", "/api/v0/tasks?all=true").values())


@pytest.fixture
def shop(engine_url: str) -> Iterator[Shop]:
    made = Shop(engine_url, SCHEMA)
    made.fill()
    yield made
    made.close()


def test_an_index_is_built_behind_the_change_and_gone_on_with(shop, engine_url):
    """Others write to items that are not in it yet; the process ends in the middle."""
    shop.send_("PUT", "/fields/Note", {"has_index": True})
    assert shop.datastore.find_field("Note").is_building
    assert [one["status"]["name"] for one in shop.tasks()] == ["progress"]
    counts = []
    column = f"f_{shop.fields['Note']}"
    for turn in range(20):
        for sql in (
            f"UPDATE {shop.table} SET {column} = 'changed {turn}' WHERE id = 'copy-{COUNT - turn}'",
            f"UPDATE {shop.table} SET {column} = NULL WHERE id = 'copy-{COUNT - 100 - turn}'",
            f"UPDATE {shop.table} SET {column} = 'was none' WHERE id = 'copy-{5 * turn + 5}'",
            f"UPDATE {shop.table} SET {column} = 'was none' WHERE id = 'copy-{COUNT - 500 - 5 * turn}'",
            f"DELETE FROM {shop.table} WHERE id = 'copy-{COUNT - 200 - turn}'",
        ):
            shop.change(lambda one, sql=sql: one.query(sql))
        shop.send_("POST", "/items/new", {"item": {"Note": f"new {turn}"}})
        for word in ("note 11", "changed", "was none", "NEW"):
            assert shop.total(word) == shop.brute(word), (turn, word)
        counts.append(shop.tasks()[0]["progress"])
        if turn == 2:
            shop.close()
            Served.__init__(shop, engine_url)  # another process, which begins nothing by itself
            shop.app.builds.wake = lambda: None
            shop.app.builds.rows = ROWS
        if not shop.step():
            break
    assert counts == sorted(counts)
    assert len(set(counts)) >= COUNT // ROWS
    assert not shop.datastore.find_field("Note").is_building
    assert [one["status"]["name"] for one in shop.tasks()] == ["done"]
    shop.pieces_fit()
    names = {f"x_{shop.fields['Note']}_i", f"s_{shop.fields['Note']}_pieces"}
    assert names <= shop.look(lambda one: list_indexes(shop.app.store.engine, one))
    for word in ("note 11", "changed", "was none", "NEW"):
        assert shop.total(word) == shop.brute(word)


def test_an_index_that_is_no_more_wanted_is_given_up_and_begun_again(shop):
    shop.send_("PUT", "/fields/Note", {"has_index": True})
    shop.step()
    shop.send_("PUT", "/fields/Note", {"has_index": False})
    assert shop.look(list_builds) == []
    assert [one["errors"][0]["description"] for one in shop.tasks()] == [builds.GIVEN_UP]
    shop.send_("PUT", "/fields/Note", {"has_index": True})
    shop.step()
    note = shop.fields["Note"]
    shop.send_("DELETE", "/fields/Note")
    assert shop.look(list_builds) == []
    w_id = shop.datastore.workspace
    shop.send_("POST", f"/api/v0/workspaces/{w_id}/deleted/{note}/recover")
    shop.finish()
    shop.pieces_fit()
    assert shop.total("note 11") == shop.brute("note 11")


def test_a_datastore_that_comes_back_is_gone_on_with(shop):
    shop.send_("PUT", "/fields/Note", {"has_index": True})
    shop.step()
    datastore = shop.datastore
    shop.send_("DELETE", f"/api/v0/datastores/{datastore.id}")
    assert not shop.step()
    shop.send_("POST", f"/api/v0/workspaces/{datastore.workspace}/deleted/{datastore.id}/recover")
    shop.finish()
    shop.pieces_fit()
    assert not shop.datastore.find_field("Note").is_building


def test_an_index_that_was_left_half_made_is_made_anew(shop):
    """On PostgreSQL such a one is there and not valid; on SQLite there is none."""
    shop.send_("PUT", "/fields/Size", {"has_index": True})
    name = f"x_{shop.fields['Size']}_i"
    if shop.app.store.engine.name == "postgresql":
        column = f"f_{shop.fields['Size']}"
        shop.change(lambda one: one.run_script(f"CREATE INDEX {name} ON {shop.table} ({column})"))
        left = f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{name}'::regclass"
        shop.change(lambda one: one.query(left))
    assert name not in shop.look(lambda one: list_indexes(shop.app.store.engine, one))
    shop.finish()
    assert name in shop.look(lambda one: list_indexes(shop.app.store.engine, one))
    assert shop.datastore.find_field("Size").is_indexed


def test_calc_fields_titles_and_searched_texts_follow_in_portions(shop):
    made = {"dataType": "calc", "name": "Twice", "display_id": "Twice"}
    info = {"calc_info": {"formula": "Size * 2", "result": "number"}}
    shop.send_("POST", "/fields", made | info)
    shop.send_("PUT", "/fields/Note", {"as_title": True})
    shop.send_("PUT", "/fields/Note", {"full_text": True})
    shop.send_("POST", "/items/new", {"item": {"Note": "newest", "Size": 4}})
    names = {one["category"] for one in shop.tasks()}
    assert names == {"COMPUTEVALUES", "INDEXTEXTS"}
    shop.step()
    shop.finish()
    shop.learn()
    twice, size, note = (f"f_{shop.fields[one]}" for one in ("Twice", "Size", "Note"))
    wrong = (
        f"SELECT count(*) FROM {shop.table} WHERE {twice} IS NULL OR {twice} <> 2 * {size}"
        f" OR title <> COALESCE({note}, '')"
    )
    assert shop.look(lambda one: one.query(wrong)) == [(0,)]
    texts = shop.look(lambda one: one.query("SELECT count(*), count(DISTINCT item_id) FROM texts"))
    there = shop.look(lambda one: one.query(f"SELECT count({note}) FROM {shop.table}"))
    assert texts == [(there[0][0], there[0][0])]
    assert {one["status"]["name"] for one in shop.tasks()} == {"done"}


def columns(shop: Shop) -> set[str]:
    sql = {
        "sqlite": f"SELECT name FROM pragma_table_info('{shop.table}')",
        "postgresql": "SELECT attname FROM pg_attribute WHERE NOT attisdropped AND attnum > 0"
        f" AND attrelid = '{shop.table}'::regclass",
    }
    text = sql[shop.app.store.engine.name]
    return {row[0] for row in shop.look(lambda one: one.query(text))}


def test_a_column_that_outlived_is_taken_away_without_writing_the_table_anew(shop):
    """SQLite would: there it stays, empty, and is not part of a backup."""
    shop.send_("DELETE", "/fields/Note")
    note = shop.fields["Note"]
    assert f"x_{note}" in columns(shop)
    shop.change(lambda one: one.query("UPDATE deletions SET created_at = 0"))
    shop.run(shop.app._housekeeping.round())
    shop.finish()
    is_left = shop.app.store.engine.name == "sqlite"
    assert {one for one in columns(shop) if note in one} == ({f"d_{note}"} if is_left else set())
    if is_left:
        held = f"SELECT count(d_{note}) FROM {shop.table}"
        assert shop.look(lambda one: one.query(held)) == [(0,)]
        listed = shop.look(lambda one: list_tables(shop.app.store.engine, one))
        [told] = [one.columns for one in listed if one.name == shop.table]
        assert f"d_{note}" not in [one.name for one in told]


def test_a_calc_field_of_many_items_may_become_one_of_texts(shop):
    made = {"dataType": "calc", "name": "Twice", "display_id": "Twice"}
    number = {"calc_info": {"formula": "Size * 2", "result": "number"}}
    shop.send_("POST", "/fields", made | number)
    shop.finish()
    text = {"calc_info": {"formula": "text(Size)", "result": "text"}}
    shop.send_("PUT", "/fields/Twice", text)
    shop.finish()
    shop.learn()
    twice, size = (shop.fields[one] for one in ("Twice", "Size"))
    wrong = f"SELECT count(*) FROM {shop.table} WHERE f_{twice} <> CAST(CAST(f_{size} AS BIGINT) AS TEXT)"
    assert shop.look(lambda one: one.query(wrong)) == [(0,)]
    left = [one for one in columns(shop) if one.startswith("d_")]
    assert len(left) == (1 if shop.app.store.engine.name == "sqlite" else 0)
    for one in left:
        held = f"SELECT count({one}) FROM {shop.table}"
        assert shop.look(lambda conn, held=held: conn.query(held)) == [(0,)]
