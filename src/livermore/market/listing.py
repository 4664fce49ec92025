"""What an exchange lists, as it said at a time: every market with its day, and its place by volume."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Literal

import msgspec

from livermore.market.symbol import Symbol

MarketState = Literal["trading", "halted", "delisted"]


class ListedSymbol(msgspec.Struct, frozen=True, kw_only=True):
    """One market of a listing; volume is in quote units, times are ms UTC.

    `rank` is its place by the value of its day, 1 first, all quotes put in dollars at the exchange's own
    prices; None where that is not known. A market that the exchange lists no more is remembered with
    `delisted_at`. `state_since` says when its state began, and `state_before` what it was then; both are
    None while it is in the state in which it was first seen.
    """

    symbol: Symbol
    price: float | None = None
    change_24h_percent: float | None = None
    quote_volume_24h: float | None = None
    rank: int | None = None
    first_seen_at: int
    delisted_at: int | None = None
    state_since: int | None = None
    state_before: MarketState | None = None

    @property
    def name(self) -> str:
        """Return the exchange's own name."""
        return self.symbol.name

    @property
    def state(self) -> MarketState:
        """Say whether it is open."""
        if self.delisted_at is not None:
            return "delisted"
        return "trading" if self.symbol.trading else "halted"


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What an exchange lists, by its own names, as it said at `asked_at` (ms UTC).

    `trouble` says why a newer one could not be had, where one was wanted.
    """

    exchange: str
    asked_at: int
    symbols: Mapping[str, ListedSymbol]
    trouble: str | None = None


def quotes_of(listing: Listing) -> list[str]:
    """Return the quote assets of the markets that are there, the most frequent first."""
    there = (one for one in listing.symbols.values() if one.delisted_at is None)
    return [quote for quote, _ in Counter(one.symbol.quote for one in there).most_common()]
