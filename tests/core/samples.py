"""Small definitions for tests of the core, with ids that can be read."""

from __future__ import annotations

from typing import Any

from hikidashi.core.access import Actor, make_keyring
from hikidashi.core.actions import Action, Operation, Status
from hikidashi.core.catalog import Catalog, Datastore, Field, Group, Project, Role
from hikidashi.core.kinds import KINDS, Settings

WORKSPACE = "aa" * 12


def id_of(word: str) -> str:
    """The same id for the same word: its letters in hex, then zeros."""
    return word.encode().hex()[:24].ljust(24, "0")


def a_role(word: str, **rest: Any) -> Role:
    return Role(id_of(word), word, {"en": word}, **rest)


def a_group(word: str, parent: str = "", position: int = 0) -> Group:
    return Group(id_of(word), word, {"en": word}, id_of(parent) if parent else "", position)


def a_field(word: str, kind: str = "text", settings: Settings | None = None, **rest: Any) -> Field:
    rest.setdefault("position", 0)
    rest.setdefault("roles", frozenset({id_of("staff")}))
    return Field(id_of(word), word, {"en": word}, KINDS[kind], settings or Settings(), **rest)


def an_action(word: str, operation: Operation, position: int = 0, **rest: Any) -> Action:
    rest.setdefault("roles", frozenset({id_of("staff")}))
    return Action(id_of(word), word, {"en": word}, operation, position, **rest)


def a_status(word: str, position: int) -> Status:
    return Status(id_of(word), word, {"en": word}, position)


def a_datastore(word: str, **rest: Any) -> Datastore:
    parts: dict[str, Any] = {
        "names": {"en": word},
        "project": id_of("sales"),
        "workspace": WORKSPACE,
        "position": 0,
        "row_code": 1,
        "roles": frozenset({id_of("staff")}),
        "fields": (),
        "statuses": (),
        "actions": (),
    }
    return Datastore(id=id_of(word), display_id=word, **(parts | rest))


def a_project(word: str = "sales", **rest: Any) -> Project:
    parts: dict[str, Any] = {
        "names": {"en": word},
        "position": 0,
        "row_code": "",
        "roles": (a_role("staff"), a_role("boss", may_design=True)),
        "datastores": (),
    }
    return Project(id=id_of(word), display_id=word, **(parts | rest))


def a_catalog(**rest: Any) -> Catalog:
    parts: dict[str, Any] = {
        "workspace": WORKSPACE,
        "name": "Test",
        "time_zone": "UTC",
        "number": 1,
        "groups": (),
        "projects": (),
    }
    return Catalog(**(parts | rest))


def an_actor(
    word: str = "alice",
    groups: tuple[str, ...] = (),
    roles: tuple[str, ...] = (),
    catalog: Catalog | None = None,
    **rest: Any,
) -> Actor:
    group_ids = frozenset(id_of(one) for one in groups)
    role_ids = frozenset(id_of(one) for one in roles)
    keyring = make_keyring(id_of(word), group_ids, role_ids, catalog or a_catalog())
    return Actor(
        id_of(word),
        word,
        f"{word}@example.com",
        WORKSPACE,
        keyring,
        group_ids,
        role_ids,
        number=1,
        **rest,
    )
