"""Time as an argument: the only module that reads the machine's clocks."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

# Times are counted in whole milliseconds from here; a float of seconds would lose some of them.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Tell the time and wait for it."""

    def now(self) -> int:
        """Return the time in integer milliseconds UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds of this clock."""
        ...


class SystemClock:
    """Tell the machine's own time."""

    def now(self) -> int:
        """Return wall time in integer milliseconds UTC."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Return the machine's monotonic seconds."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for so many wall seconds."""
        await asyncio.sleep(seconds)


class ScaledClock:
    """Run `rate` times as fast as another clock, from a given origin (ms UTC)."""

    def __init__(self, clock: Clock, *, origin: int, rate: float) -> None:
        self._clock = clock
        self._origin = origin
        self._started = clock.monotonic()
        self.rate = rate

    def now(self) -> int:
        """Return scaled time in integer milliseconds UTC."""
        return self._origin + int(self.monotonic() * 1000)

    def monotonic(self) -> float:
        """Return scaled seconds since this clock was made."""
        return (self._clock.monotonic() - self._started) * self.rate

    async def sleep(self, seconds: float) -> None:
        """Wait for so many scaled seconds."""
        await self._clock.sleep(seconds / self.rate)


class ManualClock:
    """Stand still until told to advance; sleepers wake in the order of their deadlines."""

    def __init__(self, origin: int = 0) -> None:
        self._now = float(origin)
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now(self) -> int:
        """Return the set time in integer milliseconds UTC."""
        return int(self._now)

    def monotonic(self) -> float:
        """Return the set time in seconds."""
        return self._now / 1000

    async def sleep(self, seconds: float) -> None:
        """Wait until `advance` has passed so many seconds."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds * 1000, next(self._order), woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """Let so many seconds pass, waking each sleeper at its own moment."""
        end = self._now + seconds * 1000
        while self._sleepers and self._sleepers[0][0] <= end:
            self._now, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
            await self._settle()
        self._now = end
        await self._settle()

    @staticmethod
    async def _settle() -> None:
        """Give woken tasks the turns they need to run and to sleep again, and no more."""
        # Asyncio says only here that nobody else has anything to do; without it, all turns are taken.
        ready = getattr(asyncio.get_running_loop(), "_ready", True)
        for _ in range(10):
            await asyncio.sleep(0)
            if not ready:
                break


def rfc3339(milliseconds: int) -> str:
    """Write a time as RFC 3339 in UTC, to the millisecond."""
    moment = EPOCH + timedelta(milliseconds=milliseconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> int:
    """Read RFC 3339, a date, or integer milliseconds as milliseconds UTC; raise ValueError otherwise."""
    if text.lstrip("-").isdigit():
        return int(text)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - EPOCH) // timedelta(milliseconds=1)
