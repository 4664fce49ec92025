"""What holds a market of our own making back, so that no part of the system is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import NamedTuple

from livermore.kernel.clock import Clock
from livermore.market.desk import Desk
from livermore.market.recorder import Recorder

BACKLOG = 10_000
BEHIND = 2  # base buckets that REST needs to know of a range, and that a repair may therefore lag
LONGEST_REPAIR = 15.0  # seconds; longer than a repair waits for market time before it asks


class Watched(NamedTuple):
    """What a brake looks at."""

    ready: Callable[[], bool]
    recorder: Recorder
    desks: Mapping[str, Desk]


class Brake:
    """Hold a market until somebody listens, and while writing lags.

    A market that runs flat out would be over before its histories are loaded and its gaps repaired, so it
    waits for both. One brake serves several markets: those it lets go at one moment begin at one moment.
    """

    def __init__(self, clock: Clock, *, flat_out: bool) -> None:
        self._clock = clock
        self._flat_out = flat_out
        self._watched: Watched | None = None
        self._given_up: set[tuple[str, str]] = set()
        self._begun = False
        self._beginning = asyncio.Lock()

    def watch(self, watched: Watched) -> None:
        """Follow what watches the market: whether it has loaded everything, its recorder and its desks."""
        self._watched = watched

    async def __call__(self) -> None:
        """Wait until the market may go on."""
        # Whoever is second here goes on in the turn after the first: that is how they begin together.
        async with self._beginning:
            while not self._begun:
                self._begun = self._watched is not None and self._is_heard(self._watched)
                await self._clock.sleep(0 if self._begun else 0.05)
        if self._watched is not None:
            while self._watched.recorder.backlog > BACKLOG:
                await self._clock.sleep(0.01)
            if self._flat_out:
                await self._repaired(self._watched.desks)

    def _is_heard(self, watched: Watched) -> bool:
        """Say whether every exchange that can be reached is listened to; flat out, with all loaded."""
        if self._flat_out:
            return watched.ready()
        desks = watched.desks.values()
        listens = [desk.connected_at is not None for desk in desks]
        return any(listens) and all(
            heard or desk.reconnects for heard, desk in zip(listens, desks, strict=True)
        )

    async def _repaired(self, desks: Mapping[str, Desk]) -> None:
        """Wait for repairs, but not for ever: who was waited for in vain must first be whole again."""
        waiting = behind(desks)
        self._given_up &= waiting
        began = self._clock.monotonic()
        while waiting := behind(desks) - self._given_up:
            if self._clock.monotonic() - began > LONGEST_REPAIR:
                self._given_up |= waiting
            await self._clock.sleep(0.01)


def behind(desks: Mapping[str, Desk]) -> set[tuple[str, str]]:
    """Return exchange and symbol of what waits for candles that REST could tell by now."""
    return {
        (name, symbol)
        for name, desk in desks.items()
        for symbol in desk.feed.waiting()
        if symbol not in desk.unlisted
        and desk.feed.market_time >= desk.feed.next_open(symbol) + BEHIND * desk.table.base.milliseconds
    }
