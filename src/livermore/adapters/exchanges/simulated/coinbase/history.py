"""What a client is told of the past: the latest trades, and the snapshot of candles with its holes."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from livermore.adapters.exchanges.simulated.coinbase.bars import FIVE, ToldBars
from livermore.adapters.exchanges.simulated.coinbase.frames import (
    CANDLES,
    TRADES,
    Frame,
    candle,
    candles_frame,
    ticker_frame,
    trades_frame,
)
from livermore.adapters.exchanges.simulated.coinbase.timetable import TradeTimetable
from livermore.adapters.exchanges.simulated.coinbase.trades import Trade
from livermore.adapters.exchanges.simulated.coinbase.writing import plain
from livermore.adapters.exchanges.simulated.path import Whole
from livermore.adapters.exchanges.simulated.source import COLUMNS, Bars
from livermore.adapters.exchanges.simulated.traded import TradedSource
from livermore.adapters.exchanges.simulated.view import View
from livermore.kernel.timeframe import Timeframe

PRICES = ("open", "high", "low", "close")
LATEST_TRADES = 100
MOST_CANDLES, SPAN, KEPT = 100, 161, 62  # candles, in how many buckets, and how many of a hundred are told
QUIET_BARS = 20  # looked through at most, on top of those which the trades need


class History:
    """Look back from the market's time."""

    def __init__(
        self,
        source: TradedSource,
        view: View,
        timetable: TradeTimetable,
        bars: ToldBars,
        now: Callable[[], int],
    ) -> None:
        self._source = source
        self._view = view
        self._timetable = timetable
        self._bars = bars
        self._now = now

    def trades(self, product: str, limit: int) -> list[Trade]:
        """Return the latest trades, newest first."""
        now, place = self._now(), self._view.symbols[product]
        bucket = self._source.timeframe.bucket(now)
        many = limit // self._source.updates_per_bar + QUIET_BARS
        past = self._view.last(product, self._source.timeframe, bucket, many, now)
        running = self._source.bars(product, self._source.timeframe, bucket, bucket + 1)
        told = self._timetable.trades_by(place, now - bucket)
        rows = [*self._written(place, past), *self._written(place, running)[:told]]
        return rows[: -limit - 1 : -1]

    def snapshot(self, channel: str, product: str) -> Frame | None:
        """Return what a new subscriber is told first; None where there is nothing to tell."""
        if channel == TRADES:
            trades = self.trades(product, LATEST_TRADES)
            return trades_frame(product, self._now(), "snapshot", trades) if trades else None
        if channel == CANDLES:
            candles = self._candles(product)
            return candles_frame(product, self._now(), "snapshot", candles) if candles else None
        now = self._now()
        day = self._view.day(product, now)
        return None if day is None else ticker_frame(channel, product, now, "snapshot", day.last, day)

    def _written(self, place: int, bars: Bars) -> list[Trade]:
        bars = bars[bars.volume > 0]
        columns = (getattr(bars, name).tolist() for name in COLUMNS)
        wholes = map(Whole._make, zip(*columns, strict=True))
        return [trade for bar in wholes for trade in self._bars.tell(place, bar).written]

    def _candles(self, product: str) -> list[str]:
        """Return candles with holes and in no order, the newest always among them."""
        if Timeframe.M5 not in self._source.timeframes:
            return []
        now, place = self._now(), self._view.symbols[product]
        bars = self._view.bars(product, Timeframe.M5, now - SPAN * FIVE, now + 1, now)
        bars = bars[bars.volume > 0]
        decimals = self._source.markets[place].amount_decimals
        prices = zip(*(getattr(bars, name).tolist() for name in PRICES), strict=True)
        rows = list(zip(bars.time.tolist(), prices, bars.volume.tolist(), strict=True))
        told = [row for row in rows[:-1] if _chance(product, row[0]) % 100 < KEPT][1 - MOST_CANDLES :]
        mixed = sorted([*told, *rows[-1:]], key=lambda row: _chance(product, row[0] + 1))
        return [candle(product, time, four, plain(round(volume, decimals))) for time, four, volume in mixed]


def _chance(product: str, time: int) -> int:
    return zlib.crc32(f"{product} {time}".encode())
