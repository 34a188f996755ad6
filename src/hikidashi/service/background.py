"""What runs behind the answers, and how it is told to end."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Any, Final

_AGAIN_S: Final = 0.5  # between two cancellations


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks until they have ended; what they raise is theirs.

    One cancellation may get lost: `asyncio.wait_for` of Python 3.11 drops it if what it waits for
    comes in the same turn of the loop, and libraries wait with it. A task that goes round would
    then never end, nor would the server.
    """
    while waiting := [one for one in tasks if not one.done()]:
        for one in waiting:
            one.cancel()
        await asyncio.wait(waiting, timeout=_AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)


class Background(ABC):
    """A task that goes on until it is stopped. Several processes may have one each over one
    database."""

    _task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, on the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """End; what is under way is left to its transaction, or done again by another process."""
        if self._task is not None:
            await end(self._task)

    @abstractmethod
    async def _run(self) -> None:
        """Go on."""
