"""The bars of one product as its frames tell them."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from livermore.adapters.exchanges.simulated.coinbase.timetable import TradeTimetable
from livermore.adapters.exchanges.simulated.coinbase.trades import Trade, Trades, amount, trades_of
from livermore.adapters.exchanges.simulated.numbers import decimal
from livermore.adapters.exchanges.simulated.path import Whole
from livermore.adapters.exchanges.simulated.source import Market
from livermore.adapters.exchanges.simulated.tape import Tape
from livermore.adapters.exchanges.simulated.traded import TradedSource
from livermore.kernel.timeframe import Timeframe

FIVE = Timeframe.M5.milliseconds


class Told(NamedTuple):
    """A bar in trades: as numbers, as they are written, and how many of them each frame has told."""

    bar: Whole
    trades: Trades
    written: list[Trade]
    ends: list[int]


class Candle(NamedTuple):
    """A five-minute candle so far; `volume` is the exact sum of its trades."""

    start: int
    prices: tuple[float, float, float, float]
    volume: str


class ToldBars:
    """Tell the bars of every product in trades and in five-minute candles."""

    def __init__(self, source: TradedSource, timetable: TradeTimetable) -> None:
        self._source = source
        self._markets: tuple[Market, ...] = source.markets
        self._timetable = timetable
        self._times = [timetable.times(place) for place in range(len(source.markets))]
        self._length = source.timeframe.milliseconds
        self._tape = Tape(source, back=max(1, FIVE // self._length))
        self._told: dict[int, Told | None] = {}
        self._before: dict[int, list[Whole]] = {}
        self._bucket = -1
        self.has_candles = FIVE % self._length == 0

    def turn_to(self, bucket: int) -> None:
        """Begin a bucket."""
        if bucket != self._bucket:
            self._bucket = bucket
            self._told.clear()
            self._before.clear()

    def told(self, symbol: int) -> Told | None:
        """Return a product's bar of the bucket, if it is traded."""
        if symbol not in self._told:
            bar = self._tape.whole(symbol, self._bucket)
            self._told[symbol] = None if bar is None else self.tell(symbol, bar)
        return self._told[symbol]

    def tell(self, symbol: int, bar: Whole) -> Told:
        """Return any bar in trades."""
        whole = self._source.uncut(symbol, bar)
        trades = trades_of(whole, self._markets[symbol].price_decimals).until(bar.last_id)
        count = len(trades.units)
        ends = [end for end in self._timetable.ends() if end < count]
        return Told(bar, trades, trades.written(bar.time, self._times[symbol]), [*ends, count])

    def candle(self, symbol: int, told: Told, trades: int) -> Candle:
        """Return the five-minute candle after so many trades of the bucket's bar."""
        start = self._bucket - self._bucket % FIVE
        before, state = self._earlier(symbol, start), told.trades.state(trades)
        first = before[0] if before else told.bar
        high = max([state.high, *(bar.high for bar in before)])
        low = min([state.low, *(bar.low for bar in before)])
        volume = Decimal(amount(sum(told.trades.units[:trades]), told.trades.decimals))
        volume += sum(Decimal(decimal(bar.volume)) for bar in before)
        return Candle(start, (first.open, high, low, state.close), _trimmed(volume))

    def _earlier(self, symbol: int, start: int) -> list[Whole]:
        """Return the traded bars of the five minutes that precede the bucket."""
        if symbol not in self._before:
            buckets = range(start, self._bucket, self._length)
            found = (self._tape.whole(symbol, bucket) for bucket in buckets)
            self._before[symbol] = [bar for bar in found if bar is not None]
        return self._before[symbol]


def _trimmed(volume: Decimal) -> str:
    text = f"{volume:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
