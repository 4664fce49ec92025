"""How fast symbols are loaded: as fast as the last were, and when all of those that are asked for will be."""

from __future__ import annotations

from collections import deque
from math import ceil

REMEMBERED = 16  # loads
FAIR_SHARE = 0.1
"""What comes together tells no pace: so much of all has to come behind the first."""
FACTOR = 2
"""While the time that was foreseen is not over, no estimate is further from it than by this."""


class Pace:
    """Remember how long the last symbols took to be loaded from an exchange, `at_once` of them together."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._took: deque[float] = deque(maxlen=REMEMBERED)

    def took(self, seconds: float) -> None:
        """Take note of how long one symbol took."""
        self._took.append(seconds)

    def forecast(self, symbols: int) -> float:
        """Return the seconds that so many symbols will take; 0 before any was loaded."""
        if not self._took:
            return 0.0
        return ceil(symbols / self._at_once) * sum(self._took) / len(self._took)


class Estimate:
    """Say how long a loading will still take: as was foreseen, and the more is done, as it goes.

    Symbols are loaded side by side, so that the first takes nearly as long as many. What takes longer than
    was foreseen is said to take as long as it goes, and nothing before that is known.
    """

    def __init__(self, total: int, foreseen: float) -> None:
        """Expect so many symbols within so many seconds; 0 where nobody knows."""
        self._total = total
        self._foreseen = foreseen
        self._first: tuple[int, float] | None = None

    def left(self, done: int, spent: float) -> float | None:
        """Return the seconds that are left when so many are done after so many; None while nobody knows."""
        if done and self._first is None:
            self._first = done, spent
        pace, remainder = self._at_this_pace(done, spent), self._foreseen - spent
        if remainder <= 0 or pace is None:
            return remainder if remainder > 0 else pace
        blended = remainder + done / self._total * (pace - remainder)
        return min(max(blended, remainder / FACTOR), remainder * FACTOR)

    def _at_this_pace(self, done: int, spent: float) -> float | None:
        """Return what the others take, if they come like those behind the first; None for too few of them."""
        first, since = self._first or (0, spent)
        came = done - first
        if came < max(1, FAIR_SHARE * self._total):
            return None
        return (spent - since) / came * (self._total - done)
