"""Paths of the dialect that lead nowhere: each is told so in its envelope, and what is instead."""

from __future__ import annotations

from typing import Final

from ...core.errors import Code, Fault, FaultError, FaultKind
from ..exchange import Answer
from .envelope import refusal

_SQL: Final = "this server runs no SQL of its callers: Page, List and Count take filters"
_SOCIAL: Final = "this server has no login by other sites: use SignUp and SignIn"
_SHOP: Final = "this server has no shop: keep products and orders in tables"
_INSTEAD: Final = {  # by the words of the path behind the base
    "CustomTableValue/SqlQuery": _SQL,
    "CustomTableValue/SqlExecute": f"{_SQL}; Create, UD and Delete write",
    "CustomTableValue/GetGoogleLoginUrl": _SOCIAL,
    "CustomTableValue/GoogleLogin": _SOCIAL,
    "CustomTableValue/GetFacebookLoginUrl": _SOCIAL,
    "CustomTableValue/FacebookLogin": _SOCIAL,
    "CustomProduct/GetProductList": _SHOP,
    "CustomOrder/CreateOrder": _SHOP,
    "CustomOrder/GetUserSubscribe": _SHOP,
    "CustomOrder/GetUserOrderList": _SHOP,
    "Integration/EmailSend": "this server sends no mails for its callers: have a webhook of the"
    " table tell who does",
}


def refuse_path(path: str, http_errors: str) -> Answer:
    """The answer for a path below a base that no call has; `http_errors` is the setting."""
    asked = "/".join(path.split("/")[2:4])
    reason = _INSTEAD.get(asked, f"there is no {path[:200]}")
    error = FaultError(FaultKind.NO_PLACE, Fault(Code.NOT_FOUND, reason, reason))
    return refusal(error, http_errors)
