"""What is held of a symbol dropped and taken again: from the store, or everything from the exchange."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import NamedTuple

from livermore.kernel.timeframe import Timeframe
from livermore.market.backfill import NOWHERE, REST_KNOWS, WARM_UP, explicit, warm_up_start
from livermore.market.budget import Purpose, asking
from livermore.market.candle import Candles, fill_quiet
from livermore.market.desk import Desk
from livermore.market.ports import Series
from livermore.market.rollup import roll_up
from livermore.market.works import unbroken


class Renewed(NamedTuple):
    """How many bars were taken, and how many stored ones were deleted."""

    bars: int
    deleted: int


class Renewal:
    """Renew some series of a symbol in place: its lane waits meanwhile, and no bar is lost."""

    def __init__(self, desk: Desk, symbol: str, timeframes: Collection[Timeframe]) -> None:
        self._desk = desk
        self._symbol = symbol
        self._timeframes = [timeframe for timeframe in desk.table.timeframes if timeframe in timeframes]
        self._store = desk.loading.store
        self._base = desk.table.base

    async def from_store(self) -> Renewed:
        """Drop what is held and take it from the store, with values that go on from their checkpoints."""
        async with self._desk.changing[self._symbol]:
            return Renewed(await unbroken(self._take_again()), 0)

    async def from_exchange(self, whose: str) -> Renewed:
        """Have candles, checkpoints and holes deleted too, for what the exchange tells `whose` request.

        It is asked first: while it cannot be reached, everything stays. Rule states and signals stay anyway.
        """
        until = self._base.bucket(self._desk.market_time - REST_KNOWS)
        with asking(Purpose.WARM_UP, whose):
            told = {timeframe: await self._told(timeframe, until) for timeframe in self._timeframes}
        async with self._desk.changing[self._symbol]:
            return await unbroken(self._begin_anew(told, until))

    async def _take_again(self) -> int:
        desk, until = self._desk, self._desk.feed.pause(self._symbol)
        try:
            await desk.write()
            histories = await desk.loading.adopt(self._symbol, until, self._timeframes)
        except BaseException:
            desk.feed.go_on(self._symbol)
            raise
        return sum(min(len(histories[timeframe]), desk.table.ring) for timeframe in self._timeframes)

    async def _told(self, timeframe: Timeframe, until: int) -> Candles:
        """Ask for what warming up would load; the last minute is left out, which is not settled yet."""
        start, end = warm_up_start(timeframe, self._base, until), timeframe.bucket(until)
        told = await self._desk.loading.backfill.history(self._symbol, timeframe, start, end)
        return explicit(told, timeframe, start, end, NOWHERE, until + REST_KNOWS)

    async def _begin_anew(self, told: dict[Timeframe, Candles], until: int) -> Renewed:
        """Put what was told, and our own newest bars behind it, in the place of all that was stored."""
        desk, symbol = self._desk, self._symbol
        until = min(until, desk.feed.pause(symbol))
        closed = {one: candles.between(0, one.bucket(until)) for one, candles in told.items()}
        try:
            await desk.write()
            deleted = await self._store.replace(await self._joined(closed, until))
            if self._base in told:
                desk.ledger.forget(symbol)
            return Renewed(await self._take_again(), deleted)
        except BaseException:
            desk.feed.go_on(symbol)
            # Should it be stored and not taken: what is held must be what is stored.
            desk.work(symbol, "is to be taken again", partial(desk.revisit, symbol))
            raise

    async def _joined(self, told: dict[Timeframe, Candles], until: int) -> Sequence[tuple[Series, Candles]]:
        """Return each series as it begins anew: up to a time (ms) as told, behind it as we know it."""
        base = await self._base_anew(told, until)
        batch = [(self._series(self._base), base)] if self._base in told else []
        for timeframe in self._timeframes:
            if timeframe != self._base:
                newest = timeframe.bucket(until)
                own = await self._store.load(self._series(timeframe), newest)
                made = roll_up(base.between(newest, 2**62), self._base.milliseconds, timeframe)
                whole = made[made.time >= base.time[0]] if len(base) else made
                batch.append((self._series(timeframe), Candles.joined(told[timeframe], own.replaced(whole))))
        return batch

    async def _base_anew(self, told: dict[Timeframe, Candles], until: int) -> Candles:
        """Return the base series as it begins anew, or as it stays when only others do."""
        series = self._series(self._base)
        if self._base not in told:
            return await self._store.load(series, Timeframe.D1.bucket(until))
        anew = told[self._base]
        last = [candles for candles in told.values() if len(candles)]
        if not len(anew) and last:
            # Nothing was traded for so long: quiet bars, on which the longer series rest.
            start, price = until - WARM_UP * self._base.milliseconds, float(last[0].close[-1])
            anew = explicit(Candles.none(), self._base, start, until, price, until + REST_KNOWS)
        own = await self._store.load(series, until)
        return fill_quiet(Candles.joined(anew, own), self._base)

    def _series(self, timeframe: Timeframe) -> Series:
        return Series(self._desk.info.name, self._symbol, timeframe)
