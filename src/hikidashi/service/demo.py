"""The demonstration: the packaged world, and some weeks of business done in it by its people."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from ..core.access import Identity
from ..core.commands import Entry, Op, TakeNumber, WriteItem
from ..core.plan import WriteResult
from ..core.values import format_instant
from ..storage.definitions import list_workspaces
from ..storage.people_state import find_users
from .app import App
from .identity import hash_secret
from .schema import SchemaFile, loads, schema_apply

DEMO_WORKSPACE = "Hikidashi Demo"
DEMO_PASSWORDS: Mapping[str, str] = {
    "aoi@demo.example": "aoi-demo-pass",  # administrator
    "ben@demo.example": "ben-demo-pass",  # sells
    "chie@demo.example": "chie-demo-pass",  # reads, deletes nothing and knows no prices
}
DEMO_KEY = "demo-project-key-7qaucizgxdrb"
_DAY_MS = 86_400_000

_Values = Mapping[str, object]

_PRODUCTS: tuple[_Values, ...] = (
    {"SKU": "CH-100", "NAME": "Dining chair", "PRICE": 12800, "COST": 6100, "COLORS": ["OAK"]},
    {"SKU": "CH-210", "NAME": "Office chair", "PRICE": 34800, "COST": 17400, "COLORS": ["BLACK"]},
    {"SKU": "TB-300", "NAME": "Oak table", "PRICE": 89000, "COST": 42000, "COLORS": ["OAK"]},
    {"SKU": "DK-120", "NAME": "Standing desk", "PRICE": 64000, "COST": 30500},
    {"SKU": "LM-010", "NAME": "Desk lamp", "PRICE": 5400, "COST": 1900},
    {"SKU": "SF-400", "NAME": "本棚 (bookshelf)", "PRICE": 27500, "COST": 11800},
    {"SKU": "TE-001", "NAME": "緑茶セット (green tea set)", "PRICE": 3200, "COST": 1100},
)
_CUSTOMERS: tuple[_Values, ...] = (
    {"NAME": "Northwind Coffee", "EMAIL": "orders@northwind.example", "PREFECTURE": "TOKYO"},
    {"NAME": "株式会社あおば商店", "EMAIL": "info@aoba.example", "PREFECTURE": "TOKYO"},
    {"NAME": "Sakura Clinic", "EMAIL": "desk@sakura-clinic.example", "PREFECTURE": "OSAKA"},
    {"NAME": "北の家具センター", "EMAIL": "kagu@kita.example", "PREFECTURE": "HOKKAIDO"},
    {"NAME": "Harbour Hotel", "EMAIL": "purchasing@harbour.example", "PREFECTURE": "FUKUOKA"},
)
# Subject, customer, days ago, priority, handling, lines (product, quantity), how far it got.
_ORDERS: tuple[
    tuple[str, int, int, str, tuple[str, ...], tuple[tuple[int, int], ...], str], ...
] = (
    ("Chairs for the new shop", 0, 41, "NORMAL", (), ((0, 24), (2, 6)), "SHIPPED"),
    ("事務所の移転", 1, 33, "HIGH", ("EXPRESS",), ((1, 12), (3, 12), (4, 12)), "SHIPPED"),
    ("Waiting room", 2, 20, "NORMAL", ("FRAGILE",), ((0, 8), (5, 2)), "CONFIRMED"),
    ("お歳暮", 3, 12, "LOW", ("COLD", "FRAGILE"), ((6, 60),), "CONFIRMED"),
    ("Lobby, second floor", 4, 6, "HIGH", ("FRAGILE", "EXPRESS"), ((2, 3), (5, 4)), "NEW"),
    ("Replacement lamps", 0, 2, "LOW", (), ((4, 15),), "NEW"),
)


async def load_demo(app: App, password: str = "", key: str = "") -> bool:
    """Make the demonstration workspace and its items; False if it was there already.

    `password` replaces those of all its users and `key` the project key's: give them where
    others than its owner can reach the server.
    """
    listed = await app.store.read(list_workspaces)
    if any(one.name == DEMO_WORKSPACE for one in listed):
        return False
    await schema_apply(app.store, app.ids, app.clock, demo_schema(password, key))
    await _Business(app).run()
    return True


def demo_schema(password: str = "", key: str = "") -> SchemaFile:
    """The packaged world, with secrets of one's own if they are given."""
    source = files("hikidashi").joinpath("worlds", "demo.yaml")
    schema = loads(source.read_text(encoding="utf-8"), "demo.yaml")
    for workspace in schema.workspaces:
        for user in workspace.users:
            user.password = password or user.password
        for project in workspace.projects:
            for node in project.keys:
                node.hash = hash_secret(key) if key else node.hash
    return schema


class _Business:
    """Some weeks of it."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._people: dict[str, Identity] = {}

    async def run(self) -> None:
        """Products and customers, orders on their way, and the samples of the documentation."""
        await self._meet()
        products = [
            await self._make("aoi", "SALES", "PRODUCTS", {"ON_SALE": True, **one})
            for one in _PRODUCTS
        ]
        manager = [self._people["ben"].user]
        customers = [
            await self._make("ben", "SALES", "CUSTOMERS", self._customer(one, at, manager))
            for at, one in enumerate(_CUSTOMERS)
        ]
        for order in _ORDERS:
            await self._order(order, products, customers)
        await self._samples()

    async def _meet(self) -> None:
        listed = await self._app.store.read(list_workspaces)
        workspace = next(one.id for one in listed if one.name == DEMO_WORKSPACE)
        emails = list(DEMO_PASSWORDS)
        users = await self._app.store.read(lambda connection: find_users(connection, emails, []))
        for user in users:
            name = (user.email or "").partition("@")[0]
            self._people[name] = Identity(user.id, workspace)

    async def _write(self, who: str, project: str, entry: Entry) -> str:
        command = WriteItem(project, entry, force=True, all_or_nothing=True)
        result = await self._app.run(self._people[who], command)
        if not isinstance(result, WriteResult):
            raise TypeError(result)
        return result.item.id

    async def _make(
        self, who: str, project: str, datastore: str, values: _Values, *related: Entry
    ) -> str:
        return await self._write(
            who, project, Entry(Op.NEW, datastore, values=values, related=related)
        )

    def _days_ago(self, days: float) -> str:
        return format_instant(self._app.clock.now_ms() - int(days * _DAY_MS))

    def _customer(self, values: _Values, at: int, manager: list[str]) -> _Values:
        since = self._days_ago(400 + 150 * at)[:10]
        return {"ACTIVE": at != 3, "SINCE": since, "ACCOUNT_MANAGER": manager, **values}

    async def _order(
        self,
        order: tuple[str, int, int, str, tuple[str, ...], tuple[tuple[int, int], ...], str],
        products: list[str],
        customers: list[str],
    ) -> None:
        subject, customer, days, priority, handling, lines, status = order
        entries = [
            Entry(
                Op.NEW,
                "ORDER_LINES",
                values={
                    "DESCRIPTION": _PRODUCTS[product]["NAME"],
                    "PRODUCT": products[product],
                    "QUANTITY": quantity,
                    "UNIT_PRICE": _PRODUCTS[product]["PRICE"],
                },
                link_to_parent=True,
            )
            for product, quantity in lines
        ]
        prices = [float(str(_PRODUCTS[product]["PRICE"])) * count for product, count in lines]
        values = {
            "TITLE": subject,
            "CUSTOMER": customers[customer],
            "ORDERED_ON": self._days_ago(days)[:10],
            "DELIVER_BY": self._days_ago(days - 14),
            "AMOUNT": sum(prices),
            "DISCOUNT": 5 if sum(prices) > 500_000 else None,
            "PRIORITY": priority,
            "HANDLING": list(handling),
            "GIFT": "FRAGILE" in handling and "COLD" in handling,
            "ASSIGNEES": [self._people["ben"].user],
        }
        item = await self._make("ben", "SALES", "ORDERS", values, *entries)
        if status == "NEW":
            return
        await self._write("ben", "SALES", Entry(Op.UPDATE, "ORDERS", item, action="Confirm"))
        if status == "SHIPPED":
            await self._ship(item, days)
            return
        note = {"NOTES": "Customer called: please deliver in the morning. 午前中に配達希望。"}
        await self._write("chie", "SALES", Entry(Op.UPDATE, "ORDERS", item, values=note))

    async def _ship(self, order: str, days: int) -> None:
        shipment = {
            "TRACKING_NO": f"4{days:03d}-2210-{days * 37 % 10_000:04d}",
            "CARRIER": "YAMATO",
            "SHIPPED_AT": self._days_ago(days - 9.4),
            "DELIVERED": True,
        }
        entry = Entry(Op.NEW, "SHIPMENTS", values=shipment, link_to_parent=True)
        ship = Entry(Op.UPDATE, "ORDERS", order, action="Ship", related=(entry,))
        await self._write("aoi", "SALES", ship)

    async def _samples(self) -> None:
        """What the documentation's pages start from: counters at 2, 3 and 1, and some cars."""
        for subject in ("First form", "Second form"):
            await self._make("aoi", "APP_NAME", "DS_NAME", {"SUBJECT": subject})
        for branch in ("", "", "", "branch-"):
            command = TakeNumber("APP_NAME", "DS_NAME", "Branch-No", branch)
            await self._app.run(self._people["aoi"], command)
        service = Entry(Op.NEW, "RELATED_DS_1", values={"FIELD_ID1": "Oil change"})
        van = {"CAR_NAME": "配送車 1号", "CAR_TYPE": "VAN", "OPTIONS": ["NAVIGATION", "TOWBAR"]}
        await self._make("aoi", "APP_NAME", "CARS", van, service)
        sedan = {"CAR_NAME": "Sales car", "CAR_TYPE": "SEDAN", "OPTIONS": ["SUNROOF"]}
        await self._make("ben", "APP_NAME", "CARS", sedan)
