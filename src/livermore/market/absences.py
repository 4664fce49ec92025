"""Markets that a listing leaves out: believed to be gone once a second listing does so, too."""

from __future__ import annotations

from collections.abc import Sequence

from livermore.kernel.clock import Clock
from livermore.market.listed import markets_of
from livermore.market.listing import Listing
from livermore.market.symbol import Symbol

CONFIRMED = 20.0  # seconds from the first listing that leaves a market out to one that ends it
LOOKED_AGAIN = 30.0  # seconds after which another listing is asked for


class Absences:
    """Keep what one listing leaves out, until another one some time later leaves it out again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: dict[str, float] = {}

    def __bool__(self) -> bool:
        """Say whether a second look is wanted."""
        return bool(self._since)

    def __contains__(self, name: str) -> bool:
        """Say whether the newest listing has left a market out."""
        return name in self._since

    def kept(self, before: Listing | None, symbols: Sequence[Symbol]) -> list[Symbol]:
        """Return the markets that were there, are not among the symbols, and may yet come back."""
        known = {} if before is None else markets_of(before)
        missing = known.keys() - {symbol.name for symbol in symbols}
        now = self._clock.monotonic()
        since = {name: self._since.get(name, now) for name in missing}
        self._since = {name: first for name, first in since.items() if now - first < CONFIRMED}
        return [symbol for name, symbol in known.items() if name in self._since]
