"""The routes of comments, and of bringing an item back to what it was."""

from __future__ import annotations

from typing import Annotated, Final, cast

import msgspec

from ...core.access import Identity
from ...core.commands import EditComment, Entry, Op, PostComment, RemoveComment, WriteItem
from ...core.errors import FaultError
from ...core.plan import CommentResult, Result, WriteResult
from ...service.app import App, View
from ...service.reads import find_place
from ...service.revisions import values_to_restore
from ...service.scripts import Trace
from ..body import decode_body, told
from ..edge import Answer, Call, HttpRequest
from ..exchange import DRY_RUN
from ..running import answer_write, run
from . import envelopes
from .write_answers import NULL, UpdateItemAnswer, encode_update
from .writes import BASE, run_command

HISTORIES: Final = f"{BASE}/items/histories/:item-id"


class PostCommentBody(msgspec.Struct):
    """item-histories/PostItemComment."""

    comment: Annotated[str, told("The text; it must not be empty.")]
    is_send_item_unread: Annotated[
        bool | None, told("`false`: the item does not become unread for others.")
    ] = None


class EditCommentBody(msgspec.Struct):
    """item-histories/UpdateItemComment."""

    comment: Annotated[str, told("The new text; it must not be empty.")]


class RestoreBody(msgspec.Struct):
    """Ours: the revision that the caller knows, and the one to go back to."""

    rev_no: Annotated[int, told("The revision that the caller knows; another is a conflict.")]
    to: Annotated[int, told("The revision whose values are written again.")]
    action_id: Annotated[
        str | None,
        told("The action, by display id or id; by default the datastore's own for updates."),
    ] = None
    comment: Annotated[str | None, told("What the item's history says of this write.")] = None


_post: Final = msgspec.json.Decoder(PostCommentBody)
_edit: Final = msgspec.json.Decoder(EditCommentBody)
_restore: Final = msgspec.json.Decoder(RestoreBody)


def _encode(_result: CommentResult) -> bytes:
    return NULL


async def post_comment(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """PostItemComment."""
    body, params = decode_body(_post, request.body), request.params
    command = PostComment(
        params["app-id"],
        params["datastore-id"],
        params["item-id"],
        body.comment,
        body.is_send_item_unread is not False,
    )
    return await run_command(app, request, identity, command, _encode, envelopes.texts)


async def edit_comment(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """UpdateItemComment."""
    body, params = decode_body(_edit, request.body), request.params
    command = EditComment(
        params["app-id"],
        params["datastore-id"],
        params["item-id"],
        params["history-id"],
        body.comment,
    )
    return await run_command(app, request, identity, command, _encode, envelopes.texts)


async def delete_comment(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """DeleteItemComment."""
    params = request.params
    command = RemoveComment(
        params["app-id"], params["datastore-id"], params["item-id"], params["history-id"]
    )
    return await run_command(app, request, identity, command, _encode, envelopes.texts)


async def restore_item(app: App, request: HttpRequest, identity: Identity) -> Answer:
    """Write the values of an earlier revision again, as an update like any other.

    They are read before the write: it asks for the revision that they were compared with.
    """
    body, params = decode_body(_restore, request.body), request.params

    def read(view: View) -> dict[str, object]:
        datastore = find_place(view, params["datastore-id"], params["app-id"])
        return values_to_restore(view, datastore, params["item-id"], body.rev_no, body.to)

    entry = Entry(
        Op.UPDATE,
        params["datastore-id"],
        params["item-id"],
        action=body.action_id or "",
        values=await app.scan(identity, read),
        revision=body.rev_no,
    )
    command = WriteItem(params["app-id"], entry, body.comment or "")
    trace = Trace()

    def answer(outcome: Result | FaultError, _view: View | None) -> Answer:
        if isinstance(outcome, FaultError):
            return envelopes.items(outcome, request)
        return Answer(200, encode_update(cast("WriteResult", outcome), None, trace))

    work = run(app, identity, command, trace)
    return await answer_write(app, request, identity, work, answer)


CALLS: Final[tuple[Call, ...]] = (
    Call(
        name="PostItemComment",
        method="POST",
        path=HISTORIES,
        handle=post_comment,
        envelope=envelopes.texts,
        summary="Add a comment to an item. Answers `null`.",
        query=(DRY_RUN,),
        body=PostCommentBody,
        answer=None,
    ),
    Call(
        name="UpdateItemComment",
        method="PUT",
        path=f"{HISTORIES}/:history-id",
        handle=edit_comment,
        envelope=envelopes.texts,
        summary="Change a comment of one's own, or any as an administrator. Answers `null`.",
        query=(DRY_RUN,),
        body=EditCommentBody,
        answer=None,
    ),
    Call(
        name="DeleteItemComment",
        method="DELETE",
        path=f"{HISTORIES}/:history-id",
        handle=delete_comment,
        envelope=envelopes.texts,
        summary="Delete a comment of one's own, or any as an administrator. Answers `null`.",
        query=(DRY_RUN,),
        answer=None,
    ),
    Call(
        name="RestoreItem",
        method="POST",
        path=f"{BASE}/items/restore/:item-id",
        handle=restore_item,
        envelope=envelopes.items,
        summary="Write the values of an earlier revision again, as a new one (ours).",
        query=(DRY_RUN,),
        body=RestoreBody,
        answer=UpdateItemAnswer,
    ),
)
