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
from livermore.market.series import Rows, SeriesTable

OPEN, HIGH, LOW, CLOSE, VOLUME, MISSING = range(6)
_EMPTY = np.array([[[0.0]], [[-np.inf]], [[np.inf]], [[0.0]], [[0.0]], [[0.0]]])
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Rollup:
    """Gather base bars into the running bars of every higher timeframe: an array [field, timeframe, column].

    A running bar whose high is still minus infinity has seen no trade.
    """

    def __init__(self, table: SeriesTable) -> None:
        self._table = table
        self._higher = table.timeframes[1:]
        self._lengths = np.array([timeframe.milliseconds for timeframe in self._higher], np.int64)
        self._running = self._none(table.capacity // table.width)

    def close(self, columns: Rows, bars: Candles, instant: int, decided: NDArray[np.int64]) -> ClosedBars:
        """Take base bars (one a column, ascending) that closed at an instant; return them with all that they complete."""
        self._make_room()
        running = self._running.take(columns, axis=2)
        _gather(running, bars)
        due = np.flatnonzero(instant % self._lengths == 0)
        closed = self._closed(columns, bars, instant, decided, due, running)
        running[:, due] = _EMPTY
        for whole, part in zip(
            self._running.reshape(-1, self._running.shape[2]), running.reshape(-1, len(columns)), strict=True
        ):
            whole[columns] = part
        return closed

    def start(self, column: int, base: Candles, instant: int) -> None:
        """Set the running bars of a column at an instant, from the base bars before it."""
        self._make_room()
        self._running[:, :, column] = _EMPTY[..., 0]
        for place, timeframe in enumerate(self._higher):
            part = base.between(timeframe.bucket(instant), instant)
            if len(part):
                self._running[:, place, column] = _merged(part)

    def running(self, column: int, timeframe: Timeframe) -> tuple[float, float, float, float, float] | None:
        """Return open, high, low, close and volume so far of a running higher bar; None before any trade."""
        place = self._higher.index(timeframe)
        if column >= self._running.shape[2] or self._running[HIGH, place, column] == -np.inf:
            return None
        open_, high, low, close, volume, _ = self._running[:, place, column].tolist()
        return open_, high, low, close, volume

    def _closed(
        self,
        columns: Rows,
        bars: Candles,
        instant: int,
        decided: NDArray[np.int64],
        due: Rows,
        running: Floats,
    ) -> ClosedBars:
        """Put the base bars and the running bars that are due together, in the order of rows."""
        count, width = len(columns), 1 + len(due)
        positions = np.concatenate(([0], due + 1))
        prices, state = _interleaved(bars, running[:, due])
        source = np.full((count, width), CandleSource.ROLLUP, np.int8)
        source[:, 0] = bars.source
        confirmed = np.ones((count, width), np.bool_)
        confirmed[:, 0] = bars.confirmed
        return ClosedBars(
            self._table.exchange,
            instant,
            (columns[:, None] * self._table.width + positions).ravel(),
            np.tile(instant - self._table.lengths[positions], count),
            *prices,
            state.ravel(),
            source.ravel(),
            confirmed.ravel(),
            decided.repeat(width),
        )

    def _none(self, columns: int) -> Floats:
        return np.repeat(np.repeat(_EMPTY, len(self._higher), axis=1), columns, axis=2)

    def _make_room(self) -> None:
        missing = self._table.capacity // self._table.width - self._running.shape[2]
        if missing:
            self._running = np.concatenate([self._running, self._none(missing)], axis=2)


def _gather(running: Floats, bars: Candles) -> None:
    """Take base bars [column] into the running bars [field, timeframe, column]."""
    traded = bars.state == CandleState.TRADED
    high, low, volume = bars.high, bars.low, bars.volume
    if not traded.all():
        high, low, volume = (
            np.where(traded, one, empty) for one, empty in ((high, -np.inf), (low, np.inf), (volume, 0.0))
        )
        running[MISSING, :, bars.state == CandleState.MISSING] = 1.0
    np.copyto(running[OPEN], bars.open, where=traded & (running[HIGH] == -np.inf))
    np.maximum(running[HIGH], high, out=running[HIGH])
    np.minimum(running[LOW], low, out=running[LOW])
    np.copyto(running[CLOSE], bars.close, where=traded)
    running[VOLUME] += volume


def _interleaved(bars: Candles, due: Floats) -> tuple[Floats, NDArray[np.int8]]:
    """Return open, high, low, close and volume as [field, row], and the states as [column, 1 + due timeframe]."""
    base = np.array((bars.open, bars.high, bars.low, bars.close, bars.volume))
    if not due.shape[1]:
        return base, bars.state
    prices = np.concatenate((base[:, :, None], due[:MISSING].transpose(0, 2, 1)), axis=2)
    quiet = due[HIGH].T == -np.inf
    if quiet.any():
        # A quiet bar is flat at the last close, which a quiet base bar carries.
        np.copyto(prices[:VOLUME, :, 1:], bars.close[:, None], where=quiet)
    higher = np.where(due[MISSING].T == 1.0, CandleState.MISSING, ~quiet)
    state = np.concatenate((bars.state[:, None], higher), axis=1, dtype=np.int8, casting="unsafe")
    return prices.reshape(VOLUME + 1, -1), state


def _merged(part: Candles) -> Floats:
    """Return the running bar that base bars make."""
    merged = _EMPTY.ravel().copy()
    merged[MISSING] = (part.state == CandleState.MISSING).any()
    traded = part[part.state == CandleState.TRADED]
    if len(traded):
        volume = np.add.accumulate(traded.volume)[-1]
        merged[:MISSING] = traded.open[0], traded.high.max(), traded.low.min(), traded.close[-1], volume
    return merged


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

    def laid(values: NDArray[np.float64], empty: float) -> NDArray[np.float64]:
        """Lay base bars out as [bucket, base bar of the bucket]; `empty` where there is none."""
        whole = np.full(count * each, empty)
        whole[lead : lead + len(values)] = values
        return whole.reshape(count, each)

    def grid(values: NDArray[np.float64], empty: float) -> NDArray[np.float64]:
        """Lay traded base bars out alone."""
        return laid(np.where(traded, values, empty), empty)

    traded = inside.state == CandleState.TRADED
    seen = np.zeros(count * each, np.bool_)
    seen[lead : lead + len(inside)] = traded
    seen_grid = seen.reshape(count, each)
    quiet: NDArray[np.bool_] = ~np.any(seen_grid, axis=1)
    buckets = np.arange(count)
    opened = grid(inside.open, 0.0)[buckets, seen_grid.argmax(axis=1)]
    closed = grid(inside.close, 0.0)[buckets, each - 1 - seen_grid[:, ::-1].argmax(axis=1)]
    # A quiet bar is flat at the last close, which a quiet base bar carries.
    closed = np.where(quiet, laid(inside.close, 0.0)[:, -1], closed)
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


def _states(inside: Candles, quiet: NDArray[np.bool_], lead: int, count: int, each: int) -> NDArray[np.int8]:
    missing = np.zeros(count * each, np.bool_)
    missing[lead : lead + len(inside)] = inside.state == CandleState.MISSING
    states = np.where(quiet, CandleState.QUIET, CandleState.TRADED)
    states[missing.reshape(count, each).any(axis=1)] = CandleState.MISSING
    return states.astype(np.int8)
