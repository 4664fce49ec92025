"""Higher timeframes from base bars: as they close, and over whole histories.

Open, high, low, close and volume come from traded base bars only; all quiet makes a quiet bar, any
missing one makes a missing bar. Volumes are added in the order of time, live and in batch alike, so
that both give the same bits.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles, CandleSource, CandleState, Floats, Times
from livermore.market.ports import ClosedBars
from livermore.market.series import Rows, SeriesTable

SHORT = 32
OPEN, HIGH, LOW, CLOSE, VOLUME, MISSING = range(6)
_EMPTY = np.array([[[0.0]], [[-np.inf]], [[np.inf]], [[0.0]], [[0.0]], [[0.0]]])
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

    def close(self, columns: Rows, bars: Candles, instant: int, decided: Times) -> ClosedBars:
        """Take base bars (one a column) that closed at an instant; return them with all they complete."""
        self._make_room()
        running = self._running.take(columns, axis=2)
        _gather(running, bars)
        due = np.flatnonzero(instant % self._lengths == 0)
        if len(due):
            closed = self._closed(columns, bars, instant, decided, due, running)
            running[:, due] = _EMPTY
        else:
            closed = self._alone(columns, bars, instant, decided)
        self._put(columns, running)
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

    def _alone(self, columns: Rows, bars: Candles, instant: int, decided: Times) -> ClosedBars:
        """Return base bars that complete nothing."""
        return ClosedBars(
            exchange=self._table.exchange,
            instant=instant,
            rows=columns * self._table.width,
            time=bars.time,
            open=bars.open,
            high=bars.high,
            low=bars.low,
            close=bars.close,
            volume=bars.volume,
            state=bars.state,
            source=bars.source,
            confirmed=bars.confirmed,
            decided=decided,
        )

    def _closed(
        self, columns: Rows, bars: Candles, instant: int, decided: Times, due: Rows, running: Floats
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
            exchange=self._table.exchange,
            instant=instant,
            rows=(columns[:, None] * self._table.width + positions).ravel(),
            time=np.tile(instant - self._table.lengths[positions], count),
            open=prices[OPEN],
            high=prices[HIGH],
            low=prices[LOW],
            close=prices[CLOSE],
            volume=prices[VOLUME],
            state=state.ravel(),
            source=source.ravel(),
            confirmed=confirmed.ravel(),
            decided=decided.repeat(width),
        )

    def _put(self, columns: Rows, running: Floats) -> None:
        """Put running bars back, line by line: NumPy scatters one line several times faster than a block."""
        lines = self._running.reshape(-1, self._running.shape[2])
        for line, values in zip(lines, running.reshape(-1, len(columns)), strict=True):
            line[columns] = values

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
    """Return prices and volume as [field, row], and the states as [column, 1 + due timeframe]."""
    base = np.array((bars.open, bars.high, bars.low, bars.close, bars.volume))
    prices = np.concatenate((base[:, :, None], due[:MISSING].transpose(0, 2, 1)), axis=2)
    quiet = -np.inf == due[HIGH].T
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
    """Roll up contiguous base bars (see `fill_quiet`) into every bucket that ended by `end` (ms)."""
    if not len(base):
        return base
    length, begin = timeframe.milliseconds, timeframe.bucket(int(base.time[0]))
    each = length // base_length
    count = (timeframe.bucket(end if end is not None else int(base.time[-1]) + base_length) - begin) // length
    lead = (int(base.time[0]) - begin) // base_length
    inside = base[: max(count * each - lead, 0)]
    first = -lead % each
    last = max((len(inside) + lead) // each * each - lead, first)
    parts = _bucket(inside[:first], begin, lead, each), inside[first:last], _bucket(inside[last:], 0, 0, each)
    rolled = [_rolled(part, each) for part in parts if len(part)]
    return rolled[0] if len(rolled) == 1 else Candles.joined(*rolled) if rolled else inside


def roll_up_all(base: Candles, own: Timeframe, timeframes: Collection[Timeframe]) -> dict[Timeframe, Candles]:
    """Roll histories up into several timeframes: as `roll_up` does, with prices from shorter ones."""
    rolled = {own: base}
    # A missing bar makes a longer one missing, and what is known of that would be lost to those above it.
    whole = not (base.state == CandleState.MISSING).any()
    for timeframe in sorted(timeframes, key=_length):
        length = timeframe.milliseconds
        fitting = [one for one in rolled if not length % one.milliseconds]
        shorter = max(fitting, key=_length) if whole else own
        candles = roll_up(rolled[shorter], shorter.milliseconds, timeframe)
        if shorter is not own and len(candles):
            # Sums of sums would be rounded otherwise than the sum of base bars in the order of time.
            lead = int(base.time[0] - candles.time[0]) // own.milliseconds
            _sum_up(base, lead, length // own.milliseconds, candles.volume)
        rolled[timeframe] = candles
    return {timeframe: rolled[timeframe] for timeframe in timeframes}


def _length(timeframe: Timeframe) -> int:
    return timeframe.milliseconds


def _sum_up(base: Candles, lead: int, each: int, out: Floats) -> None:
    """Add up what was traded in buckets of so many base bars, of the first of which `lead` are absent."""
    traded = base.state == CandleState.TRADED
    volume = base.volume if traded.all() else np.where(traded, base.volume, 0.0)
    whole = np.concatenate((np.zeros(lead), volume)) if lead else volume
    _in_order(np.add, whole[: len(out) * each].reshape(-1, each), out)


def _bucket(bars: Candles, begin: int, lead: int, each: int) -> Candles:
    """Return a bucket's bars with untraded ones where some are absent, `lead` of them from `begin` (ms)."""
    if not len(bars):
        return bars
    rest = each - lead - len(bars)
    return Candles.joined(_untraded(begin, lead), bars, _untraded(0, rest))


def _untraded(time: int, count: int) -> Candles:
    none = np.zeros(count)
    return Candles.of(none + time, none, none, none, none, none)


def _rolled(inside: Candles, each: int) -> Candles:
    """Roll up whole buckets of so many base bars each."""
    traded = (inside.state == CandleState.TRADED).reshape(-1, each)
    high, low, volume = (one.reshape(-1, each) for one in (inside.high, inside.low, inside.volume))
    prices = np.empty((5, len(traded)))
    prices[OPEN], prices[CLOSE] = inside.open[::each], inside.close[each - 1 :: each]
    _extreme(np.maximum, high, prices[HIGH])
    _extreme(np.minimum, low, prices[LOW])
    _in_order(np.add, volume, prices[VOLUME])
    rolled = Candles.of(inside.time[::each], *prices, state=traded[:, 0], source=CandleSource.ROLLUP)
    if not traded.all():
        partly = np.flatnonzero(~traded.all(axis=1))
        bars = (partly[:, None] * each + np.arange(each)).ravel()
        _leave_out(inside[bars], traded[partly], rolled, partly)
    return rolled


def _in_order(rule: np.ufunc, values: Floats, out: Floats) -> None:
    """Reduce each line from its first value to its last, which `reduce` does not do for sums."""
    out[:] = values[:, 0]
    for column in values.T[1:]:
        rule(out, column, out=out)


def _extreme(rule: np.ufunc, values: Floats, out: Floats) -> None:
    """Reduce each line in any order; NumPy is slow at lines that are short."""
    if values.shape[1] < SHORT:
        _in_order(rule, values, out)
    else:
        rule.reduceat(values.ravel(), np.arange(0, values.size, values.shape[1]), out=out)


def _leave_out(bars: Candles, traded: Flags, rolled: Candles, places: Rows) -> None:
    """Roll up the traded bars alone in buckets [bucket, bar] of which not all were traded."""
    count, each = traded.shape
    buckets, quiet = np.arange(count), ~traded.any(axis=1)

    def grid(values: Floats, empty: float) -> Floats:
        return np.where(traded, values.reshape(count, each), empty)

    last = each - 1 - traded[:, ::-1].argmax(axis=1)
    # A quiet bar is flat at the last close, which a quiet base bar carries.
    last[quiet] = each - 1
    close = bars.close.reshape(count, each)[buckets, last]
    opened = bars.open.reshape(count, each)[buckets, traded.argmax(axis=1)]
    missing = (bars.state == CandleState.MISSING).reshape(count, each).any(axis=1)
    rolled.open[places] = np.where(quiet, close, opened)
    rolled.high[places] = np.where(quiet, close, grid(bars.high, -np.inf).max(axis=1))
    rolled.low[places] = np.where(quiet, close, grid(bars.low, np.inf).min(axis=1))
    rolled.close[places] = close
    rolled.volume[places] = np.add.accumulate(grid(bars.volume, 0.0), axis=1)[:, -1]
    rolled.state[places] = np.where(missing, CandleState.MISSING, ~quiet)
