"""What is known of one exchange's listing, and how far it can be believed."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from livermore.kernel.clock import Clock
from livermore.kernel.errors import ExchangeUnreachableError, LivermoreError
from livermore.kernel.log import logger
from livermore.market.absences import LOOKED_AGAIN, Absences
from livermore.market.asked import Asked
from livermore.market.listed import StateChange, changes, doubt, listed, markets_of, with_days
from livermore.market.listing import Listing
from livermore.market.symbol import Symbol, Ticker

BELIEVED = 86_400.0  # what an exchange says for a whole day (s) is so, however strange
QUOTES = 256
log = logger("market")


class Excused(NamedTuple):
    """A listing, why no newer one could be had, and what is shown of both."""

    of: Listing
    why: LivermoreError
    shown: Listing


class Shelf:
    """Hold an exchange's newest listing, and when its markets, their days and their quotes were asked."""

    def __init__(self, exchange: str, clock: Clock) -> None:
        self.exchange = exchange
        self.markets = Asked(clock)
        self.days = Asked(clock)
        self.listing: Listing | None = None
        self.recorded: Listing | None = None  # what is stored, as far as is known here
        self.told_of: Listing | None = None  # what was stored when all who want it were told of its changes
        self.offered: Listing | None = None  # the newest that was brought to be stored
        self.reading = asyncio.Lock()
        self.was_read = False
        self.wanted_at: float | None = None
        self.asks_again_at = self.writes_again_at = 0.0
        self.patience = 0.9  # of the longest time that a listing is kept without asking
        self.told: str | None = None
        self.tending: asyncio.Task[None] | None = None
        self._clock = clock
        self._absences = Absences(clock)
        self._doubted_at: float | None = None
        self._excused: Excused | None = None
        self._quotes: dict[str, tuple[Asked, list[Ticker]]] = {}

    def shown(self) -> Listing | None:
        """Return the listing, with why a newer one could not be had; the same one while nothing changes."""
        listing, error = self.listing, self.markets.error or self.days.error
        if listing is None or error is None:
            return listing
        if self._excused is None or self._excused.of is not listing or self._excused.why is not error:
            trouble = f"{self.exchange} tells no newer one: {error}"
            self._excused = Excused(listing, error, replace(listing, trouble=trouble))
        return self._excused.shown

    def take_markets(self, symbols: Sequence[Symbol]) -> list[StateChange]:
        """Take what the exchange says it lists; return which markets are in another state than before.

        One that is left out for the first time stays until another listing leaves it out as well. Raises
        ExchangeUnreachableError when it cannot be believed; what was known last then holds on.
        """
        before, now = self.listing, self._clock.monotonic()
        why = doubt(before, symbols)
        if why is None:
            self._doubted_at = None
            symbols = [*symbols, *self._absences.kept(before, symbols)]
        else:
            if self._doubted_at is None:
                self._doubted_at = now
                log.error("a listing is not believed", exchange=self.exchange, why=why)
            if not symbols or now - self._doubted_at < BELIEVED:
                raise ExchangeUnreachableError(f"{why}, which is not believed")
        self.listing = listed(self.exchange, symbols, before, self._clock.now())
        return changes(before, self.listing)

    def markets_for(self, streamed: Collection[str]) -> dict[str, Symbol]:
        """Return the markets that are there, by name; of those that may be gone only the streamed ones."""
        known = {} if self.listing is None else markets_of(self.listing)
        return {name: one for name, one in known.items() if name not in self._absences or name in streamed}

    def take_days(self, days: Sequence[Ticker]) -> None:
        """Take the days of the markets."""
        if self.listing is not None:
            self.listing = with_days(self.listing, days)

    def quote(self, symbol: str) -> tuple[Asked, list[Ticker]]:
        """Return when a symbol's quote was asked last, and what the answer was; the oldest are forgotten."""
        kept = self._quotes.pop(symbol, None) or (Asked(self._clock), [])
        self._quotes[symbol] = kept
        while len(self._quotes) > QUOTES and not next(iter(self._quotes.values()))[0].is_asking:
            del self._quotes[next(iter(self._quotes))]
        return kept

    def longest(self, period: float) -> float:
        """Return how old (s) the markets may grow; not very old where something has to be confirmed."""
        return min(self.patience * period, LOOKED_AGAIN) if self._absences else self.patience * period

    def is_wanted(self, recently: float) -> bool:
        """Say whether somebody wanted the listing within so many seconds."""
        return self.wanted_at is not None and self._clock.monotonic() - self.wanted_at < recently

    def read(self, stored: Listing | None) -> None:
        """Begin with what was written down last."""
        self.listing = self.recorded = self.told_of = self.offered = stored
        self.was_read = True

    def sure(self, listing: Listing) -> Listing:
        """Return the newest listing without the markets that may be gone: nothing is said of them."""
        there = {name: one for name, one in listing.symbols.items() if name not in self._absences}
        return replace(listing, symbols=there)

    def unwritten(self, age: float) -> Listing | None:
        """Return what is known, if it should be written down.

        What is written tells of other markets then, or of no prices, or is so old (s).
        """
        before, after = self.recorded, self.listing
        if after is None or after is self.offered:
            return None
        if before is None or before.symbols.keys() != after.symbols.keys() or changes(before, after):
            return after
        if _has_prices(after) and not _has_prices(before):
            return after
        return after if after.asked_at - before.asked_at >= age * 1000 else None

    async def stop(self) -> None:
        """Ask nothing more."""
        for asked in (self.markets, self.days, *(asked for asked, _ in self._quotes.values())):
            await asked.stop()


def _has_prices(listing: Listing) -> bool:
    return any(one.price is not None for one in listing.symbols.values())
