"""The JSON of answers where it differs from what the rooms hold; times are integer milliseconds UTC."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from livermore.kernel.clock import rfc3339
from livermore.market.candle import Candle
from livermore.market.coverage import Coverage
from livermore.market.exchange import ExchangeInfo
from livermore.market.freshness import FreshnessRow
from livermore.market.ports import Cause
from livermore.market.service import CandlePage
from livermore.signals.alert import Alert, AlertEvent, AlertState
from livermore.signals.signal import Bias, Direction, Kind, Signal


class CandleShape(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One bucket; `time` is its open, `volume` in the base asset."""

    time: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    state: Literal["traded", "quiet", "missing"]
    source: Literal["stream", "rollup", "rest", "file"]
    confirmed: bool


class CandlesShape(msgspec.Struct, frozen=True, kw_only=True):
    """Closed candles, oldest first, and the running one."""

    exchange: str
    symbol: str
    timeframe: str
    candles: list[CandleShape]
    forming: CandleShape | None


class HoleShape(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename={"from_": "from"}):
    """Buckets that open in [from, to) and are missing, or were until `repaired_at`, where that is known."""

    from_: int
    to: int
    buckets: int
    cause: Cause
    state: Literal["open", "repaired"]
    repaired_at: str | None


class CoverageShape(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """How many of the closed buckets that open in [from, to) are traded, quiet and missing, and what was."""

    exchange: str
    symbol: str
    timeframe: str
    from_: int
    to: int
    buckets: int
    traded: int
    quiet: int
    missing: int
    holes: list[HoleShape]


class CoverageGridShape(msgspec.Struct, frozen=True, kw_only=True):
    """How fresh every watched series is, symbol by symbol, each with a cell for each timeframe."""

    symbols: list[FreshnessRow]


class SignalShape(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One rule that held on one closed bar; what made it is told by its explanation."""

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


class SignalsShape(msgspec.Struct, frozen=True, kw_only=True):
    """Signals, newest first; `next` is the cursor of the page behind, null at the end."""

    signals: list[SignalShape]
    next: str | None


class AlertShape(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One message through one channel, and how far it came."""

    id: str
    signal_id: str | None
    event: AlertEvent
    channel: str
    state: AlertState
    attempts: int
    created_at: str
    sent_at: str | None
    error: str | None


class AlertsShape(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts, newest first; `next` is the cursor of the page behind, null at the end."""

    alerts: list[AlertShape]
    next: str | None


class ExchangesShape(msgspec.Struct, frozen=True, kw_only=True):
    """The known exchanges, by name."""

    exchanges: list[ExchangeInfo]


class HealthShape(msgspec.Struct, frozen=True, kw_only=True):
    """Whether all is well, and each part of it."""

    ok: bool
    parts: dict[str, bool]


def candle_shape(candle: Candle) -> CandleShape:
    """Write state and source of a candle as words."""
    return CandleShape(
        time=candle.time, open=candle.open, high=candle.high, low=candle.low, close=candle.close,
        volume=candle.volume, state=candle.state.name.lower(), source=candle.source.name.lower(),  # type: ignore[arg-type]
        confirmed=candle.confirmed,
    )  # fmt: skip


def candles_shape(page: CandlePage) -> CandlesShape:
    """Write a page of candles."""
    return CandlesShape(
        exchange=page.exchange,
        symbol=page.symbol,
        timeframe=page.timeframe,
        candles=[candle_shape(candle) for candle in page.candles],
        forming=candle_shape(page.forming) if page.forming else None,
    )


def coverage_shape(coverage: Coverage) -> CoverageShape:
    """Write the coverage of a series."""
    series, length = coverage.series, coverage.series.timeframe.milliseconds
    holes = [
        HoleShape(
            from_=gap.start, to=gap.end, buckets=(gap.end - gap.start) // length, cause=gap.cause,
            state=gap.state, repaired_at=None if gap.repaired_at is None else rfc3339(gap.repaired_at),
        )
        for gap in coverage.gaps
    ]  # fmt: skip
    return CoverageShape(
        exchange=series.exchange, symbol=series.symbol, timeframe=series.timeframe,
        from_=coverage.start, to=coverage.end, buckets=(coverage.end - coverage.start) // length,
        **coverage.counts._asdict(), holes=holes,
    )  # fmt: skip


def signal_shapes(signals: Iterable[Signal]) -> list[SignalShape]:
    """Write signals without their evidence."""
    return [msgspec.convert(signal, SignalShape, from_attributes=True) for signal in signals]


def alert_shapes(alerts: Iterable[Alert]) -> list[AlertShape]:
    """Write alerts without what they carry."""
    return [msgspec.convert(alert, AlertShape, from_attributes=True) for alert in alerts]
