"""How fast symbols are loaded where no limit of an exchange is in the way: as fast as the last were."""

from __future__ import annotations

from collections import deque
from math import ceil

REMEMBERED = 16  # loads


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
