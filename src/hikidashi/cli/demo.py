"""`serve --demo`: the example workspace, how to log in to it, and the first lines to type."""

from __future__ import annotations

import dataclasses
import secrets

from ..config import Config
from ..core.record import record
from ..service.app import App
from ..service.demo import DEMO_KEY, DEMO_PASSWORDS, DEMO_WORKSPACE, demo_schema, load_demo
from ..service.passwords import make_password
from ..service.schema import schema_apply
from ..storage.definitions import list_workspaces
from .opening import run_app

LOOPBACK = ("127.0.0.1", "localhost", "::1")
DATABASE = "sqlite:///./data/demo.db"  # where the example is kept unless a database is named


@record
class Demo:
    """How to come in."""

    logins: tuple[tuple[str, str], ...]  # address, password; the first is the administrator's
    key: str
    token: str

    def words(self, url: str) -> str:
        """What to type first, ready to be pasted."""
        json = "-H 'Content-Type: application/json'"
        logins = "\n".join(f"  {email}  {password}" for email, password in self.logins)
        return f"""
Log in as

{logins}

This makes an order with two lines:

curl -s {url}/api/v0/applications/SALES/datastores/ORDERS/items/new \\
  -H 'Authorization: Bearer {self.token}' {json} \\
  -d '{{"item":{{"TITLE":"Oak desk","AMOUNT":64000}},"related_ds_items":{{"ORDER_LINES":[
       {{"operation":1,"item":{{"DESCRIPTION":"Top","QUANTITY":1}}}},
       {{"operation":1,"item":{{"DESCRIPTION":"Leg","QUANTITY":4}}}}]}}}}'

and this, through the HotTask API, changes the first order:

curl -s {url}/autodev/CustomTableValue/UD/7qaucizgxdrb/123 \\
  -H 'Authorization: {self.key}' {json} \\
  -d '{{"update":{{"id":1,"GIFT":true}}}}'
"""


def demo_config(config: Config) -> Config:
    """The settings with a database for the example, unless one is named."""
    if config.database != Config().database:
        return config
    return dataclasses.replace(config, database=DATABASE)


def make_demo(config: Config) -> Demo:
    """Bring the example into the database; its known passwords hold on this machine only."""
    is_near = config.host in LOOPBACK
    key = "" if is_near else f"hk_{secrets.token_hex(32)}"

    async def work(app: App) -> Demo:
        listed = await app.store.read(list_workspaces)
        policies = [one.password_policy for one in listed if one.name == DEMO_WORKSPACE]
        password = "" if is_near else make_password(secrets.token_bytes(16), policies)
        if not await load_demo(app, password, key):  # the passwords may be of another start
            await schema_apply(app.store, app.ids, app.clock, demo_schema(password, key))
        logins = tuple((email, password or known) for email, known in DEMO_PASSWORDS.items())
        return Demo(logins, key or DEMO_KEY, await app.identities.login(*logins[0]))

    return run_app(config, work)
