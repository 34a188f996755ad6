"""Reports and charts against a plain evaluation of the same items, as each reader sees them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.api.rest import Reply, Rest
from tests.deterministic import FixedClock, fixed_ids

WORLD = Path(__file__).parents[1] / "worlds" / "reports.yaml"
BASE = "/api/v0/applications/APP/datastores/SALES"
APP = "/api/v0/applications/APP"
NEW_YORK = ZoneInfo("America/New_York")
SIZES, TAGS = {"L": "Large", "S": "Small"}, {"b": "Blue", "a": "Azure", "c": "c"}
HIDDEN = "Hidden buyer"


class Sale(dict[str, Any]):
    """What was sent of an item, and who made it."""

    maker = "ann"
    is_hidden = False  # from Bob
    reader = "ann"
    owners: tuple[str, ...] = ()  # by name


class World:
    """The application, and sixty sales by chance that begins at the same number each time."""

    def __init__(self, rest: Rest) -> None:
        self.rest = rest
        chance = random.Random(8)
        self.users = {one: rest.identity(one).user for one in ("ann", "bob", "eve")}
        self.buyers = {
            name: self._make("BUYERS", {"NAME": name}, is_hidden=name == HIDDEN)
            for name in ("Zoe", "Abe", HIDDEN)
        }
        self.sales = [self._sale(chance) for _ in range(60)]

    def _sale(self, chance: random.Random) -> Sale:
        def some(value: Any) -> Any:
            return value if chance.random() < 0.8 else None

        at = datetime(2024, 10, 25, tzinfo=timezone.utc) + timedelta(hours=chance.randrange(4_000))
        turn = datetime(2024, 11, 3, 4, tzinfo=timezone.utc)  # the day that is an hour longer
        at = chance.choice([at, turn, turn + timedelta(days=1), turn + timedelta(hours=25)])
        sale = Sale(
            NAME=some(chance.choice(["x", "X", "é", "日本"])),
            AMOUNT=some(chance.choice([0.1, 0.2, 0.3, 7, -1.5, 1e-7, 2**53, 40])),
            SOLD=some(chance.choice(["2025-01-01", "2025-01-01T03:00:00Z", "2024-02-29"])),
            AT=some(at.strftime("%Y-%m-%dT%H:%M:%SZ")),
            SIZE=some(chance.choice(["L", "S"])),
            TAGS=chance.sample(["a", "b", "c"], chance.randrange(4)),
            OWNERS=chance.sample(sorted(self.users.values()), chance.randrange(3)),
            BUYER=some(chance.choice(sorted(self.buyers))),
            PAID=some(chance.choice([True, False])),
            COST=3,
        )
        names = {id_: name.capitalize() for name, id_ in self.users.items()}
        sale.owners = tuple(names[one] for one in sale["OWNERS"])
        sale.is_hidden = chance.random() < 0.25
        is_anns = sale.is_hidden or sale["BUYER"] == HIDDEN
        sale.maker = "ann" if is_anns else chance.choice(["ann", "bob"])
        sent = {**sale, "BUYER": self.buyers.get(sale["BUYER"])}
        if sale.maker == "bob":
            del sent["COST"]
        self._make("SALES", sent, is_hidden=sale.is_hidden, user=sale.maker)
        return sale

    def _make(
        self, datastore: str, item: dict[str, Any], *, is_hidden: bool, user: str = "ann"
    ) -> str:
        body: dict[str, Any] = {"item": item}
        if is_hidden:
            body["action_id"] = "CreateHidden"
        path = f"{BASE.replace('SALES', datastore)}/items/new"
        reply = self.rest.call("POST", path, body, user=user)
        assert reply.status == 200, reply.body
        return str(reply.json["item_id"])

    # -- what is asked -------------------------------------------------------------------------

    def ask(self, path: str, body: Any = None, user: str = "ann") -> Reply:
        return self.rest.call("GET" if body is None else "POST", APP + path, body, user=user)

    def rows(self, report: str, user: str = "ann", **body: Any) -> list[dict[str, Any]]:
        reply = self.ask(f"/reports/{report}/filter", body, user)
        assert reply.status == 200, reply.body
        return list(reply.json["report_results"])

    def seen(self, user: str) -> list[Sale]:
        for one in self.sales:
            one.reader = user
        return [one for one in self.sales if user == "ann" or not one.is_hidden]


@pytest.fixture(scope="module")
def world(new_database, tmp_path_factory) -> Iterator[World]:
    clock = FixedClock()
    with asyncio.Runner() as runner:
        url = new_database(tmp_path_factory.mktemp("reports"))
        rest = Rest(url, clock, fixed_ids(clock), runner, WORLD, BASE)
        for name in ("ann", "bob", "eve"):
            rest.token(name)
        yield World(rest)
        rest.close()


# --- the plain evaluation ---------------------------------------------------------------------


def exact(values: list[Any]) -> Any:
    """The sum of the decimals shown, as it is shown; None of nothing."""
    if not values:
        return None
    total = sum((Decimal(repr(one)) for one in values), Decimal(0))
    return int(total) if total == int(total) else float(total)


def local(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(NEW_YORK) if text else None


def day_sold(text: str | None) -> str | None:
    """What was written as a day is that day; an instant lies in a day of the workspace."""
    if text is None or "T" not in text:
        return text and text.replace("-", "/")
    found = local(text)
    return found.strftime("%Y/%m/%d") if found else None


def period(form: Callable[[datetime], str]) -> Callable[[Sale], list[Any]]:
    def read(sale: Sale) -> list[Any]:
        found = local(sale["AT"])
        return [form(found) if found else None]

    return read


def monday(at: datetime) -> str:
    return (at.date() - timedelta(days=at.weekday())).strftime("%Y/%m/%d")


def plain(key: str, shown: Callable[[Any], Any] = lambda value: value) -> Any:
    return lambda sale: [None if sale[key] is None else shown(sale[key])]


def buyer(sale: Sale) -> list[Any]:
    is_shown = sale.reader == "ann" or sale["BUYER"] != HIDDEN
    return [sale["BUYER"] if is_shown else None]


def month_and_tag(sale: Sale) -> list[Any]:
    found = local(sale["AT"])
    month = found.strftime("%Y/%m") if found else None
    return [(month, TAGS[one]) for one in sale["TAGS"]] or [(month, None)]


# report: its columns of keys, the keys of a sale, and the order of keys where it isn't their own
REPORTS: dict[str, tuple[tuple[str, ...], Any, list[Any] | None]] = {
    "by_name": (("NAME",), plain("NAME"), None),
    "by_amount": (("AMOUNT",), plain("AMOUNT"), None),
    "by_size": (("SIZE",), plain("SIZE", SIZES.__getitem__), ["Large", "Small"]),
    "by_tag": (
        ("TAGS",),
        lambda sale: [TAGS[one] for one in sale["TAGS"]] or [None],
        ["Blue", "Azure", "c"],
    ),
    "by_owner": (("OWNERS",), lambda sale: list(sale.owners) or [None], None),
    "by_buyer": (("BUYER",), buyer, None),
    "by_paid": (("PAID",), plain("PAID", lambda value: str(value).lower()), None),
    "by_state": (
        ("STATE",),
        lambda sale: ["Done" if sale.is_hidden else "Open"],
        ["Open", "Done"],
    ),
    "by_maker": (("BY",), lambda sale: [sale.maker.capitalize()], None),
    "by_sold_day": (("SOLD",), plain("SOLD", day_sold), None),
    "by_day": (("AT",), period(lambda at: at.strftime("%Y/%m/%d")), None),
    "by_week": (("AT",), period(monday), None),
    "by_month": (("AT",), period(lambda at: at.strftime("%Y/%m")), None),
    "by_quarter": (("AT",), period(lambda at: f"{at.year}/Q{(at.month + 2) // 3}"), None),
    "by_year": (("AT",), period(lambda at: str(at.year)), None),
    "by_month_and_tag": (("MONTH", "TAGS"), month_and_tag, None),
}


@pytest.mark.parametrize("user", ["ann", "bob"])
@pytest.mark.parametrize("report", REPORTS)
def test_groups_and_sums_are_those_of_a_plain_evaluation(world, report, user):
    columns, read, order = REPORTS[report]
    groups: dict[Any, list[Sale]] = {}
    for sale in world.seen(user):
        for key in read(sale):
            groups.setdefault(key, []).append(sale)
    expected = [
        {
            **dict(zip(columns, key if isinstance(key, tuple) else (key,), strict=True)),
            "ITEMS": len(sales),
            "AMOUNT_sum": exact([one["AMOUNT"] for one in sales if one["AMOUNT"] is not None]),
        }
        for key, sales in groups.items()
    ]
    found = world.rows(report, user)
    assert sorted(found, key=repr) == sorted(expected, key=repr)
    keys = [row[columns[0]] for row in found]
    place = (order or sorted({one for one in keys if one is not None})).index
    assert keys == sorted(keys, key=lambda one: -1 if one is None else place(one))
    assert any(one.is_hidden for one in world.sales)


@pytest.mark.parametrize("user", ["ann", "bob"])
def test_a_report_without_keys_is_one_row(world, user):
    (found,) = world.rows("total", user)
    sales = world.seen(user)
    amounts = [one["AMOUNT"] for one in sales if one["AMOUNT"] is not None]
    total = sum((Decimal(repr(one)) for one in amounts), Decimal(0))
    first = min(local(one["AT"]) for one in sales if one["AT"])
    expected = {
        "ITEMS": len(sales),
        "AMOUNT_count": len(amounts),
        "AMOUNT_sum": exact(amounts),
        "AMOUNT_average": pytest.approx(float(total / len(amounts)), rel=1e-15),
        "AMOUNT_min": min(amounts),
        "AMOUNT_max": max(amounts),
        "FIRST": first.strftime("%Y/%m/%d %H:%M:%S"),
        "LAST": "2024/12/31",  # of 3 o'clock in London, which is later than the midnight before
    }
    if user == "ann":
        expected["COST_sum"] = 3 * sum(1 for one in sales if one.maker == "ann")
    twice = found.pop("TWICE_sum")
    assert isinstance(twice, (int, float))
    assert found == expected


def test_what_is_summed_of_nothing_is_empty_and_counted_as_none(world):
    nothing = [{"id": "NAME", "search_value": ["nobody bears this"]}]
    assert world.rows("total", conditions=nothing) == [
        {
            "ITEMS": 0,
            "AMOUNT_count": 0,
            "AMOUNT_sum": None,
            "AMOUNT_average": None,
            "AMOUNT_min": None,
            "AMOUNT_max": None,
            "FIRST": None,
            "LAST": None,
            "TWICE_sum": None,
            "COST_sum": None,
        }
    ]
    assert world.rows("by_size", conditions=nothing) == []
