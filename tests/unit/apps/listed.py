"""A listing, a watchlist and a scanner over invented markets: what the doors of symbols need."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from livermore.kernel.clock import Clock, rfc3339
from livermore.kernel.errors import LivermoreError, NotFoundError
from livermore.kernel.scope import Scope
from livermore.market.judging import excused, judge
from livermore.market.listing import ListedSymbol, Listing
from livermore.market.scanner import Filters, Proposal, against, candidate_of, checked, choose, watched_on
from livermore.market.symbol import Symbol, Ticker
from livermore.market.trials import Trials
from livermore.market.watchlist import Watchlist
from livermore.settings.service import SettingsService

if TYPE_CHECKING:
    from livermore.market.scanning import StoredProposal

AGE = 150_000
"""Ms ago at which the listing was asked for."""
# Base, quote, price, quote volume of a day; the last letters of the name are no quote.
MARKETS = (
    ("BTC-USD", "BTC", "USD", 64_120.0, 9.0e8), ("ETH-USD", "ETH", "USD", 3_180.0, 4.0e8),
    ("SOL-USD", "SOL", "USD", 148.0, 1.5e8), ("DOGE-USD", "DOGE", "USD", 0.1234, 3.0e7),
    ("SHIB-USD", "SHIB", "USD", 0.0000173, 2.0e7), ("XRP-USD", "XRP", "USD", 2.2, 1.2e8),
    ("LTC-USD", "LTC", "USD", 88.0, 1.0e7), ("LTC-BTC", "LTC", "BTC", 0.0013, 40.5),
    ("\N{CJK UNIFIED IDEOGRAPH-5E01}-USD", "\N{CJK UNIFIED IDEOGRAPH-5E01}", "USD", 0.5, 3.0e5),
)  # fmt: skip
HALTED, GONE, ALIAS = "HALT-USD", "GONE-USD", "XRP-USDC"


def listing_at(now: int) -> Listing:
    """Invent what Coinbase lists."""
    markets = [
        ListedSymbol(
            symbol=Symbol(name=name, base=base, quote=quote), price=price, change_24h_percent=1.25,
            quote_volume_24h=volume, rank=rank, first_seen_at=1,
        )
        for rank, (name, base, quote, price, volume) in enumerate(MARKETS, 1)
    ]  # fmt: skip
    halted = Symbol(name=HALTED, base="HALT", quote="USD", trading=False, status="maintenance")
    gone = Symbol(name=GONE, base="GONE", quote="USD", trading=False)
    alias = Symbol(name=ALIAS, base="XRP", quote="USDC", alias="XRP-USD")
    markets += [ListedSymbol(symbol=one, first_seen_at=1) for one in (halted, alias)]
    markets.append(ListedSymbol(symbol=gone, first_seen_at=1, delisted_at=now - 86_400_000))
    return Listing(exchange="coinbase", asked_at=now - AGE, symbols={one.name: one for one in markets})


class StandInListings:
    """Know what one exchange lists, which cannot be asked again for a `trouble`.

    While it is `down` nothing is known, while it is `silent` no quote can be had.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.trouble: str | None = None
        self.down: LivermoreError | None = None
        self.silent: LivermoreError | None = None
        self.quoted: list[str] = []

    async def listing(self, exchange: str, *, oldest: float = 600.0) -> Listing:
        if exchange != "coinbase":
            raise NotFoundError(f"no exchange is called {exchange!r}", where="exchange")
        if self.down is not None:
            raise self.down
        return replace(listing_at(self._clock.now()), trouble=self.trouble)

    def known(self, exchange: str) -> Listing | None:
        return None if self.down or exchange != "coinbase" else listing_at(self._clock.now())

    async def exchanges(self) -> Mapping[str, Sequence[str]]:
        return {"coinbase": ("1m", "5m"), "binance": ("1m", "5m")}

    async def judged(self, exchange: str, inputs: Sequence[str]) -> list[Any]:
        try:
            return judge(await self.listing(exchange), inputs)
        except NotFoundError:
            raise
        except LivermoreError as error:
            return excused(exchange, inputs, error)

    async def quote(self, exchange: str, symbol: str) -> Ticker:
        if self.silent is not None:
            raise self.silent
        self.quoted.append(symbol)
        listed = (await self.listing(exchange)).symbols[symbol]
        price = listed.price or 1.0
        return Ticker(
            symbol=symbol, price=price, time=self._clock.now() - 61_000, open_24h=price / 1.02,
            quote_volume_24h=listed.quote_volume_24h, bid=price * 0.999, ask=price * 1.001, trades_24h=12_345,
        )  # fmt: skip


class Unkept:
    """Keep no listing."""

    async def load(self, exchange: str) -> Listing | None:
        return None


class Plane:
    """Have no desks."""

    desks: Mapping[str, Any] = {}


class Holding:
    """Hold settings that were applied as they are stored, of nobody."""

    def rests(self, scope: Scope) -> Any:
        return "paused"

    def applied(self, scope: Scope) -> None:
        return None


def watchlist_over(settings: SettingsService, listings: StandInListings) -> Watchlist:
    """Tell of the watchlists of settings where nothing runs."""
    return Watchlist(settings, listings, Unkept(), Plane(), Holding())  # type: ignore[arg-type]


class StandInScanner:
    """Scan the invented listing; the newest proposal is the one that was put here.

    While the gate is closed, what is tried waits before it.
    """

    def __init__(self, settings: SettingsService, listings: StandInListings, clock: Clock) -> None:
        self._settings = settings
        self._listings = listings
        self._clock = clock
        self.stored: StoredProposal | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = 0
        self._trials = Trials(clock)

    async def tried(self, scope: Scope, filters: Filters) -> Proposal:
        async def scan() -> Proposal:
            self.waiting += 1
            try:
                await self.gate.wait()
            finally:
                self.waiting -= 1
            return await self.scan(scope, filters)

        return await self._trials.carry_out(scope, scan)

    async def scan(self, scope: Scope, filters: Filters) -> Proposal:
        filters = checked(filters)
        listing = await self._listings.listing(filters.exchange or "")
        choice = choose(listing, filters)
        candidates = [candidate_of(one, rank) for rank, one in enumerate(choice.markets[: filters.limit], 1)]
        proposal = Proposal(
            exchange=listing.exchange, made_at=rfc3339(self._clock.now()), filters=filters,
            candidates=tuple(candidates), left_out={"volume": 2},
            listing_age_seconds=AGE // 1000, trouble=listing.trouble,
        )  # fmt: skip
        document = (await self._settings.current(scope)).document
        return against(proposal, watched_on(document, listing.exchange), listing)

    async def newest(self, scope: Scope) -> StoredProposal | None:
        return self.stored
