"""The catalogue of faults: every error that a client is meant to see, once.

FaultError                    raised; carries faults and the kind that decides how a dialect answers
  .kind: FaultKind            NOT_FOUND, FORBIDDEN, CONFLICT, INVALID, ...
  .faults: tuple[Fault, ...]  one or more; several only for field values and related entries

A dialect turns a kind into a status and an envelope; it never invents a text.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from .record import record


class Code(str, Enum):
    """The machine-readable word of a fault (Hexabase, page "errors")."""

    INVALID_PARAMS = "INVALID_PARAMS"
    ITEM_REV_CONFLICT = "ITEM_REV_CONFLICT"
    INVALID_VALUE = "INVALID_VALUE"
    INVALID_SETTINGS = "INVALID_SETTINGS"
    NOT_FOUND = "NOT_FOUND"
    TRANSACTION_ABORTED = "TRANSACTION_ABORTED"
    NO_PRIVILEGES = "NO_PRIVILEGES"
    SYSTEM_ERROR = "SYSTEM_ERROR"
    SEARCH_TIMEOUT = "SEARCH_TIMEOUT"
    COUNT_TIMEOUT = "COUNT_TIMEOUT"


class Level(str, Enum):
    """How bad a fault is: a WARN leaves what it speaks of done as far as it could be."""

    ERROR = "ERROR"
    WARN = "WARN"


class FaultKind(Enum):
    """What a fault means for the whole call."""

    INVALID = "invalid"  # 400: the request or a value in it
    ABORTED = "aborted"  # 400: a related entry failed and everything was taken back
    NUMBER = "number"  # 400: the auto number routes have an envelope of their own
    UNAUTHORIZED = "unauthorized"  # 401
    FORBIDDEN = "forbidden"  # 403: the action, or the right to design
    FORBIDDEN_FIELD = "forbidden field"  # 403: fields that the action or role does not open
    NO_PLACE = "no place"  # 404: project, datastore, field, action
    NO_ITEM = "no item"  # 404
    NO_LINK = "no link"  # 404
    REJECTED = "rejected"  # by the PRE script of the action: nothing was written
    CONFLICT = "conflict"  # 409: the revision
    TOO_LARGE = "too large"  # 413
    KEY_REUSED = "key reused"  # 422: an Idempotency-Key that came with another request
    LOCKED = "locked"  # 423
    UNAVAILABLE = "unavailable"  # 503: try again
    CRASHED = "crashed"  # 500: a bug of ours


@record
class Fault:
    """One thing that is wrong, in words for a person and a code for a program."""

    code: Code
    error: str
    description: str = ""
    reference: str = ""
    level: Level = Level.ERROR
    path: str = ""  # "<d_id>/<index>/…" of the related entry at fault; "" for the item itself

    def at(self, reference: str, path: str) -> Fault:
        """The same fault, told of a related entry."""
        return Fault(self.code, self.error, self.description, reference, self.level, path)


class FaultError(Exception):
    """A call, or one entry of it, that is refused. Nothing of it has been written."""

    def __init__(self, kind: FaultKind, *faults: Fault) -> None:
        super().__init__(faults[0].error if faults else kind.value)
        self.kind = kind
        self.faults = faults


class RejectedError(FaultError):
    """The PRE script of the action does not want the write; `value` is what it says, as JSON."""

    def __init__(self, value: str, said: str) -> None:
        words = "the script of the action refused the write"
        super().__init__(FaultKind.REJECTED, Fault(Code.INVALID_PARAMS, words, said))
        self.value = value


class InvalidValueError(Exception):
    """A raw value that a kind or a check refuses; the message completes "<field>: "."""


# --- the request ------------------------------------------------------------------------------


def invalid_request(description: str, reference: str = "") -> FaultError:
    """400: the shape of the request, told in one sentence."""
    return FaultError(
        FaultKind.INVALID,
        Fault(Code.INVALID_PARAMS, "invalid parameter", description, reference),
    )


def too_large(description: str) -> FaultError:
    """413: a body over its limit."""
    return FaultError(
        FaultKind.TOO_LARGE, Fault(Code.INVALID_PARAMS, "request too large", description)
    )


def unavailable(description: str) -> FaultError:
    """503: nothing was written, the same call may be sent again."""
    return FaultError(
        FaultKind.UNAVAILABLE, Fault(Code.SYSTEM_ERROR, "temporarily unavailable", description)
    )


def crashed(request: str) -> FaultError:
    """500: a bug; the log has it under the id of the request, the client gets no more than that."""
    words = f"something went wrong on the server; request id {request}"
    return FaultError(FaultKind.CRASHED, Fault(Code.SYSTEM_ERROR, "internal error", words))


def search_timeout() -> Fault:
    """Told beside an answer without items: they were not found in time."""
    return Fault(Code.SEARCH_TIMEOUT, "search timed out", "the items were not found in time")


def count_timeout() -> Fault:
    """Told beside an answer without a count: it was not done in time."""
    return Fault(Code.COUNT_TIMEOUT, "count timed out", "the items were not counted in time")


# --- identity ---------------------------------------------------------------------------------


def unauthorized(description: str) -> FaultError:
    """401: no token, or one that does not hold."""
    return FaultError(
        FaultKind.UNAUTHORIZED, Fault(Code.NO_PRIVILEGES, "TOKEN_INVALID", description)
    )


def key_missing() -> FaultError:
    """401: what only those may call of a project who have a key, or have signed in."""
    return unauthorized(
        "the project key is missing: send it as customauth, or as Authorization without a scheme;"
        " or sign in, and send the token as Bearer"
    )


WRONG_LOGIN: Final = "LOGIN_FAILED"


def wrong_login() -> FaultError:
    """401: the same words whether the account exists or not."""
    return FaultError(
        FaultKind.UNAUTHORIZED,
        Fault(Code.NO_PRIVILEGES, WRONG_LOGIN, "the account or the password is wrong"),
    )


def expired_password() -> FaultError:
    """403: the right password, but one that the policy of a workspace finds too old."""
    return FaultError(
        FaultKind.FORBIDDEN,
        Fault(
            Code.NO_PRIVILEGES,
            "PASSWORD_EXPIRED",
            "the password has run out; ask for a new one by POST /api/v0/users/password/forgot",
        ),
    )


def locked_login(minutes: int) -> FaultError:
    """423: too many failures for the address that was typed."""
    return FaultError(
        FaultKind.LOCKED,
        Fault(
            Code.NO_PRIVILEGES,
            "LOGIN_LOCKED",
            f"too many failed logins for this account; wait {minutes} minutes",
        ),
    )


def end_password_expired() -> FaultError:
    """403: the same of somebody who has signed up in a project."""
    words = "the password has run out; ask for a new one by SendResetPasswordEmail"
    return FaultError(FaultKind.FORBIDDEN, Fault(Code.NO_PRIVILEGES, "PASSWORD_EXPIRED", words))


def sign_ups_spent(minutes: int) -> FaultError:
    """423: as many have signed up in a project as may in this time."""
    words = f"too many have signed up in this project within {minutes} minutes; try again later"
    return FaultError(FaultKind.LOCKED, Fault(Code.NO_PRIVILEGES, "SIGN_UP_LOCKED", words))


# --- places and rights ------------------------------------------------------------------------


def no_place(what: str, ref: str) -> FaultError:
    """404: a definition that does not exist for the caller."""
    return FaultError(
        FaultKind.NO_PLACE,
        Fault(Code.NOT_FOUND, f"{what} was not found", f"{what} is not found for id:{ref}", ref),
    )


def no_item(item: str) -> FaultError:
    """404: an item that does not exist for the caller (item-actions/ExecuteAction)."""
    return FaultError(
        FaultKind.NO_ITEM,
        Fault(
            Code.NOT_FOUND,
            "target item was not found",
            f"item is not found for i_id:{item}",
            item,
        ),
    )


def no_file(file: str) -> FaultError:
    """404: a file that does not exist for the caller (files/GetFile)."""
    return FaultError(
        FaultKind.NO_ITEM,
        Fault(Code.NOT_FOUND, "file was not found", f"file is not found for file_id:{file}", file),
    )


def no_upload() -> FaultError:
    """404: a secret that was made for no upload, or one that has run out or was reported."""
    words = "the upload is not there, has run out or was reported; ask for another address"
    return FaultError(FaultKind.NO_ITEM, Fault(Code.NOT_FOUND, "upload was not found", words))


def other_upload() -> FaultError:
    """409: an upload has got other bytes already."""
    words = "the upload has other bytes already; ask for another address"
    return FaultError(FaultKind.CONFLICT, Fault(Code.INVALID_PARAMS, "upload is done", words))


def no_file_link() -> FaultError:
    """404: a link to a file that was never given or has run out, or a file that is not there."""
    words = "the link leads to no file any more; ask for another"
    return FaultError(FaultKind.NO_ITEM, Fault(Code.NOT_FOUND, "file was not found", words))


def item_not_found(item: str) -> FaultError:
    """404: the same, in the words of items-search/GetItemDetails."""
    return FaultError(
        FaultKind.NO_ITEM,
        Fault(Code.NOT_FOUND, "not found", f"item not found for i_id:{item}", item),
    )


def no_fields(datastore: str) -> FaultError:
    """404: no fields of a datastore that is not there (datastores/GetDatastoreFields)."""
    description = f"fields for d_id: {datastore} is not found"
    return FaultError(
        FaultKind.NO_PLACE, Fault(Code.NOT_FOUND, "NOT_FOUND", description, datastore)
    )


def no_input_fields(action: str) -> FaultError:
    """404: an action that does not exist for the caller (item-actions/GetInputFields)."""
    description = f"action_id not found. {action}"
    return FaultError(FaultKind.NO_PLACE, Fault(Code.NOT_FOUND, "NOT_FOUND", description, action))


def no_new_action(datastore: str) -> FaultError:
    """404: no action to offer (datastores/GetNewActions, and GetUpdateActions in the same words)."""
    error = f"new action is not found for {datastore}"
    return FaultError(FaultKind.NO_PLACE, Fault(Code.INVALID_PARAMS, error, error, datastore))


def action_forbidden(action_display: str, action: str, ds_display: str, ds: str) -> FaultError:
    """403: the action, for this actor or this status (item-actions/ExecuteAction)."""
    return FaultError(
        FaultKind.FORBIDDEN,
        Fault(
            Code.NO_PRIVILEGES,
            "invalid action_id or has no privileges to the user or current item status."
            f" a_id:{action_display}({action}) d_id:{ds_display}({ds})",
        ),
    )


def forbidden(error: str) -> FaultError:
    """403: a right that the actor does not hold."""
    return FaultError(FaultKind.FORBIDDEN, Fault(Code.NO_PRIVILEGES, error))


def no_action(operation: str, workspace: str) -> FaultError:
    """400: nothing to execute by default, or the wrong kind of action named."""
    return FaultError(
        FaultKind.INVALID,
        Fault(
            Code.INVALID_PARAMS,
            f"no available actions to {operation} item in the database. you should check settings"
            f" or check if you are in your current workspace[ {workspace} ]",
        ),
    )


# --- the write --------------------------------------------------------------------------------


def revision_conflict(item: str, datastore: str, has: int, given: int) -> FaultError:
    """409: somebody else wrote the item first (item-actions/ExecuteAction)."""
    return FaultError(
        FaultKind.CONFLICT,
        Fault(
            Code.ITEM_REV_CONFLICT,
            "Revision number mismatch",
            f"item:{item}(d_id:{datastore}) has rev_no:{has} but specified rev_no:{given}",
            item,
        ),
    )


def related_item_missing(datastore: str, item: str) -> Fault:
    """A related entry names an item that does not exist for the caller."""
    return Fault(
        Code.NOT_FOUND,
        "couldn't check rev_no",
        f"couldn't check rev_no or item not found. ds:{datastore} i:{item} ",
        f"d_id:{datastore}",
    )


def unknown_field(key: str, datastore: str) -> Fault:
    """A key of `item` or `changes` that names no field."""
    return Fault(
        Code.INVALID_PARAMS,
        f"unknown field: {key}",
        f"the datastore {datastore} has no field {key}",
        f"f_id:{key}",
    )


def bad_value(field: str, display_id: str, reason: str) -> Fault:
    """A value that the field does not take."""
    return Fault(Code.INVALID_VALUE, f"{display_id}: {reason}", reason, f"f_id:{field}")


def required_value(field: str, display_id: str) -> Fault:
    """A field that the action makes mandatory is empty."""
    return Fault(
        Code.INVALID_VALUE,
        "required field for this action",
        f"{display_id} is a required field for this action",
        f"f_id:{field}",
    )


def field_forbidden(field: str, display_id: str) -> Fault:
    """A field that the action or the actor's roles do not open (the text is the page's own)."""
    return Fault(
        Code.NO_PRIVILEGES,
        "not arrowed to update this field for this action",
        f"{display_id} can't be updated with this action",
        f"f_id:{field}",
    )


def too_many_linked(what: str, ref: str, most: int) -> FaultError:
    """400: a delete would take too many items of a datastore along."""
    return invalid_request(
        f"over {most} items of {what} are linked; delete them in smaller parts", f"d_id:{ref}"
    )


def not_deleted(item: str, what: str, ref: str) -> Fault:
    """WARN: a linked item that the actor may not delete."""
    return Fault(
        Code.NO_PRIVILEGES,
        "linked item was not deleted",
        f"item:{item} has no default delete action that the user may execute. d_id:{what}({ref})",
        item,
        Level.WARN,
    )


def faults_left_out() -> Fault:
    """WARN: the end of a list of faults that goes on."""
    return Fault(
        Code.SYSTEM_ERROR,
        "more items failed",
        "the faults of further items are left out",
        level=Level.WARN,
    )


def too_many_found(matched: int, most: int) -> FaultError:
    """400: more items than a bulk action was allowed to write."""
    return invalid_request(
        f"{matched} items match, over max_items {most}; nothing was processed."
        " continue_proc: true processes the first ones"
    )


def aborted() -> Fault:
    """First entry of the list when a related entry took the whole write back."""
    return Fault(
        Code.TRANSACTION_ABORTED,
        "transaction was aborted",
        "a related item could not be processed; all changes were rolled back",
    )


def key_not_held(what: str, ref: str) -> Fault:
    """WARN: publishing to a group or role whose key the actor does not hold."""
    return Fault(
        Code.NO_PRIVILEGES,
        f"can not publish to the {what}",
        f"the key of the {what} {ref} is not held by the executing user",
        ref,
        Level.WARN,
    )


def unknown_publish(what: str, ref: str) -> Fault:
    """A group, role or user in a publish list that does not exist in the workspace."""
    level = Level.ERROR if what == "user" else Level.WARN
    return Fault(
        Code.NOT_FOUND,
        f"can not publish to the {what}",
        f"the {what} {ref} is not found in the workspace",
        ref,
        level,
    )


def no_link(datastore: str, item: str, link_datastore: str, link_item: str) -> FaultError:
    """404: DeleteItemLink found nothing (datalink/DeleteItemLink)."""
    return FaultError(
        FaultKind.NO_LINK,
        Fault(
            Code.NOT_FOUND,
            f"item links not found for {{{datastore} {item} {link_datastore} {link_item}  }}",
        ),
    )


def no_comment(history: str) -> FaultError:
    """404: a history entry that is not there, or that is no comment."""
    return FaultError(
        FaultKind.NO_ITEM,
        Fault(
            Code.NOT_FOUND,
            "history was not found",
            f"the item has no comment with history_id:{history}",
            history,
        ),
    )


# --- auto numbers (fields/UpdateAutoNumber) ---------------------------------------------------


def number_field_missing(ref: str) -> FaultError:
    """400: wrong project, datastore or field; `ref` as the caller wrote it."""
    return _number_fault("invalid fieldID in the datastore", f"could not find field for {ref}", ref)


def number_field_wrong(field: str) -> FaultError:
    """400: the field is not an auto number."""
    return _number_fault(
        "invalid fieldID in the datastore",
        f"specified field[{field}] is not the auto number type",
        field,
    )


def number_branch_missing(field: str, branch: str) -> FaultError:
    """400: a branch that was never used can't be set."""
    return _number_fault(
        "error update auto_number",
        f"could not find field for f_id: {field} branch_key: {branch}",
        field,
    )


def number_refused(description: str, field: str) -> FaultError:
    """400: a parameter of the auto number routes."""
    return _number_fault(description, "invalid parameter", field)


def _number_fault(description: str, error: str, field: str) -> FaultError:
    return FaultError(
        FaultKind.NUMBER,
        Fault(Code.INVALID_PARAMS, error, description, f"f_id:{field}"),
    )
