"""MACD-V (Alex Spiroglou, 2022), bar by bar: the definition that everything else must equal to the bit.

MACD-V = (EMA12(close) - EMA26(close)) / ATR26 * 100; signal = EMA9(MACD-V); histogram = MACD-V - signal.
Every average is seeded with the plain average of its first n values, added in order, then follows
alpha * x + (1 - alpha) * v. A quiet bar feeds the EMAs but gives no true range.
"""

from __future__ import annotations

import msgspec

from livermore.indicators.stages import NEUTRAL

FAST, SLOW, SIGNAL = 12, 26, 9
FAST_ALPHA, SLOW_ALPHA, SIGNAL_ALPHA, ATR_ALPHA = 2 / (FAST + 1), 2 / (SLOW + 1), 2 / (SIGNAL + 1), 1 / SLOW
QUIET_WINDOW = 52
QUIET_MASK = (1 << QUIET_WINDOW) - 1
OBSERVED_CAP = 1_000
COMPLETE_WINDOW = 450
UNDEFINED = float("nan")
# Two EMAs of one unchanging price differ by rounding alone, up to a few units in the last place; over an
# ATR that has decayed to nothing that noise would look like a signal. It counts as no difference.
NOISE = 1e-14


class MacdvState(msgspec.Struct, array_like=True):
    """Everything that the next bar needs to know of those before it.

    All fields are whole or real numbers that fit a float64, so that the states of many series are
    the columns of one matrix. Until an average is seeded its field holds the sum of what it has seen.
    """

    seed_time: float = -1.0
    time: float = -1.0
    bars: float = 0.0
    close: float = 0.0
    ema12: float = 0.0
    ema26: float = 0.0
    observed: float = 0.0
    atr: float = 0.0
    defined: float = 0.0
    signal: float = 0.0
    macdv: float = UNDEFINED
    ranging: float = 0.0
    quiet_bits: float = 0.0
    since_missing: float = float(COMPLETE_WINDOW)


def advance(
    state: MacdvState, time: int, high: float, low: float, close: float, quiet: bool, missing: bool = False
) -> float:
    """Take one closed bar into a state and return its MACD-V; NaN when it is not defined.

    A quiet bar's close must be the close before it. `state.macdv` keeps the last defined value.
    """
    if not quiet:
        _observe(state, high, low)
    if state.seed_time < 0:
        state.seed_time = float(time)
    state.time = float(time)
    state.bars += 1
    state.close = close
    state.ema12 = _average(state.ema12, close, state.bars, FAST, FAST_ALPHA)
    state.ema26 = _average(state.ema26, close, state.bars, SLOW, SLOW_ALPHA)
    state.quiet_bits = float((int(state.quiet_bits) << 1 | quiet) & QUIET_MASK)
    state.since_missing = 0.0 if missing else min(state.since_missing + 1, float(COMPLETE_WINDOW))
    if state.bars < SLOW or state.observed < SLOW or state.atr == 0:
        state.ranging = 0.0
        return UNDEFINED
    spread = state.ema12 - state.ema26
    macdv = (spread if abs(spread) > NOISE * close else 0.0) / state.atr * 100
    state.defined += 1
    state.signal = _average(state.signal, macdv, state.defined, SIGNAL, SIGNAL_ALPHA)
    state.macdv = macdv
    state.ranging = state.ranging + 1 if abs(macdv) <= NEUTRAL else 0.0
    return macdv


def _observe(state: MacdvState, high: float, low: float) -> None:
    """Take the true range of a traded bar into the ATR; the first bar's is high - low."""
    true_range = high - low
    if state.bars:
        true_range = max(true_range, abs(high - state.close), abs(low - state.close))
    state.observed += 1
    state.atr = _average(state.atr, true_range, state.observed, SLOW, ATR_ALPHA)


def _average(value: float, sample: float, count: float, length: int, alpha: float) -> float:
    """Return an average after its `count`-th sample: a sum, then the seed, then the recurrence."""
    if count > length:
        return alpha * sample + (1 - alpha) * value
    total = value + sample
    return total / length if count == length else total


def freeze(state: MacdvState) -> bytes:
    """Write a state as bytes that `thaw` reads back to the bit."""
    return msgspec.msgpack.encode(state)


def thaw(frozen: bytes) -> MacdvState:
    """Read a state back."""
    return msgspec.msgpack.decode(frozen, type=MacdvState)
