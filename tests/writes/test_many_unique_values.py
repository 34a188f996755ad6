"""Long writes of unique values: each passes, none waits for another in a circle, none doubles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest

from hikidashi.core.limits import RELATED_ENTRIES_MAX, VALUE_LOCKS_MAX
from hikidashi.storage.engines.postgres_connection import PostgresConnection
from tests.served import Served
from tests.waiting import join_all

SCHEMA = """
workspaces:
  - name: Shop
    users: [{email: ann@shop.test, name: Ann, password: ann-password, admin: true}]
    applications:
      - display_id: SHOP
        roles: [{display_id: ADMIN, may_design: true, users: [ann@shop.test]}]
        datastores:
          - display_id: PARTS
            fields:
              - {display_id: a, type: text, unique: true}
              - {display_id: b, type: text, unique: true}
              - {display_id: c, type: number, unique: true}
"""
LOCKS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"


class Shop(Served):
    """One of two processes over a database."""

    def __init__(self, url: str, schema: str = "") -> None:
        super().__init__(url, schema)
        login = {"email": "ann@shop.test", "password": "ann-password"}
        token = self.send("POST", "/api/v0/login", login).json()["token"]
        self.headers = {"Authorization": f"Bearer {token}"}
        self.retries: Counter[str] = Counter()
        self.app.observe.group_retried = lambda reason: self.retries.update([reason])
        self.answer: dict[str, Any] = {}

    def make(self, numbers: range) -> None:
        """One batch: an item for each number, with three values that nobody else may have."""
        items = [{"a": f"a{one}", "b": f"b{one}", "c": one} for one in numbers]
        body = {"item_actions": {"PARTS": [{"operation": 1, "item": one} for one in items]}}
        path = "/api/v0/applications/SHOP/BatchAction"
        reply = self.send("POST", path, body, self.headers)
        assert reply.status_code == 200, reply.text
        self.answer = reply.json()

    @property
    def written(self) -> int:
        return len(self.answer["results"])


@pytest.fixture(scope="module")
def shops(new_database, tmp_path_factory) -> Iterator[tuple[Shop, Shop]]:
    url = new_database(tmp_path_factory.mktemp("parts"))
    both = Shop(url, SCHEMA), Shop(url)
    yield both
    for one in both:
        one.close()


@pytest.fixture
def locks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many locks each group on PostgreSQL held when it was about to be committed."""
    held: list[int] = []
    commit = PostgresConnection.write_and_commit

    def counted(self: PostgresConnection, *args: Any) -> None:
        held.append(self.query(LOCKS)[0][0])
        commit(self, *args)

    monkeypatch.setattr(PostgresConnection, "write_and_commit", counted)
    return held


def at_once(*work: tuple[Shop, range]) -> None:
    threads = [Thread(target=shop.make, args=(numbers,)) for shop, numbers in work]
    for one in threads:
        one.start()
    join_all(threads)


def test_a_long_write_holds_few_locks(shops, locks):
    shops[0].make(range(RELATED_ENTRIES_MAX))
    assert shops[0].written == RELATED_ENTRIES_MAX
    assert max(locks, default=0) <= 4


def test_a_short_write_locks_its_values_alone(shops, locks):
    shops[0].make(range(1_000, 1_010))
    assert shops[0].written == 10
    assert max(locks, default=30) >= 30
    shops[0].make(range(1_010, 1_010 + VALUE_LOCKS_MAX // 3))
    assert max(locks, default=0) <= VALUE_LOCKS_MAX + 4


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (range(2_000, 3_000), range(4_000, 3_000, -1)),
        (range(5_000, 6_000), range(5_999, 4_999, -1)),
        (range(6_000, 7_000), range(6_020, 6_000, -1)),
    ],
)
def test_two_writers_of_many_values_end_and_no_value_is_there_twice(shops, first, second):
    one, other = shops
    at_once((one, first), (other, second))
    wanted = {*first, *second}
    assert one.written + other.written == len(wanted)
    assert not any("Transient" in reason for reason in one.retries + other.retries)
    search = "/api/v0/applications/SHOP/datastores/PARTS/items/search"
    bounds = [min(wanted), max(wanted)]
    body = {"conditions": [{"id": "c", "search_value": bounds}], "per_page": 0}
    found = one.send("POST", search, {**body, "use_display_id": True}, one.headers).json()
    assert sorted(int(item["c"]) for item in found["items"]) == sorted(wanted)
