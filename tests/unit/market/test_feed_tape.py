"""Any market over any bad line: the bars that come out are the tape's, in order, none skipped or twice."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from functools import partial
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from livermore.kernel.clock import ManualClock
from livermore.kernel.timeframe import Timeframe
from livermore.market.backfill import explicit
from livermore.market.candle import BarUpdate, CandleState
from livermore.market.closed import ClosedBar
from livermore.market.feed import REST_DELAY, Feed
from livermore.market.ports import Cause
from tests.reference.series import START

from .factories import MINUTE, PRICES
from .tape import Frame, Tape

STEP = 100
Values = tuple[float, ...]


class Line:
    """A feed at the end of a line that is cut now and then, with a desk's part played in simple."""

    def __init__(self, tape: Tape, frames: list[Frame], cuts: list[tuple[int, int]], seed: int) -> None:
        self.tape, self.frames, self.cuts, self.chance = tape, frames, cuts, Random(seed)
        self.now = START - 2 * MINUTE
        self.clock = ManualClock(self.now)
        self.feed = Feed(Timeframe.M1, self.clock, self)
        self.out: dict[str, list[ClosedBar]] = {symbol: [] for symbol in tape.symbols}
        self.corrected: dict[tuple[str, int], Values] = {}
        self.asked: list[tuple[str, int, int]] = []
        self.agenda: list[tuple[int, int, Callable[[], None]]] = []
        self.order = itertools.count()
        for column, symbol in enumerate(tape.symbols):
            self.feed.watch(symbol, column)

    # -- what the feed asks of its owner

    def bars_ready(self) -> None:
        """Bars are taken after each step."""

    def repair_wanted(self, symbol: str, start: int, end: int, cause: Cause) -> None:
        assert start < end <= self.now
        self.asked.append((symbol, start, end))
        self.at_rest(
            end,
            lambda: self.feed.repaired(symbol, self.tape.history(symbol, start, end), start, end, self.now),
        )

    def doubted(self, symbol: str, start: int, end: int, cause: Cause) -> None:
        assert start < end <= self.now
        self.at_rest(end, lambda: self.compare(symbol, start, end))

    def gave_up(self, symbol: str, start: int, end: int) -> None:
        raise AssertionError("a repair came too late")

    def silent(self, symbol: str) -> None:
        pass

    def proven(self, symbol: str, start: int, end: int) -> None:
        pass

    def longer(self, timeframe: Timeframe, update: BarUpdate) -> None:
        raise AssertionError("this tape tells no longer bars")

    def correction(self, symbol: str, update: BarUpdate) -> None:
        self.corrected[symbol, update.time] = told(update)

    def compare(self, symbol: str, start: int, end: int) -> None:
        for bucket in range(start, end, MINUTE):
            bar = self.tape.bar(symbol, bucket)
            if bar is not None:
                self.corrected[symbol, bucket] = told(bar)

    # -- time

    def at_rest(self, end: int, answer: Callable[[], None]) -> None:
        """Answer once REST can know the buckets before a time, and a little later."""
        self.at(max(self.now, end + REST_DELAY) + self.chance.randint(50, 3_000), answer)

    def at(self, time: int, action: Callable[[], None]) -> None:
        heapq.heappush(self.agenda, (time, next(self.order), action))

    def connect(self) -> None:
        self.feed.connected(self.now)
        self.feed.subscribed()

    def is_up(self, time: int) -> bool:
        return not any(start <= time < end for start, end in self.cuts)

    def load(self, symbol: str) -> None:
        """Let a lane begin behind the history that REST knows now."""
        until = Timeframe.M1.bucket(self.now - REST_DELAY)
        history = self.tape.history(symbol, START, until)
        self.out[symbol] = [
            ClosedBar(
                0,
                row.time,
                row.open,
                row.high,
                row.low,
                row.close,
                row.volume,
                row.state,
                row.source,
                True,
                0,
            )
            for row in explicit(history, Timeframe.M1, START, until, float("nan"), self.now).rows()
        ]
        close = self.out[symbol][-1].close if self.out[symbol] else float("nan")
        self.feed.begin(symbol, until, close)

    async def run(self) -> None:
        """Play the tape to its end, and a while longer."""
        self.connect()
        for symbol in self.tape.symbols:
            self.at(START + self.chance.randint(6, 100) * 1_000, partial(self.load, symbol))
        for frame in self.frames:
            if self.is_up(frame.event_time) and self.is_up(frame.arrives):
                self.at(frame.arrives, partial(self.feed.bar, frame.update, frame.event_time))
        for _, end in self.cuts:
            self.at(end, self.connect)
        for second in range(self.now, self.tape.end + 30_000, 1_000):
            if self.is_up(second):
                self.at(second + 30, partial(self.feed.beat, second))
        while self.now < self.tape.end + 60_000:
            await self.step()

    async def step(self) -> None:
        self.now += STEP
        self.clock._now = float(self.now)
        while self.agenda and self.agenda[0][0] <= self.now:
            heapq.heappop(self.agenda)[2]()
        self.feed.tick()
        for bar in self.feed.take():
            self.out[self.tape.symbols[bar.column]].append(bar)


def told(update: BarUpdate) -> Values:
    return (*(getattr(update, name) for name in PRICES), update.volume)


def check(line: Line, tape: Tape) -> None:
    """Hold every bar against the tape, the corrected ones as they were corrected."""
    for symbol in tape.symbols:
        bars = line.out[symbol]
        assert [bar.time for bar in bars] == list(range(tape.first(symbol), tape.end, MINUTE))
        for bar in bars:
            truth = tape.bar(symbol, bar.time)
            values = line.corrected.get(
                (symbol, bar.time), (bar.open, bar.high, bar.low, bar.close, bar.volume)
            )
            if truth is not None:
                assert values == told(truth), (symbol, (bar.time - START) // MINUTE)
            else:
                assert bar.state == CandleState.QUIET
                assert (symbol, bar.time) not in line.corrected


CUTS = st.lists(st.tuples(st.integers(20, 1_000), st.integers(1, 200)), max_size=3)


@given(seed=st.integers(0, 10**6), cuts=CUTS)
@settings(max_examples=50, deadline=None)
async def test_every_bar_is_the_tapes_bar(seed: int, cuts: list[tuple[int, int]]) -> None:
    tape = Tape(seed, 3, 20)
    times = [(START + at * 1_000, START + (at + gap) * 1_000) for at, gap in cuts]
    line = Line(tape, tape.frames(), times, seed)
    await line.run()
    check(line, tape)
    assert line.feed.waiting() == []


@given(seed=st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
async def test_a_good_line_asks_rest_where_a_market_begins_and_nowhere_else(seed: int) -> None:
    tape = Tape(seed, 3, 20)
    line = Line(tape, tape.frames(bad=False), [], seed)
    await line.run()
    check(line, tape)
    assert {(symbol, end) for symbol, _, end in line.asked} <= {
        (one, tape.first(one)) for one in tape.symbols
    }
    assert len(line.asked) <= len(tape.symbols)
