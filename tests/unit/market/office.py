"""A desk with all that belongs to it, over a tape and a manual clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import numpy as np

from livermore.kernel.clock import ManualClock
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import BarUpdate, Candles, fill_quiet
from livermore.market.desk import Desk
from livermore.market.listener import SeriesListener, Times
from livermore.market.ports import ClosedBars, Series
from livermore.market.recorder import Recorder
from livermore.market.rollup import roll_up
from livermore.market.series import SeriesTable
from tests.reference.series import START

from .exchange import TapeExchange
from .factories import M5, M15, MINUTE, PRICES, same
from .memory import MemoryStore
from .tape import Tape

TIMEFRAMES = (Timeframe.M1, M5, M15)
BEGIN = 30  # the minute of the tape at which the desk opens


class Listener:
    """Write down what a desk tells."""

    def __init__(self) -> None:
        self.closed_bars: list[ClosedBars] = []
        self.loads: list[tuple[str, dict[Timeframe, Candles], int]] = []
        self.revisions: list[tuple[str, int]] = []
        self.drops: list[str] = []

    async def since(self, series: Series, newest: int) -> int | None:
        return None

    async def loaded(self, symbol: str, histories: dict[Timeframe, Candles], market_time: int) -> None:
        self.loads.append((symbol, histories, market_time))

    async def revised(self, symbol: str, times: Times) -> None:
        self.revisions.append((symbol, max(times.values())))

    async def dropped(self, symbol: str) -> None:
        self.drops.append(symbol)

    def closed(self, bars: ClosedBars) -> None:
        self.closed_bars.append(bars)


class Office:
    """A desk with all that belongs to it."""

    def __init__(
        self, tape: Tape, *, store: MemoryStore | None = None, begin: int = BEGIN,
        cuts: Sequence[tuple[int, int]] = (), bad: bool = False, symbols: Sequence[str] | None = None,
        listener: Callable[[Office], SeriesListener] | None = None,
    ) -> None:  # fmt: skip
        self.tape = tape
        self.clock = ManualClock(START + begin * MINUTE)
        seconds = [(START + start * 1_000, START + end * 1_000) for start, end in cuts]
        self.exchange = TapeExchange(tape, self.clock, cuts=seconds, bad=bad)
        self.store = store or MemoryStore()
        self.recorder = Recorder(self.store, self.clock)
        self.listener = Listener()
        self.table = SeriesTable("test", TIMEFRAMES, symbols=1, ring=256)
        told = listener(self) if listener is not None else self.listener
        self.desk = Desk(
            self.exchange, self.table, self.store, self.recorder, told, self.clock, first_delay=1.0
        )
        self.desk.watch(symbols or tape.symbols)

    async def until(self, minute: float) -> None:
        """Let time pass up to a minute of the tape, once everybody has gone to sleep."""
        await self.clock.advance(0)
        await self.clock.advance(START / 1000 + minute * 60 - self.clock.monotonic())

    async def open(self) -> None:
        await self.recorder.start()
        await self.desk.start()

    async def close(self) -> None:
        await self.desk.stop()
        await self.recorder.stop()

    def expected(self, symbol: str, timeframe: Timeframe, until: int) -> Candles:
        """Return what the tape says of a series, up to a minute."""
        end = START + until * MINUTE
        base = fill_quiet(self.tape.history(symbol, START, end), Timeframe.M1, end)
        return base if timeframe is Timeframe.M1 else roll_up(base, MINUTE, timeframe, end)

    async def check(self, until: int) -> None:
        """Hold store and table against the tape."""
        for symbol in self.tape.symbols:
            for timeframe in TIMEFRAMES:
                wanted = self.expected(symbol, timeframe, until)
                stored = await self.store.load(Series("test", symbol, timeframe))
                held = self.table.candles(self.table.row(symbol, timeframe))
                end = int(wanted.time[-1]) + 1 if len(wanted) else 0
                for found in (stored.between(0, end), held.between(0, end)):
                    assert found.time.tolist() == wanted.time[-len(found) :].tolist()
                    assert same(found, wanted[-len(found) :], ("state", *PRICES)), (symbol, timeframe)
                    assert np.allclose(found.volume, wanted.volume[-len(found) :], rtol=1e-12, atol=0)
                assert len(stored.between(0, end)) == len(wanted)


@asynccontextmanager
async def opened(tape: Tape, **more: Any) -> AsyncIterator[Office]:
    """Open an office, and close it at the end."""
    office = Office(tape, **more)
    await office.open()
    try:
        yield office
    finally:
        await office.close()


def correction(office: Office, symbol: str, minute: int, close: float) -> BarUpdate:
    """Have the tape's bar end at another price."""
    trades = office.tape._buckets[symbol].setdefault(START + minute * MINUTE, [])
    update = office.tape.bar(symbol, START + minute * MINUTE, closed=True)
    assert update is not None
    trades[-1] = trades[-1]._replace(price=close)
    corrected = office.tape.bar(symbol, START + minute * MINUTE, closed=True)
    assert corrected is not None
    return corrected


def busy(seed: int = 7, symbols: int = 2, minutes: int = 60) -> Tape:
    """Return a tape with a trade in every minute of the first symbol."""
    return Tape(seed_of_a_busy_one(seed, minutes), symbols, minutes)


@cache
def seed_of_a_busy_one(seed: int, minutes: int) -> int:
    """Find it by the first symbol, which is drawn before the others."""
    alone = ((number, Tape(number, 1, minutes)) for number in range(seed, seed + 100))
    return next(number for number, tape in alone if len(tape._buckets["S0"]) == minutes)
