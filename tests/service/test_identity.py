"""Logins, sessions, API tokens, project keys and what an actor holds, on both engines."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from hikidashi.bootstrap import build
from hikidashi.config import Config
from hikidashi.core.access import Identity
from hikidashi.core.catalog import Catalog, Group, Project, Role
from hikidashi.core.errors import FaultError, FaultKind
from hikidashi.core.limits import (
    LOGIN_FAILURES_MAX,
    LOGIN_WINDOW_MS,
    PASSWORD_BYTES_MAX,
    SESSION_IDLE_MS,
    SESSION_RECHECK_MS,
    SESSION_TOUCH_MS,
    TOKEN_LIFE_MS,
)
from hikidashi.service import passwords
from hikidashi.service.app import App
from hikidashi.service.identity import Identities, hash_secret
from hikidashi.service.passwords import hash_password, verify_password
from hikidashi.storage import definitions, people
from hikidashi.storage.definitions import Workspace
from hikidashi.storage.engines import Connection
from hikidashi.storage.people_state import ProjectKey, User
from hikidashi.storage.people_writes import (
    grant,
    insert_project_key,
    insert_user,
    remove_member,
    set_member,
)

T = TypeVar("T")

SHOP, OFFICE, FOREIGN = "a" * 24, "b" * 24, "c" * 24
ANN, BOB, BOT = "1" * 24, "2" * 24, "3" * 24
PROJECT = "9" * 24


def make_people(connection: Connection) -> None:
    ann_hash = hash_password("ann-password")  # at the costs of the test
    for at, workspace in enumerate((SHOP, OFFICE, FOREIGN)):
        definitions.create_workspace(connection, Workspace(workspace, f"W{at}", "UTC"), at)
    insert_user(connection, User(ANN, "ann@shop.test", "Ann", ann_hash), SHOP, 1)
    insert_user(connection, User(BOB, "bob@shop.test", "Bob"), SHOP, 2)
    insert_user(connection, User(BOT, None, "Robot", is_bot=True), SHOP, 3)
    set_member(connection, SHOP, ANN, is_admin=True)
    set_member(connection, OFFICE, ANN, is_admin=False)
    set_member(connection, SHOP, BOB, is_admin=False)
    set_member(connection, SHOP, BOT, is_admin=False)
    key = ProjectKey("8" * 24, hash_secret("the key"), "Site", BOT, SHOP, PROJECT)
    insert_project_key(connection, key, 4)


class World:
    """Two processes over one database, with one clock."""

    def __init__(self, url: str, clock, ids, runner: asyncio.Runner) -> None:
        self.clock = clock
        self.run = runner.run
        config = Config(database=url, writers=1)  # nothing is written at once
        self.app: App = build(config, clock=clock, ids=ids)
        self.run(self.app.open())
        self.identities = self.app.identities
        self.change(make_people)

    def other_process(self, ids) -> Identities:
        return Identities(self.app.store, self.clock, ids)

    def change(self, fn: Callable[[Connection], T]) -> T:
        return self.run(self.app.store.change(fn))

    def login(self, email: str = "ann@shop.test", password: str = "ann-password") -> str:
        return self.run(self.identities.login(email, password))

    def who(self, token: str, identities: Identities | None = None) -> Identity:
        return self.run((identities or self.identities).identify(token))

    def fault(self, waiting: Awaitable[object]) -> FaultError:
        async def wait():
            return await waiting

        with pytest.raises(FaultError) as caught:
            self.run(wait())
        return caught.value

    def settle(self) -> None:
        """Let what nobody waits for happen."""
        self.run(asyncio.sleep(0.05))

    def close(self) -> None:
        self.run(self.app.close())
        self.identities.close()


@pytest.fixture
def world(engine_url, clock, ids) -> Iterator[World]:
    with asyncio.Runner() as runner:
        made = World(engine_url, clock, ids, runner)
        yield made
        made.close()


# --- logging in -------------------------------------------------------------------------------


def test_a_login_gives_a_token_that_stands_for_the_user(world):
    token = world.login()
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["sub"] == ANN
    assert claims["un"] == "Ann"
    assert claims["exp"] == (world.clock.now_ms() + TOKEN_LIFE_MS) // 1000
    assert world.who(token) == Identity(ANN, SHOP, session=claims["jti"])


@pytest.mark.parametrize("email", ["ann@shop.test", " ann@shop.test ", "Ann@Shop.Test"])
def test_an_address_is_taken_in_any_case(world, email):
    assert world.who(world.login(email)).user == ANN


def test_each_login_has_a_session_of_its_own(world):
    first, second = world.login(), world.login()
    assert world.who(first).session != world.who(second).session


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ann@shop.test", "wrong"),
        ("ann@shop.test", ""),
        ("ann@shop.test", "ann-password" + "x" * PASSWORD_BYTES_MAX),
        ("nobody@shop.test", "ann-password"),
        ("bob@shop.test", "no password set"),
        ("", "x"),
        ("a\0b", "x"),
        ("a" * 400, "x"),
    ],
)
def test_a_wrong_login_is_told_alike_whether_the_address_exists_or_not(world, email, password):
    error = world.fault(world.identities.login(email, password))
    assert error.kind is FaultKind.UNAUTHORIZED
    assert [(one.error, one.description) for one in error.faults] == [
        ("LOGIN_FAILED", "the account or the password is wrong")
    ]


def test_an_unknown_address_costs_the_same_work(real_passwords, world, monkeypatch):
    seen = []

    class Hasher:
        def verify(self, hash_, given):
            seen.append(hash_.rsplit("$", 2)[0])
            return False

    monkeypatch.setattr(passwords, "_HASHER", Hasher())
    world.fault(world.identities.login("ann@shop.test", "x"))
    world.fault(world.identities.login("nobody@shop.test", "x"))
    assert len(seen) == 2
    assert seen[0] == seen[1]  # the same algorithm at the same costs


@pytest.mark.parametrize("email", ["ann@shop.test", "nobody@shop.test"])
def test_an_address_is_locked_after_too_many_failures_existing_or_not(world, email):
    for _ in range(LOGIN_FAILURES_MAX):
        assert world.fault(world.identities.login(email, "x")).kind is FaultKind.UNAUTHORIZED
    assert world.fault(world.identities.login(email, "ann-password")).kind is FaultKind.LOCKED
    assert world.fault(world.identities.login(email.upper(), "x")).kind is FaultKind.LOCKED


def test_a_lock_ends_with_its_window(world):
    for _ in range(LOGIN_FAILURES_MAX):
        world.fault(world.identities.login("ann@shop.test", "x"))
    world.clock.advance(ms=LOGIN_WINDOW_MS)
    assert world.login()
    world.fault(world.identities.login("ann@shop.test", "x"))
    assert world.login()


def test_a_login_forgets_the_failures_before_it(world):
    for _ in range(3):
        for _ in range(LOGIN_FAILURES_MAX - 1):
            world.fault(world.identities.login("ann@shop.test", "x"))
        assert world.login()


def test_guesses_sent_at_once_do_not_slip_past_the_lock(world):
    async def guess():
        try:
            await world.identities.login("ann@shop.test", "x")
        except FaultError as error:
            return error.kind

    async def all_at_once():
        return await asyncio.gather(*(guess() for _ in range(LOGIN_FAILURES_MAX * 2)))

    kinds = world.run(all_at_once())
    assert kinds.count(FaultKind.UNAUTHORIZED) == LOGIN_FAILURES_MAX
    assert kinds.count(FaultKind.LOCKED) == LOGIN_FAILURES_MAX


# --- sessions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b.c",
        "..",
        "é.é.é",
        "x" * 5000 + "..",
        "hk_" + "0" * 64,
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIiwianRpIjoiYiIsImV4cCI6OTk5OTk5OTk5OX0.",
        "\0",
    ],
)
def test_what_is_no_token_of_ours_is_refused(world, token):
    error = world.fault(world.identities.identify(token))
    assert error.kind is FaultKind.UNAUTHORIZED
    assert error.faults[0].error == "TOKEN_INVALID"


def test_a_token_signed_by_somebody_else_is_refused(world):
    claims = json.loads(base64.urlsafe_b64decode(world.login().split(".")[1] + "=="))
    forged = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(b"0" * 32))
    assert world.fault(world.identities.identify(forged)).kind is FaultKind.UNAUTHORIZED


def test_a_session_lasts_while_it_is_used(world):
    token = world.login()
    for _ in range(3):
        world.clock.advance(ms=SESSION_IDLE_MS)
        assert world.who(token).user == ANN
        world.settle()


def test_a_session_left_idle_runs_out(world):
    token = world.login()
    world.clock.advance(ms=SESSION_IDLE_MS + 1)
    assert world.fault(world.identities.identify(token)).kind is FaultKind.UNAUTHORIZED


def test_a_token_ends_a_year_after_the_login_however_much_it_is_used(world):
    token = world.login()
    session = world.who(token).session
    world.clock.advance(ms=TOKEN_LIFE_MS)
    world.change(lambda one: people.touch_session(one, session, world.clock.now_ms()))
    assert world.fault(world.identities.identify(token)).kind is FaultKind.UNAUTHORIZED


def test_the_last_use_is_written_now_and_then(world):
    token = world.login()
    session = world.who(token).session

    def used_at() -> int:
        found = world.change(lambda one: people.find_session(one, session))
        assert found is not None
        return found.used_at

    began = used_at()
    world.clock.advance(ms=SESSION_TOUCH_MS - 1)
    world.who(token)
    world.settle()
    assert used_at() == began
    now = world.clock.advance(ms=1)
    world.clock.advance(ms=SESSION_RECHECK_MS)
    world.who(token)
    world.settle()
    assert used_at() == now + SESSION_RECHECK_MS


def test_a_verified_token_is_not_looked_up_at_each_request(world, monkeypatch):
    token = world.login()
    identity = world.who(token)

    def unwanted(*_arguments):
        raise AssertionError("the database was asked")

    monkeypatch.setattr(people, "find_session", unwanted)
    world.clock.advance(ms=SESSION_RECHECK_MS - 1)
    assert world.who(token) is identity


def test_many_requests_at_once_check_a_token_once(world, monkeypatch):
    token = world.login()
    calls = []
    find = people.find_session
    monkeypatch.setattr(
        people, "find_session", lambda one, session: calls.append(session) or find(one, session)
    )

    async def all_at_once():
        return await asyncio.gather(*(world.identities.identify(token) for _ in range(20)))

    assert {one.user for one in world.run(all_at_once())} == {ANN}
    assert len(calls) == 1


def test_a_logout_ends_the_session_here_at_once_and_elsewhere_within_two_seconds(world, ids):
    token, kept = world.login(), world.login()
    elsewhere = world.other_process(ids)
    identity = world.who(token, elsewhere)
    world.who(token)
    world.run(world.identities.logout(identity))
    assert world.fault(world.identities.identify(token)).kind is FaultKind.UNAUTHORIZED
    world.clock.advance(seconds=2)
    assert world.fault(elsewhere.identify(token)).kind is FaultKind.UNAUTHORIZED
    assert world.who(kept, elsewhere).user == ANN
    elsewhere.close()


def test_processes_that_start_together_share_one_signing_key(world, ids):
    others = [world.other_process(ids) for _ in range(3)]

    async def start():
        return await asyncio.gather(*(one.login("ann@shop.test", "ann-password") for one in others))

    for token in world.run(start()):
        assert {world.who(token, one).user for one in (world.identities, *others)} == {ANN}
    for one in others:
        one.close()


# --- passwords --------------------------------------------------------------------------------


def test_a_new_password_ends_every_session(world):
    token = world.login()
    identity = world.who(token)
    world.run(world.identities.change_password(identity, "ann-password", "another one"))
    assert world.fault(world.identities.identify(token)).kind is FaultKind.UNAUTHORIZED
    assert world.fault(world.identities.login("ann@shop.test", "ann-password"))
    assert world.login(password="another one")


@pytest.mark.parametrize(
    ("old", "new"),
    [("wrong", "another one"), ("ann-password", "short"), ("ann-password", "x" * 1025)],
)
def test_a_password_is_not_changed_without_the_old_one_or_to_a_bad_one(world, old, new):
    identity = world.who(world.login())
    assert world.fault(world.identities.change_password(identity, old, new)).kind is (
        FaultKind.INVALID
    )
    assert world.login()


def test_a_password_is_kept_as_an_argon2_hash_with_a_salt_of_its_own(real_passwords):
    one, other = hash_password("日本語のパスワード"), hash_password("日本語のパスワード")
    assert one.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert one != other
    assert verify_password(one, "日本語のパスワード")
    assert not verify_password(one, "日本語のパスワート")
    assert not verify_password("not a hash", "x")
    assert not verify_password(None, "nobody has this password")


# --- API tokens and project keys --------------------------------------------------------------


def test_an_api_token_stands_for_its_user_with_its_own_limits(world):
    limited = Identity(ANN, SHOP, project=PROJECT, may_write=False)
    _, secret = world.run(world.identities.create_token("report", limited))
    assert world.who(secret) == limited
    stored = world.change(
        lambda one: one.query("SELECT hash, kind FROM tokens WHERE name = 'report'")
    )
    assert stored == [(hash_secret(secret), "api")]


def test_a_revoked_token_opens_nothing(world):
    id_, secret = world.run(world.identities.create_token("report", Identity(ANN, SHOP)))
    world.who(secret)
    assert world.run(world.identities.revoke_token(id_)) is True
    assert world.fault(world.identities.identify(secret)).kind is FaultKind.UNAUTHORIZED
    assert world.run(world.identities.revoke_token(id_)) is False


def test_a_project_key_stands_for_its_bot_and_is_no_api_token(world):
    expected = Identity(BOT, SHOP, project=PROJECT)
    assert world.run(world.identities.identify_key("the key")) == expected
    assert world.run(world.identities.identify_key("the key")) == expected
    assert world.fault(world.identities.identify("the key")).kind is FaultKind.UNAUTHORIZED
    assert world.fault(world.identities.identify_key("no key")).kind is FaultKind.UNAUTHORIZED


def test_an_api_token_can_not_log_out_or_change_its_workspace(world):
    _, secret = world.run(world.identities.create_token("report", Identity(ANN, OFFICE)))
    identity = world.who(secret)
    assert world.fault(world.identities.logout(identity)).kind is FaultKind.FORBIDDEN
    moved = world.identities.select_workspace(identity, SHOP)
    assert world.fault(moved).kind is FaultKind.FORBIDDEN
    assert [one.workspace for one in world.run(world.identities.workspaces(identity))] == [OFFICE]


# --- workspaces -------------------------------------------------------------------------------


def test_a_user_sees_the_workspaces_of_the_own_memberships(world):
    identity = world.who(world.login())
    found = world.run(world.identities.workspaces(identity))
    assert [(one.workspace, one.name, one.is_admin) for one in found] == [
        (SHOP, "W0", True),
        (OFFICE, "W1", False),
    ]


def test_a_selected_workspace_is_that_of_every_session_from_then_on(world):
    one, other = world.login(), world.login()
    world.who(other)
    world.run(world.identities.select_workspace(world.who(one), OFFICE))
    assert {world.who(token).workspace for token in (one, other, world.login())} == {OFFICE}


@pytest.mark.parametrize("workspace", [FOREIGN, "d" * 24, "W1", "", "\0"])
def test_a_workspace_that_is_not_the_users_can_not_be_selected(world, workspace):
    identity = world.who(world.login())
    error = world.fault(world.identities.select_workspace(identity, workspace))
    assert error.kind is FaultKind.NO_PLACE
    assert world.who(world.login()).workspace == SHOP


def test_who_has_left_the_current_workspace_works_in_the_first_one_left(world):
    token = world.login()
    world.change(lambda one: remove_member(one, SHOP, ANN))
    assert world.who(token).workspace == OFFICE
    world.change(lambda one: remove_member(one, OFFICE, ANN))
    world.clock.advance(ms=SESSION_RECHECK_MS)
    assert world.who(token).workspace == ""


# --- what an actor holds ----------------------------------------------------------------------

TOP, EAST, EAST_ONE, WEST = "e0" * 12, "e1" * 12, "e2" * 12, "e3" * 12
ADMIN, MEMBER, EASTERN, GONE = "f0" * 12, "f1" * 12, "f2" * 12, "f3" * 12


def make_catalog() -> Catalog:
    names = {"en": "x"}
    groups = [
        Group(TOP, "TOP", names, "", 0),
        Group(EAST, "EAST", names, TOP, 1),
        Group(EAST_ONE, "EAST1", names, EAST, 2),
        Group(WEST, "WEST", names, TOP, 3),
    ]
    roles = [Role(one, one[:2], names) for one in (ADMIN, MEMBER, EASTERN)]
    project = Project(
        id=PROJECT, display_id="P", names=names, position=0, row_code="", roles=roles, datastores=[]
    )
    return Catalog(
        workspace=SHOP, name="W", time_zone="UTC", number=1, groups=groups, projects=[project]
    )


def test_an_actor_holds_keys_downwards_and_roles_from_above(world):
    def hold(connection: Connection) -> None:
        grant(connection, SHOP, "group_members", [(EAST, ANN), (GONE, ANN)])
        grant(connection, SHOP, "user_roles", [(ADMIN, ANN), (GONE, ANN)])
        grant(connection, SHOP, "group_roles", [(MEMBER, TOP), (EASTERN, EAST_ONE)])

    world.change(hold)
    identity = Identity(ANN, SHOP, project=PROJECT, may_write=False)
    actor = world.change(lambda one: people.load_actor(one, identity, make_catalog(), 7))
    assert actor.groups == {EAST}
    assert actor.roles == {ADMIN, MEMBER}
    assert actor.keyring == {ANN, EAST, EAST_ONE, ADMIN, MEMBER}
    assert (actor.name, actor.email, actor.number) == ("Ann", "ann@shop.test", 7)
    assert (actor.project, actor.may_write, actor.is_workspace_admin) == (PROJECT, False, True)


def test_a_role_of_a_group_reaches_the_groups_below_and_not_those_above(world):
    def hold(connection: Connection) -> None:
        grant(connection, SHOP, "group_members", [(EAST_ONE, BOB)])
        grant(connection, SHOP, "group_roles", [(EASTERN, EAST), (ADMIN, WEST)])

    world.change(hold)
    actor = world.change(lambda one: people.load_actor(one, Identity(BOB, SHOP), make_catalog(), 1))
    assert actor.roles == {EASTERN}
    assert actor.keyring == {BOB, EAST_ONE, EASTERN}
    assert actor.is_workspace_admin is False


def test_who_does_not_belong_to_a_workspace_is_nobody_there(world):
    with pytest.raises(FaultError) as caught:
        world.change(lambda one: people.load_actor(one, Identity(BOB, OFFICE), make_catalog(), 1))
    assert caught.value.kind is FaultKind.UNAUTHORIZED
