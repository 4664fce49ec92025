"""The stage of a series: where MACD-V stands and which way it goes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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


def stages_of(
    macdv: NDArray[np.float64], signal: NDArray[np.float64], ranging_run: NDArray[np.float64]
) -> NDArray[np.int8]:
    """Return the stages of many bars, as `stage_of` does one by one."""
    rising = np.where(macdv >= NEUTRAL, RALLYING, REBOUNDING)
    falling = np.where(macdv > -NEUTRAL, RETRACING, REVERSING)
    stage = np.where(macdv > signal, rising, falling)
    stage[(np.abs(macdv) <= NEUTRAL) & (ranging_run >= RANGING_BARS)] = RANGING
    stage[macdv > RISK] = OVERBOUGHT
    stage[macdv < -RISK] = OVERSOLD
    stage[np.isnan(macdv) | np.isnan(signal)] = WARMING_UP
    return stage.astype(np.int8)
