"""The market runs: bucket after bucket, at the speed that was asked for."""

from __future__ import annotations

import asyncio
import bisect
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from livermore.adapters.exchanges.simulated.market_clock import MarketClock
from livermore.adapters.exchanges.simulated.schedule import Due
from livermore.adapters.exchanges.simulated.source import Source

Pace = Callable[[], Awaitable[None]]


class Teller(Protocol):
    """Carry the market's news to its subscribers in their own protocol."""

    async def audience(self) -> None:
        """Wait until somebody listens."""
        ...

    async def tell(self, bucket: int, dues: Sequence[Due]) -> None:
        """Send what is due in a bucket; returns at `max` when the subscribers have taken it."""
        ...


class Timetable(Protocol):
    """Know when in a bucket something is due, the same in every bucket."""

    @property
    def dues(self) -> Sequence[Due]:
        """Return what is due in each bucket, in order."""
        ...

    @property
    def afterwards(self) -> Sequence[Due]:
        """Return what is due in the bucket behind the last."""
        ...


class MarketRun:
    """Let a source's bars happen, from a bucket on."""

    def __init__(
        self, source: Source, timetable: Timetable, clock: MarketClock, position: int, pace: Pace | None
    ) -> None:
        self._source = source
        self._timetable = timetable
        self._clock = clock
        self._position = source.timeframe.bucket(position)
        self._pace = pace

    async def run(self, teller: Teller, *, waits_for_audience: bool) -> None:
        """Tell everything to the end; without an end, for ever."""
        if self._pace is not None:
            # Who holds a market back holds its time: several that are let go at once keep one time.
            await self._pace()
        self._clock.start()
        length = self._source.timeframe.milliseconds
        bucket = self._position
        while self._source.end is None or bucket < self._source.end:
            if waits_for_audience:
                await teller.audience()
            if self._pace is not None:
                await self._pace()
            await self._play(bucket, self._timetable.dues, teller)
            bucket += length
        await self._play(bucket, self._timetable.afterwards, teller)
        self._source.finished = True

    async def _play(self, bucket: int, dues: Sequence[Due], teller: Teller) -> None:
        """Tell one bucket, in as many parts as the clock makes of it."""
        told = 0
        while told < len(dues):
            now = await self._clock.until(bucket + dues[told].offset)
            part = dues[told : bisect.bisect_right(dues, now - bucket, key=_offset)]
            self._clock.tell(bucket + part[-1].offset)
            await teller.tell(bucket, part)
            told += len(part)
        await asyncio.sleep(0)


def _offset(due: Due) -> int:
    return due.offset
