"""MACD-V of all series at once: the state of each is a column, a bar that closes everywhere is one array operation."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from livermore.indicators import macdv as rule
from livermore.indicators.macdv import MacdvState, advance
from livermore.indicators.stages import NEUTRAL, stage_of, stages_of
from livermore.indicators.values import IndicatorValue, Values
from livermore.market.candle import CandleState
from livermore.market.ports import ClosedBars
from livermore.market.series import SeriesTable, oldest_first, widened

Floats = NDArray[np.float64]

_NAMES = MacdvState.__struct_fields__
(
    SEED_TIME, TIME, BARS, CLOSE, EMA12, EMA26, OBSERVED, ATR, DEFINED, SIGNAL, MACDV, RANGING, QUIET_BITS,
    SINCE_MISSING,
) = range(len(_NAMES))  # fmt: skip
_FEW = 4
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
        self._make_room()

    def advance(self, bars: ClosedBars) -> Moment:
        """Take bars that closed at one instant and return their values."""
        self._make_room()
        state = self._state[:, bars.rows]
        if len(bars.rows) <= _FEW or not (state[DEFINED] >= rule.SIGNAL).all():
            moment = self._one_by_one(state, bars)
        else:
            moment = self._all_at_once(state, bars)
        self._state[:, bars.rows] = state
        self._keep(moment)
        return moment

    def state(self, row: int) -> MacdvState:
        """Return a copy of one row's state."""
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
        seed = self._state[SEED_TIME, row]
        return int(seed) if seed >= 0 else None

    def standing(self, row: int) -> tuple[int, float] | None:
        """Return the stage's number and the MACD-V (NaN when not defined) of a row's newest bar; None before any."""
        time = int(self._state[TIME, row])
        if time < 0:
            return None
        slot = time // int(self._table.lengths[row]) % self._table.ring
        return int(self.stage[row]), float(self._table.line(self._kept["macdv"], row)[slot])

    def newest(self, row: int) -> IndicatorValue | None:
        """Return the value of a row's newest bar."""
        time = int(self._state[TIME, row])
        if time < 0:
            return None
        slot = time // int(self._table.lengths[row]) % self._table.ring
        return self._value_rows(row, np.array([slot])).rows()[0]

    def _one_by_one(self, state: Floats, bars: ClosedBars) -> Moment:
        """Advance few rows, or rows still being seeded, by the definition itself."""
        count = len(bars.rows)
        previous = state[MACDV].copy()
        macdv, stage = np.empty(count), np.empty(count, np.int8)
        each = zip(
            bars.time.tolist(), bars.high.tolist(), bars.low.tolist(), bars.close.tolist(), bars.state.tolist(),
            strict=True,
        )  # fmt: skip
        for place, (time, high, low, close, what) in enumerate(each):
            one = MacdvState(*state[:, place].tolist())
            traded = what == CandleState.TRADED
            macdv[place] = value = advance(
                one, time, high, low, close, not traded, what == CandleState.MISSING
            )
            signal = one.signal if one.defined >= rule.SIGNAL else rule.UNDEFINED
            stage[place] = stage_of(value, signal, int(one.ranging))
            state[:, place] = msgspec.structs.astuple(one)
        return self._moment(state, bars, previous, macdv, stage)

    def _all_at_once(self, state: Floats, bars: ClosedBars) -> Moment:
        """Advance seeded rows in array operations, with the very arithmetic of the definition."""
        previous = state[MACDV].copy()
        quiet = bars.state != CandleState.TRADED
        self._observe(state, bars, quiet)
        state[TIME] = bars.time
        state[BARS] += 1
        state[CLOSE] = bars.close
        for field, alpha in ((EMA12, rule.FAST_ALPHA), (EMA26, rule.SLOW_ALPHA)):
            state[field] = alpha * bars.close + (1 - alpha) * state[field]
        bits = (state[QUIET_BITS].astype(np.int64) << 1 | quiet) & rule.QUIET_MASK
        state[QUIET_BITS] = bits
        state[SINCE_MISSING] += 1
        np.minimum(state[SINCE_MISSING], rule.COMPLETE_WINDOW, out=state[SINCE_MISSING])
        state[SINCE_MISSING][bars.state == CandleState.MISSING] = 0
        return self._value(state, bars, previous)

    @staticmethod
    def _observe(state: Floats, bars: ClosedBars, quiet: NDArray[np.bool_]) -> None:
        close = state[CLOSE]
        true_range = np.maximum(
            bars.high - bars.low, np.maximum(np.abs(bars.high - close), np.abs(bars.low - close))
        )
        atr = rule.ATR_ALPHA * true_range + (1 - rule.ATR_ALPHA) * state[ATR]
        state[ATR] = np.where(quiet, state[ATR], atr)
        state[OBSERVED] += ~quiet

    def _value(self, state: Floats, bars: ClosedBars, previous: Floats) -> Moment:
        defined = state[ATR] != 0
        spread = state[EMA12] - state[EMA26]
        spread[np.abs(spread) <= rule.NOISE * state[CLOSE]] = 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            macdv = spread / state[ATR] * 100
        signal = rule.SIGNAL_ALPHA * macdv + (1 - rule.SIGNAL_ALPHA) * state[SIGNAL]
        if not defined.all():
            macdv[~defined] = np.nan
            signal = np.where(defined, signal, state[SIGNAL])
        state[DEFINED] += defined
        state[SIGNAL] = signal
        state[MACDV] = np.where(defined, macdv, previous)
        state[RANGING] = np.where(np.abs(macdv) <= NEUTRAL, state[RANGING] + 1, 0)
        return self._moment(state, bars, previous, macdv, stages_of(macdv, signal, state[RANGING]))

    @staticmethod
    def _moment(
        state: Floats, bars: ClosedBars, previous: Floats, macdv: Floats, stage: NDArray[np.int8]
    ) -> Moment:
        signal = np.where(state[DEFINED] >= rule.SIGNAL, state[SIGNAL], np.nan)
        quiet = np.bitwise_count(state[QUIET_BITS].astype(np.int64)).astype(np.int8)
        return Moment(
            bars=bars,
            previous=previous,
            macdv=macdv,
            signal=signal,
            histogram=macdv - signal,
            stage=stage,
            ema12=np.where(state[BARS] >= rule.FAST, state[EMA12], np.nan),
            ema26=np.where(state[BARS] >= rule.SLOW, state[EMA26], np.nan),
            atr26=np.where(state[OBSERVED] >= rule.SLOW, state[ATR], np.nan),
            observed=np.minimum(state[OBSERVED], rule.OBSERVED_CAP),
            quiet=quiet,
            complete=state[SINCE_MISSING] >= rule.COMPLETE_WINDOW,
        )

    def _keep(self, moment: Moment) -> None:
        places = self._table.places(moment.bars.rows, moment.bars.time)
        self._kept_time.ravel()[places] = moment.bars.time
        for name, field in self._kept.items():
            field.ravel()[places] = getattr(moment, name)
        self.stage[moment.bars.rows] = moment.stage

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
        self.stage[row] = values.stage[-1]

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
        self.stage = widened(self.stage, capacity)
