"""An exchange in memory that plays a tape by a manual clock, with a line that can be cut."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np

from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import ExchangeUnreachableError, LivermoreError, NotFoundError
from livermore.kernel.timeframe import Timeframe
from livermore.market.budget import Budget
from livermore.market.candle import Candles, fill_quiet
from livermore.market.exchange import ExchangeInfo
from livermore.market.ports import StreamSink
from livermore.market.rollup import roll_up
from livermore.market.symbol import Symbol, Ticker
from tests.reference.series import START

from .factories import MINUTE
from .tape import Frame, Tape

INFO = ExchangeInfo(name="test", display_name="Test", supported_timeframes=tuple(Timeframe))


class TapeExchange:
    """Tell what a tape knows at the clock's time; `cuts` are spans (ms) in which the line is dead."""

    def __init__(
        self, tape: Tape, clock: ManualClock, *, cuts: Sequence[tuple[int, int]] = (), bad: bool = False
    ) -> None:
        self.info = INFO
        self.budget = Budget(clock, limit=1_000_000)
        self.tape, self.clock, self.cuts = tape, clock, cuts
        self.frames = tape.frames(bad=bad)
        self.listed = list(tape.symbols)
        self.quotes: dict[str, Ticker] = {}
        self.asked: list[tuple[str, Timeframe, int, int]] = []
        self.failing: list[LivermoreError] = []
        self.subscribed: list[list[str]] = []
        self.unsubscribed: list[list[str]] = []
        self.mute: set[str] = set()
        self.away = False
        self.unknown: dict[int, int] = {}
        self.delay = 0.05
        self.closed = False

    async def listing(self) -> list[Symbol]:
        self._answer()
        return [Symbol(name=symbol, base=symbol, quote="USD") for symbol in self.listed]

    async def history(self, symbol: str, timeframe: Timeframe, start: int, end: int) -> Candles:
        assert start < end <= timeframe.bucket(self.clock.now()), "only what has closed may be asked for"
        self.asked.append((symbol, timeframe, start, end))
        await self.clock.sleep(self.delay)
        self._answer()
        if self.failing:
            raise self.failing.pop(0)
        base = self.tape.history(symbol, START, end)
        hidden = [time for time, until in self.unknown.items() if self.clock.now() < until]
        base = base[~np.isin(base.time, hidden)]
        if timeframe is Timeframe.M1:
            return base.between(start, end)
        rolled = roll_up(fill_quiet(base, Timeframe.M1, end), MINUTE, timeframe, end)
        return rolled.between(start, end)[rolled.between(start, end).state == 1]

    async def tickers(self, symbols: Sequence[str]) -> list[Ticker]:
        return []

    async def days(self) -> list[Ticker]:
        self._answer()
        return [self.quotes[symbol] for symbol in self.listed if symbol in self.quotes]

    async def quote(self, symbol: str) -> Ticker:
        self._answer()
        if symbol not in self.listed or symbol not in self.quotes:
            raise NotFoundError(f"nobody knows {symbol}", where=self.info.name)
        return self.quotes[symbol]

    async def server_time(self) -> int:
        self._answer()
        return self.clock.now()

    async def connect(self) -> TapeStream:
        if self.cut_until(self.clock.now()) is not None:
            raise ExchangeUnreachableError("the line is dead")
        return TapeStream(self)

    async def close(self) -> None:
        self.closed = True

    def pages(self, buckets: int) -> list[int]:
        return [1]

    def _answer(self) -> None:
        if self.away:
            raise ExchangeUnreachableError("REST is away")

    def cut_until(self, time: int) -> int | None:
        """Return when the line comes back, if it is dead at a time."""
        return next((end for start, end in self.cuts if start <= time < end), None)


class TapeStream:
    """One connection: what was under way when it is cut is lost."""

    def __init__(self, exchange: TapeExchange) -> None:
        self._exchange = exchange
        self._symbols: set[str] = set()
        self._ended = asyncio.Event()

    async def subscribe(self, symbols: Sequence[str]) -> None:
        await self._exchange.clock.sleep(0.2)
        self._symbols |= set(symbols)
        self._exchange.mute -= set(symbols)
        self._exchange.subscribed.append(list(symbols))

    async def unsubscribe(self, symbols: Sequence[str]) -> None:
        self._symbols -= set(symbols)
        self._exchange.unsubscribed.append(list(symbols))

    async def run(self, sink: StreamSink) -> None:
        clock, began = self._exchange.clock, self._exchange.clock.now()
        ahead = [frame for frame in self._exchange.frames if frame.arrives >= began]
        for moment in merged(ahead, began):
            at = moment.arrives if isinstance(moment, Frame) else moment
            await clock.sleep((at - clock.now()) / 1000)
            if any(began <= start <= clock.now() for start, _ in self._exchange.cuts):
                raise ExchangeUnreachableError("the line was cut")
            if not isinstance(moment, Frame):
                sink.beat(moment - 30)
            elif moment.update.symbol in self._symbols - self._exchange.mute:
                sink.bar(moment.update, moment.event_time)

    async def close(self) -> None:
        self._ended.set()


def merged(frames: list[Frame], began: int) -> list[Frame | int]:
    """Return frames, with a sign of life every second between them and long behind them."""
    last = frames[-1].arrives if frames else began
    beats = range(began + 1_000 - began % 1_000 + 30, last + 86_400_000 // 24, 1_000)
    together: list[Frame | int] = [*frames, *beats]
    return sorted(together, key=lambda moment: moment.arrives if isinstance(moment, Frame) else moment)
