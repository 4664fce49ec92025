"""What the chart of one series shows: columns of bars with their values, marks, and what has come since."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from livermore.apps.admin.words import decimals_of, signal_text
from livermore.kernel.timeframe import Timeframe

if TYPE_CHECKING:
    from livermore.apps.api.shapes import SignalShape
    from livermore.bootstrap import System
    from livermore.indicators.values import IndicatorValue
    from livermore.kernel.scope import Scope
    from livermore.market.candle import Candle
    from livermore.market.service import CandlePage
    from livermore.signals.signal import Signal

BARS = 600
MOST_BARS = 5_000
BEFORE_A_MARK = 120
NEWEST = 5
UNDEFINED = (None, None, None, "warming_up")
Bar = list[Any]


class Shown(NamedTuple):
    """Name the series that a page shows."""

    exchange: str
    symbol: str
    timeframe: str


async def chart_of(system: System, scope: Scope, shown: Shown, focus: int | None) -> dict[str, Any]:
    """Return the newest bars of a series, or enough of them to hold the bar that opened at `focus` (ms).

    The marks are the user's own signals.
    """
    limit = BARS if focus is None else _bars_since(system, shown, focus)
    page, bars = await _read(system, shown, limit)
    first = page.candles[0].time if page.candles else 0
    signals = await system.signals.list(
        scope, limit=500, start=first,
        exchange=page.exchange, symbol=page.symbol, timeframe=shown.timeframe,
    )  # fmt: skip
    return {
        "exchange": page.exchange, "symbol": page.symbol, "timeframe": shown.timeframe,
        "decimals": decimals_of(page.candles[-1].close) if page.candles else 2,
        "bars": bars, "forming": _forming(page.forming),
        "marks": [mark_of(signal) for signal in signals.signals], "focus": focus,
    }  # fmt: skip


async def news_of(system: System, shown: Shown, since: int | None = None) -> dict[str, Any]:
    """Return the newest closed bars of a series and the running one: all that an open chart can lack.

    `since` is the open (ms) of the newest bar that was told before.
    """
    page, bars = await _read(system, shown, NEWEST)
    length = Timeframe(shown.timeframe).milliseconds
    if since is not None and bars and bars[0][0] > since + length:
        page, bars = await _read(system, shown, min((bars[-1][0] - since) // length + NEWEST, BARS))
    return {"bars": bars, "forming": _forming(page.forming)}


async def _read(system: System, shown: Shown, limit: int) -> tuple[CandlePage, list[Bar]]:
    """Return so many of the newest candles, and the bars that they make."""
    page = await system.market.candles(*shown, limit=limit)
    # A bar may close in between: the newest values would then lack that of the oldest candle.
    first = page.candles[0].time if page.candles else None
    values = await system.indicators.values(*shown, start=first, limit=limit)
    return page, bars_of(page.candles, values.values)


def bars_of(candles: Iterable[Candle], values: Sequence[IndicatorValue]) -> list[Bar]:
    """Join candles and values: each bar is time, O, H, L, C, volume, V, signal, histogram, stage."""
    known = {value.time: value for value in values}
    return [_bar(candle, known.get(candle.time)) for candle in candles]


def _bar(candle: Candle, value: IndicatorValue | None) -> Bar:
    derived = (
        (_short(value.macdv), _short(value.signal), _short(value.histogram), value.stage)
        if value is not None
        else UNDEFINED
    )
    return [candle.time, candle.open, candle.high, candle.low, candle.close, candle.volume, *derived]


def _forming(candle: Candle | None) -> Bar | None:
    return _bar(candle, None) if candle is not None else None


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def mark_of(signal: Signal | SignalShape) -> dict[str, Any]:
    """Write a signal as a mark on its bar."""
    return {
        "id": signal.id,
        "time": signal.time,
        "up": signal.direction == "up",
        "text": signal_text(signal),
        "withdrawn": signal.withdrawn_at is not None,
    }


def _bars_since(system: System, shown: Shown, focus: int) -> int:
    """Count the bars from a little before a bar up to the newest one."""
    row = next((row for row in system.indicators.grid() if (row.exchange, row.symbol) == shown[:2]), None)
    length = Timeframe(shown.timeframe).milliseconds
    cell = row.cells.get(shown.timeframe) if row is not None else None
    newest = cell.time if cell is not None else focus
    return min(max((newest - focus) // length + BEFORE_A_MARK, BARS), MOST_BARS)
