"""From the market's timetable to the frames of every subscriber."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from livermore.adapters.exchanges.simulated.audience import Audience
from livermore.adapters.exchanges.simulated.coinbase.bars import FIVE, Candle, Told, ToldBars
from livermore.adapters.exchanges.simulated.coinbase.frames import (
    BATCH,
    CANDLES,
    TICKER,
    TRADES,
    Frame,
    candle,
    candles_frame,
    key_of,
    ticker_frame,
    trades_frame,
)
from livermore.adapters.exchanges.simulated.coinbase.session import Session
from livermore.adapters.exchanges.simulated.counters import Counters
from livermore.adapters.exchanges.simulated.rolling import RollingDays
from livermore.adapters.exchanges.simulated.schedule import Due, Kind
from livermore.adapters.exchanges.simulated.traded import TradedSource
from livermore.adapters.exchanges.simulated.view import View
from livermore.kernel.clock import Clock

LATE_ONES = 7  # of so many candles one is corrected after the next has begun


class Product(NamedTuple):
    """A product and what its channels are called."""

    name: str
    trades: str
    candles: str
    ticker: str
    batch: str

    @classmethod
    def named(cls, name: str) -> Product:
        """Name the channels of a product."""
        return cls(name, *(key_of(channel, name) for channel in (TRADES, CANDLES, TICKER, BATCH)))


class Broadcast:
    """Write each frame once and send it to whoever asked for it; what nobody asked for is not written."""

    def __init__(
        self,
        source: TradedSource,
        bars: ToldBars,
        view: View,
        clock: Clock,
        counters: Counters,
        *,
        flat_out: bool,
    ) -> None:
        self._source = source
        self._length = source.timeframe.milliseconds
        self._products = [Product.named(market.symbol) for market in source.markets]
        self._bars = bars
        self._flat_out = flat_out
        self._days = RollingDays(view, 16 * self._length if flat_out else self._length)
        self._audience = Audience(clock, counters)
        self._batched: dict[int, int] = {}
        self._withheld: dict[int, str] = {}
        self.sessions: set[Session] = set()

    def changed(self) -> None:
        """Take note that somebody came, went, or asks for something else."""
        self._audience.asks_for(set().union(*(session.wanted for session in self.sessions)))

    def subscribed(self) -> set[str]:
        """Return the products of all trades that are asked for."""
        asked = (key.partition(":") for session in self.sessions for key in session.wanted)
        return {product for channel, _, product in asked if channel == TRADES}

    async def audience(self) -> None:
        """Wait until somebody is subscribed to something."""
        await self._audience.any()

    async def whole_audience(self) -> None:
        """Wait until every product is asked for, or nobody has asked for more in a while."""
        await self._audience.whole(self._is_whole)

    async def tell(self, bucket: int, dues: Sequence[Due]) -> None:
        """Send what is due in a bucket."""
        self._bars.turn_to(bucket)
        frames = [frame for due in dues for frame in self._frames(bucket, due)]
        beat = next((bucket + due.offset for due in dues if due.kind is Kind.BEAT), None)
        for session in tuple(self.sessions):
            await session.send(frames, drain=self._flat_out)
            if beat is not None:
                session.beat(beat)

    async def announce_shutdown(self, time: int) -> None:
        """Close every connection in good order: Coinbase has no words for it."""
        for session in tuple(self.sessions):
            await session.close()

    def _is_whole(self, wanted: set[str]) -> bool:
        """Say whether some channel of every product is asked for."""
        return not any(wanted.isdisjoint(product[1:]) for product in self._products)

    def _frames(self, bucket: int, due: Due) -> Iterator[Frame]:
        """Write what is due, if it is wanted and anything was traded."""
        if due.kind is Kind.BEAT:
            return
        product, wanted = self._products[due.symbol], self._audience.wanted
        if product.candles not in wanted:
            self._withheld.pop(due.symbol, None)  # nobody waits for this correction any more
        told = None if wanted.isdisjoint(product[1:]) else self._bars.told(due.symbol)
        if told is None or due.update < 0 or self._source.is_shut(product.name, bucket + due.offset):
            return
        if due.kind is Kind.TICKER:
            yield from self._batch(product, due, told, bucket + due.offset)
        elif due.update < len(told.ends):
            yield from self._moment(product, due, told, bucket + due.offset)

    def _moment(self, product: Product, due: Due, told: Told, time: int) -> Iterator[Frame]:
        """Write the trades of one moment, and what follows from them."""
        first, end = ([0, *told.ends][due.update], told.ends[due.update])
        if product.trades in self._audience.wanted:
            yield trades_frame(product.name, time, "update", told.written[first:end])
        if product.ticker in self._audience.wanted:
            price, day = told.trades.prices[end - 1], self._days.day(product.name, time)
            yield ticker_frame(TICKER, product.name, time, "update", price, day)
        last = due.update == len(told.ends) - 1
        tells = self._bars.has_candles and (last or not self._flat_out)
        if tells and product.candles in self._audience.wanted:
            so_far = self._bars.candle(due.symbol, told, end)
            yield from self._candle(product, due.symbol, so_far, time, is_last=last)

    def _candle(
        self, product: Product, symbol: int, so_far: Candle, time: int, *, is_last: bool
    ) -> Iterator[Frame]:
        """Write the running candle; now and then its end only once the next has begun."""
        text = candle(product.name, *so_far)
        ends = is_last and time - time % self._length + self._length == so_far.start + FIVE
        if ends and (so_far.start // FIVE + symbol) % LATE_ONES == 0:
            self._withheld[symbol] = text
            return
        yield candles_frame(product.name, time, "update", [text])
        if symbol in self._withheld:
            yield candles_frame(product.name, time, "update", [self._withheld.pop(symbol)])

    def _batch(self, product: Product, due: Due, told: Told, time: int) -> Iterator[Frame]:
        """Write a ticker without offers, if there were trades since the last."""
        end = told.ends[min(due.update, len(told.ends) - 1)]
        newest = told.trades.first_id + end
        if product.batch in self._audience.wanted and self._batched.get(due.symbol) != newest:
            self._batched[due.symbol] = newest
            price, day = told.trades.prices[end - 1], self._days.day(product.name, time)
            yield ticker_frame(BATCH, product.name, time, "update", price, day)
