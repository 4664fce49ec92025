"""MACD-V over whole histories, to the same bits as one bar at a time.

`derive` walks the definition, needs nothing but NumPy and is what the live process uses. `derive_fast`
is for replays of millions of bars: chunks that fit the processor's cache, recurrences by SciPy's
first-order filter, whose arithmetic is the definition's (alpha * x + (1 - alpha) * v, in this order).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from livermore.indicators import macdv as rule
from livermore.indicators.macdv import MacdvState, advance
from livermore.indicators.stages import NEUTRAL, stage_of, stages_of
from livermore.indicators.values import Values
from livermore.market.candle import Candles, CandleState

Floats = NDArray[np.float64]
Filter = Callable[..., Any]
CHUNK = 8_192
# Seeding the EMAs, the ATR and then the signal takes this many observed bars.
SEEDING = 64


def derive(state: MacdvState, candles: Candles, watch: Callable[[MacdvState], None] | None = None) -> Values:
    """Take contiguous bars into a state and return the values of each; `watch` sees the state after each bar."""
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
    if not len(candles):
        return derive(state, candles)
    from scipy.signal import lfilter

    parts = list(_chunks(state, candles, lfilter))
    return Values(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in Values.__slots__}
    )


def _chunks(state: MacdvState, candles: Candles, lfilter: Filter) -> Iterator[Values]:
    """Yield the values of one chunk after the other; short of a full seed, bar by bar."""
    start = 0
    while start < len(candles):
        if state.defined < rule.SIGNAL:
            part = candles[start : start + SEEDING]
            yield derive(state, part)
        else:
            part = candles[start : start + CHUNK]
            yield _chunk(state, part, lfilter)
        start += len(part)


def _chunk(state: MacdvState, candles: Candles, lfilter: Filter) -> Values:
    """Advance a seeded state over one chunk in array operations."""
    traded = candles.state == CandleState.TRADED
    count = len(candles)
    close = candles.close
    atr, observed = _true_range(state, candles, traded, lfilter)
    ema12 = _follow(lfilter, rule.FAST_ALPHA, close, state.ema12)
    ema26 = _follow(lfilter, rule.SLOW_ALPHA, close, state.ema26)
    spread = ema12 - ema26
    spread[np.abs(spread) <= rule.NOISE * close] = 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        macdv = spread / atr * 100
    defined = atr != 0
    signal = _signal(state, macdv, defined, lfilter)
    ranging = _run(np.abs(macdv) <= NEUTRAL, state.ranging)
    stage = stages_of(macdv, signal, ranging)
    quiet, bits = _quiet(state, traded)
    since = _since_missing(state, candles)
    passed = np.minimum(state.bars + 1 + np.arange(count), rule.QUIET_WINDOW)
    ratio = quiet / passed
    kept = np.minimum(observed, rule.OBSERVED_CAP)
    _store(state, candles, ema12, ema26, atr, observed, macdv, signal, defined, ranging, bits, since)
    return Values(
        time=candles.time,
        macdv=macdv,
        signal=signal,
        histogram=macdv - signal,
        ema12=ema12,
        ema26=ema26,
        atr26=atr,
        stage=stage,
        observed=kept.astype(np.int16),
        quiet_ratio=ratio,
        low_confidence=(ratio >= 0.5) | (kept < rule.QUIET_WINDOW),
        complete=since >= rule.COMPLETE_WINDOW,
    )


def _follow(lfilter: Filter, alpha: float, samples: Floats, value: float) -> Floats:
    """Return alpha * x + (1 - alpha) * v for every sample, beginning from a value."""
    if not len(samples):
        return samples
    followed, _ = lfilter([alpha], [1.0, -(1 - alpha)], samples, zi=[(1 - alpha) * value])
    result: Floats = followed
    return result


def _true_range(
    state: MacdvState, candles: Candles, traded: NDArray[np.bool_], lfilter: Filter
) -> tuple[Floats, NDArray[Any]]:
    """Return the ATR after each bar, carried over quiet ones, and how many bars it has observed."""
    before = np.concatenate(([state.close], candles.close[:-1]))
    high, low = candles.high, candles.low
    true_range = np.maximum(high - low, np.maximum(np.abs(high - before), np.abs(low - before)))
    if traded.all():
        observed = state.observed + 1 + np.arange(len(candles))
        return _follow(lfilter, rule.ATR_ALPHA, true_range, state.atr), observed
    counts = np.cumsum(traded)
    atr = np.concatenate(([state.atr], _follow(lfilter, rule.ATR_ALPHA, true_range[traded], state.atr)))
    return atr[counts], state.observed + counts


def _signal(state: MacdvState, macdv: Floats, defined: NDArray[np.bool_], lfilter: Filter) -> Floats:
    if defined.all():
        return _follow(lfilter, rule.SIGNAL_ALPHA, macdv, state.signal)
    macdv[~defined] = np.nan
    followed = _follow(lfilter, rule.SIGNAL_ALPHA, macdv[defined], state.signal)
    return np.concatenate(([state.signal], followed))[np.cumsum(defined)]


def _run(inside: NDArray[np.bool_], carried: float) -> Floats:
    """Count for each bar the consecutive bars inside, this one included; `carried` came before."""
    place = np.arange(len(inside))
    outside = np.maximum.accumulate(np.where(inside, -1, place))
    run: Floats = np.where(outside < 0, place + 1 + carried, place - outside).astype(np.float64)
    return run


def _quiet(state: MacdvState, traded: NDArray[np.bool_]) -> tuple[Floats, float]:
    """Return the quiet bars in the window that ends at each bar, and the window's bits after the last."""
    if traded.all() and not state.quiet_bits and len(traded):
        return np.zeros(len(traded)), 0.0
    bits = int(state.quiet_bits)
    past = [bits >> place & 1 for place in reversed(range(rule.QUIET_WINDOW))]
    flags = np.concatenate((np.array(past, np.int64), (~traded).astype(np.int64)))
    total = np.concatenate(([0], np.cumsum(flags)))
    counts = total[rule.QUIET_WINDOW + 1 :] - total[1 : -rule.QUIET_WINDOW]
    for flag in flags[-rule.QUIET_WINDOW :].tolist():
        bits = (bits << 1 | flag) & rule.QUIET_MASK
    return counts.astype(np.float64), float(bits)


def _since_missing(state: MacdvState, candles: Candles) -> Floats:
    known = candles.state != CandleState.MISSING
    return np.minimum(_run(known, state.since_missing), rule.COMPLETE_WINDOW)


def _store(
    state: MacdvState, candles: Candles, ema12: Floats, ema26: Floats, atr: Floats, observed: NDArray[Any],
    macdv: Floats, signal: Floats, defined: NDArray[np.bool_], ranging: Floats, bits: float, since: Floats,
) -> None:  # fmt: skip
    """Leave in the state what the last bar left."""
    state.time = float(candles.time[-1])
    state.bars += len(candles)
    state.close = float(candles.close[-1])
    state.ema12, state.ema26, state.atr = float(ema12[-1]), float(ema26[-1]), float(atr[-1])
    state.observed = float(observed[-1])
    state.defined += float(defined.sum())
    state.signal = float(signal[-1])
    if defined.any():
        state.macdv = float(macdv[defined][-1])
    state.ranging = float(ranging[-1])
    state.quiet_bits, state.since_missing = bits, float(since[-1])


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
    shifted = np.concatenate(([before], macdv))[:-1]
    newest = np.maximum.accumulate(np.where(np.isnan(shifted), 0, np.arange(len(shifted))))
    result: Floats = shifted[newest]
    return result


def copy_of(state: MacdvState) -> MacdvState:
    """Return a state that can be advanced without touching this one."""
    return msgspec.structs.replace(state)
