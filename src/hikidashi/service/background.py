"""How what runs behind the answers is told to end."""

from __future__ import annotations

import asyncio
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
