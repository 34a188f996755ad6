"""The lines of a template's items: an item, then its histories, then its links, then the next one.

Each line is a JSON object with one key that says what it is: `item`, `history` or `link`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, Protocol

import msgspec

from ..core.actions import Operation
from ..core.catalog import Datastore, Field, Project
from ..core.commands import KeptEntry, KeptItem
from ..core.errors import InvalidValueError
from ..core.file_types import clean_name
from ..core.ids import is_id
from ..core.items import IMPORT
from ..core.kept import Renaming, load_value
from ..core.limits import COMMENT_CHARS_MAX, INTEGER_MAX, NAME_CHARS_MAX
from ..core.record import record
from ..core.values import Value, parse_instant

PORTION_LINES: Final = 500  # what is written in one transaction
PORTION_BYTES: Final = 1_000_000  # the same of long lines
_KINDS: Final = frozenset(("link", "auto_link", "lookup"))
_OPERATIONS: Final = frozenset(one.value for one in Operation)
_SHA256_CHARS: Final = 64


class FileLine(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A file that an item holds."""

    id: str
    name: str
    size: int
    sha256: str


class ItemLine(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """An item. What follows `files` is there with histories alone."""

    id: str
    status: str = ""  # display id
    values: dict[str, Any] = {}  # by the display id of the field
    files: list[FileLine] = []
    rev: int = 1
    seq: int = 1
    created_at: str | None = None
    created_by: str = ""
    updated_at: str | None = None
    updated_by: str = ""


class HistoryLine(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What was done to the item above, or, without an `operation`, a comment on it."""

    seq: int
    rev: int
    at: str
    user: str = ""
    operation: str = ""
    action: str = ""  # display id
    comment: str = ""
    values: dict[str, tuple[Any, Any]] = {}  # before and after
    status: tuple[str | None, str | None] | None = None
    quiet: bool = False
    updated_at: str | None = None
    updated_by: str = ""


class LinkLine(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A link from the item above."""

    datastore: str  # display id
    item: str
    kind: str = "link"


class Line(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One of the three."""

    item: ItemLine | None = None
    history: HistoryLine | None = None
    link: LinkLine | None = None


class LineError(Exception):
    """A line that can't be taken; says why."""


class Known(Protocol):
    """What a check knows of the rest of a template. Each raises LineError."""

    def check_item(self, datastore: Datastore, item: ItemLine) -> None:
        """Its id, its files and unique values."""

    def check_target(self, datastore: str, item: str) -> None:
        """An item that is named, in a datastore by id."""


@record
class Portion:
    """What of a datastore is written together."""

    items: tuple[KeptItem, ...]
    files: tuple[tuple[str, FileLine, str, str], ...]  # new id, file, field, item
    lines: int  # the last one


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Line).decode


def encode_line(line: Line) -> bytes:
    """A line with its end."""
    return _encode(line) + b"\n"


def decode_line(text: bytes) -> Line:
    """Raises LineError."""
    try:
        line = _decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise LineError(str(error)) from None
    if (line.item is None) + (line.history is None) + (line.link is None) != 2:
        raise LineError("must have one of the keys item, history and link")
    return line


class _Gathering:
    """An item of which more lines may come."""

    def __init__(self, line: ItemLine, kept: KeptItem) -> None:
        self.line = line
        self.kept = kept
        self.seq = 0  # of its last history
        self.histories: list[KeptEntry] = []
        self.links: list[tuple[str, str, str]] = []
        self.is_new = self.is_first = True

    def take(self) -> KeptItem:
        """What has come since the last time."""
        kept = replace(
            self.kept,
            is_new=self.is_new,
            is_first=self.is_first,
            histories=tuple(self.histories),
            links=tuple(self.links),
        )
        self.is_new = False
        self.is_first = self.is_first and not self.histories
        self.histories, self.links = [], []
        return kept


class LineReader:
    """Makes items, as they are to be here, of the lines of one datastore."""

    def __init__(  # noqa: PLR0913  what lines mean something by
        self,
        project: Project,
        datastore: Datastore,
        renaming: Renaming,
        *,
        has_histories: bool,
        has_links: bool,
        is_believed: bool,
        known: Known | None = None,
    ) -> None:
        """`is_believed`: that users did what histories say of them."""
        self._project = project
        self._datastore = datastore
        self._renaming = renaming
        self._has_histories = has_histories
        self._has_links = has_links
        self._is_believed = is_believed
        self._known = known
        self._now: _Gathering | None = None
        self._done: list[KeptItem] = []
        self._files: list[tuple[str, FileLine, str, str]] = []

    def read(self, text: bytes) -> Line:
        """Take a line. Raises LineError."""
        line = decode_line(text)
        if line.item is not None:
            self._finish()
            self._begin(line.item)
        elif line.history is not None:
            self._history(self._item(), line.history)
        elif line.link is not None:
            self._link(self._item(), line.link)
        return line

    def portion(self, lines: int) -> Portion:
        """What has been read since the last time."""
        self._done += [self._now.take()] if self._now is not None else []
        found = Portion(tuple(self._done), tuple(self._files), lines)
        self._done, self._files = [], []
        return found

    def _finish(self) -> None:
        if self._now is not None:
            self._done.append(self._now.take())
            self._now = None

    def _item(self) -> _Gathering:
        if self._now is None:
            raise LineError("belongs to no item: there is none above it")
        return self._now

    # -- an item -------------------------------------------------------------------------------

    def _begin(self, line: ItemLine) -> None:
        if not is_id(line.id):
            raise LineError("id: must be an item id")
        self._check_files(line)
        if self._known is not None:
            self._known.check_item(self._datastore, line)
        new_id = self._renaming.item(line.id)
        values: dict[str, Value] = {}
        files = {one.id: one for one in line.files}
        for name, raw in line.values.items():
            field = self._field(name)
            values[field.id] = self._value(field, raw)
            if field.kind.refers_to == "file" and self._renaming.has_files:
                for one in raw or ():
                    if one not in files:
                        raise LineError(f"{name}: has no file {one[:100]}")
                    file = files.pop(one)
                    self._files.append((self._renaming.item(one), file, field.id, new_id))
        if files and self._renaming.has_files:
            raise LineError(f"files: no field holds the file {min(files)}")
        kept = self._dated(line) if self._has_histories else (1, 1, None, "", None, "")
        rev, seq, created_at, created_by, updated_at, updated_by = kept
        self._now = _Gathering(
            line,
            KeptItem(
                new_id,
                rev,
                seq,
                self._status(line.status) or self._datastore.start_status,
                created_at,
                created_by,
                updated_at,
                updated_by,
                values,
                {self._renaming.item(one.id): clean_name(one.name) for one in line.files},
            ),
        )

    def _check_files(self, line: ItemLine) -> None:
        for one in line.files:
            if not is_id(one.id):
                raise LineError("files: must have the ids of files")
            if not 0 <= one.size <= INTEGER_MAX or len(one.sha256) != _SHA256_CHARS:
                raise LineError(f"files: {one.id} has no size and checksum of a file")
            if "\0" in one.name:
                raise LineError(f"files: the name of {one.id} holds U+0000")
        if len({one.id for one in line.files}) != len(line.files):
            raise LineError("files: has a file twice")

    def _dated(self, line: ItemLine) -> tuple[int, int, int, str, int | None, str]:
        if not 1 <= line.rev <= line.seq <= INTEGER_MAX:
            raise LineError("rev and seq must be numbers from 1, and rev not above seq")
        created_at = self._instant("created_at", line.created_at or "")
        by = self._user("created_by", line.created_by)
        if line.updated_at is None:
            return (line.rev, line.seq, created_at, by, None, "")
        updated_at = self._instant("updated_at", line.updated_at)
        updated_by = self._user("updated_by", line.updated_by)
        return (line.rev, line.seq, created_at, by, updated_at, updated_by)

    # -- what hangs on it ----------------------------------------------------------------------

    def _history(self, item: _Gathering, line: HistoryLine) -> None:
        if not self._has_histories:
            raise LineError("the template says that it has no histories")
        if not item.seq < line.seq <= item.kept.seq or not 1 <= line.rev <= item.kept.rev:
            raise LineError("seq and rev must ascend, up to those of the item")
        if len(line.comment) > COMMENT_CHARS_MAX or "\0" in line.comment:
            raise LineError(f"comment: over {COMMENT_CHARS_MAX} characters, or U+0000")
        if line.operation and line.operation not in _OPERATIONS:
            raise LineError(f"operation: must be one of {', '.join(sorted(_OPERATIONS))}")
        changes: dict[str, tuple[object, object]] = {}
        for name, (before, after) in line.values.items():
            field = self._field(name)
            changes[field.id] = (self._value(field, before), self._value(field, after))
        if line.status is not None:
            changes["status"] = (self._status(line.status[0]), self._status(line.status[1]))
        updated_at = None
        if line.updated_at is not None:
            updated_at = self._instant("updated_at", line.updated_at)
        item.seq = line.seq
        item.histories.append(
            KeptEntry(
                line.seq,
                line.rev,
                self._action(line) if line.operation else "",
                line.operation,
                self._user("user", line.user),
                line.comment,
                self._instant("at", line.at),
                changes,
                not line.quiet,
                updated_at,
                self._user("updated_by", line.updated_by) if updated_at is not None else "",
            )
        )

    def _action(self, line: HistoryLine) -> str:
        """The action that is named; the default one where that has gone, for there was one."""
        datastore = self._datastore
        found = datastore.find_action(line.action[:NAME_CHARS_MAX]) if line.action else None
        found = found or datastore.default_action(Operation(line.operation))
        return found.id if found is not None else datastore.id

    def _link(self, item: _Gathering, line: LinkLine) -> None:
        if not self._has_links:
            raise LineError("the template says that it has no links")
        target = self._project.find_datastore(line.datastore)
        if target is None or is_id(line.datastore):
            raise LineError(f"has no datastore {line.datastore[:100]}")
        if line.kind not in _KINDS:
            raise LineError(f"kind: must be one of {', '.join(sorted(_KINDS))}")
        if self._known is not None:
            self._known.check_target(target.id, line.item)
        item.links.append((target.id, self._renaming.item(line.item), line.kind))

    # -- parts ---------------------------------------------------------------------------------

    def _field(self, name: str) -> Field:
        field = self._datastore.find_field(name)
        if field is None or field.display_id != name or field.storage is None:
            raise LineError(f"has no field {name[:100]}")
        return field

    def _value(self, field: Field, raw: object) -> Value:
        if raw is not None and field.kind.refers_to == "item" and self._known is not None:
            self._known.check_target(field.settings.lookup_datastore, str(raw))
        try:
            return load_value(field, raw, self._renaming)
        except InvalidValueError as error:
            raise LineError(f"{field.display_id}: {error}") from None

    def _status(self, name: str | None) -> str:
        if not name:
            return ""
        found = self._datastore.find_status(name)
        if found is None or found.display_id != name:
            raise LineError(f"has no status {name[:100]}")
        return found.id

    def _user(self, key: str, user: str) -> str:
        if user not in ("", IMPORT) and not is_id(user):
            raise LineError(f"{key}: must be a user id")
        return user if self._is_believed else IMPORT

    def _instant(self, key: str, text: str) -> int:
        found = parse_instant(text)
        if found is None:
            raise LineError(f"{key}: must be a date and time like 2020-01-31T15:00:00.000Z")
        return found


def portions(reader: LineReader, lines: Iterator[tuple[int, bytes]]) -> Iterator[Portion]:
    """Lines in portions. Raises LineError."""
    size = number = since = 0
    for number, text in lines:
        reader.read(text)
        size += len(text)
        since += 1
        if since >= PORTION_LINES or size >= PORTION_BYTES:
            yield reader.portion(number)
            size = since = 0
    if since:
        yield reader.portion(number)
