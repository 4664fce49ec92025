"""Higher timeframes from base bars: as they close, and over whole histories.

Open, high, low, close and volume come from traded base bars only; all quiet makes a quiet bar, any
missing one makes a missing bar. Volumes are added in the order of time, live and in batch alike, so
that both give the same bits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles, CandleSource, CandleState
from livermore.market.ports import ClosedBars
from livermore.market.series import Rows, SeriesTable, widened

_EMPTY = {"open": 0.0, "high": -np.inf, "low": np.inf, "close": 0.0, "volume": 0.0}


class Rollup:
    """Gather base bars into the running bars of every higher timeframe: arrays [timeframe, column]."""

    def __init__(self, table: SeriesTable) -> None:
        self._table = table
        self._higher = table.timeframes[1:]
        self._lengths = np.array([timeframe.milliseconds for timeframe in self._higher], np.int64)
        columns = table.capacity // table.width
        shape = (len(self._higher), columns)
        self._running = {name: np.full(shape, empty) for name, empty in _EMPTY.items()}
        self._traded = np.zeros(shape, np.bool_)
        self._missing = np.zeros(shape, np.bool_)

    def close(self, columns: Rows, bars: Candles, instant: int, decided: NDArray[np.int64]) -> ClosedBars:
        """Take base bars (one a column, ascending) that closed at an instant; return them with all that they complete."""
        self._make_room()
        self._gather(columns, bars)
        due = np.flatnonzero(instant % self._lengths == 0)
        closed = self._closed(columns, bars, due, instant, decided)
        self._reset(columns, due)
        return closed

    def start(self, column: int, base: Candles, instant: int) -> None:
        """Set the running bars of a column at an instant, from the base bars before it."""
        self._make_room()
        every = np.arange(len(self._higher))
        where = np.array([column])
        self._reset(where, every)
        for place, timeframe in enumerate(self._higher):
            part = base.between(timeframe.bucket(instant), instant)
            if len(part):
                self._merge(place, column, part)

    def running(self, column: int, timeframe: Timeframe) -> tuple[float, float, float, float, float] | None:
        """Return open, high, low, close and volume so far of a running higher bar; None before any trade."""
        place = self._higher.index(timeframe)
        if column >= self._traded.shape[1] or not self._traded[place, column]:
            return None
        open_, high, low, close, volume = (float(self._running[name][place, column]) for name in _EMPTY)
        return open_, high, low, close, volume

    def _gather(self, columns: Rows, bars: Candles) -> None:
        traded = bars.state == CandleState.TRADED
        running, seen = self._running, self._traded[:, columns]
        if traded.all():
            self._put("open", columns, np.where(seen, running["open"][:, columns], bars.open))
            self._put("high", columns, np.maximum(running["high"][:, columns], bars.high))
            self._put("low", columns, np.minimum(running["low"][:, columns], bars.low))
            self._put("volume", columns, running["volume"][:, columns] + bars.volume)
            running["close"][:, columns] = bars.close
            self._traded[:, columns] = True
            return
        self._missing[:, columns] |= bars.state == CandleState.MISSING
        if traded.any():
            self._gather(columns[traded], bars[traded])

    def _put(self, name: str, columns: Rows, values: NDArray[np.float64]) -> None:
        self._running[name][:, columns] = values

    def _closed(
        self, columns: Rows, bars: Candles, due: Rows, instant: int, decided: NDArray[np.int64]
    ) -> ClosedBars:
        count, width = len(columns), 1 + len(due)
        positions = np.concatenate(([0], due + 1))
        lengths = self._table.lengths[positions]
        missing = self._missing[np.ix_(due, columns)].T
        quiet = ~self._traded[np.ix_(due, columns)].T

        def flat(name: str, base: NDArray[np.float64]) -> NDArray[np.float64]:
            if not len(due):
                return base
            block = np.empty((count, width))
            block[:, 0] = base
            block[:, 1:] = self._running[name][np.ix_(due, columns)].T
            if name != "volume":
                # A quiet bar is flat at the last close, which a quiet base bar carries.
                np.copyto(block[:, 1:], bars.close[:, None], where=quiet)
            return block.ravel()

        state = np.empty((count, width), np.int8)
        state[:, 0] = bars.state
        source = np.full((count, width), CandleSource.ROLLUP, np.int8)
        source[:, 0] = bars.source
        confirmed = np.ones((count, width), np.bool_)
        confirmed[:, 0] = bars.confirmed
        if len(due):
            state[:, 1:] = np.where(missing, CandleState.MISSING, ~quiet)
        return ClosedBars(
            exchange=self._table.exchange,
            instant=instant,
            rows=(columns[:, None] * self._table.width + positions).ravel(),
            time=np.tile(instant - lengths, count),
            open=flat("open", bars.open),
            high=flat("high", bars.high),
            low=flat("low", bars.low),
            close=flat("close", bars.close),
            volume=flat("volume", bars.volume),
            state=state.ravel(),
            source=source.ravel(),
            confirmed=confirmed.ravel(),
            decided=np.repeat(decided, width),
        )

    def _reset(self, columns: Rows, due: Rows) -> None:
        if not len(due):
            return
        where = np.ix_(due, columns)
        for name, empty in _EMPTY.items():
            self._running[name][where] = empty
        self._traded[where] = False
        self._missing[where] = False

    def _merge(self, place: int, column: int, part: Candles) -> None:
        self._missing[place, column] = bool((part.state == CandleState.MISSING).any())
        traded = part[part.state == CandleState.TRADED]
        if not len(traded):
            return
        values = {
            "open": traded.open[0], "high": traded.high.max(), "low": traded.low.min(),
            "close": traded.close[-1], "volume": np.add.accumulate(traded.volume)[-1],
        }  # fmt: skip
        for name, value in values.items():
            self._running[name][place, column] = value
        self._traded[place, column] = True

    def _make_room(self) -> None:
        columns = self._table.capacity // self._table.width
        if self._traded.shape[1] < columns:
            for name, empty in _EMPTY.items():
                old = self._running[name]
                self._running[name] = widened(old, columns)
                self._running[name][:, old.shape[1] :] = empty
            self._traded = widened(self._traded, columns)
            self._missing = widened(self._missing, columns)


def roll_up(base: Candles, base_length: int, timeframe: Timeframe, end: int | None = None) -> Candles:
    """Roll whole histories up: contiguous base bars (see `fill_quiet`) into every bucket that ended by `end` (ms)."""
    if not len(base):
        return base
    length = timeframe.milliseconds
    each = length // base_length
    first = timeframe.bucket(int(base.time[0]))
    last = timeframe.bucket(end if end is not None else int(base.time[-1]) + base_length)
    count = (last - first) // length
    lead = (int(base.time[0]) - first) // base_length
    inside = base[: max(count * each - lead, 0)]
    if not count:
        return base[:0]

    def grid(values: NDArray[np.float64], empty: float) -> NDArray[np.float64]:
        """Lay base bars out as [base bar of the bucket, bucket]; `empty` where there is none."""
        whole = np.full(count * each, empty)
        whole[lead : lead + len(values)] = np.where(traded, values, empty)
        return whole.reshape(count, each)

    traded = inside.state == CandleState.TRADED
    seen = np.zeros(count * each, np.bool_)
    seen[lead : lead + len(inside)] = traded
    seen_grid = seen.reshape(count, each)
    quiet: NDArray[np.bool_] = ~np.any(seen_grid, axis=1)
    buckets = np.arange(count)
    opened = grid(inside.open, 0.0)[buckets, seen_grid.argmax(axis=1)]
    closed = grid(inside.close, 0.0)[buckets, each - 1 - seen_grid[:, ::-1].argmax(axis=1)]
    closed = _carried(closed, quiet)
    return Candles(
        time=first + buckets.astype(np.int64) * length,
        open=np.where(quiet, closed, opened),
        high=np.where(quiet, closed, grid(inside.high, -np.inf).max(axis=1)),
        low=np.where(quiet, closed, grid(inside.low, np.inf).min(axis=1)),
        close=closed,
        volume=np.add.accumulate(grid(inside.volume, 0.0), axis=1)[:, -1],
        state=_states(inside, quiet, lead, count, each),
        source=np.full(count, CandleSource.ROLLUP, np.int8),
        confirmed=np.ones(count, np.bool_),
    )


def _carried(closed: NDArray[np.float64], quiet: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Carry the last close over quiet buckets; the first bucket always holds a trade."""
    newest = np.maximum.accumulate(np.where(quiet, 0, np.arange(len(closed))))
    carried: NDArray[np.float64] = closed[newest]
    return carried


def _states(inside: Candles, quiet: NDArray[np.bool_], lead: int, count: int, each: int) -> NDArray[np.int8]:
    missing = np.zeros(count * each, np.bool_)
    missing[lead : lead + len(inside)] = inside.state == CandleState.MISSING
    states = np.where(quiet, CandleState.QUIET, CandleState.TRADED)
    states[missing.reshape(count, each).any(axis=1)] = CandleState.MISSING
    return states.astype(np.int8)
