"""A schema file as a tree of what it says; nothing is looked up yet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec import UNSET

from ...core.actions import Operation
from ...core.errors import FaultError
from ...core.ids import is_id
from ...core.limits import (
    DISPLAY_ID_CHARS_MAX,
    NAME_CHARS_MAX,
    SESSION_TIMEOUT_S_MAX,
    SESSION_TIMEOUT_S_MIN,
    USER_CODE_CHARS_MAX,
)
from ...core.password_policy import POLICY_BOUNDS, POLICY_FLAGS
from ..passwords import check_password, hash_secret
from ..periods import is_zone
from .forms import Fixed, Form
from .keys import FORMS
from .problems import Place, SchemaError
from .sections import USUAL, Section, from_data, parse_yaml, read_yaml

# What holds what: the key of the list in a file, and the kind of what is in it.
CHILDREN: dict[str, tuple[tuple[str, str], ...]] = {
    "group": (("children", "group"),),
    "project": (
        ("roles", "role"),
        ("datastores", "datastore"),
        ("queries", "query"),
        ("reports", "report"),
        ("charts", "chart"),
        ("functions", "function"),
        ("constants", "constant"),
        ("schedules", "schedule"),
    ),
    "datastore": (
        ("statuses", "status"),
        ("fields", "field"),
        ("actions", "action"),
        ("webhooks", "webhook"),
        ("relations", "relation"),
    ),
}
WORDS = {"project": "application"}  # how files and people call a kind, where it differs
DEFAULT_ACTIONS = {
    "CreateItem": Operation.NEW,
    "UpdateItem": Operation.UPDATE,
    "DeleteItem": Operation.DELETE,
    "CopyItem": Operation.COPY,
}
RESERVED_FIELDS = frozenset(
    [
        "_id",
        "a_id",
        "access_keys",
        "created_at",
        "created_by",
        "d_id",
        "i_id",
        "p_id",
        "rev_no",
        "status_id",
        "title",
        "unread",
        "updated_at",
        "updated_by",
        "w_id",
        "status",
        "item_links",
        "lookup_items",
        "links",
        "labels",
        "seed_i_id",
        "related_key",
        "pinned",
    ]
)
_DISPLAY_ID = re.compile(r"\w(?:[\w \-]*[\w\-])?\Z")
_HOTTASK_CODE = re.compile(r"[a-z0-9]{12,13}\Z")
ANONYMOUS = "Anonymous"  # what the bot is called that callers without a key act as
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\Z")
_HEX_HASH = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(eq=False, slots=True)
class Holder:
    """A user or group that a list names, to be added or (deleted) taken off."""

    section: Section
    ref: str  # an address, an id or a display id
    deleted: bool


@dataclass(eq=False, slots=True)
class Node:
    """A definition as a file tells it."""

    kind: str
    section: Section
    id: str
    display_id: str  # "" where an id alone names it
    was: str
    deleted: bool
    word: str  # a field's type or an action's operation; "" if it is not said
    given: list[tuple[Form, Any]] = field(default_factory=list)
    children: dict[str, list[Node]] = field(default_factory=dict)
    users: list[Holder] = field(default_factory=list)  # members of a group, holders of a role
    groups: list[Holder] = field(default_factory=list)  # holders of a role
    keys: list[KeyNode] = field(default_factory=list)  # of an application
    anonymous: KeyNode | None = None  # what callers without a key act with there


@dataclass(eq=False, slots=True)
class UserNode:
    """A user as a file tells it; None: not said."""

    section: Section
    id: str
    email: str
    was: str
    deleted: bool
    name: str | None
    password: str | None
    password_hash: str | None
    admin: bool | None
    bot: bool | None
    exclusive: bool | None
    user_code: str | None
    weakness: str = ""  # what workspaces do not like about the password


@dataclass(eq=False, slots=True)
class KeyNode:
    """A HotTask project key as a file tells it."""

    section: Section
    id: str
    name: str
    was: str
    deleted: bool
    hash: str | None  # of the secret
    roles: list[str] | None
    read_only: bool | None


@dataclass(eq=False, slots=True)
class WorkspaceNode:
    """A workspace as a file tells it."""

    section: Section
    id: str
    name: str
    was: str
    time_zone: str | None
    password_policy: dict[str, Any]
    session_timeout: int | None
    users: list[UserNode]
    top_group: Node | None
    projects: list[Node]


@dataclass(eq=False, slots=True)
class SchemaFile:
    """A whole file. `root` gathers the problems that come up later."""

    root: Section
    workspaces: list[WorkspaceNode]

    def check(self) -> None:
        """Raise SchemaError if there is any problem so far."""
        if self.root.problems:
            raise SchemaError(self.root.problems)


def load(path: str | Path) -> SchemaFile:
    """Read a schema file. Raises SchemaError with every problem of its form."""
    return _read_file(read_yaml(path))


def loads(text: str, file: str = "schema.yaml") -> SchemaFile:
    """Read a schema from a text."""
    return _read_file(parse_yaml(text, file))


def of_data(data: Mapping[str, Any], file: str) -> SchemaFile:
    """Read a schema from mappings and lists that are there already."""
    return _read_file(from_data(data, file))


def _read_file(root: Section) -> SchemaFile:
    workspaces = [_read_workspace(one) for one in root.sections("workspaces")]
    if not root.has("workspaces"):
        root.fail("needs workspaces")
    root.refuse_unknown_keys()
    schema = SchemaFile(root, workspaces)
    schema.check()
    return schema


def _read_workspace(section: Section) -> WorkspaceNode:
    id_ = _read_id(section)
    name = _read_name(section, "name", id_)
    time_zone = section.text("time_zone")
    if time_zone is not None and not is_zone(time_zone):
        section.fail("is no time zone; give a name like Asia/Tokyo", "time_zone")
    top = section.section("top_group")
    node = WorkspaceNode(
        section=section,
        id=id_,
        name=name,
        was=section.text("was") or "",
        time_zone=time_zone,
        password_policy=_read_policy(section.section("password_policy")),
        session_timeout=section.whole(
            "session_timeout", SESSION_TIMEOUT_S_MIN, SESSION_TIMEOUT_S_MAX
        ),
        users=[_read_user(one) for one in section.sections("users")],
        top_group=_read_node("group", top) if top else None,
        projects=[_read_node("project", one) for one in section.sections("applications")],
    )
    section.refuse_unknown_keys()
    return node


def _read_policy(section: Section | None) -> dict[str, Any]:
    """What is said of passwords."""
    if section is None:
        return {}
    said: dict[str, bool | int | None] = {one: section.flag(one) for one in POLICY_FLAGS}
    said |= {one: section.whole(one, *bounds) for one, bounds in POLICY_BOUNDS.items()}
    section.refuse_unknown_keys()
    return {key: value for key, value in said.items() if value is not None}


# --- definitions ------------------------------------------------------------------------------


def _read_node(kind: str, section: Section) -> Node:
    id_ = _read_id(section)
    display_id = _read_name(section, "display_id", id_, DISPLAY_ID_CHARS_MAX)
    if display_id:
        _check_display_id(kind, display_id, section)
    node = Node(
        kind=kind,
        section=section,
        id=id_,
        display_id=display_id,
        was=section.text("was") or "",
        deleted=section.flag("deleted") or False,
        word="",
    )
    for form in FORMS[kind]:
        raw = USUAL if section.is_usual(form.name) else form.read(section)
        if raw is not UNSET:
            node.given.append((form, raw))
        if isinstance(form, Fixed) and raw is not UNSET:
            node.word = raw
    if kind == "project":
        node.keys = [_read_key(one) for one in section.sections("keys")]
        anonymous = section.section("anonymous")
        node.anonymous = _read_anonymous(anonymous) if anonymous else None
        code = section.text("hottask_code")
        if code and not _HOTTASK_CODE.match(code):
            section.fail("must be 12 or 13 lower-case letters and digits", "hottask_code")
    if kind in ("group", "role"):
        node.users = _read_holders(section, "members" if kind == "group" else "users", "email")
    if kind == "role":
        node.groups = _read_holders(section, "groups", "display_id")
    for key, child in CHILDREN.get(kind, ()):
        if section.has(key):
            node.children[child] = [_read_node(child, one) for one in section.sections(key)]
    section.refuse_unknown_keys()
    return node


def _check_display_id(kind: str, display_id: str, section: Section) -> None:
    if is_id(display_id.lower()):
        section.fail("looks like an internal id (24 hex digits)", "display_id")
    elif not _DISPLAY_ID.match(display_id):
        section.fail("must be letters, digits, spaces, - and _", "display_id")
    elif kind == "field" and (display_id in RESERVED_FIELDS or display_id.lower() == "id"):
        section.fail(f"{display_id} is reserved", "display_id")


def _read_name(section: Section, key: str, id_: str, most: int = NAME_CHARS_MAX) -> str:
    """What names an object; an id may do so alone."""
    value = section.text(key, most)
    if value == "":
        section.fail("must not be empty", key)
    if not id_ and not section.has(key):
        section.fail(f"needs {key}")
    return value or ""


def _read_id(section: Section) -> str:
    value = section.text("id")
    if value is not None and not is_id(value):
        section.fail("must be 24 lower-case hex digits", "id")
    return value or ""


def _read_holders(section: Section, key: str, own: str) -> list[Holder]:
    found = []
    for one in section.mixed(key, own):
        ref = one.text(own)
        deleted = one.flag("deleted") or False
        one.refuse_unknown_keys()
        if ref is None:
            if not one.has(own):
                one.fail(f"needs {own}")
            continue
        found.append(Holder(one, ref.lower() if own == "email" else ref, deleted))
    return found


# --- people -----------------------------------------------------------------------------------


def _read_user(section: Section) -> UserNode:
    id_ = _read_id(section)
    email = _read_name(section, "email", id_).lower()
    if email and not _EMAIL.match(email):
        section.fail("is no e-mail address", "email")
    password = section.text("password", NAME_CHARS_MAX)
    password_hash = section.text("password_hash")
    if password is not None:
        try:
            check_password(password)
        except FaultError as error:
            section.fail(error.faults[0].description, "password")
    if password_hash is not None and not password_hash.startswith("$argon2"):
        section.fail("must be an argon2 hash", "password_hash")
    if password is not None and password_hash is not None:
        section.fail("can't stand beside password", "password_hash")
    node = UserNode(
        section=section,
        id=id_,
        email=email,
        was=(section.text("was") or "").lower(),
        deleted=section.flag("deleted") or False,
        name=section.text("name"),
        password=password,
        password_hash=password_hash,
        admin=section.flag("admin"),
        bot=section.flag("bot"),
        exclusive=section.flag("exclusive"),
        user_code=section.text("user_code", USER_CODE_CHARS_MAX),
    )
    if (node.exclusive or node.user_code is not None) and not id_:
        section.fail("needs an id beside exclusive and user_code")
    section.refuse_unknown_keys()
    return node


def _read_key(section: Section) -> KeyNode:
    id_ = _read_id(section)
    name = _read_name(section, "name", id_)
    secret, hash_ = section.text("key"), section.text("key_hash")
    if secret is not None and len(secret) < 16:
        section.fail("must have at least 16 characters", "key")
    if hash_ is not None and not _HEX_HASH.match(hash_):
        section.fail("must be 64 hex digits (BLAKE2b-256 of the key)", "key_hash")
    if secret is not None and hash_ is not None:
        section.fail("can't stand beside key", "key_hash")
    node = KeyNode(
        section=section,
        id=id_,
        name=name,
        was=section.text("was") or "",
        deleted=section.flag("deleted") or False,
        hash=hash_secret(secret) if secret else hash_,
        roles=section.texts("roles"),
        read_only=section.flag("read_only"),
    )
    section.refuse_unknown_keys()
    return node


def _read_anonymous(section: Section) -> KeyNode:
    node = KeyNode(
        section=section,
        id="",
        name=ANONYMOUS,
        was="",
        deleted=section.flag("deleted") or False,
        hash=None,  # of the application's id
        roles=section.texts("roles"),
        read_only=section.flag("read_only"),
    )
    section.refuse_unknown_keys()
    return node


def default_actions(section: Section) -> list[Node]:
    """The actions of a new datastore that names none."""
    found = []
    for display_id, operation in DEFAULT_ACTIONS.items():
        node = implied("action", display_id, section)
        node.word = operation.value
        node.given = [(form, True) for form in FORMS["action"] if form.name == "default"]
        found.append(node)
    return found


def implied(kind: str, display_id: str, section: Section) -> Node:
    """A definition that a file implies without naming it; problems point at `section`."""
    return Node(kind, section, "", display_id, "", deleted=False, word="")


__all__ = [
    "CHILDREN",
    "DEFAULT_ACTIONS",
    "WORDS",
    "Holder",
    "KeyNode",
    "Node",
    "Place",
    "SchemaFile",
    "UserNode",
    "WorkspaceNode",
    "default_actions",
    "implied",
    "load",
    "loads",
    "of_data",
]
