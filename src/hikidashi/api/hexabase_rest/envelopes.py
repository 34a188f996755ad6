"""Faults as the Hexabase pages show them: a status, and one of their many envelopes by route.

E1 … E11 are our numbers for the shapes that the pages use. A route names one of the functions
below as its `envelope`; what every route has in common (tokens, limits, a busy database, a bug) is
answered alike by all of them.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ...core.errors import Fault, FaultError, FaultKind, RejectedError
from ..edge import Answer, HttpRequest, answer_json
from ..exchange import STATUS

_STATUS: Final = {**STATUS, FaultKind.REJECTED: 200}
_COMMON: Final = frozenset(
    (
        FaultKind.UNAUTHORIZED,
        FaultKind.TOO_LARGE,
        FaultKind.KEY_REUSED,
        FaultKind.LOCKED,
        FaultKind.UNAVAILABLE,
        FaultKind.CRASHED,
    )
)
_LISTED: Final = frozenset(
    (
        FaultKind.INVALID,
        FaultKind.ABORTED,
        FaultKind.NUMBER,
        FaultKind.FORBIDDEN_FIELD,
        FaultKind.CONFLICT,
    )
)


def fault_object(fault: Fault) -> dict[str, str]:
    """One entry of `error` or `errors`; `path` (ours) says which related entry it speaks of."""
    told = {
        "description": fault.description,
        "error": fault.error,
        "error_code": fault.code.value,
        "error_level": fault.level.value,
        "reference_id": fault.reference,
    }
    if fault.path:
        told["path"] = fault.path
    return told


def items(error: FaultError, request: HttpRequest) -> Answer:
    """Item actions (item-actions/ExecuteAction): E1 lists, E3 rights, E4 what is not there."""
    kind, first = error.kind, error.faults[0]
    if kind in _COMMON:
        return _common(error)
    if isinstance(error, RejectedError):  # E11
        result = msgspec.Raw(error.value.encode())
        details = {"result": result, "status": "REJECTED", "stop_execution": True}
        return answer_json({"details": details, "error": ""})
    if kind in _LISTED:
        if kind is FaultKind.INVALID and not first.description:  # no action fits: E9
            return answer_json({"error": first.error}, 400)
        body = {
            "error": [fault_object(one) for one in error.faults],
            "history_id": "",
            "item_id": request.params.get("item-id", ""),
            "item": None,
        }
        return answer_json(body, _STATUS[kind])
    if kind in (FaultKind.FORBIDDEN, FaultKind.NO_LINK):
        return _short(error)
    return plain(error, request)


def results(error: FaultError, _request: HttpRequest) -> Answer:
    """Auto numbers, bulk actions, search conditions: E2."""
    if error.kind in _COMMON:
        return _common(error)
    body = {
        "errors": [fault_object(one) for one in error.faults],
        "has_error": True,
        "result": None,
    }
    return answer_json(body, _STATUS[error.kind])


def plain(error: FaultError, _request: HttpRequest) -> Answer:
    """Everything else: E4."""
    if error.kind in _COMMON:
        return _common(error)
    first = error.faults[0]
    body = {
        "description": first.description,
        "error": first.error,
        "error_code": first.code.value,
    }
    return answer_json(body, _STATUS[error.kind])


def fields(error: FaultError, request: HttpRequest) -> Answer:
    """Settings of fields (datastores/GetDatastoreFields, GetInputFields): 404 is E5."""
    if _STATUS[error.kind] != 404:
        return plain(error, request)
    return answer_json({"description": error.faults[0].description, "error": "NOT_FOUND"}, 404)


def design(error: FaultError, request: HttpRequest) -> Answer:
    """Changes of definitions: 403 is E3; of several things that are wrong, all are told."""
    if error.kind is FaultKind.FORBIDDEN:
        return _short(error)
    if error.kind is FaultKind.INVALID and len(error.faults) > 1:
        first = error.faults[0]
        words = "; ".join(dict.fromkeys(one.description for one in error.faults))
        return plain(FaultError(error.kind, Fault(first.code, first.error, words)), request)
    return plain(error, request)


def design_fields(error: FaultError, request: HttpRequest) -> Answer:
    """Changes of fields: 404 is E5, as where they are read."""
    if _STATUS[error.kind] == 404:
        return fields(error, request)
    return design(error, request)


def details(error: FaultError, request: HttpRequest) -> Answer:
    """One item (items/GetItemDetails): 404 is E6, for what is hidden too."""
    if _STATUS[error.kind] != 404:
        return plain(error, request)
    errors = [fault_object(one) for one in error.faults]
    return answer_json({"error": "NOT_FOUND", "errors": errors}, 404)


def new_actions(error: FaultError, request: HttpRequest) -> Answer:
    """Actions of a datastore (datastores/GetNewActions): 404 is E7."""
    if _STATUS[error.kind] != 404:
        return plain(error, request)
    body = {
        "code": 101,
        "error_code": "INVALID_PARAMS",
        "message": error.faults[0].description or error.faults[0].error,
    }
    return answer_json(body, 404)


def texts(error: FaultError, request: HttpRequest) -> Answer:
    """Comments and histories (histories/UpdateItemComment): 403 is E9."""
    if error.kind is FaultKind.FORBIDDEN:
        return answer_json({"error": error.faults[0].error}, 403)
    return plain(error, request)


def roles(error: FaultError, request: HttpRequest) -> Answer:
    """Roles given and taken (roles/AddRoleToUser): 403 is E8."""
    if error.kind is FaultKind.FORBIDDEN:
        return answer_json({"code": 999, "message": error.faults[0].error}, 403)
    return plain(error, request)


def _short(error: FaultError) -> Answer:
    """E3."""
    first = error.faults[0]
    body = {"error": first.error, "error_code": first.code.value}
    return answer_json(body, _STATUS[error.kind])


def _common(error: FaultError) -> Answer:
    """What is told alike on every route."""
    first = error.faults[0]
    is_login = error.kind in (FaultKind.UNAUTHORIZED, FaultKind.LOCKED)
    body = {
        "description": first.description,
        "error": first.error,
        "error_code": "UNAUTHORIZED" if is_login else first.code.value,
    }
    status = _STATUS[error.kind]
    if error.kind is FaultKind.UNAVAILABLE:
        return answer_json(body, status, ((b"retry-after", b"1"),))
    if error.kind is FaultKind.UNAUTHORIZED:
        return answer_json(body, status, ((b"www-authenticate", b"Bearer"),))
    return answer_json(body, status)
