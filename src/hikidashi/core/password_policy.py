"""What a workspace asks of its people's passwords. Pure; each rule holds only where it is in use."""

from __future__ import annotations

from typing import Final

from .limits import (
    PASSWORD_CHARS_MIN,
    POLICY_CHARS_MAX,
    POLICY_DAYS_MAX,
    POLICY_LOCKOUT_MINUTES_MAX,
    POLICY_LOCKOUT_TRIES_MAX,
    POLICY_PATTERN_MAX,
    POLICY_SAME_MAX,
)
from .record import record


@record
class PasswordPolicy:
    """The rules (workspaces/GetPasswordPolicy)."""

    use_expired_day: bool = False
    use_lockout_count: bool = False
    use_lockout_time: bool = False
    use_min_length: bool = False
    use_pattern_check: bool = False
    use_same_limit: bool = False
    expired_day: int = 30  # days after which a password has to be another one
    lockout_count: int = 5  # wrong passwords after which nobody comes in
    lockout_time: int = 5  # minutes for which that holds
    min_length: int = 6  # characters
    pattern_check_type: int = 0  # 0: no spaces; 1: letters and digits; 2: one of a few signs too
    same_limit: int = 2  # last passwords that may not come again


# The numbers of a policy with the least and the greatest that they may be.
POLICY_BOUNDS: Final[dict[str, tuple[int, int]]] = {
    "expired_day": (1, POLICY_DAYS_MAX),
    "lockout_count": (1, POLICY_LOCKOUT_TRIES_MAX),
    "lockout_time": (1, POLICY_LOCKOUT_MINUTES_MAX),
    "min_length": (PASSWORD_CHARS_MIN, POLICY_CHARS_MAX),
    "pattern_check_type": (0, POLICY_PATTERN_MAX),
    "same_limit": (1, POLICY_SAME_MAX),
}
POLICY_FLAGS: Final = (
    "use_expired_day",
    "use_lockout_count",
    "use_lockout_time",
    "use_min_length",
    "use_pattern_check",
    "use_same_limit",
)
