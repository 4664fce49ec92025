"""A trading floor over tapes: real posts, engines and recorders, in memory and by a manual clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

from livermore.adapters.memory.bus import MemoryBus
from livermore.indicators.announcer import Announcer
from livermore.indicators.service import Indicators
from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import LivermoreError
from livermore.kernel.scope import Scope
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles, fill_quiet
from livermore.market.desk import Desk
from livermore.market.ports import Series
from livermore.market.recorder import Recorder
from livermore.market.series import SeriesTable
from livermore.runtime.floor import Floor, Post
from livermore.runtime.watch import Means, Watch
from livermore.settings.document import SettingsDocument
from livermore.settings.service import Current
from livermore.signals.dispatcher import Dispatcher
from livermore.signals.recorder import SignalRecorder
from livermore.signals.signal import Signal
from tests.reference.series import START
from tests.unit.market.exchange import TapeExchange
from tests.unit.market.factories import MINUTE
from tests.unit.market.memory import MemoryStore
from tests.unit.market.office import busy
from tests.unit.market.tape import Tape
from tests.unit.signals.memory import Books, in_order

BEGIN = 60
EVERY_LEVEL = [10, 20, 30, 50, 80, 120]


class Hall:
    """A floor on which one exchange, `test`, can be watched; `refusing` is why no post can be made.

    Exchanges that are `off` have no post.
    """

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.clock = ManualClock(START + BEGIN * MINUTE)
        self.store = MemoryStore()
        self.recorder = Recorder(self.store, self.clock)
        self.refusing: LivermoreError | None = None
        self.off: set[str] = set()
        self.exchanges: list[TapeExchange] = []
        self.floor = Floor(self.make, {}, {})

    async def make(
        self, exchange: str, timeframes: Collection[Timeframe], symbols: Collection[str]
    ) -> Post | None:
        if self.refusing is not None:
            raise self.refusing
        if exchange in self.off:
            return None
        adapter = TapeExchange(self.tape, self.clock)
        self.exchanges.append(adapter)
        table = SeriesTable(exchange, sorted({Timeframe.M1, *timeframes}), symbols=1, ring=256)
        announcer = Announcer(MemoryBus(), self.clock)
        indicators = Indicators(table, self.store, self.recorder, [announcer])
        desk = Desk(adapter, table, self.store, self.recorder, indicators, self.clock, first_delay=1.0)
        desk.watch(symbols)
        announcer.follow(desk)
        return Post(desk, indicators, announcer)

    @property
    def desk(self) -> Desk:
        """The desk of the one exchange."""
        return self.floor.posts["test"].desk

    async def until(self, minute: float) -> None:
        """Let time pass up to a minute of the tape, once everybody has gone to sleep."""
        await self.clock.advance(0)
        await self.clock.advance(START / 1000 + minute * 60 - self.clock.monotonic())

    async def stored(self, symbol: str, until: int, timeframe: Timeframe = Timeframe.M1) -> None:
        """Hold what is stored of a symbol, up to a minute, against the tape: all of it and nothing else."""
        await self.recorder.flush()
        end = START + until * MINUTE
        wanted = fill_quiet(self.tape.history(symbol, START, end), Timeframe.M1, end)
        found = await self.store.load(Series("test", symbol, timeframe))
        if timeframe is Timeframe.M1:
            same_bars(found.between(0, end), wanted)


def same_bars(found: Candles, wanted: Candles) -> None:
    """Compare times and closes."""
    assert found.time.tolist() == wanted.time.tolist()
    assert found.close.tolist() == wanted.close.tolist()


class User:
    """Somebody with books of his own who watches on the floor."""

    def __init__(self, hall: Hall, number: int = 1) -> None:
        self.hall, self.books, self.revision = hall, Books(), 0
        scope = Scope(user_id=number, identity_sub=f"user {number}")
        self.dispatcher = Dispatcher(scope=scope, work=self.books.work, channels={}, clock=hall.clock)
        self.signals = SignalRecorder(
            scope, self.books.work, lambda _: [], lambda: None, hall.recorder.flush, hall.clock
        )
        means = Means(
            self.books.work,
            self.signals,
            self.dispatcher,
            lambda _: {},
            lambda _: lambda _: [],
            lambda _: None,
        )
        self.watch = Watch(scope, hall.floor, means, hall.clock)

    async def choose(self, *symbols: str, timeframes: Collection[str] = ("1m", "5m"), **more: Any) -> None:
        """Store and apply a next revision of the settings."""
        self.revision += 1
        document = self.document(*symbols, timeframes=timeframes, **more)
        await self.watch.apply(Current(document=document, revision=self.revision, updated_at=""))

    def document(
        self, *symbols: str, timeframes: Collection[str] = ("1m", "5m"), **more: Any
    ) -> SettingsDocument:
        """Return settings that watch some symbols."""
        document = {
            "version": 2,
            "perseus_profile": {"primary_exchange": "test"},
            "livermore_runtime": {"mode": "scalper-macdv"},
            "symbols": list(symbols),
            "timeframes": list(timeframes),
            "alerts": {"levels": EVERY_LEVEL, "cooldown_seconds": 0},
        }
        return SettingsDocument.model_validate(document | more)

    async def said(self) -> list[Signal]:
        """Return what was signalled so far, in the order of bars."""
        await self.signals.flush()
        return in_order(self.books.signals.values())


@asynccontextmanager
async def opened(symbols: int = 3, minutes: int = 150) -> AsyncIterator[Hall]:
    """Open a floor on which nobody watches yet, and close it at the end."""
    hall = Hall(busy(symbols=symbols, minutes=minutes))
    await hall.recorder.start()
    try:
        yield hall
    finally:
        await hall.floor.stop()
        await hall.recorder.stop()
