"""From a rule that held to a signal that explains itself."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from livermore.indicators.stages import STAGES
from livermore.kernel.clock import rfc3339
from livermore.kernel.ids import derived_id
from livermore.kernel.scope import Scope
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import CandleSource, CandleState
from livermore.market.ports import Series
from livermore.signals.bias import bias_of
from livermore.signals.rules import Hit, Rules
from livermore.signals.signal import Bias, Signal

LATE = 10_000
STATES = tuple(state.name.lower() for state in CandleState)
SOURCES = tuple(source.name.lower() for source in CandleSource)
# Signals come in crowds, and those of one crowd are recorded in the same millisecond.
_written = lru_cache(maxsize=1)(rfc3339)


class Standing(msgspec.Struct, frozen=True, gc=False):
    """Where one timeframe of a symbol stood at an instant: its stage's number, and its MACD-V or NaN."""

    timeframe: Timeframe
    stage: int
    macdv: float


class Picture(NamedTuple):
    """What the timeframes of a symbol give together: which way they lean, and the table that shows it."""

    bias: Bias
    table: dict[str, dict[str, Any]]


def picture_of(standings: Sequence[Standing]) -> Picture:
    """Put together where the timeframes of a symbol stood, once for all that is said of it."""
    bias = bias_of((standing.timeframe, standing.stage) for standing in standings)
    table = {
        str(standing.timeframe): {"macdv": _known(standing.macdv), "stage": STAGES[standing.stage]}
        for standing in standings
    }
    return Picture(bias, table)


class Bar(msgspec.Struct, frozen=True, gc=False):
    """One closed bar with its values, as plain numbers; NaN where not defined."""

    time: int
    close: float
    state: int
    source: int
    confirmed: bool
    previous: float
    macdv: float
    signal: float
    histogram: float
    stage: int
    ema12: float
    ema26: float
    atr26: float
    observed: int
    quiet_ratio: float
    complete: bool
    seed_time: int


def compose(
    scope: Scope, series: Series, rules: Rules, hit: Hit, bar: Bar, picture: Picture,
    *, decided: int, now: int,
) -> Signal:  # fmt: skip
    """Build the signal of a hit; `decided` is the market time (ms) of the close, `now` the wall's."""
    late = decided - bar.time - series.timeframe.milliseconds > LATE
    return Signal(
        id=derived_id(scope.identity_sub, *series, bar.time, hit.kind, hit.level),
        exchange=series.exchange,
        symbol=series.symbol,
        timeframe=series.timeframe.value,
        kind=hit.kind,
        level=hit.level,
        direction=hit.direction,
        time=bar.time,
        price=bar.close,
        macdv=bar.macdv,
        signal=_known(bar.signal),
        histogram=_known(bar.histogram),
        stage=STAGES[bar.stage],
        bias=picture.bias,
        complete=bar.complete,
        low_confidence=bar.quiet_ratio >= 0.5 or bar.observed < 52,
        late=late,
        withdrawn_at=None,
        settings_revision=rules.revision,
        recorded_at=_written(now),
        evidence=_evidence(rules, hit, bar, picture) | ({"decided": decided} if late else {}),
    )


def _evidence(rules: Rules, hit: Hit, bar: Bar, picture: Picture) -> dict[str, Any]:
    """Gather what explains a signal: the rule as it was set, the values it saw, the bars they rest on."""
    return {
        "rule": _rule(rules, hit),
        "previous_macdv": _known(bar.previous),
        "ema12": bar.ema12,
        "ema26": bar.ema26,
        "atr26": bar.atr26,
        "observed": bar.observed,
        "quiet_ratio": bar.quiet_ratio,
        "seed_time": bar.seed_time,
        "bar": {
            "state": STATES[bar.state],
            "source": SOURCES[bar.source],
            "confirmed": bar.confirmed,
        },
        "timeframes": picture.table,
    }


def _rule(rules: Rules, hit: Hit) -> dict[str, Any]:
    cooldown = rules.cooldown // 1000
    if hit.kind == "level":
        return {"levels": list(rules.levels), "cooldown_seconds": cooldown}
    buffer = rules.oversold_buffer if hit.kind == "reversal_oversold" else rules.overbought_buffer
    return {"buffer": buffer, "cooldown_seconds": cooldown}


def _known(value: float) -> float | None:
    return value if value == value else None
