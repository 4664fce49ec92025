"""MACD-V of all series at once: a state is a column, and bars that close together are one array operation."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from livermore.indicators import macdv as rule
from livermore.indicators.macdv import MacdvState, advance
from livermore.indicators.stages import NEUTRAL, STAGES, stage_of, stages_of
from livermore.indicators.values import IndicatorValue, Values
from livermore.market.candle import CandleState
from livermore.market.ports import ClosedBars
from livermore.market.series import Rows, SeriesTable, oldest_first, widened

Floats = NDArray[np.float64]

_NAMES = MacdvState.__struct_fields__
(
    SEED_TIME, TIME, BARS, CLOSE, EMA12, EMA26, OBSERVED, ATR, DEFINED, SIGNAL, MACDV, RANGING, QUIET_BITS,
    SINCE_MISSING,
) = range(len(_NAMES))  # fmt: skip
_FEW = 6
_ALPHAS = np.array([[rule.FAST_ALPHA], [rule.SLOW_ALPHA]])
# What is not known before so many samples were counted.
_SEEDING = (
    (SIGNAL, DEFINED, rule.SIGNAL),
    (EMA12, BARS, rule.FAST),
    (EMA26, BARS, rule.SLOW),
    (ATR, OBSERVED, rule.SLOW),
)
_KEPT = {
    "macdv": np.float64, "signal": np.float64, "ema12": np.float64, "ema26": np.float64, "atr26": np.float64,
    "stage": np.int8, "observed": np.int16, "quiet": np.int8, "complete": np.bool_,
}  # fmt: skip


class Moment(NamedTuple):
    """Indicator values of bars that closed at one instant: equally long arrays, NaN where not defined.

    `previous` is the last defined MACD-V before the bar; `stage` holds stage numbers.
    """

    bars: ClosedBars
    previous: Floats
    macdv: Floats
    signal: Floats
    histogram: Floats
    stage: NDArray[np.int8]
    ema12: Floats
    ema26: Floats
    atr26: Floats
    observed: Floats
    quiet: NDArray[np.int8]
    complete: NDArray[np.bool_]


class Bank:
    """Hold the MACD-V state of every row of a `SeriesTable`, and the values of the bars in its ring."""

    def __init__(self, table: SeriesTable) -> None:
        self._table = table
        self._state = np.zeros((len(_NAMES), 0))
        self._kept = {name: table.new_field(kind) for name, kind in _KEPT.items()}
        self._kept_time = table.new_field(np.int64)
        self.stage = np.zeros(0, np.int8)
        self.macdv = np.zeros(0)
        self._make_room()

    def advance(self, bars: ClosedBars) -> Moment:
        """Take bars that closed at one instant and return their values."""
        self._make_room()
        state = self._state.take(bars.rows, axis=1)
        if len(bars.rows) <= _FEW or not (state[DEFINED] >= rule.SIGNAL).all():
            moment = _one_by_one(state, bars)
        else:
            moment = _all_at_once(state, bars)
        for field, values in zip(self._state, state, strict=True):
            field[bars.rows] = values
        self._keep(moment)
        return moment

    def state(self, row: int) -> MacdvState:
        """Return a copy of one row's state."""
        self._make_room()
        return MacdvState(*self._state[:, row].tolist())

    def restore(self, row: int, state: MacdvState, values: Values | None = None) -> None:
        """Set one row's state, and the values of its newest bars."""
        self._make_room()
        self._state[:, row] = msgspec.structs.astuple(state)
        self._table.line(self._kept_time, row).fill(0)
        if values is not None and len(values):
            self._fill(row, values[-self._table.ring :])

    def values(self, row: int) -> Values:
        """Return the values of the bars that the ring holds of a row, oldest first."""
        # A symbol may have come, and the table grown, since a bar closed last.
        self._make_room()
        return self._value_rows(row, oldest_first(self._table.line(self._kept_time, row)))

    def _value_rows(self, row: int, slots: NDArray[np.intp]) -> Values:
        times = self._table.line(self._kept_time, row)
        kept = {name: self._table.line(field, row)[slots] for name, field in self._kept.items()}
        quiet = kept.pop("quiet").astype(np.float64)
        observed = kept["observed"]
        # The window is shorter while fewer buckets than it holds have passed since the seed bar.
        seed = int(self._state[SEED_TIME, row])
        passed = (times[slots] - seed) // int(self._table.lengths[row]) + 1
        ratio = quiet / np.clip(passed, 1, rule.QUIET_WINDOW)
        return Values(
            time=times[slots],
            histogram=kept["macdv"] - kept["signal"],
            quiet_ratio=ratio,
            low_confidence=(ratio >= 0.5) | (observed < rule.QUIET_WINDOW),
            **kept,
        )

    def seed_time(self, row: int) -> int | None:
        """Return the open (ms) of the bar from which a row's values are defined; None before any bar."""
        self._make_room()
        seed = self._state.item(SEED_TIME, row)
        return int(seed) if seed >= 0 else None

    def seed_times(self, rows: Rows) -> NDArray[np.int64]:
        """Return the same of rows that have had a bar."""
        seeds: NDArray[np.int64] = self._state[SEED_TIME, rows].astype(np.int64)
        return seeds

    def standing(self, row: int) -> tuple[int, float] | None:
        """Return a row's newest stage number and MACD-V (NaN when not defined); None before any bar."""
        self._make_room()
        known = self._state.item(TIME, row) >= 0
        return (self.stage.item(row), self.macdv.item(row)) if known else None

    def newest(self, row: int) -> IndicatorValue | None:
        """Return the value of a row's newest bar."""
        self._make_room()
        time = int(self._state[TIME, row])
        if time < 0:
            return None
        slot = time // int(self._table.lengths[row]) % self._table.ring
        kept = {name: self._table.line(field, row)[slot].item() for name, field in self._kept.items()}
        passed = min(int(self._state[BARS, row]), rule.QUIET_WINDOW)
        ratio, observed = kept.pop("quiet") / passed, kept["observed"]
        kept |= {"stage": STAGES[kept["stage"]], "histogram": kept["macdv"] - kept["signal"]}
        known: dict[str, Any] = {name: None if value != value else value for name, value in kept.items()}
        low_confidence = ratio >= 0.5 or observed < rule.QUIET_WINDOW
        return IndicatorValue(time=time, quiet_ratio=ratio, low_confidence=low_confidence, **known)

    def _keep(self, moment: Moment) -> None:
        places = self._table.places(moment.bars.rows, moment.bars.time)
        self._kept_time.ravel()[places] = moment.bars.time
        for name, field in self._kept.items():
            field.ravel()[places] = getattr(moment, name)
        self.stage[moment.bars.rows], self.macdv[moment.bars.rows] = moment.stage, moment.macdv

    def _fill(self, row: int, values: Values) -> None:
        slots = values.time // int(self._table.lengths[row]) % self._table.ring
        self._table.line(self._kept_time, row)[slots] = values.time
        for name, field in self._kept.items():
            if name != "quiet":
                self._table.line(field, row)[slots] = getattr(values, name)
        seed = int(self._state[SEED_TIME, row])
        passed = (values.time - seed) // int(self._table.lengths[row]) + 1
        window = np.clip(passed, 1, rule.QUIET_WINDOW)
        self._table.line(self._kept["quiet"], row)[slots] = np.rint(values.quiet_ratio * window)
        self.stage[row], self.macdv[row] = values.stage[-1], values.macdv[-1]

    def _make_room(self) -> None:
        """Follow the table when it has grown."""
        capacity, old = self._table.capacity, self._state.shape[1]
        if old == capacity:
            return
        self._state = widened(self._state, capacity)
        self._state[:, old:] = np.array(msgspec.structs.astuple(MacdvState()))[:, None]
        columns = capacity // self._table.width
        self._kept = {name: widened(field, columns) for name, field in self._kept.items()}
        self._kept_time = widened(self._kept_time, columns)
        self.stage, self.macdv = widened(self.stage, capacity), widened(self.macdv, capacity)


def _one_by_one(state: Floats, bars: ClosedBars) -> Moment:
    """Advance few rows, or rows still being seeded, by the definition itself."""
    previous = state[MACDV].copy()
    macdv, stage = np.empty(len(bars.rows)), np.empty(len(bars.rows), np.int8)
    columns = (bars.time, bars.high, bars.low, bars.close, bars.state)
    each = zip(state.T.tolist(), *(column.tolist() for column in columns), strict=True)
    for place, (before, time, high, low, close, what) in enumerate(each):
        one = MacdvState(*before)
        traded, missing = what == CandleState.TRADED, what == CandleState.MISSING
        macdv[place] = value = advance(one, time, high, low, close, not traded, missing)
        signal = one.signal if one.defined >= rule.SIGNAL else rule.UNDEFINED
        stage[place] = stage_of(value, signal, int(one.ranging))
        state[:, place] = msgspec.structs.astuple(one)
    known = state.copy()
    for field, count, length in _SEEDING:
        known[field, state[count] < length] = rule.UNDEFINED
    return _moment(known, bars, previous, macdv, stage)


def _all_at_once(state: Floats, bars: ClosedBars) -> Moment:
    """Advance seeded rows in array operations, with the very arithmetic of the definition."""
    previous = state[MACDV].copy()
    _observe(state, bars)
    state[TIME], state[CLOSE] = bars.time, bars.close
    state[BARS] += 1
    state[EMA12 : EMA26 + 1] = _ALPHAS * bars.close + (1 - _ALPHAS) * state[EMA12 : EMA26 + 1]
    macdv, signal = _macdv(state)
    inside = np.abs(macdv) <= NEUTRAL
    state[RANGING] = (state[RANGING] + 1) * inside
    return _moment(state, bars, previous, macdv, stages_of(macdv, signal, state[RANGING]))


def _observe(state: Floats, bars: ClosedBars) -> None:
    """Take true ranges into the ATRs; a quiet bar has none, which its row remembers."""
    ranges = np.maximum(bars.high, state[CLOSE]) - np.minimum(bars.low, state[CLOSE])
    atr = rule.ATR_ALPHA * ranges + (1 - rule.ATR_ALPHA) * state[ATR]
    traded = bars.state == CandleState.TRADED
    np.copyto(state[ATR], atr, where=traded)
    state[OBSERVED] += traded
    state[SINCE_MISSING] = np.minimum(state[SINCE_MISSING] + 1, rule.COMPLETE_WINDOW)
    if not traded.all() or state[QUIET_BITS].any():
        state[QUIET_BITS] = (state[QUIET_BITS].astype(np.int64) << 1 | ~traded) & rule.QUIET_MASK
        state[SINCE_MISSING][bars.state == CandleState.MISSING] = 0


def _macdv(state: Floats) -> tuple[Floats, Floats]:
    """Return MACD-V and its signal; where the ATR is 0 MACD-V is not defined and the signal stays."""
    spread = state[EMA12] - state[EMA26]
    spread[np.abs(spread) <= rule.NOISE * state[CLOSE]] = 0.0
    defined = state[ATR] != 0
    macdv = np.full(len(spread), rule.UNDEFINED)
    np.divide(spread, state[ATR], out=macdv, where=defined)
    macdv *= 100
    signal = rule.SIGNAL_ALPHA * macdv + (1 - rule.SIGNAL_ALPHA) * state[SIGNAL]
    np.copyto(state[SIGNAL], signal, where=defined)
    np.copyto(state[MACDV], macdv, where=defined)
    state[DEFINED] += defined
    return macdv, state[SIGNAL]


def _moment(
    state: Floats, bars: ClosedBars, previous: Floats, macdv: Floats, stage: NDArray[np.int8]
) -> Moment:
    return Moment(
        bars=bars,
        previous=previous,
        macdv=macdv,
        signal=state[SIGNAL],
        histogram=macdv - state[SIGNAL],
        stage=stage,
        ema12=state[EMA12],
        ema26=state[EMA26],
        atr26=state[ATR],
        observed=np.minimum(state[OBSERVED], rule.OBSERVED_CAP),
        quiet=np.bitwise_count(state[QUIET_BITS].astype(np.int64)).astype(np.int8),
        complete=state[SINCE_MISSING] >= rule.COMPLETE_WINDOW,
    )
