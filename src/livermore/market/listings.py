"""What exchanges list: asked once for all who want to know, kept for when they cannot be asked."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from livermore.kernel.clock import Clock
from livermore.kernel.errors import ExchangeUnreachableError, LivermoreError, NotFoundError
from livermore.kernel.events import Event, EventBus
from livermore.kernel.log import logger
from livermore.kernel.service import Background, Health
from livermore.market.exchange import PRESETS
from livermore.market.judging import denies, excused, holds, judge, reserved, sharing, unlisted
from livermore.market.listed import StateChange, turned
from livermore.market.listing import ListedSymbol, Listing, quotes_of
from livermore.market.ports import Exchange, ExchangeBook, ListingStore
from livermore.market.shelf import Shelf
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
AGAIN = 60.0  # after so many seconds what failed in the background is tried again
log = logger("market")

Asking = Callable[[str], Awaitable[Exchange | None]]
# Told of the markets of an exchange that are in another state, each with the time since when.
Teller = Callable[[str, Sequence[ListedSymbol]], Awaitable[None]]


class Listings:
    """Know what exchanges list.

    `adapter` makes a connection to an exchange; None where it is switched off. `desks` follow what changes at
    their exchanges. A listing that a desk needs, or that was wanted within the last hour, is kept younger
    than `period` seconds.
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
        self._tellers: list[Teller] = []
        self._keeper = Background(self._keep)

    def tell(self, teller: Teller) -> None:
        """Have somebody told of markets that are in another state, once it is written down since when.

        All processes tell the same time. What a crash leaves untold is found with `turned_since`.
        """
        self._tellers.append(teller)

    # -- a service --------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Keep young what is watched and what is wanted."""
        self._keeper.start()

    async def stop(self) -> None:
        """Ask no more."""
        await self._keeper.stop()
        for shelf in self._shelves.values():
            await shelf.stop()

    def health(self) -> Health:
        """Say whether listings are kept."""
        return self._keeper.health()

    # -- what is listed ---------------------------------------------------------------------------------

    async def listing(self, exchange: str, *, oldest: float = FRESH) -> Listing:
        """Return what an exchange lists, as it said so many seconds ago at most.

        Where it cannot be asked it is what was known last, with the `trouble`. Errors: NotFoundError for an
        exchange that nobody knows; the exchange's own, such as BlockedError, when nothing was ever known.
        """
        shelf = await self._shelf(exchange)
        shelf.wanted_at = self._clock.monotonic()
        error = await self._renewed(shelf, oldest, days=oldest)
        return _known(shelf.shown(), error)

    def known(self, exchange: str) -> Listing | None:
        """Return what is in memory of what an exchange lists; it is kept young from now on."""
        shelf = self._shelves.get(exchange)
        if shelf is None:
            return None
        shelf.wanted_at = self._clock.monotonic()
        return shelf.shown()

    async def load(self, exchange: str) -> Listing | None:
        """Return what was written down last of an exchange, read once; None when nothing was."""
        try:
            return (await self._shelf(exchange)).shown()
        except NotFoundError:
            return None

    async def turned_since(self, exchange: str, moment: int) -> list[ListedSymbol]:
        """Return the markets whose state began at a time (ms) or later, by what is written down."""
        try:
            recorded = (await self._shelf(exchange)).recorded
        except NotFoundError:
            return []
        markets = [] if recorded is None else turned(None, recorded)
        return [market for market in markets if (market.state_since or 0) >= moment]

    async def judged(self, exchange: str, inputs: Sequence[str]) -> list[Judgement]:
        """Say of each input, in order, whether it can be watched, or why not.

        A symbol that comes a second time is a duplicate. Only a listing of the last half minute says no.
        Raises NotFoundError for an exchange that nobody knows.
        """
        shelf = await self._shelf(exchange)
        judgements: list[Judgement] = []
        for oldest in (FRESH, DENIES):
            error = await self._renewed(shelf, oldest)
            if shelf.listing is None:
                return excused(exchange, inputs, _why(error))
            judgements = judge(shelf.listing, inputs)
            if error is not None:
                return reserved(judgements, shelf.listing, error, self._clock.now())
            if not denies(judgements):
                break
        return judgements

    async def quote(self, exchange: str, symbol: str) -> Ticker:
        """Return one market's price, day, best bid and ask, not older than two seconds.

        Errors: NotFoundError for an unknown symbol, and those of the exchange.
        """
        shelf = await self._shelf(exchange)
        asked, answer = shelf.quote(symbol)

        async def ask() -> None:
            async with self._opened(exchange) as opened:
                answer[:] = [await opened.quote(symbol)]

        await asked.no_older(QUOTED, ask)
        return answer[0]

    async def markets(
        self, exchange: Exchange, *, oldest: float, streamed: Collection[str]
    ) -> dict[str, Symbol]:
        """Return the markets of an exchange by name, asked through the connection of its desk if need be.

        One that the newest listing leaves out is among them while it is streamed and may yet come back: a
        new connection could be refused for it. Errors: those of the exchange, also when it is known what it
        listed once.
        """
        shelf = await self._shelf(exchange.info.name)
        await shelf.markets.no_older(oldest, lambda: self._read_markets(shelf, exchange))
        return shelf.markets_for(streamed)

    async def last_known(self, exchange: Exchange) -> dict[str, Symbol]:
        """Return the markets of an exchange by name as they were known last; none without any."""
        return (await self._shelf(exchange.info.name)).markets_for(())

    # -- what settings may name -------------------------------------------------------------------------

    async def exchanges(self) -> Mapping[str, Sequence[str]]:
        """Return the timeframes of every exchange that is known, by its name."""
        rows = {info.name: info for info in await self._rows.all()}
        return {name: info.timeframes() for name, info in (PRESETS | rows).items()}

    async def unlisted(self, exchange: str, symbols: Sequence[str]) -> Mapping[str, Unlisted]:
        """Return those of the symbols that cannot be watched, each with the reason.

        What is listed where a desk is at work is so, however long ago it was asked; elsewhere that holds for
        a day while the exchange cannot be asked. Errors: ExchangeUnreachableError when nobody can tell.
        """
        shelf = await self._shelf(exchange)
        missing = list(symbols)
        if exchange in self._desks and shelf.listing is not None:
            missing = list(unlisted(shelf.listing, missing))
        for oldest in (FRESH, DENIES):
            if not missing:
                return {}
            error = await self._renewed(shelf, oldest)
            known = shelf.listing
            if known is not None and (error is None or holds(known, error, self._clock.now())):
                missing = list(unlisted(known, missing))
            if error is not None and missing:
                what = f"what {exchange} lists cannot be looked up: {error}"
                raise ExchangeUnreachableError(what, hint=error.hint) from error
        return unlisted(_known(shelf.listing, None), missing)

    async def sharing(self, exchange: str, symbols: Sequence[str]) -> Mapping[str, str]:
        """Return those of the symbols that share the order book of another market, each with its name.

        No exchange is asked: it is said as far as it is known.
        """
        listing = (await self._shelf(exchange)).listing
        return {} if listing is None else sharing(listing, symbols)

    async def quotes(self, exchange: str) -> Sequence[str]:
        """Return the quote assets of an exchange's markets, the most frequent first; none if nobody tells."""
        try:
            shelf = await self._shelf(exchange)
        except NotFoundError:
            return []
        await self._renewed(shelf, FRESH)
        return [] if shelf.listing is None else quotes_of(shelf.listing)

    # -- asking -----------------------------------------------------------------------------------------

    async def _shelf(self, exchange: str) -> Shelf:
        """Return what is known of an exchange, at first what was written down last."""
        shelf = self._shelves.get(exchange)
        if shelf is None:
            await self._check_known(exchange)
            shelf = self._shelves.setdefault(exchange, Shelf(exchange, self._clock))
        async with shelf.reading:
            if not shelf.was_read:
                shelf.read(await self._store.load(exchange))
        return shelf

    async def _check_known(self, exchange: str) -> None:
        names = await self.exchanges()
        if exchange not in names and exchange not in self._desks:
            hint = f"known are {', '.join(names)}; see also: livermore exchanges add NAME"
            raise NotFoundError(f"no exchange is called {exchange!r}", where="exchange", hint=hint)

    async def _renewed(
        self, shelf: Shelf, oldest: float, *, days: float | None = None
    ) -> LivermoreError | None:
        """See to it that the markets, and perhaps their days, are not older than so many seconds.

        Return why they could not be renewed.
        """
        try:
            await shelf.markets.no_older(oldest, lambda: self._read_markets(shelf))
            if days is not None:
                await shelf.days.no_older(days, lambda: self._read_days(shelf))
        except LivermoreError as error:
            return error
        return None

    async def _read_markets(self, shelf: Shelf, exchange: Exchange | None = None) -> None:
        if exchange is not None:
            symbols = await exchange.listing()
        else:
            async with self._opened(shelf.exchange) as opened:
                symbols = await opened.listing()
        changed = shelf.take_markets(symbols)
        self._say(shelf.exchange, changed)
        desk = self._desks.get(shelf.exchange)
        if desk is not None:
            desk.works.spawn(desk.follow(shelf.markets_for(desk.streamed)))

    async def _read_days(self, shelf: Shelf) -> None:
        async with self._opened(shelf.exchange) as opened:
            shelf.take_days(await opened.days())

    @asynccontextmanager
    async def _opened(self, exchange: str) -> AsyncIterator[Exchange]:
        """Lend the connection of a desk; where nobody watches, one that is made for this."""
        desk = self._desks.get(exchange)
        if desk is not None:
            yield desk.exchange
            return
        adapter = await self._adapter(exchange)
        if adapter is None:
            hint = f"switch it on with: livermore exchanges edit {exchange} --active"
            raise ExchangeUnreachableError(f"{exchange} is switched off", hint=hint)
        try:
            yield adapter
        finally:
            await adapter.close()

    def _say(self, exchange: str, changed: Sequence[StateChange]) -> None:
        for change in changed:
            log.warning("a market has changed", exchange=exchange, **change._asdict())
            data = {"exchange": exchange, **change._asdict()}
            self._bus.publish(Event(topic="symbol", time=self._clock.now(), data=data))

    # -- in the background ------------------------------------------------------------------------------

    async def _keep(self) -> None:
        """Ask again before what is known is too old, and write down what is new."""
        try:
            while True:
                await self._clock.sleep(LOOK)
                for shelf in self._shelves.values():
                    # What comes out of the store must not take the place of what the exchange has just said.
                    if shelf.was_read and (shelf.tending is None or shelf.tending.done()):
                        shelf.tending = asyncio.create_task(self._tend(shelf))
        finally:
            tending = [shelf.tending for shelf in self._shelves.values() if shelf.tending is not None]
            for task in tending:
                task.cancel()
            await asyncio.gather(*tending, return_exceptions=True)

    async def _tend(self, shelf: Shelf) -> None:
        """Do what is due for one exchange; what fails is tried again later, and keeps nobody waiting."""
        now = self._clock.monotonic()
        try:
            if now >= shelf.asks_again_at and self._is_due(shelf):
                await self._renew(shelf)
        except LivermoreError as error:
            shelf.asks_again_at = now + self._rest()
            tell = log.debug if str(error) == shelf.told else log.warning
            shelf.told = str(error)
            tell("a listing is not kept young", exchange=shelf.exchange, error=str(error))
        try:
            if now >= shelf.writes_again_at:
                await self._record(shelf)
                await self._tell(shelf)
        except Exception as error:
            shelf.writes_again_at = now + self._rest()
            tell = log.warning if isinstance(error, LivermoreError) else log.exception
            tell("a listing could not be written down or told", exchange=shelf.exchange, error=str(error))

    def _rest(self) -> float:
        return AGAIN * (0.75 + self._chance() / 2)

    def _is_due(self, shelf: Shelf) -> bool:
        is_old = shelf.markets.is_older(shelf.longest(self._period))
        if shelf.is_wanted(RECENTLY):
            return is_old or shelf.days.is_older(shelf.patience * self._period)
        return is_old and shelf.exchange in self._desks

    async def _renew(self, shelf: Shelf) -> None:
        """Ask the exchange again, behind all that is more urgent."""
        with asking(Purpose.WARM_UP):
            days = shelf.patience * self._period if shelf.is_wanted(RECENTLY) else None
            error = await self._renewed(shelf, shelf.longest(self._period), days=days)
        # Many processes must not ask in step.
        shelf.patience = 0.8 + 0.2 * self._chance()
        if error is not None:
            raise error
        shelf.told = None

    async def _record(self, shelf: Shelf) -> None:
        """Write down what is known where that is due, and take note of what is stored then."""
        listing = shelf.unwritten(self._period / 2)
        if listing is not None:
            shelf.recorded = await self._store.save(shelf.sure(listing))
            shelf.offered = listing

    async def _tell(self, shelf: Shelf) -> None:
        """Tell all who want it which markets are stored in another state than when they were told last."""
        recorded = shelf.recorded
        if recorded is None or recorded is shelf.told_of:
            return
        changed = turned(shelf.told_of, recorded)
        if changed:
            for teller in self._tellers:
                await teller(shelf.exchange, changed)
        shelf.told_of = recorded


def _known(listing: Listing | None, error: LivermoreError | None) -> Listing:
    """Return what is known; raise why nothing is."""
    if listing is None:
        raise _why(error)
    return listing


def _why(error: LivermoreError | None) -> LivermoreError:
    return error if error is not None else ExchangeUnreachableError("nothing is known of what it lists")
