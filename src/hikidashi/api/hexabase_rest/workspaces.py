"""The routes of workspaces: a new one, its password policy, what it holds and what it can do."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Final

import msgspec

from ...core.access import Identity, may_administer
from ...core.errors import FaultError, FaultKind, forbidden
from ...core.password_policy import PasswordPolicy
from ...service.app import App, View
from ...service.design_workspaces import make_workspace, set_password_policy
from ...storage.definitions import list_workspaces
from ...storage.usage import read_usage
from ..body import decode_body, told
from ..edge import Answer, Call, HttpRequest, answer_json
from . import envelopes
from .call_maker import CallMaker
from .placed import NoErrorAnswer, change, look
from .write_answers import NO_ERROR


class WorkspaceBody(msgspec.Struct):
    """workspaces/CreateNewWorkspace."""

    name: Annotated[str, told("What the workspace is called; others may be called so too.")]


class MadeWorkspaceAnswer(msgspec.Struct):
    """workspaces/CreateNewWorkspace."""

    w_id: str


class PolicyAnswer(msgspec.Struct):
    """workspaces/GetPasswordPolicy."""

    use_expired_day: bool
    use_lockout_count: bool
    use_lockout_time: bool
    use_min_length: bool
    use_pattern_check: bool
    use_same_limit: bool
    expired_day: int
    lockout_count: int
    lockout_time: int
    min_length: int
    pattern_check_type: int
    same_limit: int


class PolicyBody(msgspec.Struct, omit_defaults=True):
    """SetPasswordPolicy (ours); what is left out stays."""

    use_expired_day: Annotated[bool | None, told("Whether passwords get old.")] = None
    use_lockout_count: Annotated[bool | None, told("Whether wrong passwords lock out.")] = None
    use_lockout_time: Annotated[bool | None, told("Whether a lock ends by itself.")] = None
    use_min_length: Annotated[bool | None, told("Whether passwords have a least length.")] = None
    use_pattern_check: Annotated[bool | None, told("Whether passwords follow a pattern.")] = None
    use_same_limit: Annotated[bool | None, told("Whether old passwords may not come back.")] = None
    expired_day: Annotated[int | None, told("Days after which a password is old.")] = None
    lockout_count: Annotated[int | None, told("Wrong passwords that lock out.")] = None
    lockout_time: Annotated[int | None, told("Minutes that a lock lasts.")] = None
    min_length: Annotated[int | None, told("The least number of characters.")] = None
    pattern_check_type: Annotated[
        int | None,
        told("0: no spaces; 1: letters and digits; 2: one of `!#$%-_=+<>` as well."),
    ] = None
    same_limit: Annotated[int | None, told("Last passwords that may not come back.")] = None


class UsageEntry(msgspec.Struct):
    """What is there; a limit of 0 is none."""

    users: int
    users_limit: int
    storage: int  # bytes
    storage_limit: int
    datastores: int
    datastores_limit: int
    items: int
    items_limit: int


class UsageAnswer(msgspec.Struct):
    """workspaces/GetWorkspaceUsage."""

    w_id: str
    usage: UsageEntry


class WorkspaceFunctions(msgspec.Struct):
    """What the workspace can do."""

    use_create_workspace: int  # 0: nobody makes another; 1: administrators; 2: everyone
    use_password_policy: bool
    use_global_search: bool
    use_beta: bool


class ApplicationFunctions(msgspec.Struct):
    """What its applications can do."""

    use_create_application: bool
    use_queries: bool
    use_reports: bool
    use_dashboards: bool


class FunctionalityAnswer(msgspec.Struct):
    """workspaces/GetWorkspaceFunctionality."""

    w_id: str
    ws_functions: WorkspaceFunctions
    app_functions: ApplicationFunctions


_workspace_body: Final = msgspec.json.Decoder(WorkspaceBody)
_policy_body: Final = msgspec.json.Decoder(PolicyBody)


async def create_workspace(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """CreateNewWorkspace. The current workspace stays the same."""
    body, id_ = decode_body(_workspace_body, request.body), app.ids.next_id()
    if not identity.session or not identity.workspace:  # a token stays in its workspace
        raise forbidden("Not permitted in the current workspace")
    made = await change(
        app, request, identity, lambda scene: make_workspace(scene, id_, body.name), lambda _: id_
    )
    return answer_json(MadeWorkspaceAnswer(made))


def _policy(view: View) -> PasswordPolicy:
    workspace = view.catalog.workspace
    listed = list_workspaces(view.connection)
    return next(one.password_policy for one in listed if one.id == workspace)


def _not_member(fault: FaultError) -> FaultError:
    """403 where the workspace is another's and where there is none, so that neither is told."""
    if fault.kind is FaultKind.NO_PLACE:
        return forbidden("you are not a member of the workspace")
    return fault


async def get_password_policy(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetPasswordPolicy."""
    try:
        policy = await look(app, identity, _policy, request.params["workspace-id"])
    except FaultError as fault:
        raise _not_member(fault) from None
    return answer_json(PolicyAnswer(**asdict(policy)))


async def put_password_policy(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """SetPasswordPolicy (ours)."""
    said = msgspec.to_builtins(decode_body(_policy_body, request.body))
    try:
        await change(
            app,
            request,
            identity,
            lambda scene: set_password_policy(scene, said),
            lambda _: None,
            request.params["workspace-id"],
        )
    except FaultError as fault:
        raise _not_member(fault) from None
    return Answer(200, NO_ERROR)


async def get_usage(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetWorkspaceUsage: what is counted is more than anyone may see, so for administrators."""

    def read(view: View) -> UsageAnswer:
        if not may_administer(view.actor):
            raise forbidden("only an administrator of the workspace may do this")
        workspace = view.catalog.workspace
        places = [ds.id for project in view.catalog.projects for ds in project.datastores]
        found = read_usage(view.connection, workspace, places)
        entry = UsageEntry(
            users=found.users,
            users_limit=0,
            storage=found.storage,
            storage_limit=0,
            datastores=found.datastores,
            datastores_limit=0,
            items=found.items,
            items_limit=0,
        )
        return UsageAnswer(workspace, entry)

    return answer_json(await look(app, identity, read, request.params["workspace-id"]))


async def get_functionality(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """GetWorkspaceFunctionality."""

    def read(view: View) -> FunctionalityAnswer:
        policy = asdict(_policy(view))
        uses = any(value is True for value in policy.values())
        return FunctionalityAnswer(
            view.catalog.workspace,
            WorkspaceFunctions(1, uses, use_global_search=True, use_beta=False),
            ApplicationFunctions(
                use_create_application=True,
                use_queries=True,
                use_reports=True,
                use_dashboards=True,
            ),
        )

    return answer_json(await look(app, identity, read, request.params["workspace-id"]))


_call: Final = CallMaker(envelopes.plain, base="/api/v0/workspaces")

_POLICY: Final = "/:workspace-id/password-policy"
_FUNCTIONS: Final = "What the workspace and its applications can do."

CALLS: Final[tuple[Call, ...]] = (
    _call(
        "CreateNewWorkspace",
        "POST",
        "",
        create_workspace,
        "Make a workspace; who makes it is its administrator.",
        body=WorkspaceBody,
        answer=MadeWorkspaceAnswer,
    ),
    _call(
        "GetPasswordPolicy",
        "GET",
        _POLICY,
        get_password_policy,
        "What the workspace asks of passwords.",
        answer=PolicyAnswer,
    ),
    _call(
        "SetPasswordPolicy",
        "PUT",
        _POLICY,
        put_password_policy,
        "Ask something else of passwords.",
        body=PolicyBody,
        answer=NoErrorAnswer,
    ),
    _call(
        "GetWorkspaceUsage",
        "GET",
        "/:workspace-id/usages",
        get_usage,
        "How much the workspace holds.",
        answer=UsageAnswer,
    ),
    *(
        _call(
            name,
            "GET",
            f"/:workspace-id/{word}",
            get_functionality,
            _FUNCTIONS,
            answer=FunctionalityAnswer,
        )
        for name, word in (
            ("GetWorkspaceFunctionality", "functionalities"),
            ("GetWorkspaceFunctionalityByPage", "functionality"),
        )
    ),
)
