"""All between closed bars and stored signals, joined as the real system joins it, without an exchange."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from livermore.indicators.service import Indicators
from livermore.kernel.clock import ManualClock
from livermore.kernel.scope import Scope
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles
from livermore.market.listener import onwards
from livermore.market.ports import Series
from livermore.market.recorder import Recorder
from livermore.market.rollup import Rollup, roll_up
from livermore.market.series import SeriesTable
from livermore.signals.engine import Engine
from livermore.signals.recorder import SignalRecorder
from livermore.signals.replay import replay_symbol
from livermore.signals.rules import Rules
from livermore.signals.signal import Signal
from tests.unit.market.factories import MINUTE
from tests.unit.market.memory import MemoryStore

from .memory import Books

SCOPE = Scope(user_id=1, identity_sub="sub")
EXCHANGE = "test"
NOW = 1_800_000_000_000
WATCHED = (Timeframe.M1, Timeframe.M5, Timeframe.M15, Timeframe.H1)


class Watching:
    """One process's life with some symbols: what is stored outlives it."""

    def __init__(
        self, store: MemoryStore, books: Books, symbols: Sequence[str], rules: Rules,
        *, timeframes: Sequence[Timeframe] = WATCHED, judged: Sequence[Timeframe] | None = None,
        enabled: Iterable[str] | None = None, from_the_start: bool = False,
    ) -> None:  # fmt: skip
        clock = ManualClock(NOW)
        self.store = store
        self.books = books
        self.table = SeriesTable(EXCHANGE, timeframes, symbols=1)
        for symbol in symbols:
            self.table.add(symbol)
        self.rollup = Rollup(self.table)
        self.recorder = Recorder(store, clock)
        self.signals = SignalRecorder(
            SCOPE, books.work, lambda signal: [], lambda: None, self.recorder.flush, clock
        )
        self.engine = Engine(
            SCOPE, self.table, rules, symbols if enabled is None else list(enabled), judged or timeframes,
            self.signals, clock, watched=timeframes, stored=books.states.values(),
            from_the_start=from_the_start,
        )  # fmt: skip
        self.indicators = Indicators(self.table, store, self.recorder, [self.engine])
        self.engine.follow(self.indicators.bank)

    async def load(self, symbol: str, until: int, market_time: int | None = None) -> None:
        """Take what is stored of a symbol, as the desk does."""
        histories = {}
        for timeframe in self.table.timeframes:
            series = Series(EXCHANGE, symbol, timeframe)
            span = await self.store.span(series)
            start = None if span is None else await self.indicators.since(series, span[1])
            histories[timeframe] = Candles.none() if span is None else await self.store.load(series, start)
        await self.indicators.loaded(symbol, histories, until if market_time is None else market_time)
        for timeframe, candles in histories.items():
            self.table.load(self.table.row(symbol, timeframe), candles)
        base = Series(EXCHANGE, symbol, self.table.base)
        day = await self.store.load(base, Timeframe.D1.bucket(until), until)
        self.rollup.start(self.table.columns[symbol], day, until)

    async def load_all(self, until: int) -> None:
        """Take what is stored of every symbol."""
        for symbol in self.table.symbols:
            await self.load(symbol, until)

    def close(self, histories: Mapping[str, Candles], groups: Sequence[Sequence[str]] = ()) -> None:
        """Close bars live; symbols of one group close in one batch, alone by default."""
        batches = groups or [[symbol] for symbol in histories]
        for instant, parts in instants(histories):
            for group in batches:
                present = {self.table.columns[name]: parts[name] for name in group if name in parts}
                if present:
                    columns = np.array(sorted(present), np.intp)
                    bars = Candles.joined(*(present[column] for column in columns.tolist()))
                    closed = self.rollup.close(columns, bars, instant, np.full(len(columns), instant))
                    self.table.write(closed)
                    self.recorder.take(self.table, closed)
                    self.indicators.closed(closed)

    async def flush(self) -> None:
        """Write everything."""
        await self.recorder.flush()
        await self.signals.flush()

    async def revise(self, symbol: str, corrected: Candles, time: int, until: int) -> None:
        """Store a corrected history, and have the symbol judged again from a bar on."""
        await self.recorder.flush()
        await store_all(self.store, {symbol: corrected.between(0, until)}, self.table.timeframes)
        await self.indicators.revised(symbol, onwards(self.table.timeframes, time))
        await self.load(symbol, until)


def instants(histories: Mapping[str, Candles]) -> Iterator[tuple[int, dict[str, Candles]]]:
    """Yield each instant at which minutes close, with the bars that do."""
    times = sorted({int(time) for bars in histories.values() for time in bars.time})
    for time in times:
        parts = {symbol: bars.between(time, time + 1) for symbol, bars in histories.items()}
        yield time + MINUTE, {symbol: part for symbol, part in parts.items() if len(part)}


async def store_all(
    store: MemoryStore, histories: Mapping[str, Candles], timeframes: Iterable[Timeframe] = WATCHED
) -> None:
    """Store minute series and what they roll up to."""
    for symbol, base in histories.items():
        for one in timeframes:
            candles = base if one is Timeframe.M1 else roll_up(base, MINUTE, one)
            await store.save([(Series(EXCHANGE, symbol, one), candles)])


def replayed(
    histories: Mapping[str, Candles], rules: Rules, timeframes: Sequence[Timeframe] = WATCHED
) -> dict[str, list[Signal]]:
    """Return each symbol's signals as a replay of its candles gives them."""
    return {
        symbol: replay_symbol(
            EXCHANGE, symbol, {Timeframe.M1: base}, timeframes, rules, scope=SCOPE, now=NOW
        ).signals
        for symbol, base in histories.items()
    }
