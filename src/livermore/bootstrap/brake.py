"""What holds a market of our own making back, so that no part of the system is left behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from livermore.kernel.clock import Clock
from livermore.market.desk import Desk
from livermore.market.recorder import Recorder
from livermore.runtime.runtime import Runtime

BACKLOG = 10_000
BEHIND = 2  # base buckets that REST needs to know of a range, and that a repair may therefore lag
LONGEST_REPAIR = 15.0  # seconds; longer than a repair waits for market time before it asks


class Watched(NamedTuple):
    """What a brake looks at."""

    runtime: Runtime
    recorder: Recorder
    desks: Mapping[str, Desk]


class Brake:
    """Hold a market until all is loaded, while writing lags and, flat out, while a repair is waited for.

    One brake serves several markets: what it lets go at one moment begins at one moment.
    """

    def __init__(self, clock: Clock, *, flat_out: bool) -> None:
        self._clock = clock
        self._flat_out = flat_out
        self._watched: Watched | None = None
        self._given_up: set[tuple[str, str]] = set()

    def watch(self, watched: Watched) -> None:
        """Follow a runtime, its recorder and its desks."""
        self._watched = watched

    async def __call__(self) -> None:
        """Wait until the market may go on."""
        while self._watched is None:
            await self._clock.sleep(0.05)
        runtime, recorder, desks = self._watched
        await runtime.ready.wait()
        while recorder.backlog > BACKLOG:
            await self._clock.sleep(0.01)
        if self._flat_out:
            await self._repaired(desks)

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
