"""Who may upload a file for what, get it, and take it out of an item."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..core.access import Identity, may_execute, may_use_datastore
from ..core.actions import Operation
from ..core.catalog import Datastore, Field, Project
from ..core.commands import Entry, Op, WriteItem
from ..core.errors import (
    FaultError,
    FaultKind,
    forbidden,
    invalid_request,
    no_file,
    no_item,
    no_place,
    unavailable,
)
from ..core.items import Item
from ..core.public import SHOWING_CALLS
from ..storage import items as stored
from ..storage.files import FileRow, delete_waiting, read_file, read_numbered
from ..storage.reservations import find_reservation
from ..storage.telling import PLAINLY
from .app import App, View
from .files import Target
from .reads import find_place
from .scripts import Trace, run_scripted
from .shown import aspect

_FILLING = (Operation.NEW, Operation.UPDATE)
_TRIES = 16  # of a removal that others' writes of the item get in the way of


def check_may_upload(view: View) -> None:
    """Whether the actor's token may write at all. Raises 403."""
    if not view.actor.may_write:
        raise forbidden("no privileges to upload files")


def check_may_fill(view: View, project: Project) -> None:
    """Whether the actor may create or update items of any datastore of a project, and so may have
    use for a file there. Raises 403."""
    check_may_upload(view)
    actor = view.actor
    if not any(
        may_use_datastore(actor, datastore)
        and any(may_execute(actor, one) for one in datastore.actions if one.operation in _FILLING)
        for datastore in project.datastores
    ):
        raise forbidden("no privileges to upload files")


def find_target(view: View, item: str, field: str, datastore: str, project: str) -> Target:
    """What an upload is for. The field is named by id, or by display id with its datastore.

    Raises 404 for what the actor may not see or use, 400 for a field that takes no files.
    """
    check_may_upload(view)
    place = find_place(view, datastore, project) if datastore else _place_of(view, field)
    found = _find_field(view, place, field)
    if found is None:
        raise no_place("field", field)
    if found.kind.refers_to != "file":
        raise invalid_request(f"the field {field} takes no files", f"f_id:{found.id}")
    if _read_item(view, place, item) is None and not _is_reserved(view, place, item):
        raise no_item(item)
    return Target(place.id, found.id, item)


def _is_reserved(view: View, datastore: Datastore, item: str) -> bool:
    """Whether the id is kept for an item that the actor is going to make (CreateNewItemID)."""
    found = find_reservation(view.connection, item)
    return found is not None and (found.datastore, found.user) == (datastore.id, view.actor.user)


def _place_of(view: View, field: str) -> Datastore:
    for project in view.catalog.projects:
        for datastore in project.datastores:
            found = datastore.find_field(field)
            if found is not None and found.id == field and may_use_datastore(view.actor, datastore):
                return datastore
    raise no_place("field", field)


def _find_field(view: View, datastore: Datastore, ref: str) -> Field | None:
    found = datastore.find_field(ref)
    shown = aspect(view.catalog, view.actor, datastore).fields
    return found if found in shown else None


def _read_item(view: View, datastore: Datastore, item: str) -> Item | None:
    return stored.read_item(view.connection, view.access, datastore, item, view.actor.keyring)


def find_file(view: View, file: str) -> FileRow:
    """A file that the actor may get: of a visible item and an open field, or one's own that is
    not attached yet. Raises 404."""
    found = read_file(view.connection, view.catalog.workspace, file)
    if found is None or not _is_open(view, found):
        raise no_file(file)
    return found


def _is_open(view: View, file: FileRow) -> bool:
    if file.attached_at is None:
        return file.user == view.actor.user and _may_be_for(view, file)
    return _attached(view, file) is not None


def find_numbered(
    view: View, project: Project, number: int, *, is_anonymous: bool = False
) -> FileRow:
    """The same by its number, of a project. Raises 404."""
    found = read_numbered(view.connection, view.catalog.workspace, [number]).get(number)
    if found is None or found.deleted_at is not None or not _is_open(view, found):
        raise no_file(str(number))
    datastore = view.catalog.find_datastore(found.datastore)
    if datastore is not None and datastore.project != project.id:
        raise no_file(str(number))
    if is_anonymous:
        check_shown(view, found)
    return found


def check_shown(view: View, file: FileRow) -> None:
    """What items hold is for anybody only where anybody is shown the items. Raises 404."""
    if file.attached_at is None:
        return  # nobody but its uploader knows its number
    datastore = view.catalog.find_datastore(file.datastore)
    if datastore is None or datastore.public.isdisjoint(SHOWING_CALLS):
        raise no_file(str(file.n))


def find_attachable(
    view: View, field: Field, row: int | None, numbers: Iterable[int]
) -> dict[int, str]:
    """The ids, by number, of files that the actor may list in a field of a row: those that the actor
    uploaded and nothing holds, and those that the very field holds, or held. `row`: None, a new one.
    """
    known = read_numbered(view.connection, view.catalog.workspace, numbers)
    found: dict[int, str] = {}
    for number, file in known.items():
        if file.attached_at is None:
            is_open = file.user == view.actor.user and _may_be_for(view, file)
        else:
            place = _attached(view, file) if file.field == field.id else None
            is_open = place is not None and place[2].n == row
        if is_open:
            found[number] = file.id
    return found


def _may_be_for(view: View, file: FileRow) -> bool:
    """A token for one project gets nothing that was uploaded for another."""
    datastore = view.catalog.find_datastore(file.datastore)
    return datastore is None or may_use_datastore(view.actor, datastore)


def _attached(view: View, file: FileRow) -> tuple[Datastore, Field, Item] | None:
    """Where a file is attached, if all of that is open to the actor."""
    datastore = view.catalog.find_datastore(file.datastore)
    if datastore is None or not may_use_datastore(view.actor, datastore):
        return None
    field = _find_field(view, datastore, file.field)
    item = _read_item(view, datastore, file.item)
    return None if field is None or item is None else (datastore, field, item)


# --- taking one out ---------------------------------------------------------------------------


async def remove_file(app: App, identity: Identity, item: str, field: str, file: str) -> None:
    """Take a file out of a field of an item, by the default update action (DeleteFile).

    It is a revision like any other. A file that is not attached yet just goes.
    """
    for _ in range(_TRIES):
        command = await app.read(identity, lambda view: _removal(view, item, field, file))
        if command is None:
            if await _delete_waiting(app, file):
                return
            continue  # it was attached meanwhile
        try:
            await run_scripted(app, identity, command, PLAINLY, Trace())
        except FaultError as error:
            if error.kind is not FaultKind.CONFLICT:
                raise
        else:
            return
    raise unavailable("the item kept changing; try again")


async def _delete_waiting(app: App, file: str) -> bool:
    now = app.clock.now_ms()
    return await app.store.change(lambda connection: delete_waiting(connection, file, now))


def _removal(view: View, item: str, field: str, file: str) -> WriteItem | None:
    """The write that takes a file out; None for one that is not attached. Raises 404."""
    found = find_file(view, file)
    if found.attached_at is None:
        check_may_upload(view)
        if found.item in ("", item):
            return None
        raise no_file(file)
    place = _attached(view, found)
    if place is None:
        raise no_file(file)
    datastore, held, its_item = place
    if found.item != item or held is not datastore.find_field(field):
        raise no_file(file)
    left = _without(held.kind.ids(its_item.values.get(held.id)), file)
    entry = Entry(Op.UPDATE, datastore.id, item=item, values={held.id: left}, revision=its_item.rev)
    return WriteItem(datastore.project, entry)


def _without(files: Sequence[str], file: str) -> list[str]:
    if file not in files:
        raise no_file(file)
    return [one for one in files if one != file]
