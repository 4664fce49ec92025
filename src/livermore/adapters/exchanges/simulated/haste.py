"""Whether a client says more in a second than it may."""

from __future__ import annotations

from collections import deque

from livermore.kernel.clock import Clock


class Haste:
    """Remember when a client spoke."""

    def __init__(self, clock: Clock, messages_per_second: int) -> None:
        self._clock = clock
        self._spoken: deque[float] = deque(maxlen=messages_per_second)

    def speaks_too_fast(self) -> bool:
        """Take note of a message; say whether more than allowed came within a second."""
        now = self._clock.monotonic()
        full = len(self._spoken) == self._spoken.maxlen
        too_fast = full and now - self._spoken[0] < 1
        self._spoken.append(now)
        return too_fast
