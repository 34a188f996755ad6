"""The one answer shape of HotTask: {Data, Version, Success, Code, Message}."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from ...core.errors import Code, Fault, FaultError
from ..body import encode, told
from ..exchange import STATUS, Answer

VERSION = "1.0.0"  # a constant of the wire (update-table-data), not ours


class Envelope(msgspec.Struct):
    """What every call answers, failed or not."""

    Data: Annotated[Any, told("What the call says that it answers; 0 where it was refused.")]
    Version: str = VERSION
    Success: bool = True
    Code: Annotated[
        int, told("200, or why not: 400, 401, 403, 404, 409, 413, 422, 423, 500 or 503.")
    ] = 200
    Message: Annotated[str, told("What is wrong, in words; empty on success.")] = ""


BEFORE, AFTER = encode(Envelope(msgspec.Raw(b"<>"))).split(b"<>")  # what stands around the data


def wrap(data: bytes) -> bytes:
    """The envelope of a call that did what it was asked, around data that is JSON already."""
    return BEFORE + data + AFTER


def success(data: object) -> bytes:
    """The envelope of a call that did what it was asked."""
    return encode(Envelope(data))


def failure(error: FaultError) -> tuple[int, bytes]:
    """Code and envelope of a call that was refused; nothing of it was written."""
    code = STATUS[error.kind]
    return code, encode(Envelope(0, VERSION, False, code, message(error)))  # noqa: FBT003


def refusal(error: FaultError, http_errors: str) -> Answer:
    """The answer of a call that was refused; `http_errors` is the setting of that name."""
    code, body = failure(error)
    return Answer(http_status(code, http_errors), body)


def http_status(code: int, http_errors: str) -> int:
    """HTTP 200 for whatever a caller can mend (a browser client drops other bodies unread), unless
    the setting asks for the code itself; a server that can't serve says so in either case."""
    return code if code >= 500 or http_errors == "status" else 200


def message(error: FaultError) -> str:
    """All faults in one line."""
    return "; ".join(_sentence(one) for one in error.faults)


def _sentence(fault: Fault) -> str:
    """The description where it says more than the error, which a REST client sees beside it."""
    if fault.code is Code.ITEM_REV_CONFLICT:
        return f"{fault.error}: {fault.description}"
    is_told = fault.description in fault.error or fault.error.startswith("unknown field")
    return fault.error if is_told else fault.description
