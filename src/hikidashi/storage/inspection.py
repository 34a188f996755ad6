"""What an operator may ask of a database: its tokens, its soundness, what looks odd in it."""

from __future__ import annotations

from collections.abc import Iterator

from ..core.access import Identity, may_execute
from ..core.catalog import Catalog, Datastore, Project
from ..core.kinds import Storage
from ..core.query import SystemKey
from ..core.record import record
from ..core.saved import SavedCondition, SavedQuery, SavedReport
from ..core.substrings import has_substrings
from .definitions import list_workspaces, load_catalog
from .engines import Connection, Engine, OutdatedSchemaError
from .files import list_span, list_spans
from .indexes import list_indexes, list_wanted
from .objects import Objects, is_stray
from .people import load_actor
from .people_state import read_people
from .schedules import find_bot
from .tables import item_table

LARGE_ITEMS = 100_000  # going over so many takes a tenth of a second
_FOUND_BY_INDEX = frozenset((SystemKey.ID.value, SystemKey.CREATED_AT.value))

_SHOWN_MAX = 5  # of what is counted


@record
class Token:
    """An API token or project key, without its secret."""

    id: str
    kind: str  # "api", "project" or "open"
    name: str
    user: str  # name of whom it stands for
    workspace: str  # id
    project: str  # id
    may_write: bool
    created_at: int  # ms


def list_tokens(connection: Connection) -> list[Token]:
    """The tokens and keys that open something, the oldest first."""
    rows = connection.query(
        "SELECT t.id, t.kind, t.name, u.name, t.workspace_id, t.project_id, t.may_write,"
        " t.created_at FROM tokens t LEFT JOIN users u ON u.id = t.user_id"
        " WHERE t.revoked_at IS NULL AND t.workspace_id IN (SELECT id FROM workspaces) ORDER BY t.created_at, t.id"
    )
    return [
        Token(id_, kind, name, user or "", workspace, project, bool(may_write), created_at)
        for id_, kind, name, user, workspace, project, may_write, created_at in rows
    ]


@record
class Size:
    """How much a datastore holds."""

    items: int
    files: int
    bytes: int


def measure(connection: Connection, datastore: Datastore) -> Size:
    """Count items and files. Takes as long as reading an index of each."""
    items = _count(connection, f"SELECT count(*) FROM {item_table(datastore).name}")  # noqa: S608
    [(files, size)] = connection.query(
        "SELECT count(*), COALESCE(SUM(size), 0) FROM files"
        " WHERE datastore_id = ? AND dropped_at IS NULL",
        (datastore.id,),
    )
    return Size(items, int(files), int(size))


def check_integrity(engine: Engine, connection: Connection) -> list[str]:
    """What the engine finds wrong with its own file; PostgreSQL checks its pages as it reads."""
    if engine.name != "sqlite":
        return []
    rows = connection.query("PRAGMA integrity_check")
    return [str(row[0]) for row in rows if row[0] != "ok"]


def find_oddities(connection: Connection) -> Iterator[str]:
    """A sentence for each thing that should not be so. Reads every row; meant for a person."""
    projects: set[str] = set()
    for workspace in list_workspaces(connection):
        catalog = load_catalog(connection, workspace.id)
        people = read_people(connection, workspace.id)
        if not people.admins:
            yield f"workspace {workspace.name} has no administrator"
        for project in catalog.projects:
            projects.add(project.id)
            for datastore in project.datastores:
                place = f"datastore {project.display_id}/{datastore.display_id}"
                yield from _odd_items(connection, datastore, place)
            yield from _odd_schedules(connection, catalog, project)
    for token in list_tokens(connection):
        if token.project and token.project not in projects:
            yield f"{token.kind} token {token.name} ({token.id}) is for a project that is gone"


def _odd_schedules(connection: Connection, catalog: Catalog, project: Project) -> Iterator[str]:
    """What keeps schedules from being run."""
    for one in project.schedules:
        if not one.is_enabled:
            continue
        user, reason = find_bot(connection, catalog.workspace, one.user)
        datastore = catalog.find_datastore(one.datastore)
        action = datastore.find_action(one.action) if datastore is not None else None
        if user and action is not None:
            identity = Identity(user, catalog.workspace)
            if not may_execute(load_actor(connection, identity, catalog, 0), action):
                reason = f"acts as {one.user}, who may not execute {action.display_id}"
        if reason:
            yield f"schedule {project.display_id}/{one.display_id} {reason}"


def _odd_items(connection: Connection, datastore: Datastore, place: str) -> Iterator[str]:
    table = item_table(datastore)
    try:
        connection.query(f"{table.select} LIMIT 1")
    except OutdatedSchemaError as error:
        yield f"{place} lacks its table or a column of it: {error}"
        return
    hidden = _count(
        connection,
        f"SELECT count(*) FROM {table.name} t WHERE NOT EXISTS"  # noqa: S608  our own hex ids
        " (SELECT 1 FROM access_sets a WHERE a.acl = t.acl)"
        " AND NOT EXISTS (SELECT 1 FROM staged_sets s WHERE s.acl = t.acl)",
    )
    if hidden:
        yield f"{place} has {hidden} items that nobody may see"
    statuses = [one.id for one in datastore.statuses]
    marks = ", ".join("?" * len(statuses)) or "''"
    lost = _count(
        connection,
        f"SELECT count(*) FROM {table.name} WHERE status <> '' AND status NOT IN ({marks})",  # noqa: S608
        *statuses,
    )
    if lost:
        yield f"{place} has {lost} items in a status that is gone"
    for end in ("from", "to"):
        loose = _count(
            connection,
            f"SELECT count(*) FROM links l WHERE l.{end}_datastore = ? AND NOT EXISTS"  # noqa: S608
            f" (SELECT 1 FROM {table.name} t WHERE t.id = l.{end}_item)",
            datastore.id,
        )
        if loose:
            yield f"{place} has {loose} links {end} items that are gone"


def _count(connection: Connection, sql: str, *params: str) -> int:
    found: int = connection.query(sql, params)[0][0]
    return found


def find_odd_files(connection: Connection, objects: Objects, now_ms: int) -> Iterator[str]:
    """A sentence for what is amiss between the rows of files and their bytes.

    Reads every row and lists every object, those of 18 hours at a time.
    """
    listed = objects.spans()
    missing: list[str] = []
    strays = stray_bytes = 0
    for span in sorted({*listed, *list_spans(connection)}):
        there = objects.list_span(span) if span in listed else ()
        sizes = {file: size for some in there for file, size in some}
        for file, size, is_dropped in list_span(connection, span):
            held = sizes.pop(file, None)
            if held != size and not is_dropped:
                missing.append(file)
        old = {file: size for file, size in sizes.items() if is_stray(file, now_ms)}
        strays += len(old)
        stray_bytes += sum(old.values())
    if missing:
        shown = ", ".join(missing[:_SHOWN_MAX])
        yield f"{len(missing)} files lack their bytes, or some of them: {shown}"
    if strays:
        yield f"{strays} objects, {stray_bytes:,} bytes, belong to no file"


# --- slow searches ----------------------------------------------------------------------------


def find_slow_searches(
    engine: Engine, connection: Connection, large_items: int = LARGE_ITEMS
) -> Iterator[str]:
    """A sentence for each search that has to go over all items of a large datastore."""
    known = list_indexes(engine, connection)
    for workspace in list_workspaces(connection):
        catalog = load_catalog(connection, workspace.id)
        for project in catalog.projects:
            for datastore in project.datastores:
                lacking = [one for one in list_wanted(datastore, engine.name) if one not in known]
                if lacking:
                    yield (
                        f"datastore {project.display_id}/{datastore.display_id} lacks the index"
                        f" {lacking[0]}: searches go over all its items"
                    )
            kinds: tuple[tuple[str, tuple[SavedQuery | SavedReport, ...]], ...] = (
                ("query", project.queries),
                ("report", project.reports),
            )
            for kind, saved in ((kind, one) for kind, every in kinds for one in every):
                reason = _why_slow(connection, catalog, saved, large_items)
                if reason:
                    yield f"{kind} {project.display_id}/{saved.display_id} {reason}"


def _why_slow(
    connection: Connection, catalog: Catalog, saved: SavedQuery | SavedReport, large_items: int
) -> str:
    datastore = catalog.find_datastore(saved.datastore)
    if datastore is None or not saved.conditions:
        return ""
    quick = [_is_quick(one, datastore) for one in saved.conditions]
    if all(quick) if saved.any else any(quick):
        return ""
    table = item_table(datastore).name
    sql = f"SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT {large_items}) s"  # noqa: S608
    count = _count(connection, sql)
    if count < large_items:
        return ""
    fields = (
        datastore.find_field(one.key)
        for one, is_quick in zip(saved.conditions, quick, strict=True)
        if not is_quick
    )
    names = [one.display_id for one in fields if one is not None]
    about = f": none of {', '.join(names)} has an index that serves it" if names else ""
    return f"goes over all items of {datastore.display_id}, {large_items:,} or more{about}"


def _is_quick(condition: SavedCondition, datastore: Datastore) -> bool:
    """An index finds what the condition wants."""
    if condition.negate or condition.include_null or not condition.values:
        return False
    field = datastore.find_field(condition.key)
    if field is None:
        return condition.key in _FOUND_BY_INDEX
    if not (field.has_index or field.unique):
        return False
    match field.value_kind.match:
        case "text":
            return condition.exact or has_substrings(field)
        case "range":
            return True
        case "choice":
            return field.storage is not Storage.LIST
        case _:
            return False
