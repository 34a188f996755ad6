"""Passwords, tokens and keys leave a line in the audit, and nothing secret in it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from hikidashi.bootstrap import build
from hikidashi.config import Config
from hikidashi.core.access import Identity
from hikidashi.core.errors import FaultError
from hikidashi.core.limits import NAME_CHARS_MAX
from hikidashi.service.identity import hash_secret
from hikidashi.service.schema import loads, schema_apply
from hikidashi.storage.audit import list_audit
from hikidashi.storage.people import find_account, list_memberships
from hikidashi.storage.people_state import read_people
from hikidashi.storage.people_writes import remove_member

WORLD = """
workspaces:
  - name: Shop
    users: [{email: ann@shop.test, name: Ann, password: ann-password, admin: true}]
    applications:
      - {display_id: APP, keys: [{name: site, key: a-key-of-sixteen-characters}]}
  - name: Office
    users: [{email: ann@shop.test}]
"""
SECRETS = ("hash", "argon2", "hk_", "sixteen", hash_secret("a-key-of-sixteen-characters"))


class Shop:
    """Somebody in two workspaces, and the key of a bot in one."""

    def __init__(self, url: str, clock, ids, runner: asyncio.Runner) -> None:
        self.run = runner.run
        self.app = build(Config(database=url), clock=clock, ids=ids)
        self.run(self.app.open())
        self.run(schema_apply(self.app.store, ids, clock, loads(WORLD)))
        self.identities = self.app.identities
        self.ann = self.change(lambda one: find_account(one, "ann@shop.test")).user
        held = self.change(lambda one: list_memberships(one, self.ann))
        self.shop, self.office = (one.workspace for one in held)
        (self.key,) = self.change(lambda one: read_people(one, self.shop)).keys

    def change(self, fn):
        return self.run(self.app.store.change(fn))

    def told(self) -> list[tuple[object, ...]]:
        """What the audit says of things done since the world was made."""
        entries = self.change(lambda one: list_audit(one, None, limit=100))
        texts = " ".join(str((one.name, one.before, one.after)) for one in entries)
        assert [one for one in SECRETS if one in texts] == []
        return [
            (one.workspace, one.author.via, one.author.user, one.kind, one.before, one.after)
            for one in reversed(entries)
            if one.author.via != "schema"
        ]


@pytest.fixture
def shop(engine_url, clock, ids) -> Iterator[Shop]:
    with asyncio.Runner() as runner:
        made = Shop(engine_url, clock, ids, runner)
        yield made
        runner.run(made.app.close())


def test_a_password_that_is_changed_is_told_in_each_workspace_of_the_user(shop):
    token = shop.run(shop.identities.login("ann@shop.test", "ann-password"))
    identity = shop.run(shop.identities.identify(token))
    state = {"email": "ann@shop.test", "name": "Ann", "is_bot": False}
    after = {**state, "password": "changed"}
    both = (shop.shop, shop.office)
    shop.run(shop.identities.change_password(identity, "ann-password", "another one"))
    api = [(one, "api", shop.ann, "user", state, after) for one in both]
    assert shop.told() == api
    shop.run(shop.identities.set_password(shop.ann, "another one"))  # no other, but told anew
    assert shop.told() == api + [(one, "cli", "", "user", state, after) for one in both]


def test_the_password_of_somebody_in_no_workspace_is_told_too(shop):
    shop.change(lambda one: [remove_member(one, at, shop.ann) for at in (shop.shop, shop.office)])
    shop.run(shop.identities.set_password(shop.ann, "another one"))
    assert [one[:4] for one in shop.told()] == [("", "cli", "", "user")]


def test_a_token_made_and_revoked_is_told_once_each(shop):
    limited = Identity(shop.ann, shop.shop, project=shop.key.project, may_write=False)
    id_, secret = shop.run(shop.identities.create_token("report", limited))
    assert shop.run(shop.identities.identify(secret)) == limited
    state = {"name": "report", "project": shop.key.project, "user": shop.ann, "may_write": False}
    made = (shop.shop, "cli", "", "token", None, state)
    assert shop.told() == [made]
    assert [shop.run(shop.identities.revoke_token(id_)) for _ in range(2)] == [True, False]
    assert shop.told() == [made, (shop.shop, "cli", "", "token", state, None)]
    assert shop.run(shop.identities.change_token(id_, "x", may_write=True)) is False


def test_a_token_that_is_changed_is_told_and_holds_at_once(shop):
    writer = Identity(shop.ann, shop.shop, project=shop.key.project)
    id_, secret = shop.run(shop.identities.create_token("report", writer))
    assert shop.run(shop.identities.identify(secret)).may_write is True
    for _ in range(2):  # the second time nothing is left to change
        assert shop.run(shop.identities.change_token(id_, "weekly", may_write=False)) is True
    assert shop.run(shop.identities.identify(secret)).may_write is False
    state = {"name": "report", "project": shop.key.project, "user": shop.ann, "may_write": True}
    changed = {**state, "name": "weekly", "may_write": False}
    assert [one[3:] for one in shop.told()[1:]] == [("token", state, changed)]


@pytest.mark.parametrize("name", ["x" * (NAME_CHARS_MAX + 1), "a\x1b[31m", "a\0"])
def test_a_token_is_called_something_that_can_be_shown(shop, name):
    owner = Identity(shop.ann, shop.shop)
    for asked in (
        shop.identities.create_token(name, owner),
        shop.identities.change_token(shop.key.id, name, may_write=None),
    ):
        with pytest.raises(FaultError) as refused:
            shop.run(asked)
        assert "the name" in refused.value.faults[0].description
    assert shop.told() == []


def test_a_project_key_that_is_revoked_takes_its_bot_along(shop):
    assert shop.run(shop.identities.revoke_token(shop.key.id)) is True
    assert [(one[3], one[5]) for one in shop.told()] == [("key", None), ("member", None)]
    with pytest.raises(FaultError):
        shop.run(shop.identities.identify_key("a-key-of-sixteen-characters"))
