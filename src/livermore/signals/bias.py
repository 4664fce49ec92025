"""Which way the watched timeframes of a symbol lean together."""

from __future__ import annotations

from collections.abc import Iterable

from livermore.indicators.stages import (
    OVERBOUGHT,
    OVERSOLD,
    RALLYING,
    REBOUNDING,
    RETRACING,
    REVERSING,
)
from livermore.kernel.timeframe import Timeframe
from livermore.signals.signal import Bias

WEIGHTS = {
    Timeframe.M1: 1, Timeframe.M5: 2, Timeframe.M15: 3, Timeframe.M30: 3, Timeframe.H1: 4,
    Timeframe.H2: 4, Timeframe.H4: 5, Timeframe.H6: 5, Timeframe.D1: 6,
}  # fmt: skip
BULLISH = frozenset({OVERSOLD, REBOUNDING, RALLYING})
BEARISH = frozenset({OVERBOUGHT, RETRACING, REVERSING})
DOMINANCE = 1.5


def bias_of(stages: Iterable[tuple[Timeframe, int]]) -> Bias:
    """Weigh stage numbers by timeframe; a side wins above 1.5 times the other."""
    bullish = bearish = 0
    for timeframe, stage in stages:
        if stage in BULLISH:
            bullish += WEIGHTS[timeframe]
        elif stage in BEARISH:
            bearish += WEIGHTS[timeframe]
    if bullish > DOMINANCE * bearish:
        return "bullish"
    if bearish > DOMINANCE * bullish:
        return "bearish"
    return "neutral"
