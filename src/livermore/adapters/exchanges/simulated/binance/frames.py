"""Klines and tickers as frames, a bar's at once, because at `max` this is most of the work.

Every trade counts as bought by the taker (`V` and `Q`).
"""

from __future__ import annotations

from typing import NamedTuple

from livermore.adapters.exchanges.simulated.numbers import decimal, recurring
from livermore.adapters.exchanges.simulated.path import Whole, states
from livermore.adapters.exchanges.simulated.source import Market
from livermore.adapters.exchanges.simulated.view import Day
from livermore.kernel.timeframe import Timeframe


class Told(NamedTuple):
    """A bar's frames, and the price that each of them tells."""

    frames: list[bytes]
    prices: list[float]


class KlineWriter:
    """Write every frame of a symbol's bar; `offsets` says when (ms after the open) each is sent."""

    def __init__(self, market: Market, timeframe: Timeframe, offsets: list[int]) -> None:
        self._market = market
        self._interval = timeframe.value
        self._length = timeframe.milliseconds
        self._offsets = offsets
        self.stream = f"{market.symbol.lower()}@kline_{timeframe.value}"
        self.ticker_stream = f"{market.symbol.lower()}@miniTicker"

    def write(self, bar: Whole) -> Told:
        """Write the bar's frames, the closing one last."""
        market, symbol, open_ = self._market, self._market.symbol, recurring(bar.open)
        path = states(bar, len(self._offsets), market.price_decimals, market.amount_decimals)
        begin = f'"s":"{symbol}","k":{{"t":{bar.time},"T":{bar.time + self._length - 1},"s":"{symbol}",'
        begin += f'"i":"{self._interval}","f":{bar.first_id},"L":'
        before = bar.first_id - 1
        frames = [
            (
                f'{{"e":"kline","E":{bar.time + offset},{begin}{last_id},"o":"{open_}",'
                f'"c":"{recurring(close)}","h":"{recurring(high)}","l":"{recurring(low)}",'
                f'"v":"{(amount := decimal(volume))}","n":{last_id - before},'
                f'"x":{"false" if offset < self._length else "true"},'
                f'"q":"{(quote := decimal(volume * close))}","V":"{amount}","Q":"{quote}","B":"0"}}}}'
            ).encode()
            for offset, (high, low, close, volume, last_id) in zip(self._offsets, path, strict=True)
        ]
        return Told(frames, [state.close for state in path])


def mini_ticker(symbol: str, time: int, last: float, day: Day) -> bytes:
    """Return the frame of a price and the rolling day."""
    return (
        f'{{"e":"24hrMiniTicker","E":{time},"s":"{symbol}","c":"{recurring(last)}","o":"{recurring(day.open)}",'
        f'"h":"{recurring(max(day.high, last))}","l":"{recurring(min(day.low, last))}",'
        f'"v":"{recurring(day.volume)}","q":"{recurring(day.quote_volume)}"}}'
    ).encode()


def shutdown(time: int) -> bytes:
    """Return the frame that says the server will soon go."""
    return f'{{"e":"serverShutdown","E":{time}}}'.encode()


def wrapped(stream: str, payload: bytes) -> bytes:
    """Return a frame as the combined stream carries it."""
    return b'{"stream":"%b","data":%b}' % (stream.encode(), payload)
