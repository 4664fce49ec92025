"""How often Coinbase has refused us, and how long to stay away: it promises no `Retry-After`.

The budget waits longer each time that a refusal follows upon another; here they are only told apart.
"""

from __future__ import annotations

from livermore.kernel.clock import Clock

USUAL_WAIT = 2.0
MOST_UNAUTHORIZED = 5


class Patience:
    """Count the refusals with 401 in a row; those of one burst, asked before the wait began, count as one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = 0.0
        self._unauthorized = 0

    @property
    def is_over(self) -> bool:
        """Say whether public calls were refused with 401 so often that it is no throttling."""
        return self._unauthorized >= MOST_UNAUTHORIZED

    def answered(self) -> None:
        """Take note of an answer: whatever came before is over."""
        self._unauthorized = 0

    def refused(self, told: float | None, *, unauthorized: bool = False) -> float:
        """Return the seconds to wait: those that were told, or the usual ones."""
        now = self._clock.monotonic()
        wait = USUAL_WAIT if told is None else told
        if now >= self._until:
            self._unauthorized = self._unauthorized + 1 if unauthorized else 0
        self._until = max(self._until, now + wait)
        return wait
