"""Make candles of the trades that ccxt watches, where an exchange streams no candles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import BarUpdate


class TradeBars:
    """Build one symbol's base bars; the bucket in which watching began is not whole."""

    def __init__(self, symbol: str, base: Timeframe, since: int, kept: int) -> None:
        self.lost = False
        self._kept = kept
        self._symbol = symbol
        self._base = base
        self._first = base.bucket(since)
        self._bars: dict[int, BarUpdate] = {}
        self._known: dict[int, set[Any]] = {}

    def take(self, news: list[Any]) -> list[BarUpdate]:
        """Return the bars that some trades have changed, oldest first."""
        self.lost = len(news) >= self._kept  # as many as ccxt keeps: there may have been more
        changed = {self._add(trade) for trade in news}
        for bucket in sorted(self._bars)[:-2]:
            del self._bars[bucket], self._known[bucket]
        return [msgspec.structs.replace(self._bars[bucket]) for bucket in sorted(changed & self._bars.keys())]

    def _add(self, trade: Mapping[str, Any]) -> int:
        """Count a trade; return its bucket, or -1 when it is known, incomplete, or older than we keep."""
        time, price, amount = trade.get("timestamp"), trade.get("price"), trade.get("amount")
        if not time or not price or not amount:
            return -1
        bucket = self._base.bucket(int(time))
        if bucket < self._oldest() or self._is_known(bucket, trade.get("id")):
            return -1
        self._count(bucket, float(price), float(amount))
        return bucket

    def _oldest(self) -> int:
        """Return the oldest bucket that may change: the one before the newest, none from before we came."""
        return max(self._first, max(self._bars, default=0) - self._base.milliseconds)

    def _is_known(self, bucket: int, number: Any) -> bool:
        """Say whether a trade was counted; one without a number cannot be told from another."""
        known = self._known.setdefault(bucket, set())
        told_before = number is not None and number in known
        known.add(number)
        return told_before

    def _count(self, bucket: int, price: float, amount: float) -> None:
        bar = self._bars.get(bucket)
        if bar is None:
            whole = bucket > self._first
            self._bars[bucket] = BarUpdate(
                symbol=self._symbol, time=bucket, open=price, high=price, low=price, close=price,
                volume=amount, whole=whole,
            )  # fmt: skip
            return
        bar.high, bar.low, bar.close = max(bar.high, price), min(bar.low, price), price
        bar.volume += amount
