"""`serve --demo`: an example workspace, some items in it, and the first lines to type."""

from __future__ import annotations

import dataclasses
import secrets
from importlib.resources import files

from ..config import Config
from ..core.access import Identity
from ..core.commands import Entry, Op, WriteItem
from ..core.plan import WriteResult
from ..core.query import Query
from ..core.record import record
from ..service.app import App, View
from ..service.schema import loads, schema_apply
from ..storage.search import count_items
from .opening import RefusedError, run_app

EMAIL = "demo@example.com"
PASSWORD = "demo-password"  # noqa: S105  only where nobody else can come in
KEY = "hk_demo_key_of_hikidashi"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
DATABASE = "sqlite:///./data/demo.db"  # where the example is kept unless a database is named


@record
class Demo:
    """How to come in."""

    password: str
    key: str
    token: str

    def words(self, url: str) -> str:
        """What to type first, ready to be pasted."""
        json = "-H 'Content-Type: application/json'"
        return f"""
Log in as {EMAIL} with the password {self.password}. This makes an order with two lines:

curl -s {url}/api/v0/applications/sales/datastores/orders/items/new \\
  -H 'Authorization: Bearer {self.token}' {json} \\
  -d '{{"item":{{"subject":"Oak desk","amount":480}},"related_ds_items":{{"lines":[
       {{"operation":1,"item":{{"article":"Top","count":1}}}},
       {{"operation":1,"item":{{"article":"Leg","count":4}}}}]}}}}'

and this, through the HotTask API, changes the first order:

curl -s {url}/autodev/CustomTableValue/UD/hikidashdemo/102 \\
  -H 'Authorization: {self.key}' {json} \\
  -d '{{"update":{{"id":1,"paid":true}}}}'
"""


def demo_config(config: Config) -> Config:
    """The settings with a database for the example, unless one is named."""
    if config.database != Config().database:
        return config
    return dataclasses.replace(config, database=DATABASE)


def make_demo(config: Config) -> Demo:
    """Bring the example into the database. Passwords are the known ones on this machine only."""
    is_near = config.host in LOOPBACK
    password = PASSWORD if is_near else secrets.token_urlsafe(12)
    key = KEY if is_near else f"hk_{secrets.token_hex(32)}"
    text = files("hikidashi.cli").joinpath("demo.yaml").read_text("utf-8")

    async def work(app: App) -> str:
        file = loads(text.replace(PASSWORD, password).replace(KEY, key), "demo.yaml")
        await schema_apply(app.store, app.ids, app.clock, file)
        token = await app.identities.login(EMAIL, password)
        await _fill(app, await app.identities.identify(token))
        return token

    return Demo(password, key, run_app(config, work))


async def _fill(app: App, identity: Identity) -> None:
    """A customer and two orders, if there are none."""

    def is_empty(view: View) -> bool:
        project = view.catalog.find_project("sales")
        orders = project.find_datastore("orders") if project is not None else None
        if orders is None:
            raise RefusedError("the database holds another application called sales")
        return not count_items(view.connection, Query(orders), view.actor.keyring)

    if not await app.read(identity, is_empty):
        return
    values = {"name": "Northwind", "email": "orders@northwind.example", "since": "2024-04-01"}
    made = await app.run(identity, WriteItem("sales", Entry(Op.NEW, "customers", values=values)))
    customer = made.item.id if isinstance(made, WriteResult) else ""
    for subject, amount, articles in (
        ("Six chairs", 720, (("Chair", 6),)),
        ("Meeting room", 2100, (("Table", 1), ("Chair", 10))),
    ):
        lines = tuple(
            Entry(Op.NEW, "lines", values={"article": article, "count": count})
            for article, count in articles
        )
        order = {"subject": subject, "amount": amount, "customer": customer, "priority": "high"}
        entry = Entry(Op.NEW, "orders", values=order, related=lines)
        await app.run(identity, WriteItem("sales", entry, all_or_nothing=True))
