"""Coinbase's frames as they come over one connection: made up, but shaped like recorded ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice

import numpy as np

from livermore.kernel.timeframe import MINUTE, Timeframe

MOMENTS = 30  # in which a product trades within a minute, one every two seconds
BATCHES = frozenset({1, 3})  # of five moments those with a ticker: one every five seconds
MANY = (1, 1, 1, 1, 2, 2, 3, 5)  # trades in a frame: those of the last 250 ms
FINEST = 10**8  # units of size
FIVE = Timeframe.M5.milliseconds
ENVELOPE = '{{"channel":"{}","timestamp":"{}.{:03}901038Z","sequence_num":{},"events":[{}]}}'
TRADE = (
    '{{"product_id":"{}","trade_id":"{}","price":"{:.2f}","size":"{:.8f}","time":"{}.{:03}138Z","side":"{}"}}'
)
CANDLE = (
    '{{"type":"update","candles":[{{"start":"{}","high":"{:.2f}","low":"{:.2f}","open":"{:.2f}",'
    '"close":"{:.2f}","volume":"{:.8f}","product_id":"{}"}}]}}'
)
TICKER = (
    '{{"type":"update","tickers":[{{"type":"ticker","product_id":"{}","price":"{:.2f}","volume_24_h":"{:.8f}",'
    '"low_24_h":"{:.2f}","high_24_h":"{:.2f}","low_52_w":"15.46","high_52_w":"48240",'
    '"price_percent_chg_24_h":"-4.15775596190603"}}]}}'
)
BEAT = '{{"current_time":"{} +0000 UTC m=+21697.195984854","heartbeat_counter":{}}}'


class Product:
    """What one product has come to: its last trade, and its running candle of five minutes."""

    def __init__(self, name: str, price: float) -> None:
        self.name = name
        self.price = price
        self.next_id = 1_000_000
        self.start = -1
        self.open = self.high = self.low = price
        self.units = 0

    def trade(self, price: float, units: int, start: int) -> int:
        """Take a trade into the candle that opens at a time (ms); return its id."""
        if start != self.start:
            self.start, self.open, self.high, self.low, self.units = start, price, price, price, 0
        self.price, self.next_id = price, self.next_id + 1
        self.high, self.low, self.units = max(self.high, price), min(self.low, price), self.units + units
        return self.next_id - 1


class TradeTape:
    """Frames of some products, minute after minute, numbered through; each moment's trades share a frame.

    The five minutes in which it begins are told in trades alone: whoever hears it may not have all of them.
    With `only_trades` all of it is told in trades, and heartbeats.
    """

    def __init__(
        self, symbols: Sequence[str], prices: Sequence[float], start: int, *, only_trades: bool = False
    ) -> None:
        self.now = start
        self._only_trades = only_trades
        self._whole_from = start + FIVE
        self._products = [Product(*product) for product in zip(symbols, prices, strict=True)]
        self._number = 0
        self._chance = np.random.default_rng(7)

    def minutes(self, count: int) -> list[bytes]:
        """Return the frames of the next minutes, in the order in which an exchange sends them."""
        return [frame for _ in range(count) for frame in self._minute()]

    def _minute(self) -> Iterator[bytes]:
        count = len(self._products)
        shape = (MOMENTS, count, max(MANY))
        steps = np.exp(self._chance.normal(0, 2e-4, shape)).tolist()
        units = self._chance.integers(1, 10**9, shape).tolist()
        trades = self._chance.choice(MANY, shape[:2]).tolist()
        for moment in range(MOMENTS):
            for place, product in enumerate(self._products):
                time = self.now + (moment * count + place) * MINUTE // (MOMENTS * count)
                if place in {0, count // 2}:
                    yield self._beat(time)
                moves = islice(
                    zip(steps[moment][place], units[moment][place], strict=True), trades[moment][place]
                )
                yield from self._moment(product, time, moves, has_ticker=moment % 5 in BATCHES)
        self.now += MINUTE

    def _moment(
        self, product: Product, time: int, moves: Iterator[tuple[float, int]], *, has_ticker: bool
    ) -> Iterator[bytes]:
        start, second, name = time - time % FIVE, stamp(time), product.name
        trades = []
        for move, units in moves:
            price = round(product.price * move, 2)
            number = product.trade(price, units, start)
            side = "SELL" if units % 2 else "BUY"
            trades.append(TRADE.format(name, number, price, units / FINEST, second, time % 1000, side))
        yield self._frame("market_trades", time, f'{{"type":"update","trades":[{",".join(trades)}]}}')
        if self._only_trades:
            return
        if start >= self._whole_from:
            candle = CANDLE.format(
                start // 1000, product.high, product.low, product.open, product.price,
                product.units / FINEST, name,
            )  # fmt: skip
            yield self._frame("candles", time, candle)
        if has_ticker:
            day = TICKER.format(name, product.price, product.units / FINEST, product.low, product.high)
            yield self._frame("ticker_batch", time, day)

    def _beat(self, time: int) -> bytes:
        text = f"{stamp(time).replace('T', ' ')}.{time % 1000:03}778606"
        return self._frame("heartbeats", time, BEAT.format(text, time // 1000))

    def _frame(self, channel: str, time: int, event: str) -> bytes:
        number, self._number = self._number, self._number + 1
        return ENVELOPE.format(channel, stamp(time), time % 1000, number, event).encode()


def stamp(time: int) -> str:
    """Write a time (ms) to the second."""
    return datetime.fromtimestamp(time // 1000, UTC).isoformat()[:19]
