"""A source of recorded candles, told as they were: an interval that the file does not have stays absent."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from livermore.adapters.exchanges.simulated.names import market_named
from livermore.adapters.exchanges.simulated.numbering import LEAST_TRADES, numbered, trade_counts
from livermore.adapters.exchanges.simulated.rollup import roll_up
from livermore.adapters.exchanges.simulated.source import (
    UNTOLD,
    Bars,
    Floats,
    Ints,
    Market,
    Outline,
    longer_timeframes,
)
from livermore.kernel.errors import InvalidError
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles

FIRST_ID = 1_000_000
MOST_DECIMALS = 8


class RecordedSource:
    """Candles of some symbols, all of one timeframe; nothing precedes the first of each."""

    def __init__(
        self, candles: Mapping[str, Candles], timeframe: Timeframe, *, updates_per_bar: int = 5
    ) -> None:
        if not any(map(len, candles.values())):
            raise InvalidError("there are no candles to replay")
        self._bars = {symbol: _bars(part, updates_per_bar) for symbol, part in candles.items() if len(part)}
        self._rolled: dict[tuple[str, Timeframe], Bars] = {}
        self.timeframe = timeframe
        self.timeframes = longer_timeframes(timeframe)
        self.updates_per_bar = updates_per_bar
        self.markets = tuple(_market(symbol, bars) for symbol, bars in self._bars.items())
        self.first = min(int(bars.time[0]) for bars in self._bars.values())
        self.start = self.first
        self.end: int | None = (
            max(int(bars.time[-1]) for bars in self._bars.values()) + timeframe.milliseconds
        )
        self.finished = False

    def begins(self, symbol: str) -> int:
        """Return the open (ms) of a symbol's first bar."""
        return int(self._bars[symbol].time[0])

    def bars(self, symbol: str, timeframe: Timeframe, start: int, end: int) -> Bars:
        """Return the bars that open in [start, end) (ms)."""
        return self._all(symbol, timeframe).between(start, end)

    def outline(self, symbol: str) -> Outline | None:
        """Return nothing: every bar is at hand."""
        return None

    def number_every_trade(self) -> None:
        """Number four trades a bar: open, the extremes, close."""
        self.updates_per_bar = LEAST_TRADES
        self._bars = {
            symbol: numbered(bars, trade_counts(bars, LEAST_TRADES), FIRST_ID)
            for symbol, bars in self._bars.items()
        }
        self._rolled.clear()

    def _all(self, symbol: str, timeframe: Timeframe) -> Bars:
        if timeframe is self.timeframe:
            return self._bars[symbol]
        key = symbol, timeframe
        if key not in self._rolled:
            self._rolled[key] = self._roll_up(symbol, timeframe)
        return self._rolled[key]

    def _roll_up(self, symbol: str, timeframe: Timeframe) -> Bars:
        """Roll up, leaving out the first bucket when the file begins in the middle of it."""
        bars = self._bars[symbol]
        rolled = roll_up(bars, timeframe.milliseconds)
        return rolled.between(self.begins(symbol), int(bars.time[-1]) + 1)


def _bars(candles: Candles, trades_per_bar: int) -> Bars:
    """Number the trades of each traded bar: as many as there are updates, one behind the other."""
    untold: Ints = np.full(len(candles), UNTOLD, np.int64)
    bars = Bars(
        time=candles.time,
        open=candles.open,
        high=candles.high,
        low=candles.low,
        close=candles.close,
        volume=candles.volume,
        first_id=untold,
        last_id=untold,
    )
    return numbered(bars, trades_per_bar * (candles.volume > 0), FIRST_ID)


def _market(symbol: str, bars: Bars) -> Market:
    sample = bars.close[:: max(1, len(bars) // 200)]
    return market_named(symbol, price_decimals=_decimals(sample), amount_decimals=_decimals(bars.volume))


def _decimals(values: Floats) -> int:
    """Return how many decimals the values need; eight where they do not end."""
    for decimals in range(MOST_DECIMALS):
        if np.array_equal(values, np.round(values, decimals)):
            return decimals
    return MOST_DECIMALS
