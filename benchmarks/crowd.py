"""A market of many symbols that costs no more than one: all of them move as one made-up market does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from livermore.adapters.exchanges.simulated import Bars, GeneratedSource, Protocol
from livermore.kernel.timeframe import Timeframe

PAST = 452  # days: 450 bars of a day and the one that runs
UPDATES = 6
NAMES = {"binance": "C{:03}USDT", "coinbase": "C{:03}-USD"}
ORIGINAL = {"binance": "ETHUSDT", "coinbase": "ETH-USD"}


class Crowd:
    """So many symbols with a long past, which is drawn once and kept."""

    def __init__(self, exchange: Protocol, count: int, *, past_days: int = PAST) -> None:
        self._original = ORIGINAL[exchange]
        self._drawn = GeneratedSource([self._original], past_days=past_days, updates_per_bar=UPDATES)
        (market,) = self._drawn.markets
        self.symbols = [NAMES[exchange].format(number) for number in range(count)]
        self.markets = tuple(
            replace(market, symbol=symbol, base=f"C{number:03}") for number, symbol in enumerate(self.symbols)
        )
        self.timeframe, self.timeframes = self._drawn.timeframe, self._drawn.timeframes
        self.first, self.start = self._drawn.first, self._drawn.start
        self.end: int | None = None
        self.finished = False
        self.updates_per_bar = self._drawn.updates_per_bar
        self._past = cache(self._draw)

    def begins(self, symbol: str) -> int:
        """Return the open (ms) of the first minute."""
        return self.first

    def bars(self, symbol: str, timeframe: Timeframe, start: int, end: int) -> Bars:
        """Return the bars that open in [start, end) (ms)."""
        if end <= start:
            return Bars.none()
        present = self._drawn.bars(self._original, timeframe, max(start, self.start), end)
        if start >= self.start:
            return present
        return Bars.joined(self._past(timeframe).between(start, min(end, self.start)), present)

    def outline(self, symbol: str) -> None:
        """Return nothing: a day is drawn when it is looked at."""

    def number_every_trade(self) -> None:
        """Number the trades so that every one of them can be told."""
        self._drawn.number_every_trade()
        self.updates_per_bar = self._drawn.updates_per_bar
        self._past.cache_clear()

    def draw(self, timeframes: Sequence[Timeframe]) -> None:
        """Draw the past, so that nobody who asks for it waits."""
        for timeframe in timeframes:
            self._past(timeframe)

    def _draw(self, timeframe: Timeframe) -> Bars:
        # Nobody asks for more than this of the shorter ones.
        first = max(self.first, self.start - 1000 * timeframe.milliseconds)
        return self._drawn.bars(self._original, timeframe, first, self.start)
