"""Listings over an exchange in memory, with a store that can fail and everything they say written down."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import LivermoreError
from livermore.kernel.events import Event, Topic
from livermore.market.exchange import ExchangeInfo
from livermore.market.listed import StateChange, agreed
from livermore.market.listing import ListedSymbol, Listing
from livermore.market.listings import Listings
from livermore.market.symbol import Symbol, Ticker
from livermore.market.turns import Purpose, asker

NOON = 1_750_000_000_000
KNOWN = ExchangeInfo(name="test", display_name="Test", supported_timeframes=("1h", "1d"))
OFF = ExchangeInfo(name="off", display_name="Off", supported_timeframes=("1m",), is_active=False)


class Rows:
    """The rows of `exchanges`."""

    def __init__(self, *rows: ExchangeInfo) -> None:
        self.rows = {row.name: row for row in rows}

    async def all(self) -> list[ExchangeInfo]:
        return list(self.rows.values())

    async def get(self, name: str) -> ExchangeInfo | None:
        return self.rows.get(name)

    async def put(self, info: ExchangeInfo) -> None:
        raise AssertionError("nothing is written")

    async def seed(self, infos: Sequence[ExchangeInfo]) -> None:
        raise AssertionError("nothing is written")


class ListedExchange:
    """An exchange that lists some markets; it can be away, slow, and count who asks for what."""

    def __init__(self, clock: ManualClock, info: ExchangeInfo = KNOWN) -> None:
        self.info = info
        self.clock = clock
        self.budget: Any = None
        self.symbols = {
            name: Symbol(name=name, base=name[:-3], quote="USD") for name in ("AUSD", "BUSD", "CUSD")
        }
        self.asked: list[str] = []
        self.purposes: list[Purpose] = []
        self.error: LivermoreError | Exception | None = None
        self.delay = 0.0
        self.opened = 0

    async def listing(self) -> list[Symbol]:
        await self._answer("listing")
        return list(self.symbols.values())

    async def days(self) -> list[Ticker]:
        await self._answer("days")
        return [self._ticker(name) for name in self.symbols]

    async def quote(self, symbol: str) -> Ticker:
        await self._answer(f"quote {symbol}")
        return self._ticker(symbol)

    async def close(self) -> None:
        self.opened -= 1

    def halt(self, name: str, *, trading: bool = False) -> None:
        """Have a market halted, or trading again."""
        self.symbols[name] = Symbol(name=name, base=name[:-3], quote="USD", trading=trading)

    async def _answer(self, what: str) -> None:
        self.asked.append(what)
        self.purposes.append(asker().purpose)
        if self.delay:
            await self.clock.sleep(self.delay)
        if self.error is not None:
            raise self.error

    def _ticker(self, name: str) -> Ticker:
        return Ticker(
            symbol=name, price=2.0, time=self.clock.now(), open_24h=1.0, quote_volume_24h=float(ord(name[0]))
        )

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} is not asked for here")


class MemoryListingStore:
    """Keep listings; `failing` errors are raised by the next calls."""

    def __init__(self) -> None:
        self.kept: dict[str, Listing] = {}
        self.failing: list[Exception] = []
        self.saves = self.loads = 0

    async def load(self, exchange: str) -> Listing | None:
        self.loads += 1
        return self.kept.get(exchange)

    async def save(self, listing: Listing) -> Listing:
        if self.failing:
            raise self.failing.pop(0)
        self.saves += 1
        stored = self.kept.get(listing.exchange)
        if stored is None or stored.asked_at <= listing.asked_at:
            self.kept[listing.exchange] = agreed(stored, listing)
        return self.kept[listing.exchange]


class Told:
    """Write down what is told, as a bus and as a teller that can fail."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.changes: list[tuple[str, StateChange, int]] = []  # of an exchange, and since when
        self.failing: list[Exception] = []

    def publish(self, event: Event) -> None:
        assert (event.topic, event.whose) == ("symbol", None)
        self.events.append(event.data)

    def heard(self, topic: Topic) -> bool:
        return True

    def subscribe(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("nobody listens here")

    async def tell(self, exchange: str, markets: Sequence[ListedSymbol]) -> None:
        if self.failing:
            raise self.failing.pop(0)
        for one in markets:
            assert one.state_since is not None
            assert one.state_before is not None
            change = StateChange(one.name, one.state, one.state_before)
            self.changes.append((exchange, change, one.state_since))


class ListingOffice:
    """Listings with all that belongs to them."""

    def __init__(self, *, store: MemoryListingStore | None = None, desks: Any = None) -> None:
        self.clock = ManualClock(NOON)
        self.exchange = ListedExchange(self.clock)
        self.store = store or MemoryListingStore()
        self.told = Told()
        self.desks: dict[str, Any] = desks if desks is not None else {}
        self.listings = self.started_anew()

    def started_anew(self, told: Told | None = None) -> Listings:
        """Return what a process has that starts now."""
        told = told or self.told
        listings = Listings(
            Rows(KNOWN, OFF), self.adapter, self.store, self.desks, told, self.clock, chance=lambda: 0.5
        )
        listings.tell(told.tell)
        return listings

    async def adapter(self, name: str) -> Any:
        if name == "off":
            return None
        self.exchange.opened += 1
        return self.exchange

    async def soon(self, seconds: float = 2.0) -> None:
        """Let some time pass, in steps: what is found out in the background takes a few turns."""
        await self.clock.advance(0)
        await self.clock.advance(seconds)
        await asyncio.sleep(0)
