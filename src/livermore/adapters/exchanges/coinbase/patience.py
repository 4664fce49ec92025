"""How long to stay away when Coinbase asks us to, in the several ways in which it does."""

from __future__ import annotations

from livermore.kernel.clock import Clock

FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
MOST_UNAUTHORIZED = 5


class Patience:
    """Count the refusals in a row; those of one burst, asked before the wait began, count as one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = 0.0
        self._in_a_row = 0
        self._unauthorized = 0

    @property
    def is_over(self) -> bool:
        """Say whether public calls were refused with 401 so often that it is no throttling."""
        return self._unauthorized >= MOST_UNAUTHORIZED

    def answered(self) -> None:
        """Take note of an answer: whatever came before is over."""
        self._in_a_row = self._unauthorized = 0

    def refused(self, told: float | None, *, unauthorized: bool = False) -> float:
        """Return the seconds to wait: those that were told, else twice as many each time."""
        now = self._clock.monotonic()
        if now >= self._until:
            self._in_a_row += 1
            self._unauthorized = self._unauthorized + 1 if unauthorized else 0
            usual = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(self._in_a_row, 10))
            self._until = now + (usual if told is None else told)
        return self._until - now
