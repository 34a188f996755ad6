"""The routes of groups: the one tree of a workspace, read and changed."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from ...core.access import Identity
from ...core.catalog import Catalog, Group
from ...core.errors import invalid_request
from ...core.values import format_instant
from ...service.app import App
from ...service.design import Scene
from ...service.design_people import (
    GroupText,
    change_group,
    delete_group,
    find_top_group,
    get_group,
    make_group,
)
from ...service.shown import localized
from ..body import decode_body, told
from ..edge import Answer, Call, HttpRequest, answer_json
from ..exchange import NO_DRY_RUN, QueryKey
from . import envelopes
from .call_maker import CallMaker, More
from .definitions_encode import language_of
from .placed import change, look
from .write_answers import NULL


class GroupBody(msgspec.Struct):
    """groups/CreateTopGroup, CreateGroup, UpdateGroup. Other keys are read past."""

    display_id: Annotated[
        str, told("How programs call it: letters, digits, spaces, `-`, `_`; unique.")
    ] = ""
    name: Annotated[str, told("How people call it, in the language that the request asks for.")] = (
        ""
    )


class DeleteGroupBody(msgspec.Struct):
    """groups/DeleteGroup; the body may be left out."""

    workspace: Annotated[str, told("Its workspace, if it is not the current one.")] = msgspec.field(
        default="", name="workspace-id"
    )
    group: Annotated[str, told("The group of the path once more.")] = msgspec.field(
        default="", name="group-id"
    )
    id: Annotated[str, told("The same.")] = ""


class GroupEntry(msgspec.Struct):
    """A group in GetGroup."""

    g_id: str
    group_id: str  # display id
    name: str
    index: int


class GroupAnswer(msgspec.Struct):
    """groups/GetGroup."""

    error: str
    group: GroupEntry
    children: list[GroupEntry]
    count: int


class TreeEntry(msgspec.Struct, rename={"child_groups": "childGroups"}):
    """A group in GetGroupTree."""

    id: str
    display_id: str
    name: str
    show_child: bool
    index: int
    disable_ui_access: bool
    child_groups: list[TreeEntry]


class TreeAnswer(msgspec.Struct):
    """groups/GetGroupTree."""

    error: None
    result: list[TreeEntry]


class MadeGroup(msgspec.Struct):
    """A group that was made."""

    access_key: str
    created_at: str
    disable_ui_access: bool
    display_id: str
    g_id: str
    id: str
    index: int
    is_root: bool
    name: str


class MadeTopGroupAnswer(msgspec.Struct):
    """groups/CreateTopGroup."""

    group: MadeGroup


class MadeGroupAnswer(msgspec.Struct, rename={"tree": "groupTree_datastores_res"}):
    """groups/CreateGroup."""

    group: MadeGroup
    tree: None = None


_group_body: Final = msgspec.json.Decoder(GroupBody)
_delete_body: Final = msgspec.json.Decoder(DeleteGroupBody)


# --- reading ----------------------------------------------------------------------------------


def _below(catalog: Catalog, group: Group) -> list[Group]:
    return [one for one in catalog.groups if one.parent == group.id]


def _index(catalog: Catalog, group: Group) -> int:
    """Its place among its siblings, from 0."""
    siblings = [one.id for one in catalog.groups if one.parent == group.parent]
    return siblings.index(group.id)


def _entry(group: Group, index: int, language: str) -> GroupEntry:
    return GroupEntry(group.id, group.display_id, localized(group.names, language), index)


async def show_group(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetGroup: the top group where none is named."""
    ref, language = request.params.get("group-id", ""), language_of(request)

    def read(catalog: Catalog) -> GroupAnswer:
        group = get_group(catalog, ref)
        children = [_entry(one, at, language) for at, one in enumerate(_below(catalog, group))]
        shown = _entry(group, _index(catalog, group), language)
        return GroupAnswer("", shown, children, len(children))

    return answer_json(await look(app, identity, lambda view: read(view.catalog)))


async def show_tree(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetGroupTree."""
    language = language_of(request)

    def entry(catalog: Catalog, group: Group, index: int) -> TreeEntry:
        below = _below(catalog, group)
        return TreeEntry(
            id=group.id,
            display_id=group.display_id,
            name=localized(group.names, language),
            show_child=bool(below),
            index=index,
            disable_ui_access=False,
            child_groups=[entry(catalog, one, at) for at, one in enumerate(below)],
        )

    def read(catalog: Catalog) -> TreeAnswer:
        return TreeAnswer(None, [entry(catalog, find_top_group(catalog), 0)])

    return answer_json(await look(app, identity, lambda view: read(view.catalog)))


# --- changing ---------------------------------------------------------------------------------


def _text(request: HttpRequest) -> GroupText:
    body = decode_body(_group_body, request.body)
    return GroupText(body.display_id, body.name, language_of(request))


def _made(scene: Scene, text: GroupText) -> MadeGroup:
    group = get_group(scene.catalog, text.display_id)
    return MadeGroup(
        access_key=group.id,
        created_at=format_instant(int(group.id[:8], 16) * 1000),
        disable_ui_access=False,
        display_id=group.display_id,
        g_id=group.id,
        id=group.id,
        index=_index(scene.catalog, group),
        is_root=not group.parent,
        name=localized(group.names, text.language),
    )


async def create_top_group(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """CreateTopGroup: a group directly in the top group, which every workspace has."""
    text = _text(request)
    made = await change(
        app,
        request,
        identity,
        lambda scene: make_group(scene, "", text),
        lambda scene: _made(scene, text),
        request.params["workspace-id"],
    )
    return answer_json(MadeTopGroupAnswer(made))


async def create_group(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """CreateGroup."""
    text, parent = _text(request), request.params["parent-group-id"]
    made = await change(
        app,
        request,
        identity,
        lambda scene: make_group(scene, parent, text),
        lambda scene: _made(scene, text),
        request.params.get("workspace-id"),
    )
    return answer_json(MadeGroupAnswer(made))


async def update_group(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """UpdateGroup."""
    text, ref = _text(request), request.params["group-id"]
    await change(
        app,
        request,
        identity,
        lambda scene: change_group(scene, ref, text),
        lambda _: None,
        request.params.get("workspace-id"),
    )
    return Answer(200, NULL)


async def remove_group(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """DeleteGroup. What body or query say of workspace and group must agree with the path."""
    body = decode_body(_delete_body, request.body) if request.body.strip() else DeleteGroupBody()
    ref = request.params["group-id"]
    workspace = request.query.get("workspace-id") or body.workspace

    def wish(scene: Scene) -> Any:
        made = delete_group(scene, ref)
        for one in filter(None, (body.group, body.id)):
            other = scene.catalog.find_group(one)
            if other is None or other.id != get_group(scene.catalog, ref).id:
                raise invalid_request(f"the body names the group {one}, the path {ref}")
        return made

    await change(app, request, identity, wish, lambda _: None, workspace)
    return Answer(200, NULL)


_call: Final = CallMaker(envelopes.plain, base="/api/v0/")

_IN_WORKSPACE: Final = "workspaces/:workspace-id/groups"
_MADE: Final[More] = {"body": GroupBody, "answer": MadeGroupAnswer}
_MAKE: Final = "Make a group in another one."
_CHANGE: Final = "Give a group another name or display id. Answers `null`."

CALLS: Final[tuple[Call, ...]] = (
    _call("GetTopGroup", "GET", "groups", show_group, "The top group.", answer=GroupAnswer),
    _call(
        "GetGroup",
        "GET",
        "groups/:group-id",
        show_group,
        "A group and the groups directly in it.",
        answer=GroupAnswer,
    ),
    _call("GetGroupTree", "GET", "grouptree", show_tree, "All groups.", answer=TreeAnswer),
    _call(
        "CreateTopGroup",
        "POST",
        _IN_WORKSPACE,
        create_top_group,
        "Make a group in the top group.",
        body=GroupBody,
        answer=MadeTopGroupAnswer,
    ),
    _call("CreateGroup", "POST", "groups/:parent-group-id", create_group, _MAKE, **_MADE),
    _call(
        "CreateGroupInWorkspace",
        "POST",
        f"{_IN_WORKSPACE}/:parent-group-id",
        create_group,
        _MAKE,
        **_MADE,
    ),
    _call("UpdateGroup", "PUT", "groups/:group-id", update_group, _CHANGE, body=GroupBody),
    _call(
        "UpdateGroupInWorkspace",
        "PUT",
        f"{_IN_WORKSPACE}/:group-id",
        update_group,
        _CHANGE,
        body=GroupBody,
    ),
    _call(
        "DeleteGroup",
        "DELETE",
        "groups/:group-id",
        remove_group,
        "Delete a group that no other is in. Answers `null`.",
        query=(
            QueryKey("workspace-id", "string", "Its workspace, if it is not the current one."),
            NO_DRY_RUN,
        ),
        body=DeleteGroupBody,
    ),
)
