"""What is missing is asked of the exchange: a symbol's history at first, later exactly the gap."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from livermore.kernel.clock import Clock
from livermore.kernel.errors import ExchangeUnreachableError, RateLimitedError, TransientError
from livermore.kernel.log import logger
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles, CandleState, fill_quiet, sound
from livermore.market.listener import Times, onwards
from livermore.market.ports import CandleStore, Exchange, Hole, Series
from livermore.market.rollup import roll_up

WARM_UP = 450
# So long (ms) after its close REST may still lack a bucket.
REST_KNOWS = 60_000
FIRST_RETRY = 1.0
TRIES = 6
NOWHERE = math.nan  # the price before the first trade
log = logger("market")


class Amendment(NamedTuple):
    """What is wrong with a symbol's stored bars: those that others take the place of, by timeframe.

    Of a timeframe above the base, only bars of which the base series does not know all. `older` bars come
    in front of what is stored of their series, and `holes` are stored with it all.
    """

    corrected: Mapping[Timeframe, Candles]
    older: Sequence[tuple[Series, Candles]] = ()
    holes: Sequence[Hole] = ()

    @property
    def first(self) -> int:
        """Return when (ms) the first bar opened that is wrong."""
        return min(int(candles.time[0]) for candles in self.corrected.values())

    def onwards(self, timeframes: Sequence[Timeframe]) -> Times:
        """Return the bar (ms) of each timeframe from which on what was derived is wrong; the base leads."""
        base = self.corrected.get(timeframes[0])
        times = dict(onwards(timeframes, int(base.time[0]))) if base is not None else {}
        for timeframe, candles in self.corrected.items():
            first = int(candles.time[0])
            times[timeframe] = min(first, times.get(timeframe, first))
        return times


class Backfill:
    """Bring the store up to an instant, for one exchange."""

    def __init__(
        self, exchange: Exchange, store: CandleStore, clock: Clock, timeframes: tuple[Timeframe, ...],
        *, first_retry: float = FIRST_RETRY,
    ) -> None:  # fmt: skip
        self._exchange = exchange
        self._store = store
        self._clock = clock
        self._first_retry = first_retry
        self._base, *self._higher = timeframes

    async def fill(self, symbol: str, until: int, holes: Sequence[Hole] = ()) -> None:
        """Store every bucket of a symbol that closed by `until` (ms, a base bucket's open).

        A series without stored candles gets its last 450 buckets from the exchange, each series for itself,
        so that a restart goes on with the next. Otherwise the base series gets exactly what it lacks, and
        what higher timeframes lack is rolled up from it; `holes` say why, and are stored with it.
        """
        base, higher = self._series(symbol, self._base), [self._series(symbol, one) for one in self._higher]
        span = await self._store.span(base)
        if span is None:
            await self._warm_up(base, until)
        else:
            await self._extend(base, span[1], until, holes)
        for series in higher:
            if await self._store.span(series) is None:
                await self._warm_up(series, until)
        if span is None:
            await self._rest_on(higher, base, until)
        for series in higher:
            await self._extend_higher(base, series, until)

    async def history(self, symbol: str, timeframe: Timeframe, start: int, end: int) -> Candles:
        """Ask the exchange for candles that open in [start, end), again a few times if need be.

        Then the error goes on: whoever asks for others must have its turn.
        """
        delay = self._first_retry
        for left in reversed(range(TRIES)):
            try:
                return _believed(await self._exchange.history(symbol, timeframe, start, end))
            except TransientError as error:
                if not left:
                    raise
                asked = error.retry_after or 0.0 if isinstance(error, RateLimitedError) else 0.0
                wait = max(asked, delay * random.uniform(0.8, 1.2))  # noqa: S311 - jitter needs no secrecy
                log.info(
                    "history will be asked again", symbol=symbol, error=str(error), seconds=round(wait, 1)
                )
                await self._clock.sleep(wait)
                delay *= 2
        raise AssertionError("the last try returns or raises")

    async def revise(self, symbol: str, amendment: Amendment, until: int) -> None:
        """Store an amendment of a symbol's bars with all that closed by `until` (ms) and follows, or nothing.

        The quiet bars behind one are flat at its close, and so are quiet higher bars.
        """
        corrected, none = amendment.corrected, Candles.none()
        base = self._series(symbol, self._base)
        filled = await self._filled_up(base, corrected.get(self._base, none), until)
        batch = [*amendment.older, (base, filled)]
        for timeframe in self._higher:
            series = self._series(symbol, timeframe)
            rolled, told = await self._rolled_up(series, filled), corrected.get(timeframe, none)
            # What is told of a bar holds only as far as no base bars are known of it.
            batch.append(
                (series, await self._filled_up(series, told.replaced(rolled), until) if len(told) else rolled)
            )
        await self._store.save([part for part in batch if len(part[1])], holes=amendment.holes)

    async def _filled_up(self, series: Series, corrected: Candles, until: int) -> Candles:
        """Return the bars of a series from the first corrected one on, up to `until` (ms)."""
        if not len(corrected):
            return corrected
        first = int(corrected.time[0])
        before = await self._store.load(series, first - series.timeframe.milliseconds, first)
        behind = await self._store.load(series, first, until)
        joined = Candles.joined(before, behind.replaced(corrected))
        return fill_quiet(joined, series.timeframe)[len(before) :]

    async def _rolled_up(self, series: Series, filled: Candles) -> Candles:
        """Return the higher bars that a run of base bars makes together with those before it."""
        if not len(filled):
            return filled
        length, timeframe, first = self._base.milliseconds, series.timeframe, int(filled.time[0])
        lower = await self._store.load(
            self._series(series.symbol, self._base), timeframe.bucket(first), first
        )
        # Whatever the store has lost is quiet, as it is in the base series from here on.
        known = fill_quiet(Candles.joined(lower, filled), self._base)
        rolled = roll_up(known, length, timeframe)
        if len(rolled) and known.time[0] > rolled.time[0]:
            # It began before the base series does: only the exchange knows all of it.
            begun, ended = int(rolled.time[0]), int(rolled.time[0]) + timeframe.milliseconds
            told = await self.history(series.symbol, timeframe, begun, ended)
            rolled = Candles.joined(told, rolled[1:])
        return rolled

    async def _warm_up(self, series: Series, until: int) -> None:
        """Store a series' first history."""
        timeframe = series.timeframe
        end = timeframe.bucket(until)
        start = warm_up_start(timeframe, self._base, until)
        told = await self.history(series.symbol, timeframe, start, end)
        candles = explicit(told, timeframe, start, end, NOWHERE, until)
        await self._store.save([(series, candles)] if len(candles) else [])

    async def _rest_on(self, higher: Sequence[Series], base: Series, until: int) -> None:
        """Store quiet base buckets where only longer series reach back to a trade, or those would stop."""
        if await self._store.span(base) is not None:
            return
        for series in higher:
            last = await self._store.load(series, newest=1)
            if len(last):
                start = until - WARM_UP * self._base.milliseconds
                quiet = explicit(Candles.none(), self._base, start, until, float(last.close[0]), until)
                await self._store.save([(base, quiet)])
                return

    async def _extend(self, base: Series, newest: int, until: int, holes: Sequence[Hole]) -> None:
        """Store the base buckets behind the newest stored one, together with why they were not there."""
        length = self._base.milliseconds
        if newest + length >= until:
            return
        told = await self.history(base.symbol, self._base, newest + length, until)
        last = await self._store.load(base, newest, newest + length)
        filled = explicit(told, self._base, newest + length, until, float(last.close[0]), until)
        await self._store.save([(base, filled)], holes=holes)

    async def _extend_higher(self, base: Series, higher: Series, until: int) -> None:
        """Store the higher buckets behind the newest stored one, rolled up."""
        span = await self._store.span(higher)
        if span is None:
            return
        start = span[1] + higher.timeframe.milliseconds
        if start + higher.timeframe.milliseconds > until:
            return
        lower = await self._store.load(base, start, until)
        rolled = roll_up(lower, self._base.milliseconds, higher.timeframe, until)
        await self._store.save([(higher, rolled)] if len(rolled) else [])

    def _series(self, symbol: str, timeframe: Timeframe) -> Series:
        return Series(self._exchange.info.name, symbol, timeframe)


def warm_up_start(timeframe: Timeframe, base: Timeframe, until: int) -> int:
    """Return where (ms) a series' first history begins: the base's at midnight, for longer bars that run."""
    start = timeframe.bucket(until) - WARM_UP * timeframe.milliseconds
    return min(start, Timeframe.D1.bucket(until)) if timeframe == base else start


def _believed(candles: Candles) -> Candles:
    """Return candles that can all be true; raise ExchangeUnreachableError, to ask again, for others."""
    doubtful = np.flatnonzero(~sound(candles))
    if len(doubtful):
        raise ExchangeUnreachableError(
            f"the exchange told a candle that cannot be, at {candles.time[doubtful[0]]}"
        )
    return candles


def explicit(
    told: Candles, timeframe: Timeframe, start: int, end: int, last_close: float, asked: int
) -> Candles:
    """Return a candle for every bucket in [start, end) (ms): what REST does not tell is quiet.

    It is flat at the close before it, at first `last_close`; where that is NaN the first trade comes first.
    What had ended less than a minute before REST was `asked` (market time, ms) may still be told: unproven.
    """
    inside = told.between(start, end)
    filled = _filled(inside, timeframe, start, end, last_close)
    young = filled.time > asked - REST_KNOWS - timeframe.milliseconds
    filled.confirmed[young & ~np.isin(filled.time, inside.time)] = False
    return filled


def _filled(told: Candles, timeframe: Timeframe, start: int, end: int, last_close: float) -> Candles:
    if math.isnan(last_close):
        return fill_quiet(from_first_trade(told), timeframe, end)
    prices = ([last_close],) * 4
    before = Candles.of([start - timeframe.milliseconds], *prices, [0.0], state=[CandleState.TRADED])
    return fill_quiet(Candles.joined(before, told), timeframe, end)[1:]


def from_first_trade(candles: Candles) -> Candles:
    """Leave out what comes before the first trade: quiet buckets do not exist there."""
    traded = candles.state == CandleState.TRADED
    return candles[int(traded.argmax()) :] if traded.any() else candles[:0]
