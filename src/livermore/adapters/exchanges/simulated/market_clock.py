"""The market's own time: so many times as fast as the wall's, or as fast as its listeners."""

from __future__ import annotations

import sys

from livermore.kernel.clock import Clock, ScaledClock

SHORTEST_WAIT = 0.005  # wall seconds: what is due within one goes out together


class MarketClock:
    """Stand still until started; then run, but never past what is to be told next (ms)."""

    def __init__(self, clock: Clock, origin: int, speed: float | None) -> None:
        self._clock = clock
        self._running: ScaledClock | None = None
        self._speed = speed
        self._told = origin
        self._next = origin

    def start(self) -> None:
        """Begin to run."""
        if self._speed is not None:
            self._running = ScaledClock(self._clock, origin=self._told, rate=self._speed)

    def now(self) -> int:
        """Return the market's time."""
        if self._running is None:
            return self._told
        return max(self._told, min(self._running.now(), self._next - 1))

    async def until(self, due: int) -> int:
        """Wait for a moment; return up to when everything is due, which at `max` is all there is."""
        self._next = due
        if self._running is None:
            return sys.maxsize
        while (ahead := due - self._running.now()) > 0:
            await self._running.sleep(max(ahead / 1000, SHORTEST_WAIT * self._running.rate))
        return self._running.now()

    def tell(self, moment: int) -> None:
        """Take note that everything up to a moment is being told."""
        self._told = max(self._told, moment)
