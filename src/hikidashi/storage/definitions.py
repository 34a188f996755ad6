"""Definition rows and the immutable catalogue made of them, and how both are changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set as AbstractSet
from dataclasses import field as record_field

import msgspec

from ..core.actions import Action, Status
from ..core.catalog import Catalog, Datastore, Field, Group, Project, Role
from ..core.errors import no_place
from ..core.kinds import KINDS, Storage
from ..core.limits import INDEXED_BYTES_MAX, INDEXED_CHARS_MAX
from ..core.password_policy import PasswordPolicy
from ..core.public import SignUp
from ..core.record import record
from ..core.relations import Relation
from ..core.saved import Webhook
from . import tables
from .builds import Kind
from .definition_bodies import (
    ActionBody,
    ChartBody,
    DatastoreBody,
    Definition,
    FieldBody,
    GroupBody,
    ProjectBody,
    QueryBody,
    RelationBody,
    ReportBody,
    RoleBody,
    Roles,
    StatusBody,
    WebhookBody,
    decode_body,
    encode_body,
)
from .definition_saved import (
    make_chart,
    make_constants,
    make_functions,
    make_query,
    make_relation,
    make_report,
    make_schedules,
    make_settings,
    make_webhook,
)
from .engines import Column, Connection, Engine, Insert, Query, QueryKeys, Row, Update
from .table_changes import change_tables, change_values

_SELECT = "SELECT id, kind, parent_id, display_id, position, body FROM definitions"
_COLUMNS = (
    Column("id", "text"),
    Column("workspace_id", "text"),
    Column("kind", "text"),
    Column("parent_id", "text"),
    Column("display_id", "text"),
    Column("position", "bigint"),
    Column("body", "text"),
)
_CHANGING = (
    Column("parent_id", "text"),
    Column("display_id", "text"),
    Column("position", "bigint"),
    Column("body", "text"),
)
_ID = Column("id", "text")
_DELETED = (Column("deleted_at", "bigint"),)


@record
class Workspace:
    """A workspace row without its numbers."""

    id: str
    name: str
    time_zone: str
    password_policy: PasswordPolicy = record_field(default_factory=PasswordPolicy)
    session_timeout: int | None = None  # seconds after the last use; None: as usual


@record
class Edit:
    """A definition as it was and as it will be: None before its creation, after its deletion."""

    before: Definition | None
    after: Definition | None


# --- reading ----------------------------------------------------------------------------------


def read_numbers(connection: Connection, workspace: str) -> tuple[int, int] | None:
    """The numbers of a workspace's catalogue and of its people; None if it is not there."""
    rows = connection.query(
        "SELECT catalog_number, people_number FROM workspaces WHERE id = ?", (workspace,)
    )
    return (rows[0][0], rows[0][1]) if rows else None


def list_workspaces(connection: Connection) -> list[Workspace]:
    """All workspaces, in the order of their creation."""
    rows = connection.query(
        "SELECT id, name, time_zone, password_policy, session_timeout FROM workspaces"
        " ORDER BY created_at, id"
    )
    return [
        Workspace(id_, name, time_zone, PasswordPolicy(**msgspec.json.decode(policy)), timeout)
        for id_, name, time_zone, policy, timeout in rows
    ]


def load_catalog(connection: Connection, workspace: str) -> Catalog:
    """Everything defined in a workspace. Raises 404 if there is no such workspace."""
    # The number first: a change in between gives newer rows an older number, and is seen again.
    found, rows, building = connection.read(
        [
            Query(
                "SELECT id, name, time_zone, catalog_number FROM workspaces WHERE id = ?",
                (workspace,),
            ),
            Query(f"{_SELECT} WHERE workspace_id = ? AND deleted_at IS NULL", (workspace,)),
            Query(
                "SELECT part FROM builds WHERE workspace_id = ? AND kind = ?",
                (workspace, Kind.INDEX.value),
            ),
        ]
    )
    if not found:
        raise no_place("workspace", workspace)
    id_, name, time_zone, number = found[0]
    known = Workspace(id_, name, time_zone)
    return build_catalog(known, number, map(_definition, rows), {one for (one,) in building})


def list_definitions(connection: Connection, workspace: str) -> list[Definition]:
    """The live definitions of a workspace, siblings in their order."""
    rows = connection.query(
        f"{_SELECT} WHERE workspace_id = ? AND deleted_at IS NULL ORDER BY position, id",
        (workspace,),
    )
    return [_definition(row) for row in rows]


def list_deleted_parts(connection: Connection, datastore: str) -> list[Definition]:
    """A datastore, its project, and all that it has or had, be they deleted or not."""
    rows = connection.query(
        f"{_SELECT} WHERE id = ? OR parent_id = ?"  # noqa: S608  constants
        " OR id = (SELECT parent_id FROM definitions WHERE id = ?) ORDER BY position, id",
        (datastore,) * 3,
    )
    return [_definition(row) for row in rows]


def list_projects(connection: Connection) -> list[Definition]:
    """The live projects of all workspaces."""
    rows = connection.query(f"{_SELECT} WHERE kind = 'project' AND deleted_at IS NULL ORDER BY id")
    return [_definition(row) for row in rows]


def find_used_ids(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Those of the ids that a definition bears or once bore."""
    queries = [QueryKeys("SELECT id FROM definitions", _ID, ids)] if ids else []
    return {row[0] for rows in connection.read(queries) for row in rows}


def _definition(row: Row) -> Definition:
    id_, kind, parent, display_id, position, body = row
    return Definition(id_, parent, display_id, position, decode_body(kind, body))


def find_unfit_value(connection: Connection, row: Definition, *, unique: bool) -> str:
    """Why the values of a field can't be unique or indexed; "" if they can."""
    if not isinstance(row.body, FieldBody):
        raise TypeError(row.kind)
    field = make_field(row, row.body, frozenset())
    if field.storage is None:
        return ""
    column, table = tables.field_column(field).name, tables.table_name(row.parent)
    if field.storage is Storage.TEXT:
        sql = f"SELECT id FROM {table} WHERE length({column}) > ? OR octet_length({column}) > ? LIMIT 1"  # noqa: S608
        long = connection.query(sql, (INDEXED_CHARS_MAX, INDEXED_BYTES_MAX))
        if long:
            return f"can't be indexed: its value in the item {long[0][0]} is too long"
    if unique:
        sql = f"SELECT min(id) FROM {table} WHERE {column} IS NOT NULL GROUP BY {column} HAVING count(*) > 1 LIMIT 1"  # noqa: S608
        twice = connection.query(sql)
        if twice:
            return f"can't be unique: another item has the value of the item {twice[0][0]}"
    return ""


# --- the catalogue ----------------------------------------------------------------------------


def build_catalog(
    workspace: Workspace,
    number: int,
    definitions: Iterable[Definition],
    building: AbstractSet[str] = frozenset(),
) -> Catalog:
    """The catalogue that live definitions amount to. `building`: ids of fields whose index does not
    hold all items yet."""
    groups: list[Group] = []
    projects: list[tuple[Definition, ProjectBody]] = []
    children: dict[str, list[Definition]] = {}
    for one in definitions:
        match one.body:
            case GroupBody() as body:
                group = Group(one.id, one.display_id, body.names, body.parent, one.position)
                groups.append(group)
            case ProjectBody() as body:
                projects.append((one, body))
            case _:
                children.setdefault(one.parent, []).append(one)
    return Catalog(
        workspace=workspace.id,
        name=workspace.name,
        time_zone=workspace.time_zone,
        number=number,
        groups=groups,
        projects=[_project(one, body, workspace.id, children, building) for one, body in projects],
    )


def _project(
    row: Definition,
    body: ProjectBody,
    workspace: str,
    children: dict[str, list[Definition]],
    building: AbstractSet[str],
) -> Project:
    own = sorted(children.get(row.id, ()), key=lambda one: one.position)
    roles = [
        Role(one.id, one.display_id, one.body.names, one.body.may_design)
        for one in own
        if isinstance(one.body, RoleBody)
    ]
    every = frozenset(role.id for role in roles)
    return Project(
        id=row.id,
        display_id=row.display_id,
        names=body.names,
        position=row.position,
        row_code=body.row_code,
        roles=roles,
        datastores=[
            _datastore(one, one.body, workspace, every, children.get(one.id, ()), building)
            for one in own
            if isinstance(one.body, DatastoreBody)
        ],
        queries=[make_query(one, one.body) for one in own if isinstance(one.body, QueryBody)],
        reports=[make_report(one, one.body) for one in own if isinstance(one.body, ReportBody)],
        charts=[make_chart(one, one.body) for one in own if isinstance(one.body, ChartBody)],
        functions=make_functions(own, every),
        constants=make_constants(own),
        schedules=make_schedules(own),
        sign_up=SignUp(
            tuple(one for one in body.sign_up_roles if one in every),
            body.sign_up_closed,
            tuple(one for one in body.seen_by if one in every),
            body.reset_url,
        ),
    )


def _datastore(  # noqa: PLR0913  what a datastore is made of
    row: Definition,
    body: DatastoreBody,
    workspace: str,
    every: frozenset[str],
    parts: Iterable[Definition],
    building: AbstractSet[str],
) -> Datastore:
    fields: list[Field] = []
    statuses: list[Status] = []
    actions: list[Action] = []
    webhooks: list[Webhook] = []
    relations: list[Relation] = []
    for one in parts:
        match one.body:
            case FieldBody() as part:
                fields.append(make_field(one, part, every, is_building=one.id in building))
            case StatusBody() as part:
                statuses.append(Status(one.id, one.display_id, part.names, one.position))
            case ActionBody() as part:
                actions.append(_action(one, part, every))
            case WebhookBody() as part:
                webhooks.append(make_webhook(one, part))
            case RelationBody() as part:
                relations.append(make_relation(one, part))
            case _:
                raise ValueError(f"a datastore holds no {one.kind}")
    return Datastore(
        id=row.id,
        display_id=row.display_id,
        names=body.names,
        project=row.parent,
        workspace=workspace,
        position=row.position,
        row_code=body.row_code,
        roles=_resolved(body.roles, every),
        fields=fields,
        statuses=statuses,
        actions=actions,
        webhooks=webhooks,
        relations=relations,
        public=body.public,
    )


def _resolved(roles: Roles, every: frozenset[str]) -> frozenset[str]:
    """The roles that are there; None stands for every one."""
    return every if roles is None else every & frozenset(roles)


def make_field(
    row: Definition, body: FieldBody, every: frozenset[str], *, is_building: bool = False
) -> Field:
    """A field as the core knows it; `every` are the ids of the project's roles."""
    return Field(
        id=row.id,
        display_id=row.display_id,
        names=body.names,
        kind=KINDS[body.kind],
        settings=make_settings(body),
        position=row.position,
        roles=_resolved(body.roles, every),
        as_title=body.as_title,
        title_order=body.title_order,
        search=body.search,
        full_text=body.full_text,
        show_list=body.show_list,
        unique=body.unique,
        has_index=body.has_index,
        hide_on_input=body.hide_on_input,
        hide_from_api=body.hide_from_api,
        publish=body.publish,
        layout=body.layout,
        is_building=is_building,
    )


def _action(row: Definition, body: ActionBody, every: frozenset[str]) -> Action:
    return Action(
        id=row.id,
        display_id=row.display_id,
        names=body.names,
        operation=body.operation,
        position=row.position,
        description=body.description,
        status=body.status,
        next_status=body.next_status,
        roles=_resolved(body.roles, every),
        rules=body.rules,
        publish_roles=_resolved(body.publish_roles, every),
        publish_groups=body.publish_groups,
        is_default=body.is_default,
        pre_script=body.pre_script,
        post_script=body.post_script,
        is_synchronous=body.is_synchronous,
        extra=body.extra,
    )


# --- changing ---------------------------------------------------------------------------------


def create_workspace(connection: Connection, workspace: Workspace, now_ms: int) -> None:
    """A workspace with nothing in it."""
    columns = (
        _ID,
        Column("name", "text"),
        Column("time_zone", "text"),
        Column("catalog_number", "bigint"),
        Column("people_number", "bigint"),
        Column("created_at", "bigint"),
        Column("password_policy", "text"),
        Column("session_timeout", "bigint"),
    )
    told = (encode_policy(workspace.password_policy), workspace.session_timeout)
    row = (workspace.id, workspace.name, workspace.time_zone, 1, 1, now_ms, *told)
    connection.write([Insert("workspaces", columns, [row])])


def update_workspace(connection: Connection, workspace: Workspace) -> None:
    """Another name, time zone, password policy or timeout of sessions; the first two are part of the catalogue."""
    raise_catalog_number(connection, workspace.id)
    columns = (
        Column("name", "text"),
        Column("time_zone", "text"),
        Column("password_policy", "text"),
        Column("session_timeout", "bigint"),
    )
    told = (encode_policy(workspace.password_policy), workspace.session_timeout)
    row = (workspace.name, workspace.time_zone, *told, workspace.id)
    connection.write([Update("workspaces", _ID, columns, [row])])


def encode_policy(policy: PasswordPolicy) -> str:
    """A policy as its column holds it."""
    return msgspec.json.encode(policy).decode()


def raise_catalog_number(connection: Connection, workspace: str) -> None:
    """Tell every process that definitions changed."""
    connection.query(
        "UPDATE workspaces SET catalog_number = catalog_number + 1 WHERE id = ?", (workspace,)
    )


def lock_workspaces(connection: Connection, engine: Engine, workspaces: Sequence[str]) -> None:
    """Keep writers and other changes of definitions and people out until the transaction ends."""
    query = engine.lock_workspaces(workspaces, exclusive=True) if workspaces else None
    if query is not None:
        connection.read([query])


def change_definitions(
    connection: Connection, engine: Engine, workspace: str, edits: Sequence[Edit], now_ms: int
) -> None:
    """Write definition rows, raise the number, and bring tables, indexes and items in step.

    In a transaction. What a deleted definition contains has to be among the edits.
    A definition that is made with the id of one that was deleted in the workspace is that one
    again, with the values that it had. Raises IntegrityError if a display id is taken or values
    of a field made unique are not.
    """
    lock_workspaces(connection, engine, [workspace])
    raise_catalog_number(connection, workspace)
    before = load_catalog(connection, workspace)
    deleted = [(now_ms, one.before.id) for one in edits if one.before and not one.after]
    changed = [_changing_row(one.after) for one in edits if one.before and one.after]
    made = [one.after for one in edits if one.after and not one.before]
    since = _find_deleted(connection, workspace, [one.id for one in made])
    created = [_row(one, workspace) for one in made if one.id not in since]
    returned = [(None, *_changing_row(one)) for one in made if one.id in since]
    # Two definitions may swap display ids: those that change stand aside first.
    aside = [(f"?{row[-1]}", row[-1]) for row in changed]
    connection.write(
        [
            Update("definitions", _ID, _DELETED, deleted),
            Update("definitions", _ID, (Column("display_id", "text"),), aside),
            Update("definitions", _ID, _CHANGING, changed),
            Update("definitions", _ID, (*_DELETED, *_CHANGING), returned),
            Insert("definitions", _COLUMNS, created),
        ]
    )
    after = load_catalog(connection, workspace)
    change_tables(connection, engine, before, after, since, now_ms)
    change_values(connection, before, after, now_ms)


def _row(one: Definition, workspace: str) -> Row:
    body = encode_body(one.body)
    return (one.id, workspace, one.kind, one.parent, one.display_id, one.position, body)


def _changing_row(one: Definition) -> Row:
    return (one.parent, one.display_id, one.position, encode_body(one.body), one.id)


def _find_deleted(connection: Connection, workspace: str, ids: Sequence[str]) -> dict[str, int]:
    """Those of the ids that deleted definitions of the workspace bear, and when they went."""
    select = "SELECT id, workspace_id, deleted_at FROM definitions"
    rows = connection.read([QueryKeys(select, _ID, list(ids))])[0] if ids else []
    return {id_: at for id_, place, at in rows if place == workspace and at is not None}


def read_deleted(connection: Connection, ids: Sequence[str]) -> dict[str, Definition]:
    """Deleted definitions, as they were."""
    select = f"SELECT * FROM ({_SELECT} WHERE deleted_at IS NOT NULL) AS gone"  # noqa: S608
    rows = connection.read([QueryKeys(select, _ID, list(ids))])[0]
    return {row[0]: _definition(row) for row in rows}
