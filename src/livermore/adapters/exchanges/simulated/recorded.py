"""A source of recorded candles, told as they were: an interval that the file does not have stays absent."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from livermore.adapters.exchanges.simulated.names import market_named
from livermore.adapters.exchanges.simulated.rollup import roll_up
from livermore.adapters.exchanges.simulated.source import (
    UNTOLD,
    Bars,
    Floats,
    Ints,
    Market,
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
    traded = candles.volume > 0
    first_id: Ints = FIRST_ID + (np.cumsum(traded) - 1) * trades_per_bar
    return Bars(
        time=candles.time,
        open=candles.open,
        high=candles.high,
        low=candles.low,
        close=candles.close,
        volume=candles.volume,
        first_id=np.where(traded, first_id, UNTOLD),
        last_id=np.where(traded, first_id + trades_per_bar - 1, UNTOLD),
    )


def _market(symbol: str, bars: Bars) -> Market:
    return market_named(symbol, price_decimals=_decimals(bars.close), amount_decimals=_decimals(bars.volume))


def _decimals(values: Floats) -> int:
    """Return how many decimals the values need, as far as a sample tells."""
    sample = values[:: max(1, len(values) // 200)]
    for decimals in range(MOST_DECIMALS):
        if np.allclose(sample, np.round(sample, decimals), rtol=1e-12, atol=0):
            return decimals
    return MOST_DECIMALS
