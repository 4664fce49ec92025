"""Waiting that can be cut short."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from livermore.kernel.clock import Clock


async def rest(clock: Clock, seconds: float, woken: asyncio.Event) -> None:
    """Wait for so many seconds, or until the event is set."""
    await within(clock, seconds, woken.wait())


async def within(clock: Clock, seconds: float, work: Awaitable[object]) -> bool:
    """Wait for work, but no longer than so many seconds; say whether it was done. Undone, it is cancelled."""
    doing = asyncio.ensure_future(work)
    sleeping = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({doing, sleeping}, return_when=asyncio.FIRST_COMPLETED)
        return doing.done()
    finally:
        sleeping.cancel()
        doing.cancel()
