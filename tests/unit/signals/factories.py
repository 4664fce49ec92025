"""Histories with their values, and signals to compare with those of the reference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from msgspec.structs import replace

from livermore.indicators.service import History
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles
from livermore.signals.replay import history_of
from livermore.signals.rules import Rules
from livermore.signals.signal import Signal
from tests.reference.macdv import Row, exact
from tests.unit.indicators.factories import rolled

DEFAULT = Rules()
EAGER = Rules(levels=(10, 25, 50, 100, 151), cooldown=0)
SLOW = Rules(levels=(30, 150, 200), cooldown=3_600_000, oversold_buffer=0.01, overbought_buffer=0.0)
ODD = Rules(levels=(400,), cooldown=61_000, oversold_buffer=0.2, overbought_buffer=0.2)
SILENT = Rules(levels=(), cooldown=0)
EVERY_RULES = {"default": DEFAULT, "eager": EAGER, "slow": SLOW, "odd": ODD, "no levels": SILENT}


class Said(NamedTuple):
    """What the reference and the product both say of a signal."""

    time: int
    timeframe: int
    kind: str
    level: int | None
    direction: str
    stage: str
    bias: str
    low_confidence: bool


def histories_of(base: Candles, timeframes: Iterable[Timeframe] = Timeframe) -> dict[Timeframe, History]:
    """Return a minute series in several timeframes, with its values."""
    series = rolled(base, timeframes)
    return {timeframe: history_of(candles) for timeframe, candles in series.items() if len(candles)}


def alerts_section(rules: Rules) -> dict[str, Any]:
    """Return rules as the section of settings that the reference reads."""
    return {
        "levels": list(rules.levels),
        "reversal": {"oversold_buffer": rules.oversold_buffer, "overbought_buffer": rules.overbought_buffer},
        "cooldown_seconds": rules.cooldown / 1000,
    }


def reference_rows(history: History) -> list[Row]:
    """Return the product's own values as rows of the reference, so that only the rules are compared."""
    return [
        Row(
            time=value.time,
            macdv=None if value.macdv is None else exact(value.macdv),
            signal=None if value.signal is None else exact(value.signal),
            histogram=None if value.histogram is None else exact(value.histogram),
            stage=value.stage,
            low_confidence=value.low_confidence,
        )
        for value in history.values.rows()
    ]


def said(signals: Iterable[Signal]) -> list[Said]:
    """Return of our signals what the reference says too."""
    return [
        Said(
            one.time, Timeframe(one.timeframe).milliseconds, one.kind, one.level, one.direction, one.stage,
            one.bias, one.low_confidence,
        )
        for one in signals
    ]  # fmt: skip


def reference_said(signals: Iterable[Mapping[str, Any]]) -> list[Said]:
    """Return the reference's signals in the same shape."""
    return [Said(**{name: one[name] for name in Said._fields}) for one in signals]


def without(signals: Iterable[Signal], *names: str) -> list[Signal]:
    """Return signals with some fields blanked, to compare the rest to the bit."""
    return [replace(one, **dict.fromkeys(names)) for one in signals]


def whenever(signals: Iterable[Signal]) -> list[Signal]:
    """Return signals without what tells when their bars were decided: in time, or caught up with."""
    return [
        replace(
            one, late=False, evidence={name: told for name, told in one.evidence.items() if name != "decided"}
        )
        for one in signals
    ]
