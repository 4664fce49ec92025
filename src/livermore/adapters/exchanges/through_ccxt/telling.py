"""Tell a sink bars, and with each the price: ccxt's tickers come by a stream of their own, and later."""

from __future__ import annotations

import asyncio

from livermore.adapters.exchanges.through_ccxt.history import Row
from livermore.market.candle import BarUpdate
from livermore.market.ports import StreamSink
from livermore.market.symbol import Ticker


class Teller:
    """Hold bars back until there is a sink, and know the rolling day of each symbol."""

    def __init__(self) -> None:
        self.days: dict[str, Ticker] = {}
        self._newest: dict[str, int] = {}
        self._sink: asyncio.Future[StreamSink] = asyncio.get_running_loop().create_future()

    def begin(self, sink: StreamSink) -> None:
        """Tell this sink from now on."""
        if not self._sink.done():
            self._sink.set_result(sink)

    async def sink(self) -> StreamSink:
        """Wait for the sink."""
        return await asyncio.shield(self._sink)

    def forget(self, symbol: str) -> None:
        """Forget a symbol."""
        self._newest.pop(symbol, None)
        self.days.pop(symbol, None)

    async def bar(self, update: BarUpdate, event_time: int) -> None:
        """Tell a bar as of a time of the exchange (ms), and the price when it is the newest."""
        sink = await self.sink()
        moment = max(event_time, update.time)
        sink.bar(update, moment)
        if update.time >= self._newest.get(update.symbol, 0):
            self._newest[update.symbol] = update.time
            sink.ticker(self._ticker(update, moment))

    def _ticker(self, update: BarUpdate, moment: int) -> Ticker:
        day = self.days.get(update.symbol)
        return Ticker(
            symbol=update.symbol,
            price=update.close,
            time=moment,
            open_24h=day.open_24h if day else None,
            quote_volume_24h=day.quote_volume_24h if day else None,
        )


def bar_of(symbol: str, row: Row) -> BarUpdate:
    """Return a row of ccxt's as a bar: whether it is closed, and of which trades, it does not say."""
    time, open_, high, low, close, volume = row
    return BarUpdate(
        symbol=symbol, time=int(time), open=open_, high=high, low=low, close=close, volume=volume
    )
