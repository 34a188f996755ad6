"""How a write is answered where its result alone won't do: from inside its open transaction."""

from __future__ import annotations

from collections.abc import Callable

from ..core.access import Actor
from ..core.catalog import Catalog
from ..core.plan import Result, Step
from ..core.record import record
from .access_sets import AccessSets
from .engines import Connection
from .idempotency import Remember


@record
class Inside:
    """A write's transaction: its statements are done, and it may yet come to nothing."""

    connection: Connection
    catalog: Catalog
    actor: Actor
    access: AccessSets  # of its own: what it learns here may be undone
    steps: tuple[Step, ...]


@record
class Told:
    """An answer as it was made inside the transaction."""

    status: int
    answer: bytes


@record
class Telling:
    """What becomes of a write beside being done."""

    remember: Remember | None = None  # keep the answer
    look: Callable[[Result, Inside], Told] | None = None  # make it inside the transaction
    is_dry: bool = False  # undo the write once the answer is made


PLAINLY = Telling()
