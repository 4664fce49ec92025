"""From the market's schedule to the frames of every subscriber."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from livermore.adapters.exchanges.simulated.binance.frames import KlineWriter, Told, mini_ticker, shutdown
from livermore.adapters.exchanges.simulated.binance.session import Session
from livermore.adapters.exchanges.simulated.counters import Counters
from livermore.adapters.exchanges.simulated.schedule import Due, Kind, Schedule
from livermore.adapters.exchanges.simulated.source import Source
from livermore.adapters.exchanges.simulated.tape import Tape
from livermore.adapters.exchanges.simulated.view import Day, View
from livermore.kernel.clock import Clock

PATIENCE = 1.0  # seconds after the latest SUBSCRIBE, until the market no longer waits for the rest
Frame = tuple[str, bytes]


class Broadcast:
    """Write each frame once and send it to whoever asked for it; nobody's streams are not written at all."""

    def __init__(
        self,
        source: Source,
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
        self._tape = Tape(source)
        self._view = view
        self._length = length
        self._clock = clock
        self._counters = counters
        self._drains = drains
        self._days_kept_for = 16 * length if drains else length
        self._days: dict[int, tuple[int, Day | None]] = {}
        self._bucket = -1
        self._told: dict[int, Told | None] = {}
        self._told_before: dict[int, Told | None] = {}
        self._wanted: set[str] = set()
        self._listened = asyncio.Event()
        self._changed_at = clock.monotonic()
        self.sessions: set[Session] = set()

    def changed(self) -> None:
        """Take note that somebody came, went, or asks for other streams."""
        self._wanted = set().union(*(session.streams for session in self.sessions))
        self._counters.subscriptions = self._wanted
        self._changed_at = self._clock.monotonic()
        if self._wanted:
            self._listened.set()
        else:
            self._listened.clear()

    async def audience(self) -> None:
        """Wait until somebody is subscribed to something."""
        await self._listened.wait()

    async def whole_audience(self) -> None:
        """Wait until every symbol is asked for, or nobody has asked for more in a while."""
        everything = {writer.stream for writer in self._writers}
        await self.audience()
        while not everything <= self._wanted and self._clock.monotonic() - self._changed_at < PATIENCE:
            await self._clock.sleep(PATIENCE / 20)

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
        if kind is Kind.TICKER:
            return self._ticker(due) if writer.ticker_stream in self._wanted else None
        if writer.stream not in self._wanted:
            return None
        told = self._before(symbol) if kind is Kind.CLOSING else self._now(symbol)
        return None if told is None else (writer.stream, told.frames[update])

    def _ticker(self, due: Due) -> Frame | None:
        told, day = self._now(due.symbol), self._day(due.symbol)
        if told is None or due.update < 0:
            return None
        price, time = told.prices[due.update], self._bucket + due.offset
        day = day or Day(price, price, price, price, 0.0, 0.0, 0)
        return self._writers[due.symbol].ticker_stream, mini_ticker(
            self._symbols[due.symbol], time, price, day
        )

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

    def _day(self, symbol: int) -> Day | None:
        """Return the rolling day, looked up again every so often."""
        since, day = self._days.get(symbol, (-1, None))
        if not since <= self._bucket < since + self._days_kept_for or since < 0:
            since, day = self._bucket, self._view.day(self._symbols[symbol], self._bucket)
            self._days[symbol] = since, day
        return day
