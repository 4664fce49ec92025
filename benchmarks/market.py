"""The market path joined as `bootstrap` joins it, with an exchange and a store that live in memory."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from livermore.indicators.service import Indicators
from livermore.kernel.clock import SystemClock
from livermore.kernel.scope import Scope
from livermore.kernel.timeframe import DEFAULT_TIMEFRAMES, Timeframe
from livermore.market.budget import Budget
from livermore.market.candle import Candles
from livermore.market.desk import Desk
from livermore.market.exchange import BINANCE, ExchangeInfo
from livermore.market.feed import REST_DELAY
from livermore.market.ports import Checkpoint, Counts, Hole, RequestBudget, Series, Stream, StreamSink
from livermore.market.recorder import Recorder
from livermore.market.series import SeriesTable
from livermore.market.symbol import Symbol, Ticker
from livermore.signals.engine import Engine
from livermore.signals.recorder import SignalRecorder
from livermore.signals.rules import Rules
from livermore.signals.signal import Signal

START = 1_717_372_800_000  # a Monday, 00:00 UTC
WARM = 120
ENDINGS = {"binance": "USDT", "coinbase": "-USD"}
SCOPE = Scope(user_id=1, identity_sub="bench")


class Market:
    """A desk with its indicators and rules, loaded and live; nothing is written to a disk."""

    def __init__(
        self, count: int, connect: Callable[[], Any] | None = None, info: ExchangeInfo = BINANCE
    ) -> None:
        self.symbols, self.prices = names_and_prices(count, info.name)
        clock, store = SystemClock(), MemoryStore()
        table = SeriesTable(info.name, DEFAULT_TIMEFRAMES, symbols=count)
        self.recorder = Recorder(store, clock)
        self.signals = Said(
            scope=SCOPE, work=_never, alerts_of=lambda signal: [], told=lambda: None,
            candles_first=self.recorder.flush, clock=clock,
        )  # fmt: skip
        self.engine = Engine(SCOPE, table, Rules(), self.symbols, DEFAULT_TIMEFRAMES, self.signals, clock)
        self.indicators = Indicators(table, store, self.recorder, [self.engine])
        self.engine.follow(self.indicators.bank)
        exchange = MemoryExchange(self.symbols, self.prices, connect, info)
        self.desk = Desk(exchange, table, store, self.recorder, self.indicators, clock)
        self.desk.watch(self.symbols)

    async def open(self) -> None:
        """Connect, and wait until every symbol is loaded and live."""
        await self.desk.start()
        await eventually(lambda: len(self.desk.loaded) == len(self.symbols))

    def forget(self) -> None:
        """Drop what was to be written, as a flush does."""
        self.recorder._bars.clear()
        self.recorder._checkpoints.clear()
        self.recorder.backlog = 0
        self.signals.said.clear()
        self.engine.states()


async def eventually(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.001)


def names_and_prices(count: int, exchange: str) -> tuple[list[str], list[float]]:
    """Return made-up symbols, named as an exchange names them, and what they cost."""
    ending = ENDINGS[exchange]
    return [f"SYM{number:03}{ending}" for number in range(count)], [100.0 + number for number in range(count)]


class Said(SignalRecorder):
    """Keep the signals where they can be counted."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self.said: list[Signal] = []

    def take(self, signals: Sequence[Signal], owner: Any = None) -> None:
        super().take(signals, owner)
        self.said += signals
        self._signals.clear()


class MemoryExchange:
    """An exchange whose history is made up, and whose stream is silent unless another is given."""

    def __init__(
        self, symbols: Sequence[str], prices: Sequence[float], connect: Callable[[], Any] | None,
        info: ExchangeInfo,
    ) -> None:  # fmt: skip
        self.info = info
        self.budget: RequestBudget = Budget(SystemClock(), limit=6_000)
        self._prices = dict(zip(symbols, prices, strict=True))
        self._connect = connect

    async def listing(self) -> list[Symbol]:
        return [Symbol(name=name, base=name[:-4], quote="USDT") for name in self._prices]

    async def history(self, symbol: str, timeframe: Timeframe, start: int, end: int) -> Candles:
        return walk(self._prices[symbol], timeframe, end, min(WARM, (end - start) // timeframe.milliseconds))

    async def tickers(self, symbols: Sequence[str]) -> list[Ticker]:
        return []

    async def days(self) -> list[Ticker]:
        return [await self.quote(symbol) for symbol in self._prices]

    async def quote(self, symbol: str) -> Ticker:
        return Ticker(symbol=symbol, price=self._prices[symbol], time=START)

    async def server_time(self) -> int:
        return START + REST_DELAY

    async def connect(self) -> Stream:
        stream: Stream = await self._connect() if self._connect is not None else SilentStream()
        return stream

    def pages(self, buckets: int) -> list[int]:
        return [1]

    async def close(self) -> None:
        pass


class SilentStream:
    """A stream on which nothing comes: the benchmark itself feeds the frames."""

    async def subscribe(self, symbols: Sequence[str]) -> None:
        pass

    async def unsubscribe(self, symbols: Sequence[str]) -> None:
        pass

    async def run(self, sink: StreamSink) -> None:
        await asyncio.Event().wait()

    async def close(self) -> None:
        pass


class MemoryStore:
    """Keep candles in a dictionary."""

    def __init__(self) -> None:
        self._held: dict[Series, list[Candles]] = defaultdict(list)

    async def save(
        self, batch: Sequence[tuple[Series, Candles]], checkpoints: Sequence[Checkpoint] = (),
        holes: Sequence[Hole] = (),
    ) -> None:  # fmt: skip
        for series, candles in batch:
            self._held[series].append(candles)

    async def replace(self, batch: Sequence[tuple[Series, Candles]]) -> int:
        gone = sum(len(part) for series, _ in batch for part in self._held[series])
        for series, candles in batch:
            self._held[series] = [candles]
        return gone

    async def holes(self, series: Series, start: int, end: int) -> list[Hole]:
        return []

    async def counts(self, series: Series, start: int, end: int) -> Counts:
        held = await self.load(series, start, end)
        return Counts(traded=len(held), quiet=0, missing=0)

    async def load(
        self, series: Series, start: int | None = None, end: int | None = None, *, newest: int | None = None
    ) -> Candles:
        parts = self._held[series]
        held = Candles.joined(*parts) if parts else Candles.none()
        return held.between(start or 0, end or 2**62)

    async def span(self, series: Series) -> tuple[int, int] | None:
        parts = self._held[series]
        return (int(parts[0].time[0]), int(parts[-1].time[-1])) if parts else None

    async def spans(self, exchange: str, symbols: Collection[str]) -> dict[Series, tuple[int, int]]:
        own = [one for one in self._held if one.exchange == exchange and one.symbol in symbols]
        found = {one: await self.span(one) for one in own}
        return {one: span for one, span in found.items() if span is not None}

    async def checkpoint(self, series: Series, at_or_before: int) -> Checkpoint | None:
        return None

    async def first_checkpoint(self, series: Series) -> Checkpoint | None:
        return None

    async def forget_checkpoints(self, series: Series, since: int) -> None:
        pass

    async def prune(self, timeframe: Timeframe, before: int) -> int:
        return 0


def walk(price: float, timeframe: Timeframe, end: int, count: int) -> Candles:
    """Return candles that wander, all of them traded, and end at a price."""
    chance = np.random.default_rng((int(price), timeframe.milliseconds))
    steps = chance.standard_t(4, count) * 4e-4 * (timeframe.milliseconds / 60_000) ** 0.5
    close = price * np.exp(np.cumsum(steps) - steps.sum())
    opened = np.concatenate((close[:1], close[:-1]))
    spread = chance.exponential(2e-4, (2, count))
    high, low = np.maximum(opened, close) * (1 + spread[0]), np.minimum(opened, close) * (1 - spread[1])
    time = end - timeframe.milliseconds * np.arange(count, 0, -1)
    return Candles.of(time, opened, high, low, close, chance.lognormal(0, 1, count))


def _never(scope: Scope) -> Any:
    raise AssertionError("a benchmark writes no signals")
