"""People of a workspace from a CSV: all of its rows or none, what is wrong told by line."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

from ..core.catalog import Role
from ..core.errors import Code, Fault, FaultError, FaultKind, no_place
from ..core.limits import PEOPLE_PER_CALL_MAX
from ..core.password_rules import find_weakness
from ..core.record import record
from ..storage.imports import ERRORS_MAX
from ..storage.people_state import User, find_users
from .design import Scene, Wish
from .design_members import join, new_user, read_email, read_words
from .design_people import find_top_group, get_group
from .passwords import check_password
from .schema.changes import GivePair, Leave, MakeUser, SchemaEdit
from .sheet_files import SheetError, read_csv

HEADER: Final = ("Email", "UserName", "Password", "GroupDisplayIDs", "RoleDisplayIDs", "IsDelete")
_FLAGS: Final = {"": False, "false": False, "0": False, "true": True, "1": True}


@record
class Person:
    """A row."""

    line: int
    email: str
    name: str
    password: str  # "" for none
    groups: tuple[str, ...]
    roles: tuple[str, ...]
    is_deleted: bool


class _Faults:
    """What is wrong, gathered so that it is all told at once."""

    def __init__(self) -> None:
        self._found: list[Fault] = []

    def add(self, line: int, words: str) -> None:
        """Note what is wrong in a line."""
        self._found.append(
            Fault(Code.INVALID_VALUE, f"line {line}: {words}", words, f"line:{line}")
        )

    def take(self, line: int, fault: FaultError) -> None:
        """The same of a refusal."""
        first = fault.faults[0]
        self.add(line, first.description or first.error)

    def check(self) -> None:
        """Raise 400 if anything is wrong."""
        if self._found:
            raise FaultError(FaultKind.INVALID, *self._found[:ERRORS_MAX])


def read_people(content: bytes) -> list[Person]:
    """The rows of a file. Raises 400 with everything that is wrong with the file by itself."""
    faults, people, lines = _Faults(), list[Person](), dict[str, int]()
    rows = read_csv(io.BytesIO(content))
    try:
        line, header = next(rows, (1, []))
        if tuple(one.strip() for one in header) != HEADER:
            faults.add(line, f"the header has to be {','.join(HEADER)}")
            faults.check()
        for line, cells in rows:
            if len(people) >= PEOPLE_PER_CALL_MAX:
                faults.add(line, f"the file has over {PEOPLE_PER_CALL_MAX} rows")
                break
            try:
                one = _person(line, cells)
            except FaultError as fault:
                faults.take(line, fault)
                continue
            if one.email in lines:
                faults.add(line, f"Email: {one.email} is in line {lines[one.email]} too")
            lines.setdefault(one.email, line)
            people.append(one)
    except SheetError as error:
        faults.add(error.line, str(error))
    faults.check()
    return people


def _person(line: int, cells: Sequence[str]) -> Person:
    if len(cells) != len(HEADER):
        raise _wrong(f"has {len(cells)} cells, the header has {len(HEADER)}")
    email, name, password, groups, roles, flag = cells
    is_deleted = _FLAGS.get(flag.strip().lower())
    if is_deleted is None:
        raise _wrong(f"IsDelete: {flag!r} is neither true nor false")
    if password:
        check_password(password)
    return Person(
        line,
        read_email(email, "Email"),
        read_words(name, "UserName"),
        password,
        _refs(groups),
        _refs(roles),
        is_deleted,
    )


def _refs(cell: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in cell.split(",") if one.strip())


def _wrong(words: str) -> FaultError:
    return FaultError(FaultKind.INVALID, Fault(Code.INVALID_VALUE, words))


def import_people(scene: Scene, people: Sequence[Person], hashes: Sequence[str]) -> Wish:
    """What a file wants. `hashes`: of the passwords that it has, in the order of its rows."""
    scene.administered()
    faults = _Faults()
    sealed = dict(zip((one.line for one in people if one.password), hashes, strict=True))
    emails = [one.email for one in people]
    known = {user.email: user for user in find_users(scene.connection, emails, [])}
    edits: list[SchemaEdit] = []
    for one in people:
        try:
            work = _leaving if one.is_deleted else _coming
            edits += work(scene, one, known.get(one.email), sealed.get(one.line))
        except FaultError as fault:
            faults.take(one.line, fault)
    faults.check()
    return Wish(edits=edits)


def _leaving(scene: Scene, one: Person, user: User | None, _hash: str | None) -> list[SchemaEdit]:
    if user is None or all(user.id != member.id for member in scene.now.people.users):
        raise no_place("user", one.email)
    if user.id == scene.actor.user:
        raise _wrong("IsDelete: you can't take yourself out of the workspace")
    return [Leave(scene.actor.workspace, user.id)]


def _coming(
    scene: Scene, one: Person, user: User | None, password_hash: str | None
) -> list[SchemaEdit]:
    if user is not None and one.password:
        raise _wrong("Password: there is an account already; its password is its owner's to change")
    weakness = find_weakness([scene.now.workspace.password_policy], one.password)
    if one.password and weakness:
        raise _wrong(f"Password: {weakness}")
    edits: list[SchemaEdit] = []
    is_new = user is None
    if user is None:
        edits = new_user(scene, one.email, one.name, password_hash=password_hash)
        user = next(edit.user for edit in edits if isinstance(edit, MakeUser))
    joining = join(scene, user, is_new=is_new)
    edits += joining
    ids = [get_group(scene.catalog, ref).id for ref in one.groups]
    if joining and not ids:
        ids = [find_top_group(scene.catalog).id]
    workspace, people = scene.actor.workspace, scene.now.people
    edits += [
        GivePair(workspace, "group_members", (group, user.id))
        for group in dict.fromkeys(ids)
        if (group, user.id) not in people.group_members
    ]
    roles = dict.fromkeys(_find_role(scene, ref).id for ref in one.roles)
    edits += [
        GivePair(workspace, "user_roles", (role, user.id))
        for role in roles
        if (role, user.id) not in people.user_roles
    ]
    return edits


def _find_role(scene: Scene, ref: str) -> Role:
    """A role by id, by `APPLICATION/ROLE`, or by a display id that one application alone has."""
    place, _, name = ref.rpartition("/")
    found = [
        role
        for project in scene.catalog.projects
        if not place or place in (project.id, project.display_id)
        if (role := project.find_role(name)) is not None
    ]
    if len(found) > 1:
        raise _wrong(f"RoleDisplayIDs: several applications have a role {ref}; write APP/{ref}")
    if not found:
        raise no_place("role", ref)
    return found[0]
