"""Files and the items that hold them: each file belongs to one field of one item. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from .access import Actor
from .catalog import Datastore, Field
from .errors import Fault, bad_value
from .items import FileState, Snapshot
from .plan import AttachFile, DeleteFile, Step, Text
from .values import Value


def check_file(
    file: str, place: tuple[Datastore, Field, str], snapshot: Snapshot, actor: Actor
) -> str:
    """Why the field of an item ("" for a new one) can't hold a file; "" if it can.

    It may be one that the actor uploaded and nothing holds, or one that the very field holds, or
    held: what was taken out may be put back until its bytes go.
    """
    datastore, field, item = place
    found = snapshot.find_file(file)
    if found is None or found.workspace != datastore.workspace:
        return f"has no file {file}"
    if found.is_attached and (found.field, found.item) == (field.id, item):
        return ""
    if found.user != actor.user or found.is_deleted:
        return f"has no file {file}"
    return f"the file {file} belongs to another item or field" if found.is_attached else ""


def check_shared_files(datastore: Datastore, given: Mapping[str, Value]) -> list[Fault]:
    """Two fields of one write can't hold the same file."""
    faults: list[Fault] = []
    seen: set[str] = set()
    for field in datastore.file_fields:
        files = field.kind.ids(given.get(field.id))
        twice = [one for one in files if one in seen]
        seen.update(files)
        if twice:
            reason = f"the file {twice[0]} belongs to another item or field"
            faults.append(bad_value(field.id, field.display_id, reason))
    return faults


def move_files(  # noqa: PLR0913  an item before and after
    snapshot: Snapshot,
    datastore: Datastore,
    item: str,
    held: Mapping[str, Value],
    wanted: Mapping[str, Value],
    now: int,
) -> list[Step]:
    """Attach the files that come to an item; those that go are deleted."""
    steps: list[Step] = []
    for field in datastore.file_fields:
        old, new = (field.kind.ids(one.get(field.id)) for one in (held, wanted))
        kept = {*old} & {*new}
        place = (datastore.id, field.id, item)
        for file in new:
            if file not in kept:
                known = snapshot.find_file(file)
                snapshot.put_file(_state(file, datastore.workspace, known, place, is_deleted=False))
                steps.append(AttachFile(file, *place, now))
        for file in old:
            if file not in kept:
                known = snapshot.files.get(file)
                snapshot.put_file(_state(file, datastore.workspace, known, place, is_deleted=True))
                steps.append(DeleteFile(file, now))
    return steps


def _state(
    file: str,
    workspace: str,
    known: FileState | None,
    place: tuple[str, str, str],
    *,
    is_deleted: bool,
) -> FileState:
    user, name = (known.user, known.name) if known is not None else ("", "")
    return FileState(file, workspace, user, *place, name, is_attached=True, is_deleted=is_deleted)


def searched_names(
    snapshot: Snapshot, datastore: Datastore, held: Mapping[str, Value], wanted: Mapping[str, Value]
) -> list[Text]:
    """The names that come to fields that are searched, after `move_files`; "" for those that go."""
    texts: list[Text] = []
    for field in datastore.text_fields:
        if field.kind.refers_to != "file":
            continue
        old, new = (field.kind.ids(one.get(field.id)) for one in (held, wanted))
        texts += [Text("files", field.id, file, "") for file in old if file not in new]
        for file in new:
            known = snapshot.find_file(file) if file not in old else None
            if known is not None:
                texts.append(Text("files", field.id, file, known.name))
    return texts
