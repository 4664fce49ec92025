"""A signal: one rule that held on one closed bar, with all that made it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Kind = Literal["level", "reversal_oversold", "reversal_overbought"]
Direction = Literal["up", "down"]
Bias = Literal["bullish", "bearish", "neutral"]
KINDS: tuple[Kind, ...] = ("level", "reversal_oversold", "reversal_overbought")


class Signal(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is said of one bar: `time` is its open (ms), `level` signed or None, `price` its close.

    `id` is derived from user, series, bar, kind and level, so that the same signal never exists twice.
    `evidence` holds what explains it: seed bar, EMAs, ATR, previous V, rule parameters, coverage.
    """

    id: str
    exchange: str
    symbol: str
    timeframe: str
    kind: Kind
    level: int | None
    direction: Direction
    time: int
    price: float
    macdv: float
    signal: float | None
    histogram: float | None
    stage: str
    bias: Bias
    complete: bool
    low_confidence: bool
    late: bool
    withdrawn_at: str | None
    settings_revision: int
    recorded_at: str
    evidence: dict[str, Any]
