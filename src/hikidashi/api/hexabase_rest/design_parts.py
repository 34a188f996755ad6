"""The routes of relations, functions and schedules (ours): made, listed, changed, deleted."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from ...core.access import Identity
from ...core.relations import Relation
from ...core.saved import Function
from ...service.app import App
from ...service.design import Scene
from ...service.design_parts import Parts, Place
from ...service.schema import USUAL
from ..body import decode_body, told
from ..edge import Answer, Call, HttpRequest, answer_json
from . import envelopes
from .call_maker import CallMaker
from .definitions_encode import show_names
from .design_running import (
    DRY_DESIGN,
    Names,
    RoleGrant,
    change,
    make,
    place_of,
    read_names,
    read_roles,
    said,
)

_APPLICATION: Final = "/api/v0/applications/:app-id"
_RELATIONS: Final = f"{_APPLICATION}/datastores/:datastore-id/relations"
_FUNCTIONS: Final = f"{_APPLICATION}/functions"
_SCHEDULES: Final = f"{_APPLICATION}/schedules"
_call: Final = CallMaker(envelopes.design, writes=(DRY_DESIGN,))


class PartBody(msgspec.Struct):
    """What each has; what is absent stays, or is as usual; null makes it as usual again."""

    name: Annotated[str | Names | None | UnsetType, told("Its name, or its names by language.")] = (
        UNSET
    )
    display_id: Annotated[str | UnsetType, told("Its display id; a new one is given one.")] = UNSET


class TargetBody(msgspec.Struct):
    """Where a relation leads."""

    datastore: Annotated[str, told("By id or display id.")]
    application: Annotated[str | None, told("By id or display id; its own if absent.")] = None


class MatchBody(msgspec.Struct):
    """The keys that a rule compares; none of both for no rule."""

    field: Annotated[str | None, told("A field of this datastore.")] = None
    equals: Annotated[str | None, told("A field of the target.")] = None


class RelationBody(PartBody):
    """The settings of a relation."""

    to: Annotated[TargetBody | UnsetType, told("The datastore that it leads to.")] = UNSET
    rule: Annotated[
        MatchBody | None | UnsetType,
        told("What links items by themselves; `{}` or null for nothing."),
    ] = UNSET


class CreateRelationBody(RelationBody, kw_only=True):
    """A new relation."""

    to: Annotated[TargetBody, told("The datastore that it leads to.")]


class FunctionBody(PartBody):
    """The settings of a function."""

    description: Annotated[str | None | UnsetType, told("What it is for.")] = UNSET
    roles: Annotated[
        list[str | RoleGrant] | None | UnsetType,
        told("Who may call it, the whole list; null, or if never said, every role."),
    ] = UNSET
    script: Annotated[str | UnsetType, told("What runs when it is called.")] = UNSET


class CreateFunctionBody(FunctionBody, kw_only=True):
    """A new function."""

    script: Annotated[str, told("What runs when it is called.")]


class ScheduleBody(PartBody):
    """The settings of a schedule, as a schema file has them."""

    description: Annotated[str | None | UnsetType, told("What it is for.")] = UNSET
    datastore: Annotated[str | UnsetType, told("Of whose items, by id or display id.")] = UNSET
    action: Annotated[str | UnsetType, told("What is run, by id or display id.")] = UNSET
    cron: Annotated[str | UnsetType, told("When: minute, hour, day, month, day of the week.")] = (
        UNSET
    )
    time_zone: Annotated[str | None | UnsetType, told("Empty or null for the workspace's.")] = UNSET
    query: Annotated[
        str | None | UnsetType, told("The saved query that finds items; empty or null for none.")
    ] = UNSET
    conditions: Annotated[
        list[dict[str, Any]] | None | UnsetType,
        told("What finds them instead; `[]`: every item; null: nothing."),
    ] = UNSET
    any: Annotated[bool | None | UnsetType, told("One condition is enough.")] = UNSET
    values: Annotated[
        dict[str, Any] | None | UnsetType,
        told("What is written, by field; the whole; `{}` or null: nothing."),
    ] = UNSET
    comment: Annotated[str | None | UnsetType, told("Of the histories.")] = UNSET
    user: Annotated[str | None | UnsetType, told("The address of the bot that it acts as.")] = UNSET
    enabled: Annotated[bool | None | UnsetType, told("`false`: it is not run by itself.")] = UNSET


class CreateScheduleBody(ScheduleBody, kw_only=True):
    """A new schedule."""

    datastore: Annotated[str, told("Of whose items, by id or display id.")]
    action: Annotated[str, told("What is run, by id or display id.")]
    cron: Annotated[str, told("When: minute, hour, day, month, day of the week.")]


class CreatedRelation(msgspec.Struct):
    """The new relation."""

    relation_id: str
    display_id: str


class CreatedFunction(msgspec.Struct):
    """The new function."""

    function_id: str
    display_id: str


class CreatedSchedule(msgspec.Struct):
    """The new schedule."""

    schedule_id: str
    display_id: str


class RelationsAnswer(msgspec.Struct):
    """The relations of a datastore, in their order."""

    relations: list[dict[str, Any]]


class FunctionsAnswer(msgspec.Struct):
    """The functions of an application, in their order."""

    functions: list[dict[str, Any]]


class _Part:
    """The calls of one kind: its word, its path, and the bodies of a change and of a new one."""

    def __init__(
        self, word: str, path: str, bodies: tuple[type[PartBody], type[PartBody]], made: type
    ) -> None:
        self._kind = kind = word.lower()
        self._parts = Parts(kind, f"{kind}s")
        body, create = bodies
        self._update = msgspec.json.Decoder(body)
        self._create = msgspec.json.Decoder(create)
        summary = f"Make a {kind} (ours)."
        one = f"{path}/:{kind}-id"
        change_it = f"Change a {kind} (ours). Answers `null`."
        self.calls = (
            _call(f"Create{word}", "POST", path, self.post, summary, body=create, answer=made),
            _call(f"Update{word}", "PATCH", one, self.patch, change_it, body=body),
            _call(
                f"Delete{word}",
                "DELETE",
                one,
                self.remove,
                f"Delete a {kind} (ours). Answers `null`.",
            ),
        )

    async def post(self, app: App, request: HttpRequest, identity: Identity) -> Answer:
        """Create one."""
        keys = _keys(decode_body(self._create, request.body))
        making = self._parts.create(_place(request), keys)
        return await make(
            app,
            request,
            identity,
            making,
            lambda made: {f"{self._kind}_id": made.id, "display_id": made.display_id},
        )

    async def patch(self, app: App, request: HttpRequest, identity: Identity) -> Answer:
        """Change one."""
        keys = _keys(decode_body(self._update, request.body))
        wish = self._parts.update(_place(request), self._ref(request), keys)
        return await change(app, request, identity, wish)

    async def remove(self, app: App, request: HttpRequest, identity: Identity) -> Answer:
        """Delete one."""
        wish = self._parts.delete(_place(request), self._ref(request))
        return await change(app, request, identity, wish)

    def _ref(self, request: HttpRequest) -> str:
        return request.params[f"{self._kind}-id"]


def _place(request: HttpRequest) -> Place:
    if "datastore-id" in request.params:
        return place_of(request)
    return Place(project=request.params["app-id"])


def _keys(body: PartBody) -> dict[str, Any]:
    """The keys of a schema file. Null makes a key as if it had never been said."""
    keys: dict[str, Any] = {}
    for name in body.__struct_fields__:
        one = getattr(body, name)
        if one is UNSET:
            continue
        if one is None:
            keys[name] = USUAL
        elif name == "name":
            keys |= read_names(one)
        elif name == "roles":
            keys |= read_roles(one)
        else:
            is_struct = isinstance(one, msgspec.Struct)
            keys[name] = said(**msgspec.structs.asdict(one)) if is_struct else one
    return keys


async def get_relations(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """The relations of a datastore."""
    place = place_of(request)

    def read(scene: Scene) -> list[dict[str, Any]]:
        datastore = scene.designed_datastore(place.datastore, place.project)
        return [_relation(one) for one in datastore.relations]

    return answer_json({"relations": await app.designs.look(identity, read)})


def _relation(one: Relation) -> dict[str, Any]:
    return {
        "relation_id": one.id,
        "display_id": one.display_id,
        "name": show_names(one.names),
        "to": one.target,
        "rule": {"field": one.field, "equals": one.equals} if one.field else None,
    }


async def get_functions(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """The functions of an application."""

    def read(scene: Scene) -> list[dict[str, Any]]:
        return [
            _function(one) for one in scene.designed_project(request.params["app-id"]).functions
        ]

    return answer_json({"functions": await app.designs.look(identity, read)})


def _function(one: Function) -> dict[str, Any]:
    return {
        "function_id": one.id,
        "display_id": one.display_id,
        "name": show_names(one.names),
        "description": one.description,
        "roles": sorted(one.roles),
        "script": one.script,
    }


CALLS: Final[tuple[Call, ...]] = (
    _call(
        "GetRelations",
        "GET",
        _RELATIONS,
        get_relations,
        "The relations of a datastore (ours).",
        answer=RelationsAnswer,
    ),
    *_Part("Relation", _RELATIONS, (RelationBody, CreateRelationBody), CreatedRelation).calls,
    _call(
        "GetFunctions",
        "GET",
        _FUNCTIONS,
        get_functions,
        "The functions of an application (ours).",
        answer=FunctionsAnswer,
    ),
    *_Part("Function", _FUNCTIONS, (FunctionBody, CreateFunctionBody), CreatedFunction).calls,
    *_Part("Schedule", _SCHEDULES, (ScheduleBody, CreateScheduleBody), CreatedSchedule).calls,
)
