"""Indicators beside the market: loaded with each symbol, advanced with each bar, asked by doors."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from livermore.indicators.bank import Bank, Moment
from livermore.indicators.history import derive, previous_defined
from livermore.indicators.macdv import MacdvState, freeze, thaw
from livermore.indicators.values import IndicatorValue, Values
from livermore.kernel.errors import InvalidError
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles
from livermore.market.listener import Times
from livermore.market.plane import MarketPlane
from livermore.market.ports import CandleStore, Checkpoint, ClosedBars, Series
from livermore.market.recorder import Recorder
from livermore.market.series import RING, SeriesTable
from livermore.market.service import LIMIT, MarketService, kept

CHECKPOINT_EVERY = 64
AT_ONCE = 2_048


class History(NamedTuple):
    """Stored bars of one series with their values; `previous` is the last defined V before each bar."""

    candles: Candles
    values: Values
    previous: NDArray[np.float64]
    seed_time: int


def unseeded(series: Series, seed: int) -> Checkpoint:
    """Return the checkpoint in front of a seed bar (ms): with nothing seen, the series begins there again."""
    return Checkpoint(series, seed - series.timeframe.milliseconds, freeze(MacdvState()))


def seed_of(checkpoint: Checkpoint) -> int:
    """Return the seed bar (ms) of the series that a checkpoint belongs to."""
    state = thaw(checkpoint.state)
    return int(state.seed_time) if state.bars else checkpoint.time + checkpoint.series.timeframe.milliseconds


class MomentListener(Protocol):
    """Follow indicator values: of a symbol's history once, then of each instant."""

    def evaluated_to(self, series: Series) -> int | None:
        """Return the bar (ms) up to which this listener has seen a series; None when it begins now."""
        ...

    def loaded(self, symbol: str, histories: dict[Timeframe, History], market_time: int) -> None:
        """Take the history of every timeframe of a symbol."""
        ...

    async def revised(self, symbol: str, times: Times) -> None:
        """Be ready to see the bars of each timeframe from a time (ms) on again; the others stay."""
        ...

    async def dropped(self, symbol: str) -> None:
        """Store what there is to store of a symbol, and forget it."""
        ...

    def moment(self, moment: Moment) -> None:
        """Take the values of bars that closed at one instant; must not wait."""
        ...


class Indicators:
    """Keep the bank of one exchange in step with its series, and its listeners with the bank."""

    def __init__(
        self, table: SeriesTable, store: CandleStore, recorder: Recorder, listeners: Sequence[MomentListener]
    ) -> None:
        self.bank = Bank(table)
        self._table = table
        self._store = store
        self._recorder = recorder
        self._listeners = list(listeners)
        self._resume: dict[Series, MacdvState] = {}

    def follow(self, listener: MomentListener) -> None:
        """Tell a listener too: every bar from now on, a symbol's history when that is told again."""
        self._listeners.append(listener)

    def unfollow(self, listener: MomentListener) -> None:
        """Tell a listener nothing more."""
        self._listeners.remove(listener)

    async def since(self, series: Series, newest: int) -> int | None:
        """Say from which bar on candles are needed to continue from a checkpoint, never to seed again."""
        seen = [listener.evaluated_to(series) for listener in self._listeners]
        wanted = min(
            [newest - RING * series.timeframe.milliseconds, *(time for time in seen if time is not None)]
        )
        checkpoint = await self._store.checkpoint(series, wanted)
        if checkpoint is not None:
            self._resume[series] = thaw(checkpoint.state)
            return checkpoint.time + series.timeframe.milliseconds
        first = await self._store.first_checkpoint(series)
        return seed_of(first) if first is not None else None

    async def loaded(self, symbol: str, histories: dict[Timeframe, Candles], market_time: int) -> None:
        """Derive the values of a symbol's history, and hand them on."""
        derived: dict[Timeframe, History] = {}
        for timeframe, candles in histories.items():
            derived[timeframe] = await self._derive(Series(self._table.exchange, symbol, timeframe), candles)
        for listener in self._listeners:
            listener.loaded(symbol, derived, market_time)

    async def revised(self, symbol: str, times: Times) -> None:
        """Forget the checkpoints that a revision from some bars (ms) on makes wrong."""
        for timeframe, time in times.items():
            await self._forget(Series(self._table.exchange, symbol, timeframe), time)
        for listener in self._listeners:
            await listener.revised(symbol, times)

    async def dropped(self, symbol: str) -> None:
        """Forget a symbol that nobody watches any more."""
        for listener in self._listeners:
            await listener.dropped(symbol)
        for timeframe in self._table.timeframes:
            self._resume.pop(Series(self._table.exchange, symbol, timeframe), None)
            self.bank.restore(self._table.row(symbol, timeframe), MacdvState())

    def closed(self, bars: ClosedBars) -> None:
        """Advance the series whose bars closed."""
        moment = self.bank.advance(bars)
        self._checkpoint(bars)
        for listener in self._listeners:
            listener.moment(moment)

    async def _forget(self, series: Series, since: int) -> None:
        """Forget the checkpoints of bars that opened at or after a time (ms), but not where it was seeded."""
        first = await self._store.first_checkpoint(series)
        if first is None:
            return
        seed = seed_of(first)
        if first.time >= since:
            await self._store.save([], [unseeded(series, seed)])
        await self._store.forget_checkpoints(series, max(since, seed))

    async def _derive(self, series: Series, candles: Candles) -> History:
        """Take candles into the bank, from a checkpoint or as those that seed it."""
        state = self._resume.pop(series, None) or MacdvState()
        before = state.macdv
        if not state.bars and len(candles):
            self._recorder.checkpoint(unseeded(series, int(candles.time[0])))
        parts = []
        for place in range(0, max(len(candles), 1), AT_ONCE):
            parts.append(derive(state, candles[place : place + AT_ONCE], lambda now: self._note(series, now)))
            # A long history takes milliseconds; the stream gets its turn in between.
            await asyncio.sleep(0)
        values = Values.joined(parts)
        row = self._table.row(series.symbol, series.timeframe)
        self.bank.restore(row, state, values)
        return History(candles, values, previous_defined(values.macdv, before), int(state.seed_time))

    def _checkpoint(self, bars: ClosedBars) -> None:
        """Checkpoint one series in 64 at each instant, so that no instant has to checkpoint all.

        A series that begins is noted with its seed bar, as when it is loaded.
        """
        for place in np.flatnonzero(self.bank.seed_times(bars.rows) == bars.time).tolist():
            series = self._table.series(int(bars.rows[place]))
            self._recorder.checkpoint(unseeded(series, int(bars.time[place])))
        turn = (bars.time // self._table.lengths[bars.rows] + bars.rows) % CHECKPOINT_EVERY
        for place in np.flatnonzero(turn == 0).tolist():
            row = int(bars.rows[place])
            state = freeze(self.bank.state(row))
            self._recorder.checkpoint(Checkpoint(self._table.series(row), int(bars.time[place]), state))

    def _note(self, series: Series, state: MacdvState) -> None:
        row = self._table.row(series.symbol, series.timeframe)
        if (int(state.time) // series.timeframe.milliseconds + row) % CHECKPOINT_EVERY == 0:
            self._recorder.checkpoint(Checkpoint(series, int(state.time), freeze(state)))


class IndicatorPage(msgspec.Struct, frozen=True, kw_only=True):
    """Indicator values of one series, oldest first, and the bar from which they are defined."""

    exchange: str
    symbol: str
    timeframe: Timeframe
    seed_time: int | None
    values: list[IndicatorValue]


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """Where one series stands."""

    time: int
    macdv: float | None
    signal: float | None
    histogram: float | None
    stage: str
    low_confidence: bool
    complete: bool


class GridRow(msgspec.Struct, frozen=True, kw_only=True):
    """Where every timeframe of one symbol stands."""

    exchange: str
    symbol: str
    base: str | None
    quote: str | None
    enabled: bool
    price: float | None
    change_24h_percent: float | None
    quote_volume_24h: float | None
    last_candle_age_ms: int | None
    cells: dict[str, Cell]


class IndicatorService:
    """Answer for the indicators."""

    def __init__(self, plane: MarketPlane, indicators: dict[str, Indicators], market: MarketService) -> None:
        self._plane = plane
        self._indicators = indicators
        self._market = market

    async def values(
        self, exchange: str, symbol: str, timeframe: str, *,
        start: int | None = None, end: int | None = None, limit: int = 500,
    ) -> IndicatorPage:  # fmt: skip
        """Return values held of bars that open in [start, end) ms, oldest first; `limit` as of candles."""
        series = await self._market.named(exchange, symbol, timeframe)
        if not 1 <= limit <= LIMIT:
            raise InvalidError(f"limit must lie between 1 and {LIMIT}", where="limit")
        if not self._plane.watches(series):
            return IndicatorPage(
                exchange=exchange, symbol=series.symbol, timeframe=series.timeframe, seed_time=None, values=[]
            )
        bank = self._indicators[exchange].bank
        row = self._plane.desks[exchange].table.row(series.symbol, series.timeframe)
        values = bank.values(row)
        first, last = np.searchsorted(values.time, (start or 0, end if end is not None else 2**62))
        return IndicatorPage(
            exchange=exchange, symbol=series.symbol, timeframe=series.timeframe,
            seed_time=bank.seed_time(row), values=values[first:last][kept(start, end, limit)].rows(),
        )  # fmt: skip

    def grid(self) -> list[GridRow]:
        """Say where every watched series stands."""
        return [
            self._row(exchange, symbol)
            for exchange, desk in self._plane.desks.items()
            for symbol in desk.symbols
        ]

    def _row(self, exchange: str, symbol: str) -> GridRow:
        desk = self._plane.desks[exchange]
        listed = desk.listing.get(symbol)
        ticker = desk.feed.tickers.get(symbol)
        running = desk.feed.running(symbol)
        newest = int(desk.table.newest[desk.table.row(symbol, desk.table.base)])
        closed = newest + desk.table.base.milliseconds
        return GridRow(
            exchange=exchange,
            symbol=symbol,
            base=listed.base if listed is not None else None,
            quote=listed.quote if listed is not None else None,
            enabled=True,
            price=running.close if running is not None else ticker.price if ticker is not None else None,
            change_24h_percent=ticker.change_24h_percent if ticker is not None else None,
            quote_volume_24h=ticker.quote_volume_24h if ticker is not None else None,
            last_candle_age_ms=max(self._plane.now(exchange) - closed, 0) if newest >= 0 else None,
            cells=self._cells(exchange, symbol),
        )

    def _cells(self, exchange: str, symbol: str) -> dict[str, Cell]:
        table, bank = self._plane.desks[exchange].table, self._indicators[exchange].bank
        cells = {}
        for timeframe in table.timeframes:
            newest = bank.newest(table.row(symbol, timeframe))
            if newest is not None:
                cells[str(timeframe)] = cell_of(newest)
        return cells


def cell_of(value: IndicatorValue) -> Cell:
    """Keep of a value what the grid shows."""
    return Cell(**{name: getattr(value, name) for name in Cell.__struct_fields__})
