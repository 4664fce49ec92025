"""How much we may ask of one host, and for how long we have been told to be quiet."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from livermore.kernel.clock import Clock
from livermore.kernel.errors import RateLimitedError
from livermore.market.ports import Forecast, Usage

HEADROOM = 0.2
LONGEST_WAIT = 60.0


class Budget:
    """Spend request weight, waiting rather than exceeding what any window of so many `seconds` allows."""

    def __init__(
        self, clock: Clock, *, limit: int, seconds: float = 60.0, ceiling: int | None = None
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._ceiling = ceiling
        self._limit = min(ceiling or limit, limit)
        self._spent: deque[tuple[float, int]] = deque()
        self._used = 0
        self._quiet_until = 0.0
        self._turn = asyncio.Lock()

    @property
    def limit(self) -> int:
        """Return the weight that we allow ourselves in any window."""
        return int(self._limit * (1 - HEADROOM))

    @property
    def used(self) -> int:
        """Return the weight spent in the last window."""
        oldest = self._clock.monotonic() - self._seconds
        while self._spent and self._spent[0][0] <= oldest:
            self._used -= self._spent.popleft()[1]
        return self._used

    async def spend(self, weight: int = 1) -> None:
        """Wait for our turn and book the weight; raise RateLimitedError if that would take over a minute."""
        async with self._turn:
            while (wait := self._wait_for(weight)) > 0:
                if wait > LONGEST_WAIT:
                    raise RateLimitedError("the exchange told us to stay away", retry_after=wait)
                await self._clock.sleep(wait)
            self._book(weight)

    def told_limit(self, limit: int) -> None:
        """Take the limit that the exchange itself tells; our own row stays a ceiling."""
        self._limit = min(self._ceiling or limit, limit)

    def told_used(self, used: int) -> None:
        """Take the weight that the exchange has counted, which others on this address may have spent."""
        self._book(max(0, used - self.used))

    def hold_off(self, seconds: float) -> None:
        """Ask nothing for so long."""
        self._quiet_until = max(self._quiet_until, self._clock.monotonic() + seconds)

    def usage(self) -> Usage:
        """Return what was spent within the window, and the limit."""
        return Usage(self.used, self.limit)

    def forecast(self, weights: Iterable[int]) -> Forecast:
        """Say what requests of these weights will cost."""
        listed = list(weights)
        over = max(0, self.used + sum(listed) - self.limit)
        return Forecast(len(listed), over / self.limit * self._seconds)

    def _book(self, weight: int) -> None:
        if weight:
            self._spent.append((self._clock.monotonic(), weight))
            self._used += weight

    def _wait_for(self, weight: int) -> float:
        """Return the seconds until the weight fits; one above the limit fits when nothing else is booked."""
        now = self._clock.monotonic()
        if now < self._quiet_until:
            return self._quiet_until - now
        if not self.used or self._used + weight <= self.limit:
            return 0.0
        return self._spent[0][0] + self._seconds - now
