"""An exact sum of doubles for SQLite, which has no decimals."""

from __future__ import annotations

from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import Any

from ...core.limits import INTEGER_MAX

# Enough digits for the largest and the smallest double in one sum, and for the count of them.
_EXACT = Context(prec=1_000, Emax=MAX_EMAX, Emin=MIN_EMIN)


class Total:
    """The sum of the decimals that doubles show: 0.1 and 0.2 make 0.3. Empty values are left out."""

    __slots__ = ("_has_any", "_rest", "_whole")

    def __init__(self) -> None:
        self._has_any = False
        self._whole = 0
        self._rest = Decimal(0)

    def step(self, *values: Any) -> None:
        """One more."""
        value: float | None = values[0]
        if value is None:
            return
        self._has_any = True
        if abs(value) <= INTEGER_MAX and value == int(value):
            self._whole += int(value)
        else:
            self._rest = _EXACT.add(self._rest, Decimal(repr(value)))

    def final(self) -> str | None:
        """The sum as text; None of nothing."""
        return str(_EXACT.add(self._rest, Decimal(self._whole))) if self._has_any else None
