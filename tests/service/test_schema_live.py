"""Schema files applied to a server that runs, and the demonstration that it may begin with."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from hikidashi.bootstrap import build
from hikidashi.config import Config
from hikidashi.core.access import Identity
from hikidashi.core.commands import Entry, Op, SetNumber, WriteItem
from hikidashi.core.errors import FaultError, FaultKind
from hikidashi.service.app import App
from hikidashi.service.demo import DEMO_KEY, DEMO_PASSWORDS, load_demo
from hikidashi.service.schema import SchemaError, schema_apply, schema_export, schema_plan
from tests.deterministic import fixed_ids

CAR_PAGE = {  # the values of the documentation's page UpdateItem
    "CAR_NAME": "名前のデータ",
    "CAR_TYPE": "5d4c058baa39555618ac9e98",
    "OPTIONS": ["58bbaa27fbfcba6098746061", "596e2327fbfcbab8283dde09"],
}
SMALL = """
workspaces:
  - name: Small
    users: [{email: ann@small.test, name: Ann, password: ann-password}]
    applications:
      - display_id: APP
        roles: [{display_id: ADMIN, users: [ann@small.test]}]
        datastores:
          - display_id: notes
            fields: [{display_id: text, type: text, as_title: true}]
"""


class Live:
    """An application with its loop."""

    def __init__(self, url: str, clock, ids, runner: asyncio.Runner) -> None:
        self.url = url
        self.run = runner.run
        self.clock = clock
        self.app: App = build(Config(database=url), clock=clock, ids=ids)
        self.run(self.app.open())

    def apply(self, path, *allow: str) -> list[str]:
        made = schema_apply(self.app.store, self.app.ids, self.clock, path, allow)
        return [str(one) for one in self.run(made)]

    def log_in(self, email: str, password: str) -> Identity:
        async def come_in() -> Identity:
            token = await self.app.identities.login(email, password)
            return await self.app.identities.identify(token)

        return self.run(come_in())

    def demo_user(self, name: str) -> Identity:
        email = f"{name}@demo.example"
        return self.log_in(email, DEMO_PASSWORDS[email])

    def write(self, identity: Identity, project: str, entry: Entry):
        return self.run(self.app.run(identity, WriteItem(project, entry, force=True)))

    def count(self, datastore: str) -> int:
        def count(connection):
            (row,) = connection.query(
                "SELECT id FROM definitions WHERE kind = 'datastore' AND display_id = ?",
                (datastore,),
            )
            return connection.query(f"SELECT count(*) FROM i_{row[0]}")[0][0]

        return self.run(self.app.store.read(count))


@pytest.fixture
def live(engine_url: str, clock, ids) -> Iterator[Live]:
    with asyncio.Runner() as runner:
        made = Live(engine_url, clock, ids, runner)
        yield made
        made.run(made.app.close())


@pytest.fixture
def demo(live: Live) -> Live:
    assert live.run(load_demo(live.app))
    return live


def test_the_demonstration_is_made_once_with_its_items(demo):
    counts = {"PRODUCTS": 7, "CUSTOMERS": 5, "ORDERS": 6, "ORDER_LINES": 11, "SHIPMENTS": 2}
    assert {one: demo.count(one) for one in counts} == counts
    assert not demo.run(load_demo(demo.app))
    assert demo.count("ORDERS") == 6


def test_the_demonstration_takes_secrets_of_ones_own(live):
    live.run(load_demo(live.app, "another-password", "another-key-of-the-demo"))
    assert live.log_in("aoi@demo.example", "another-password")
    with pytest.raises(FaultError):
        live.demo_user("aoi")
    with pytest.raises(FaultError):
        live.run(live.app.identities.identify_key(DEMO_KEY))
    assert live.run(live.app.identities.identify_key("another-key-of-the-demo")).project


def test_the_support_of_the_demonstration_changes_little(demo):
    chie, ben = demo.demo_user("chie"), demo.demo_user("ben")
    made = demo.write(ben, "SALES", Entry(Op.NEW, "ORDERS", values={"TITLE": "New"}))
    item = made.item.id
    assert demo.write(chie, "SALES", Entry(Op.UPDATE, "ORDERS", item, values={"NOTES": "x"}))
    refused = [
        (Entry(Op.DELETE, "ORDERS", item), FaultKind.FORBIDDEN),
        (Entry(Op.NEW, "ORDERS", values={"TITLE": "y"}), FaultKind.FORBIDDEN),
        (Entry(Op.UPDATE, "ORDERS", item, action="Confirm"), FaultKind.FORBIDDEN),
        (Entry(Op.UPDATE, "ORDERS", item, values={"DISCOUNT": 5}), FaultKind.FORBIDDEN_FIELD),
    ]
    for entry, kind in refused:
        with pytest.raises(FaultError) as caught:
            demo.write(chie, "SALES", entry)
        assert caught.value.kind is kind
    with pytest.raises(FaultError):
        demo.run(demo.app.run(ben, SetNumber("SALES", "ORDERS", "ORDER_NO", 1)))
    aoi = demo.demo_user("aoi")
    assert (
        demo.run(demo.app.run(aoi, SetNumber("SALES", "ORDERS", "ORDER_NO", 7))).text == "SO-000007"
    )


def test_the_documentation_pages_can_be_followed_in_the_demonstration(demo):
    aoi = demo.demo_user("aoi")
    made = demo.write(aoi, "APP_NAME", Entry(Op.NEW, "CARS", values={"CAR_NAME": "A"}))
    result = demo.write(aoi, "APP_NAME", Entry(Op.UPDATE, "CARS", made.item.id, values=CAR_PAGE))
    assert result.is_changed
    for branch, shown in ((None, "000000001"), ("", "000000001"), ("branch-", "branch-000000001")):
        command = SetNumber("APP_NAME", "DS_NAME", "Branch-No", 1, branch)
        assert demo.run(demo.app.run(aoi, command)).text == shown


def test_a_running_server_sees_a_new_field_and_misses_a_deleted_one_at_once(live, tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    live.apply(path)
    ann = live.log_in("ann@small.test", "ann-password")
    note = Entry(Op.NEW, "notes", values={"text": "a", "more": 1})
    with pytest.raises(FaultError, match="unknown field: more"):
        live.write(ann, "APP", note)
    more = "title: true}, {display_id: more, type: number}"
    path.write_text(SMALL.replace("title: true}", more))
    live.apply(path)
    assert live.write(ann, "APP", note).item.title == "a"
    path.write_text(SMALL.replace("title: true}", more.replace("number", "number, deleted: true")))
    with pytest.raises(SchemaError, match="--allow-destroy 'APP/notes/more'"):
        live.apply(path)
    live.apply(path, "APP/notes/more")
    with pytest.raises(FaultError, match="unknown field: more"):
        live.write(ann, "APP", note)
    assert live.write(ann, "APP", Entry(Op.NEW, "notes", values={"text": "b"})).item.n


def test_a_role_that_is_taken_away_counts_for_the_next_write(live, tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    live.apply(path)
    ann = live.log_in("ann@small.test", "ann-password")
    note = Entry(Op.NEW, "notes", values={"text": "a"})
    assert live.write(ann, "APP", note)
    holder = "users: [{email: ann@small.test, deleted: true}]}]"
    path.write_text(SMALL.replace("users: [ann@small.test]}]", holder))
    assert live.apply(path) == ["- ann@small.test from role APP/ADMIN"]
    with pytest.raises(FaultError):
        live.write(ann, "APP", note)


def test_two_processes_that_apply_the_same_file_make_one_workspace(live, tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    other = build(Config(database=live.url), clock=live.clock, ids=fixed_ids(live.clock, 5_000))

    async def both() -> list[list]:
        await other.open()
        try:
            return await asyncio.gather(
                schema_apply(live.app.store, live.app.ids, live.clock, path),
                schema_apply(other.store, other.ids, live.clock, path),
            )
        finally:
            await other.close()

    first, second = live.run(both())
    assert sorted((bool(first), bool(second))) == [False, True]
    assert live.run(schema_plan(live.app.store, live.app.ids, path)) == []
    assert live.run(schema_export(live.app.store)).count("name: Small") == 1


def test_a_plan_tells_of_values_that_stand_in_the_way(live, tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    live.apply(path)
    ann = live.log_in("ann@small.test", "ann-password")
    for _ in range(2):
        live.write(ann, "APP", Entry(Op.NEW, "notes", values={"text": "a"}))
    path.write_text(SMALL.replace("as_title: true}", "unique: true}"))
    with pytest.raises(SchemaError, match="text can't be unique: another item has the value"):
        live.run(schema_plan(live.app.store, live.app.ids, path))
