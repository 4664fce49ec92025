"""What exchanges list: asked once for all who want to know, kept for when they cannot be asked."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from livermore.kernel.clock import Clock
from livermore.kernel.errors import ExchangeUnreachableError, LivermoreError, NotFoundError
from livermore.kernel.events import Event, EventBus
from livermore.kernel.log import logger
from livermore.kernel.service import Background, Health
from livermore.market.asked import Asked
from livermore.market.exchange import PRESETS
from livermore.market.judging import denied, excused, judge, nearest
from livermore.market.listed import StateChange, changes, doubt, listed, with_days
from livermore.market.listing import Listing
from livermore.market.ports import Exchange, ExchangeBook, ListingStore
from livermore.market.symbol import Symbol, Ticker
from livermore.market.turns import Purpose, asking
from livermore.market.verdict import Judgement
from livermore.settings.ports import Unlisted

if TYPE_CHECKING:
    from livermore.market.desk import Desk

FRESH = 600.0
# A name that is not found may be new: no listing older than this denies it.
DENIES = 30.0
QUOTED = 2.0
RECENTLY = 3600.0
LOOK = 1.0
log = logger("market")

Asking = Callable[[str], Awaitable[Exchange | None]]


class Shelf:
    """What is known of one exchange: its listing, when that was asked, and what was wrong with it last."""

    def __init__(self, exchange: str, clock: Clock) -> None:
        self.exchange = exchange
        self.listing: Listing | None = None
        self.trouble: str | None = None
        self.markets = Asked(clock)
        self.days = Asked(clock)
        self.quotes: dict[str, tuple[Asked, list[Ticker]]] = {}
        self.loading = asyncio.Lock()
        self.is_loaded = False
        self.wanted = clock.monotonic()
        self.due = self.wanted + FRESH
        self.recorded: Listing | None = None

    def shown(self) -> Listing | None:
        """Return the listing with what is wrong about it."""
        error = self.markets.error or self.days.error
        if self.listing is None or error is None:
            return self.listing
        return replace(self.listing, trouble=f"{self.exchange} cannot be asked: {error}")


class Listings:
    """Know what exchanges list.

    `adapter` makes a connection to an exchange; None where it is switched off. `desks` are told of what
    changes at theirs, and what is known of an exchange with a desk is kept young.
    """

    name = "listings"

    def __init__(
        self, rows: ExchangeBook, adapter: Asking, store: ListingStore, desks: Mapping[str, Desk],
        bus: EventBus, clock: Clock, *, period: float = FRESH, chance: Callable[[], float] = random.random,
    ) -> None:  # fmt: skip
        self._rows = rows
        self._adapter = adapter
        self._store = store
        self._desks = desks
        self._bus = bus
        self._clock = clock
        self._period = period
        self._chance = chance
        self._shelves: dict[str, Shelf] = {}
        self._keeper = Background(self._keep)

    # -- a service --------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Keep young what is watched and what is asked for."""
        self._keeper.start()

    async def stop(self) -> None:
        """Ask no more."""
        await self._keeper.stop()
        for shelf in self._shelves.values():
            for asked in (shelf.markets, shelf.days, *(asked for asked, _ in shelf.quotes.values())):
                await asked.stop()

    def health(self) -> Health:
        """Say whether listings are kept young."""
        return self._keeper.health()

    # -- what is listed ---------------------------------------------------------------------------------

    async def listing(self, exchange: str, *, oldest: float = FRESH) -> Listing:
        """Return what an exchange lists, as it said so many seconds ago at most.

        Where it cannot be asked it is what was known last, with the `trouble`. Errors: NotFoundError for an
        exchange that nobody knows; the exchange's own, such as BlockedError, when nothing was ever known.
        """
        shelf = await self._shelf(exchange)
        shelf.wanted = self._clock.monotonic()
        try:
            await self._refresh(shelf, oldest)
        except LivermoreError:
            if shelf.listing is None:
                raise
        return _there(shelf.shown())

    def known(self, exchange: str) -> Listing | None:
        """Return what is known at once."""
        shelf = self._shelves.get(exchange)
        return None if shelf is None else shelf.shown()

    async def judged(self, exchange: str, inputs: Sequence[str]) -> list[Judgement]:
        """Say of each input, in order, whether it can be watched, or why not.

        A symbol that comes a second time is a duplicate. No listing older than half a minute denies a name.
        """
        judgements: list[Judgement] = []
        for oldest in (FRESH, DENIES):
            try:
                listing = await self.listing(exchange, oldest=oldest)
            except NotFoundError:
                raise
            except LivermoreError as error:
                return excused(exchange, inputs, error)
            judgements = judge(listing, inputs)
            if not denied(judgements):
                break
        return judgements

    async def quote(self, exchange: str, symbol: str) -> Ticker:
        """Return one market's price, day, best bid and ask, not older than two seconds.

        Errors: NotFoundError for an unknown symbol, and those of the exchange.
        """
        shelf = await self._shelf(exchange)
        asked, answers = shelf.quotes.setdefault(symbol, (Asked(self._clock), []))

        async def ask() -> None:
            async with self._opened(exchange) as opened:
                answers[:] = [await opened.quote(symbol)]

        await asked.no_older(QUOTED, ask)
        return answers[0]

    async def markets(self, exchange: Exchange, *, oldest: float) -> dict[str, Symbol]:
        """Return the markets of an exchange, asked through the connection of its desk if need be.

        Errors: those of the exchange, also when it is known what it listed once.
        """
        shelf = await self._shelf(exchange.info.name)
        await shelf.markets.no_older(oldest, lambda: self._read_markets(shelf, exchange))
        return markets_of(shelf.listing)

    # -- what settings may name -------------------------------------------------------------------------

    async def exchanges(self) -> Mapping[str, Sequence[str]]:
        """Return the timeframes of every exchange that is known, by its name."""
        rows = {info.name: info for info in await self._rows.all()}
        return {name: info.timeframes() for name, info in (PRESETS | rows).items()}

    async def unlisted(self, exchange: str, symbols: Sequence[str]) -> Mapping[str, Unlisted]:
        """Return those of the symbols that cannot be watched, each with the reason.

        Errors: ExchangeUnreachableError when nobody can tell.
        """
        missing = set(symbols)
        names: dict[str, Symbol] = {}
        for oldest in (FRESH, DENIES):
            if missing:
                names = markets_of(await self._listed(exchange, oldest))
                missing -= names.keys()
        return {
            symbol: Unlisted(f"{exchange} does not list it", nearest(names, symbol))
            for symbol in symbols
            if symbol in missing
        }

    async def _listed(self, exchange: str, oldest: float) -> Listing:
        shelf = await self._shelf(exchange)
        try:
            await shelf.markets.no_older(oldest, lambda: self._read_markets(shelf))
        except LivermoreError as error:
            what = f"what {exchange} lists cannot be looked up: {error}"
            raise ExchangeUnreachableError(what, hint=error.hint) from error
        return _there(shelf.listing)

    # -- asking -----------------------------------------------------------------------------------------

    async def _shelf(self, exchange: str) -> Shelf:
        """Return what is known of an exchange, the last that was stored at first."""
        shelf = self._shelves.get(exchange)
        if shelf is None:
            await self._check_known(exchange)
            shelf = self._shelves.setdefault(exchange, Shelf(exchange, self._clock))
        async with shelf.loading:
            if not shelf.is_loaded:
                shelf.listing = shelf.recorded = await self._store.load(exchange)
                shelf.is_loaded = True
        return shelf

    async def _check_known(self, exchange: str) -> None:
        names = list(await self.exchanges())
        if exchange not in names:
            hint = f"known are {', '.join(names)}; more are added with: livermore exchanges add NAME"
            raise NotFoundError(f"no exchange is called {exchange!r}", where="exchange", hint=hint)

    async def _refresh(self, shelf: Shelf, oldest: float) -> None:
        await shelf.markets.no_older(oldest, lambda: self._read_markets(shelf))
        await shelf.days.no_older(oldest, lambda: self._read_days(shelf))

    async def _read_markets(self, shelf: Shelf, exchange: Exchange | None = None) -> None:
        if exchange is None:
            async with self._opened(shelf.exchange) as opened:
                symbols = await opened.listing()
        else:
            symbols = await exchange.listing()
        why = doubt(shelf.listing, symbols)
        if why is not None:
            log.error("a listing is not believed", exchange=shelf.exchange, why=why)
            raise ExchangeUnreachableError(why)
        before = shelf.listing
        shelf.listing = listed(shelf.exchange, symbols, before, self._clock.now())
        self._tell(shelf.exchange, changes(before, shelf.listing))

    async def _read_days(self, shelf: Shelf) -> None:
        async with self._opened(shelf.exchange) as opened:
            days = await opened.days()
        if shelf.listing is not None:
            shelf.listing = with_days(shelf.listing, days)

    @asynccontextmanager
    async def _opened(self, exchange: str) -> AsyncIterator[Exchange]:
        adapter = await self._adapter(exchange)
        if adapter is None:
            hint = f"switch it on with: livermore exchanges edit {exchange} --active"
            raise ExchangeUnreachableError(f"{exchange} is switched off", hint=hint)
        try:
            yield adapter
        finally:
            await adapter.close()

    def _tell(self, exchange: str, changed: Sequence[StateChange]) -> None:
        for change in changed:
            data = {"exchange": exchange, **change._asdict()}
            self._bus.publish(Event(topic="symbol", time=self._clock.now(), data=data))

    async def _keep(self) -> None:
        """Ask again before what is known is too old, and write down what is new."""
        while True:
            await self._clock.sleep(LOOK)
            for shelf in list(self._shelves.values()):
                await self._tend(shelf)

    async def _tend(self, shelf: Shelf) -> None:
        now = self._clock.monotonic()
        is_wanted = shelf.exchange in self._desks or now - shelf.wanted < RECENTLY
        if is_wanted and now >= shelf.due:
            shelf.due = now + self._period * (0.8 + 0.2 * self._chance())
            with suppress(LivermoreError), asking(Purpose.WARM_UP):
                await self._refresh(shelf, LOOK)
        if shelf.listing is not None and shelf.listing is not shelf.recorded:
            await self._store.save(shelf.listing)
            shelf.recorded = shelf.listing


def markets_of(listing: Listing | None) -> dict[str, Symbol]:
    """Return the markets that are there, by name."""
    known = {} if listing is None else listing.symbols
    return {name: one.symbol for name, one in known.items() if one.delisted_at is None}


def _there(listing: Listing | None) -> Listing:
    """Return a listing that has been read."""
    if listing is None:
        raise AssertionError("what was asked with success is there")
    return listing
