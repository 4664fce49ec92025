"""How many requests an address may make in a second of the wall."""

from __future__ import annotations

import math
from typing import NamedTuple

from livermore.adapters.exchanges.simulated.counters import Counters
from livermore.kernel.clock import Clock

WINDOW = 1.0


class Verdict(NamedTuple):
    """Whether a request is served, and what the headers say of the limit."""

    served: bool
    limit: int
    remaining: int
    reset: int

    def headers(self) -> dict[str, str]:
        """Write the headers; `reset` in whole seconds from now."""
        return {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(self.remaining),
            "x-ratelimit-reset": str(self.reset),
        }


class Limit:
    """Count requests by address; a second begins with its first request."""

    def __init__(self, clock: Clock, limit: int, counters: Counters) -> None:
        self._clock = clock
        self._limit = limit
        self._counters = counters
        self._seconds: dict[str, tuple[float, int]] = {}

    def charge(self, address: str) -> Verdict:
        """Count a request of an address and judge it."""
        now = self._clock.monotonic()
        since, used = self._seconds.get(address, (now, 0))
        if now - since >= WINDOW:
            since, used = now, 0
        self._seconds[address] = since, used + 1
        self._counters.weight += 1
        served = used < self._limit
        self._counters.over_limit += not served
        return Verdict(served, self._limit, max(0, self._limit - used - 1), math.ceil(since + WINDOW - now))
