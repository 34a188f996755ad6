"""What changes take away: noted for whoever wants it again, and counted for who should know."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ...core.catalog import Catalog
from ...core.record import record
from ...storage import deletions as stored
from ...storage.audit import Author
from ...storage.definition_bodies import Definition, FieldBody, OptionBody
from ...storage.definitions import list_definitions
from ...storage.deletions import Deletion, Kept
from ...storage.engines import Connection
from ...storage.people_state import People, read_people
from .changes import Change, EditDefinition, ForgetHolders
from .index import Index


@record
class Loss:
    """What a change would take away. None: it has no items, or no values."""

    kind: str  # of a definition, or option
    id: str
    display_id: str
    name: str  # display ids from the project down
    items: int | None = None  # that it holds
    values: int | None = None  # of items that hold something in it


def deletions_of(
    connection: Connection, changes: Sequence[Change], author: Author, now_ms: int
) -> list[Deletion]:
    """What is to be kept of what changes delete, before they are carried out."""
    deletions: list[Deletion] = []
    indexes: dict[str, Index] = {}
    for change in changes:
        gone = [one.edit.before for one in _edits(change) if _is_gone(one) and one.edit.before]
        for edit in _edits(change):
            workspace = edit.workspace
            if workspace not in indexes and (gone or _lost_options(edit)):
                indexes[workspace] = Index(list_definitions(connection, workspace))
            for at, option in _lost_options(edit):
                deletions.append(_option(edit, at, option, indexes[workspace], author, now_ms))
        if gone:
            workspace = _edits(change)[0].workspace
            held = [one for one in change.edits if isinstance(one, ForgetHolders)]
            people = read_people(connection, workspace) if held else People()
            holders = frozenset(one.id for one in held)
            kept = _kept(list(reversed(gone)), people, holders)
            deletions.append(
                _deletion(workspace, gone[-1], kept, indexes[workspace], author, now_ms)
            )
    return deletions


def returned_ids(changes: Sequence[Change]) -> set[str]:
    """Definitions and options that changes make: what was noted of them means nothing then."""
    found: set[str] = set()
    for change in changes:
        for one in _edits(change):
            if one.edit.after is not None and one.edit.before is None:
                found.add(one.edit.after.id)
            elif one.edit.after is not None and one.edit.before is not None:
                found |= _options(one.edit.after) - _options(one.edit.before)
    return found


def _edits(change: Change) -> list[EditDefinition]:
    return [one for one in change.edits if isinstance(one, EditDefinition)]


def _is_gone(one: EditDefinition) -> bool:
    return one.edit.after is None


def _options(one: Definition) -> set[str]:
    return {option.id for option in one.body.options} if isinstance(one.body, FieldBody) else set()


def _lost_options(one: EditDefinition) -> list[tuple[int, OptionBody]]:
    before, after = one.edit.before, one.edit.after
    if before is None or after is None:
        return []
    if not isinstance(before.body, FieldBody) or not isinstance(after.body, FieldBody):
        return []
    left = {option.id for option in after.body.options}
    return [(at, one) for at, one in enumerate(before.body.options) if one.id not in left]


def _kept(gone: list[Definition], people: People, holders: frozenset[str]) -> Kept:
    return Kept(
        definitions=tuple(one.id for one in gone),
        user_roles=_pairs(people.user_roles, holders),
        group_roles=tuple(sorted(one for one in people.group_roles if not holders.isdisjoint(one))),
        group_members=_pairs(people.group_members, holders),
    )


def _pairs(
    pairs: frozenset[tuple[str, str]], holders: frozenset[str]
) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(one for one in pairs if one[0] in holders))


def _deletion(  # noqa: PLR0913
    workspace: str, top: Definition, kept: Kept, index: Index, author: Author, now_ms: int
) -> Deletion:
    project = top.id if top.kind == "project" else project_of(index, top.parent)
    name = index.path(top.id)
    return Deletion(
        top.id, workspace, project, now_ms, author.user, top.kind, top.parent, name, kept
    )


def _option(  # noqa: PLR0913
    edit: EditDefinition, at: int, option: OptionBody, index: Index, author: Author, now_ms: int
) -> Deletion:
    field = edit.edit.before
    if field is None:
        raise TypeError(edit)
    kept = Kept(option=msgspec.to_builtins(option), place=at)
    name = f"{index.path(field.id)}/{option.display_id}"
    project = project_of(index, field.parent)
    return Deletion(
        option.id, edit.workspace, project, now_ms, author.user, "option", field.id, name, kept
    )


def project_of(index: Index, id_: str) -> str:
    """The id of the project that a definition is or is in; "" outside."""
    while above := index.parent(id_):
        id_ = above
    return id_


# --- counting ---------------------------------------------------------------------------------


def losses_of(connection: Connection, changes: Sequence[Change], catalog: Catalog) -> list[Loss]:
    """What changes would take away, with all that hangs on it, whoever may see it."""
    index = Index(list_definitions(connection, catalog.workspace))
    losses: list[Loss] = []
    for change in changes:
        for edit in _edits(change):
            for _, option in _lost_options(edit):
                losses.append(_lost_option(connection, edit, option, catalog, index))
        gone = [one.edit.before for one in _edits(change) if _is_gone(one) and one.edit.before]
        if gone:
            top = gone[-1]
            told = [top]
            if top.kind == "project":
                told += [one for one in reversed(gone) if one.kind == "datastore"]
            losses += [_loss(connection, one, catalog, index) for one in told]
    return losses


def _loss(connection: Connection, one: Definition, catalog: Catalog, index: Index) -> Loss:
    name = index.path(one.id)
    datastore = catalog.find_datastore(one.parent)
    items = values = None
    if one.kind == "datastore":
        items = stored.count_items(connection, one.id)
    elif one.kind == "status":
        items = stored.count_in_status(connection, one.parent, one.id)
    elif one.kind == "field" and datastore is not None:
        field = datastore.find_field(one.id)
        values = stored.count_values(connection, one.parent, field) if field else 0
    return Loss(one.kind, one.id, one.display_id, name, items, values)


def _lost_option(
    connection: Connection,
    edit: EditDefinition,
    option: OptionBody,
    catalog: Catalog,
    index: Index,
) -> Loss:
    before = edit.edit.before
    if before is None:
        raise TypeError(edit)
    datastore = catalog.find_datastore(before.parent)
    field = datastore.find_field(before.id) if datastore else None
    held = stored.count_option(connection, before.parent, field, option.id) if field else 0
    name = f"{index.path(before.id)}/{option.display_id}"
    return Loss("option", option.id, option.display_id, name, values=held)
