"""From the store to what a desk holds: a symbol loaded, its past revised, its history told again."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

from livermore.kernel.clock import Clock
from livermore.kernel.errors import LivermoreError, NotFoundError, TransientError
from livermore.kernel.log import logger
from livermore.kernel.timeframe import Timeframe
from livermore.market.backfill import Amendment, Backfill
from livermore.market.budget import Purpose, asking
from livermore.market.candle import Candles
from livermore.market.feed import REST_DELAY
from livermore.market.listener import SeriesListener
from livermore.market.pace import Pace
from livermore.market.ports import CandleStore, Cause, Hole, Series
from livermore.market.reconnect import LONGEST_DELAY

if TYPE_CHECKING:
    from livermore.market.desk import Desk

AT_ONCE = 4
log = logger("market")


class Begun(NamedTuple):
    """The bucket (ms) in which this run began to watch a symbol, and whether nobody ever had before."""

    bucket: int
    new: bool


class Loading:
    """Bring symbols of a desk up to now, and hand their histories on."""

    def __init__(
        self, desk: Desk, store: CandleStore, backfill: Backfill, listener: SeriesListener, clock: Clock,
        first_delay: float,
    ) -> None:  # fmt: skip
        self._desk = desk
        self.store = store
        self.backfill = backfill
        self._listener = listener
        self._clock = clock
        self._first_delay = first_delay
        self.pace = Pace(AT_ONCE)
        self._few = asyncio.Semaphore(AT_ONCE)
        self._mending = asyncio.Semaphore(2 * AT_ONCE)
        self._recalled: set[str] = set()

    async def load(self, symbol: str) -> None:
        """Bring a symbol up to now and let it go live; what fails for the moment is tried again."""
        desk, delay = self._desk, self._first_delay
        while symbol not in desk.loaded:
            try:
                async with desk.changing[symbol], self._few:
                    if symbol not in desk.loaded:
                        began = self._clock.monotonic()
                        with asking(Purpose.WARM_UP):
                            await self._bring_up(symbol)
                        if desk.begun[symbol].new:
                            self.pace.took(self._clock.monotonic() - began)
                        desk.loaded.add(symbol)
                        desk.at_rest.discard(symbol)
                        desk.works.lacks_nothing(symbol)
            except NotFoundError as error:
                desk.works.say(symbol, f"{symbol} could not be loaded", error)
                return
            except LivermoreError as error:
                desk.works.say(symbol, f"{symbol} waits for its history", error)
                # One refusal is no verdict: the exchange may have been out of order.
                await self._clock.sleep(delay if isinstance(error, TransientError) else LONGEST_DELAY)
                delay = min(delay * 2, LONGEST_DELAY)

    async def _bring_up(self, symbol: str) -> None:
        """Fill what the store lacks of a symbol, and go on from there; what nobody watched is so entered."""
        desk, base = self._desk, self._desk.table.base
        span = await self.store.span(self._series(symbol, base))
        stored = span[1] + base.milliseconds if span is not None else 0
        market_time = max(desk.feed.market_time, await desk.session.exchange_time())
        until = max(base.bucket(market_time - REST_DELAY), stored)
        desk.begun[symbol] = Begun(base.bucket(market_time), new=not stored)
        left = await self._recall(symbol, until)
        away = 0 < stored < until
        # While its exchange did not list it, it was watched all the same.
        cause = Cause.EXCHANGE_OUTAGE if symbol in desk.at_rest else Cause.PAUSED
        holes = desk.ledger.found(symbol, stored, until, cause, market_time) if away else []
        await self.backfill.fill(symbol, until, holes)
        desk.ledger.keep(holes)
        since = until - 2 * base.milliseconds
        since = min(since, stored) if away else since
        await self.adopt(symbol, until)
        desk.repairs.look_again(symbol, since, until)
        if stored:
            desk.repairs.doubt_unproven(symbol, stored)
        for hole in left:
            desk.repairs.mend(symbol, hole.start, hole.end)

    async def _recall(self, symbol: str, until: int) -> list[Hole]:
        """Take over what earlier runs have entered of a symbol; return the holes that they left open."""
        desk = self._desk
        if symbol not in self._recalled:
            holes = await self.store.holes(self._series(symbol, desk.table.base), 0, until)
            desk.ledger.recall(symbol, holes)
            self._recalled.add(symbol)
        return [hole for hole in desk.ledger.open_holes(symbol) if hole.end <= until]

    async def adopt(
        self, symbol: str, until: int, anew: Collection[Timeframe] = ()
    ) -> dict[Timeframe, Candles]:
        """Take the stored candles of a symbol into the series, and let its lane begin at `until`.

        Of the timeframes that begin `anew`, nothing is kept that was held before. Return what was taken.
        """
        desk, table = self._desk, self._desk.table
        histories: dict[Timeframe, Candles] = {}
        for timeframe in table.timeframes:
            histories[timeframe] = await self._history(self._series(symbol, timeframe))
        day = await self.store.load(self._series(symbol, table.base), Timeframe.D1.bucket(until), until)
        # Nothing may have been heard yet, and loading takes its time: what is judged now is as late as that.
        market_time = max(desk.feed.market_time, desk.feed.expected(), until)
        await self._listener.loaded(symbol, histories, market_time)
        for timeframe in anew:
            table.clear(table.row(symbol, timeframe))
        for timeframe, candles in histories.items():
            table.load(table.row(symbol, timeframe), candles)
        desk.rollup.start(table.columns[symbol], day, until)
        base = histories[table.base]
        desk.feed.begin(symbol, until, float(base.close[-1]) if len(base) else float("nan"))
        return histories

    async def _history(self, series: Series) -> Candles:
        span = await self.store.span(series)
        if span is None:
            return Candles.none()
        return await self.store.load(series, await self._listener.since(series, span[1]))

    async def read(self, symbol: str, start: int, end: int) -> Candles:
        """Read base buckets that open in [start, end) (ms) from REST, when it is our turn."""
        with asking(Purpose.REPAIR):
            async with self._mending:
                return await self.backfill.history(symbol, self._desk.table.base, start, end)

    async def revise(self, symbol: str, corrected: Candles, holes: Sequence[Hole] = ()) -> None:
        """Store corrected base bars and all that follows from them, and derive the symbol's series again."""
        await self.amend(symbol, Amendment({self._desk.table.base: corrected}, holes=holes))

    async def amend(self, symbol: str, amendment: Amendment) -> None:
        """Store corrected bars and all that follows from them, and derive what rests on them again."""
        desk, until = self._desk, self._desk.feed.pause(symbol)
        await desk.write()
        # What rests on the old bars goes first: a crash in between leaves nothing that contradicts the store.
        await self._listener.revised(symbol, amendment.onwards(desk.table.timeframes))
        await self.backfill.revise(symbol, amendment, until)
        bars = {timeframe.value: len(candles) for timeframe, candles in amendment.corrected.items()}
        log.info("revised", exchange=desk.info.name, symbol=symbol, time=amendment.first, bars=bars)
        await self.adopt(symbol, until)

    async def revisit(self, symbol: str) -> None:
        """Tell a symbol's history again, for a listener that has come; what closes meanwhile waits."""
        desk = self._desk
        async with desk.changing[symbol]:
            if symbol not in desk.loaded:
                return
            until = desk.feed.pause(symbol)
            try:
                await desk.write()
                await self.adopt(symbol, until)
            except BaseException:
                desk.feed.go_on(symbol)
                raise

    async def forget(self, symbol: str) -> None:
        """Hold nothing of a symbol any more."""
        desk = self._desk
        await self._listener.dropped(symbol)
        desk.rollup.start(desk.table.columns[symbol], Candles.none(), 0)
        desk.table.drop(symbol)
        self._recalled.discard(symbol)

    def _series(self, symbol: str, timeframe: Timeframe) -> Series:
        return Series(self._desk.info.name, symbol, timeframe)
