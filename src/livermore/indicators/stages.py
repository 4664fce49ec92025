"""The stage of a series: where MACD-V stands and which way it goes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
STAGES = (
    "warming_up", "oversold", "overbought", "ranging", "rallying", "rebounding", "retracing", "reversing",
)  # fmt: skip
WARMING_UP, OVERSOLD, OVERBOUGHT, RANGING, RALLYING, REBOUNDING, RETRACING, REVERSING = range(len(STAGES))
RISK = 150.0
NEUTRAL = 50.0
RANGING_BARS = 20


def stage_of(macdv: float, signal: float, ranging_run: int) -> int:
    """Return the stage's number of one bar: the first rule that holds; NaN means not defined.

    `ranging_run` counts the consecutive bars with |V| <= 50, this one included.
    """
    if macdv != macdv or signal != signal:
        return WARMING_UP
    if macdv < -RISK:
        return OVERSOLD
    if macdv > RISK:
        return OVERBOUGHT
    if abs(macdv) <= NEUTRAL and ranging_run >= RANGING_BARS:
        return RANGING
    if macdv > signal:
        return RALLYING if macdv >= NEUTRAL else REBOUNDING
    return RETRACING if macdv > -NEUTRAL else REVERSING


def stages_of(macdv: Floats, signal: Floats, ranging_run: Floats) -> NDArray[np.int8]:
    """Return the stages of many bars, as `stage_of` does one by one."""
    return stages_where(macdv, signal, (ranging_run >= RANGING_BARS) & (np.abs(macdv) <= NEUTRAL))


def stages_where(macdv: Floats, signal: Floats, ranging: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Return the stages of many bars, given on which of them a run within |V| <= 50 is long enough."""
    rising = macdv > signal
    reached = (macdv >= NEUTRAL) | (macdv > -NEUTRAL) & ~rising
    # Sums instead of choices, because a processor guesses such choices wrong half the time: reversing, two
    # less when rising, one less again where the line is reached that divides the rising and the falling.
    stage = np.int8(REVERSING) - (REVERSING - REBOUNDING) * rising.view(np.int8) - reached
    np.copyto(stage, RANGING, where=ranging)
    np.copyto(stage, OVERBOUGHT, where=macdv > RISK)
    np.copyto(stage, OVERSOLD, where=macdv < -RISK)
    np.copyto(stage, WARMING_UP, where=np.isnan(macdv) | np.isnan(signal))
    return stage
