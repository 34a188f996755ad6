"""What policies mean for a password, and for those who guess at one. Pure.

A user may be in several workspaces: each rule that one of them has in use holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .limits import LOGIN_FAILURES_MAX, LOGIN_WINDOW_MS
from .password_policy import PasswordPolicy
from .record import record

SIGNS: Final = "!#$%-_=+<>"  # one of which the strictest pattern wants
_MINUTE_MS: Final = 60_000
_DAY_MS: Final = 86_400_000


@record
class Lockout:
    """After so many failures nobody comes in for so long."""

    failures: int
    ms: int


def find_weakness(policies: Sequence[PasswordPolicy], password: str) -> str:
    """What a policy does not like about a new password; "" if all is well."""
    for one in policies:
        if one.use_min_length and len(password) < one.min_length:
            return f"must have at least {one.min_length} characters"
        if one.use_pattern_check:
            weakness = _find_pattern(one.pattern_check_type, password)
            if weakness:
                return weakness
    return ""


def _find_pattern(kind: int, password: str) -> str:
    if any(one.isspace() for one in password):
        return "must not contain spaces"
    has_letter = any(one.isascii() and one.isalpha() for one in password)
    has_digit = any(one.isascii() and one.isdigit() for one in password)
    if kind >= 1 and not (has_letter and has_digit):
        return "must contain letters and digits"
    if kind >= 2 and not any(one in SIGNS for one in password):
        return f"must contain letters, digits and one of {SIGNS}"
    return ""


def same_limit(policies: Sequence[PasswordPolicy]) -> int:
    """How many of the last passwords may not come again."""
    return max((one.same_limit for one in policies if one.use_same_limit), default=0)


def is_expired(policies: Sequence[PasswordPolicy], set_at: int, now: int) -> bool:
    """Whether a password that was set then has to be another one by now."""
    days = min((one.expired_day for one in policies if one.use_expired_day), default=None)
    return days is not None and now - set_at >= days * _DAY_MS


def lockout(policies: Sequence[PasswordPolicy]) -> Lockout:
    """The strictest of the policies; where none says anything, our own."""
    tries = min(
        (one.lockout_count for one in policies if one.use_lockout_count),
        default=LOGIN_FAILURES_MAX,
    )
    minutes = max((one.lockout_time for one in policies if one.use_lockout_time), default=None)
    return Lockout(tries, LOGIN_WINDOW_MS if minutes is None else minutes * _MINUTE_MS)
