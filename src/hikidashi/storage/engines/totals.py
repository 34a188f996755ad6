"""An exact sum of doubles for SQLite, which has no decimals."""

from __future__ import annotations

from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import Any

# Enough digits for the largest and the smallest double in one sum, and for the count of them.
_EXACT = Context(prec=1_000, Emax=MAX_EMAX, Emin=MIN_EMIN)
_PARTS = 10_000  # of one: most numbers are whole so many times, and those are quickly summed
_SURE = 10**15  # below it no two numbers of parts are the same double


class Total:
    """The sum of the decimals that doubles show: 0.1 and 0.2 make 0.3. Empty values are left out."""

    __slots__ = ("_has_any", "_parts", "_rest")

    def __init__(self) -> None:
        self._has_any = False
        self._parts = 0
        self._rest = Decimal(0)

    def step(self, *values: Any) -> None:
        """One more."""
        value: float | None = values[0]
        if value is None:
            return
        self._has_any = True
        parts = value * _PARTS
        if -_SURE < parts < _SURE and (whole := round(parts)) / _PARTS == value:
            self._parts += whole
        else:
            self._rest = _EXACT.add(self._rest, Decimal(repr(value)))

    def final(self) -> str | None:
        """The sum as text; None of nothing."""
        if not self._has_any:
            return None
        parts = _EXACT.divide(Decimal(self._parts), Decimal(_PARTS))
        return str(_EXACT.add(self._rest, parts))
