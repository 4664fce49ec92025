"""From the market's schedule to the frames of every subscriber."""

from __future__ import annotations

from collections.abc import Sequence

from livermore.adapters.exchanges.simulated.audience import Audience
from livermore.adapters.exchanges.simulated.binance.frames import KlineWriter, Told, mini_ticker, shutdown
from livermore.adapters.exchanges.simulated.binance.session import Session
from livermore.adapters.exchanges.simulated.counters import Counters
from livermore.adapters.exchanges.simulated.rolling import RollingDays
from livermore.adapters.exchanges.simulated.schedule import Due, Kind, Schedule
from livermore.adapters.exchanges.simulated.tape import Tape
from livermore.adapters.exchanges.simulated.traded import TradedSource
from livermore.adapters.exchanges.simulated.view import Day, View
from livermore.kernel.clock import Clock

Frame = tuple[str, bytes]


class Broadcast:
    """Write each frame once and send it to whoever asked for it; nobody's streams are not written at all."""

    def __init__(
        self,
        source: TradedSource,
        schedule: Schedule,
        view: View,
        clock: Clock,
        counters: Counters,
        *,
        drains: bool,
    ) -> None:
        length = source.timeframe.milliseconds
        self._writers = [
            KlineWriter(market, source.timeframe, [*offsets, length + closing])
            for market, offsets, closing in zip(
                source.markets, schedule.updates, schedule.closings, strict=True
            )
        ]
        self._symbols = [market.symbol for market in source.markets]
        self._source = source
        self._tape = Tape(source)
        self._length = length
        self._drains = drains
        self._days = RollingDays(view, 16 * length if drains else length)
        self._audience = Audience(clock, counters)
        self._bucket = -1
        self._told: dict[int, Told | None] = {}
        self._told_before: dict[int, Told | None] = {}
        self.sessions: set[Session] = set()
        source.follow(self._forget)

    def changed(self) -> None:
        """Take note that somebody came, went, or asks for other streams."""
        self._audience.asks_for(set().union(*(session.streams for session in self.sessions)))

    def subscribed(self) -> set[str]:
        """Return the symbols of all klines that are asked for, known or not."""
        asked = (stream.partition("@") for session in self.sessions for stream in session.streams)
        return {symbol.upper() for symbol, _, name in asked if name.startswith("kline_")}

    async def audience(self) -> None:
        """Wait until somebody is subscribed to something."""
        await self._audience.any()

    async def whole_audience(self) -> None:
        """Wait until every symbol is asked for, or nobody has asked for more in a while."""
        await self._audience.whole({writer.stream for writer in self._writers}.issubset)

    async def tell(self, bucket: int, dues: Sequence[Due]) -> None:
        """Send what is due in a bucket."""
        if bucket != self._bucket:
            self._turn_to(bucket)
        frames = [frame for due in dues if (frame := self._frame(due)) is not None]
        for session in tuple(self.sessions):
            await session.send(frames, drain=self._drains)

    async def announce_shutdown(self, time: int) -> None:
        """Tell everyone that the server will soon go."""
        for session in tuple(self.sessions):
            await session.announce(shutdown(time))

    def _turn_to(self, bucket: int) -> None:
        """Begin a bucket; nothing is said of the one before the first."""
        nothing: dict[int, Told | None] = dict.fromkeys(range(len(self._writers)))
        self._told_before = self._told if self._bucket >= 0 else nothing
        self._told = {}
        self._bucket = bucket

    def _frame(self, due: Due) -> Frame | None:
        """Write one frame; None where nobody wants it or nothing was traded."""
        _, kind, symbol, update = due
        writer = self._writers[symbol]
        stream = writer.ticker_stream if kind is Kind.TICKER else writer.stream
        if stream not in self._audience.wanted:
            return None
        if self._source.is_shut(self._symbols[symbol], self._bucket + due.offset):
            return None
        if kind is Kind.TICKER:
            return self._ticker(due)
        told = self._before(symbol) if kind is Kind.CLOSING else self._now(symbol)
        return None if told is None else (stream, told.frames[update])

    def _ticker(self, due: Due) -> Frame | None:
        told, day = self._now(due.symbol), self._days.day(self._symbols[due.symbol], self._bucket)
        if told is None or due.update < 0:
            return None
        price, time = told.prices[due.update], self._bucket + due.offset
        day = day or Day(price, price, price, price, 0.0, 0.0, 0)
        return self._writers[due.symbol].ticker_stream, mini_ticker(
            self._symbols[due.symbol], time, price, day
        )

    def _forget(self) -> None:
        """Write the bucket's bars anew: one may have ended before its time, which none before it can."""
        self._told.clear()

    def _now(self, symbol: int) -> Told | None:
        if symbol not in self._told:
            self._told[symbol] = self._write(symbol, self._bucket)
        return self._told[symbol]

    def _before(self, symbol: int) -> Told | None:
        if symbol not in self._told_before:
            self._told_before[symbol] = self._write(symbol, self._bucket - self._length)
        return self._told_before[symbol]

    def _write(self, symbol: int, bucket: int) -> Told | None:
        bar = self._tape.whole(symbol, bucket)
        return None if bar is None else self._writers[symbol].write(bar)
