"""Who listens: what all subscribers together ask for, and when the market may begin."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from livermore.adapters.exchanges.simulated.counters import Counters
from livermore.kernel.clock import Clock

PATIENCE = 1.0  # seconds after the latest subscription, until the market no longer waits for the rest


class Audience:
    """Know what is asked for by anybody."""

    def __init__(self, clock: Clock, counters: Counters) -> None:
        self._clock = clock
        self._counters = counters
        self._listened = asyncio.Event()
        self._changed_at = clock.monotonic()
        self.wanted: set[str] = set()

    def asks_for(self, wanted: set[str]) -> None:
        """Take note that somebody came, went, or asks for something else."""
        self.wanted = self._counters.subscriptions = wanted
        self._changed_at = self._clock.monotonic()
        if wanted:
            self._listened.set()
        else:
            self._listened.clear()

    async def any(self) -> None:
        """Wait until somebody is subscribed to something."""
        await self._listened.wait()

    async def whole(self, is_whole: Callable[[set[str]], bool]) -> None:
        """Wait until everything is asked for, or nobody has asked for more in a while."""
        await self.any()
        while not is_whole(self.wanted) and self._clock.monotonic() - self._changed_at < PATIENCE:
            await self._clock.sleep(PATIENCE / 20)
