"""How long a command may take: a handler for its turn, a job without getting any further."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from livermore.kernel.log import logger

GRACE = 1.0
"""Work that is cancelled has so many seconds to end."""
log = logger("control")


class Limits(NamedTuple):
    """How many seconds a handler may hold its turn, and a job it leaves may go on and get no further.

    What waits behind a turn that hangs is to have its own before it expires. An exchange may have a job wait.
    """

    turn: float = 20.0
    job: float = 3600.0


USUAL = Limits()


async def seen_through(work: asyncio.Task[Any], left: Callable[[], float]) -> bool:
    """Wait until work has ended, and cancel it when no time (seconds) is left; say whether it was in time.

    What does not heed its cancellation goes on behind our back: nobody waits for it any more. The time is
    this machine's: a market that goes faster makes nothing faster here.
    """
    while (seconds := left()) > 0:
        done, _ = await asyncio.wait({work}, timeout=seconds)
        if done:
            return True
    work.cancel()
    await asyncio.wait({work}, timeout=GRACE)
    if not work.done():
        log.error("what was cancelled goes on", work=repr(work))
        work.add_done_callback(_ended_late)
        _STRAY.add(work)
    return False


def deadline(seconds: float) -> Callable[[], float]:
    """Return what says how many seconds are left of so many from now on."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    return lambda: end - loop.time()


# An event loop does not keep what runs on it.
_STRAY: set[asyncio.Task[Any]] = set()


def _ended_late(work: asyncio.Task[Any]) -> None:
    _STRAY.discard(work)
    if not work.cancelled() and (error := work.exception()) is not None:
        log.error("what was cancelled has failed in the end", exc_info=error)
