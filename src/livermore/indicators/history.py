"""MACD-V over whole histories, to the same bits as one bar at a time.

`derive` walks the definition, needs nothing but NumPy and is what the live process uses. `derive_fast`
is for replays of millions of bars: chunks that fit the processor's cache, recurrences by SciPy's
first-order filter, whose arithmetic is the definition's (alpha * x + (1 - alpha) * v, in this order).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livermore.indicators import macdv as rule
from livermore.indicators.macdv import MacdvState, advance
from livermore.indicators.stages import NEUTRAL, RANGING_BARS, stage_of, stages_where
from livermore.indicators.values import Values
from livermore.market.candle import Candles, CandleState

Floats = NDArray[np.float64]
Filter = Callable[..., Any]
CHUNK = 32_768
# Seeding the EMAs, the ATR and then the signal takes this many observed bars.
SEEDING = rule.SLOW + rule.SIGNAL - 1


def derive(state: MacdvState, candles: Candles, watch: Callable[[MacdvState], None] | None = None) -> Values:
    """Take contiguous bars into a state and return their values; `watch` sees the state after each."""
    columns = _columns(len(candles))
    rows = zip(
        candles.time.tolist(), candles.high.tolist(), candles.low.tolist(), candles.close.tolist(),
        candles.state.tolist(), strict=True,
    )  # fmt: skip
    for place, (time, high, low, close, what) in enumerate(rows):
        traded = what == CandleState.TRADED
        macdv = advance(state, time, high, low, close, not traded, what == CandleState.MISSING)
        _note(columns, place, state, macdv)
        if watch is not None:
            watch(state)
    return _values(candles.time, columns)


def derive_fast(state: MacdvState, candles: Candles) -> Values:
    """Do what `derive` does, many times faster for long histories."""
    from scipy.signal import lfilter

    values = _room(candles)
    start = 0
    while start < len(candles):
        part = slice(start, start + _step(state))
        if state.defined >= rule.SIGNAL:
            _chunk(state, candles[part], values[part], lfilter)
        else:
            _copy(derive(state, candles[part]), values[part])
        start = part.stop
    return values


def _step(state: MacdvState) -> int:
    """Return how many bars to take at once: few while they are seeded or counted."""
    if state.defined < rule.SIGNAL:
        return SEEDING
    return CHUNK if state.observed >= rule.OBSERVED_CAP else rule.OBSERVED_CAP


def _room(candles: Candles) -> Values:
    """Return values to be filled in; those that most bars share are there already."""
    count = len(candles)
    # One block, because a system gives out memory in fewer and larger pages when much is asked for at once.
    macdv, signal, histogram, ema12, ema26, atr26 = np.empty((6, count))
    return Values(
        time=candles.time,
        stage=np.empty(count, np.int8),
        observed=np.full(count, rule.OBSERVED_CAP, np.int16),
        quiet_ratio=np.zeros(count),
        low_confidence=np.zeros(count, np.bool_),
        complete=np.ones(count, np.bool_),
        macdv=macdv,
        signal=signal,
        histogram=histogram,
        ema12=ema12,
        ema26=ema26,
        atr26=atr26,
    )


def _copy(source: Values, target: Values) -> None:
    for name in Values.__slots__:
        if name != "time":
            getattr(target, name)[:] = getattr(source, name)


def _chunk(state: MacdvState, candles: Candles, values: Values, lfilter: Filter) -> None:
    """Advance a seeded state over one chunk in array operations."""
    traded = candles.state == CandleState.TRADED
    all_traded = bool(traded.all())
    ranges = _true_ranges(state.close, candles)
    if all_traded:
        values.atr26[:] = _follow(lfilter, rule.ATR_ALPHA, ranges, state.atr)
    else:
        values.atr26[:] = _carried(lfilter, rule.ATR_ALPHA, ranges, state.atr, traded)
    values.ema12[:] = _follow(lfilter, rule.FAST_ALPHA, candles.close, state.ema12)
    values.ema26[:] = _follow(lfilter, rule.SLOW_ALPHA, candles.close, state.ema26)
    _macdv(state, candles, values, lfilter)
    _stages(state, values)
    _confidence(state, candles, values, traded, all_traded)
    state.time, state.close = float(candles.time[-1]), float(candles.close[-1])
    state.ema12, state.ema26 = float(values.ema12[-1]), float(values.ema26[-1])
    state.atr = float(values.atr26[-1])
    state.bars += len(candles)


def _macdv(state: MacdvState, candles: Candles, values: Values, lfilter: Filter) -> None:
    """Fill in MACD-V, signal and histogram; where the ATR is 0 nothing is defined."""
    spread = values.ema12 - values.ema26
    spread[np.abs(spread) <= rule.NOISE * candles.close] = 0.0
    macdv, signal = values.macdv, values.signal
    if values.atr26.all():
        np.divide(spread, values.atr26, out=macdv)
        macdv *= 100
        signal[:] = _follow(lfilter, rule.SIGNAL_ALPHA, macdv, state.signal)
        state.defined += len(macdv)
        state.macdv = float(macdv[-1])
    else:
        defined = values.atr26 != 0
        macdv.fill(np.nan)
        np.divide(spread, values.atr26, out=macdv, where=defined)
        macdv *= 100
        signal[:] = _carried(lfilter, rule.SIGNAL_ALPHA, macdv, state.signal, defined)
        state.defined += float(defined.sum())
        state.macdv = float(macdv[defined][-1]) if defined.any() else state.macdv
    state.signal = float(signal[-1])
    np.subtract(macdv, signal, out=values.histogram)


def _follow(lfilter: Filter, alpha: float, samples: Floats, value: float) -> Floats:
    """Return alpha * x + (1 - alpha) * v for every sample, beginning from a value."""
    if not len(samples):
        return samples
    followed, _ = lfilter([alpha], [1.0, -(1 - alpha)], samples, zi=[(1 - alpha) * value])
    result: Floats = followed
    return result


def _carried(
    lfilter: Filter, alpha: float, samples: Floats, value: float, known: NDArray[np.bool_]
) -> Floats:
    """Follow the known samples alone; between them the value stays."""
    followed = np.concatenate(([value], _follow(lfilter, alpha, samples[known], value)))
    result: Floats = followed[np.cumsum(known)]
    return result


def _true_ranges(close_before: float, candles: Candles) -> Floats:
    """Return the true range of each bar: the same number as the greatest of three, in half the operations."""
    before = np.empty(len(candles))
    before[0], before[1:] = close_before, candles.close[:-1]
    ranges: Floats = np.maximum(candles.high, before) - np.minimum(candles.low, before)
    return ranges


def _stages(state: MacdvState, values: Values) -> None:
    """Fill in the stages."""
    inside = np.abs(values.macdv) <= NEUTRAL
    values.stage[:] = stages_where(values.macdv, values.signal, _long_runs(inside, state.ranging))
    state.ranging = _run_at_end(inside, state.ranging)


def _long_runs(inside: NDArray[np.bool_], carried: float) -> NDArray[np.bool_]:
    """Say for each bar whether it ends a run inside that is long enough; a run of `carried` came before."""
    before = np.zeros(RANGING_BARS - 1, np.bool_)
    before[max(RANGING_BARS - 1 - int(carried), 0) :] = True
    runs, length = np.concatenate((before, inside)), 1
    while length < RANGING_BARS:
        step = min(length, RANGING_BARS - length)
        runs, length = runs[step:] & runs[:-step], length + step
    return runs


def _run_at_end(inside: NDArray[np.bool_], carried: float) -> float:
    """Return how long the run is that ends with the last bar."""
    return carried + len(inside) if inside.all() else float(inside[::-1].argmin())


def _confidence(
    state: MacdvState, candles: Candles, values: Values, traded: NDArray[np.bool_], all_traded: bool
) -> None:
    """Fill in how far values can be trusted; `_room` has done so for bars long after the seed bar."""
    observed = state.observed
    state.observed += float(np.count_nonzero(traded))
    if not all_traded or state.quiet_bits or observed < rule.OBSERVED_CAP:
        kept = np.minimum(observed + np.cumsum(traded), rule.OBSERVED_CAP)
        quiet, state.quiet_bits = _quiet(state, traded)
        ratio = quiet / np.minimum(state.bars + 1 + np.arange(len(traded)), rule.QUIET_WINDOW)
        values.observed[:], values.quiet_ratio[:] = kept, ratio
        values.low_confidence[:] = (ratio >= 0.5) | (kept < rule.QUIET_WINDOW)
    if all_traded and state.since_missing >= rule.COMPLETE_WINDOW:
        return
    known = candles.state != CandleState.MISSING
    since = np.minimum(_run(known, state.since_missing), rule.COMPLETE_WINDOW)
    values.complete[:] = since >= rule.COMPLETE_WINDOW
    state.since_missing = float(since[-1])


def _run(inside: NDArray[np.bool_], carried: float) -> Floats:
    """Count for each bar the consecutive bars inside, this one included; `carried` came before."""
    place = np.arange(len(inside))
    outside = np.maximum.accumulate(np.where(inside, -1, place))
    run: Floats = np.where(outside < 0, place + 1 + carried, place - outside).astype(np.float64)
    return run


def _quiet(state: MacdvState, traded: NDArray[np.bool_]) -> tuple[Floats, float]:
    """Return the quiet bars in the window that ends at each bar, and the window's bits after the last."""
    bits = int(state.quiet_bits)
    past = [bits >> place & 1 for place in reversed(range(rule.QUIET_WINDOW))]
    flags = np.concatenate((np.array(past, np.int64), (~traded).astype(np.int64)))
    total = np.concatenate(([0], np.cumsum(flags)))
    counts = total[rule.QUIET_WINDOW + 1 :] - total[1 : -rule.QUIET_WINDOW]
    for flag in flags[-rule.QUIET_WINDOW :].tolist():
        bits = (bits << 1 | flag) & rule.QUIET_MASK
    return counts.astype(np.float64), float(bits)


_SCALARS = ("macdv", "signal", "ema12", "ema26", "atr26", "stage", "observed", "quiet_ratio", "complete")


def _columns(count: int) -> dict[str, list[Any]]:
    return {name: [rule.UNDEFINED] * count for name in _SCALARS}


def _note(columns: dict[str, list[Any]], place: int, state: MacdvState, macdv: float) -> None:
    """Write one bar's values into the columns."""
    signal = state.signal if state.defined >= rule.SIGNAL else rule.UNDEFINED
    columns["macdv"][place] = macdv
    columns["signal"][place] = signal
    if state.bars >= rule.FAST:
        columns["ema12"][place] = state.ema12
    if state.bars >= rule.SLOW:
        columns["ema26"][place] = state.ema26
    if state.observed >= rule.SLOW:
        columns["atr26"][place] = state.atr
    columns["stage"][place] = stage_of(macdv, signal, int(state.ranging))
    columns["observed"][place] = min(int(state.observed), rule.OBSERVED_CAP)
    columns["quiet_ratio"][place] = int(state.quiet_bits).bit_count() / min(state.bars, rule.QUIET_WINDOW)
    columns["complete"][place] = state.since_missing >= rule.COMPLETE_WINDOW


def _values(time: NDArray[np.int64], columns: dict[str, list[Any]]) -> Values:
    types = {"stage": np.int8, "observed": np.int16, "complete": np.bool_}
    arrays: dict[str, NDArray[Any]] = {
        name: np.array(column, types.get(name, np.float64)) for name, column in columns.items()
    }
    low = (arrays["quiet_ratio"] >= 0.5) | (arrays["observed"] < rule.QUIET_WINDOW)
    return Values(time=time, histogram=arrays["macdv"] - arrays["signal"], low_confidence=low, **arrays)


def previous_defined(macdv: Floats, before: float = rule.UNDEFINED) -> Floats:
    """Return for each bar the last defined MACD-V before it; `before` is the one before the first."""
    previous = np.empty(len(macdv))
    previous[:1], previous[1:] = before, macdv[:-1]
    undefined = np.flatnonzero(np.isnan(previous))
    if len(undefined):
        part = previous[max(undefined[0] - 1, 0) : undefined[-1] + 1]
        newest = np.maximum.accumulate(np.where(np.isnan(part), 0, np.arange(len(part))))
        part[:] = part[newest]
    return previous
