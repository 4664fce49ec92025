"""From a stream's updates to closed base bars, in order, with nothing partial and nothing skipped.

Each symbol is a lane. Its buckets close one after the other: when the exchange says so, when its next
bucket begins, or by market time (end + grace). A bucket of which the lane cannot be sure is asked of
REST; what closes meanwhile is held back until the answer, so that every series only ever moves forward.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from operator import attrgetter
from typing import NamedTuple, Protocol

import numpy as np

from livermore.kernel.clock import Clock
from livermore.kernel.log import logger
from livermore.kernel.timeframe import Timeframe
from livermore.market.backfill import from_first_trade
from livermore.market.candle import BarUpdate, Candles, CandleSource, CandleState, Times, fill_quiet, is_sound
from livermore.market.series import Rows
from livermore.market.symbol import Ticker

GRACE = 2_000
GRACE_WALL = 0.25
REST_DELAY = 5_000
SILENCE = 10_000
log = logger("market")


class ClosedBar(NamedTuple):
    """A base bar that closed, and the market time (ms) at which that was decided."""

    column: int
    time: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    state: CandleState
    source: CandleSource
    confirmed: bool
    decided: int


class FeedOwner(Protocol):
    """Be told what a feed finds out."""

    def bars_ready(self) -> None:
        """See to it that `Feed.take` is called soon."""
        ...

    def repair_wanted(self, symbol: str, start: int, end: int) -> None:
        """Have the buckets that open in [start, end) read from REST and handed to `Feed.repaired`."""
        ...

    def doubted(self, symbol: str, start: int, end: int) -> None:
        """Have the closed buckets that open in [start, end) compared with REST: they may lack trades."""
        ...

    def correction(self, symbol: str, update: BarUpdate) -> None:
        """Take note that a closed bucket is told differently now."""
        ...


class Lane:
    """What the feed knows of one symbol."""

    __slots__ = (
        "column",
        "held",
        "last_close",
        "last_id",
        "next_open",
        "ready",
        "running",
        "silent_since",
        "sure_from",
        "symbol",
        "unconfirmed",
    )

    def __init__(self, symbol: str, column: int) -> None:
        self.symbol = symbol
        self.column = column
        self.ready = False
        self.next_open = -1
        self.last_close = float("nan")
        self.last_id = -1
        self.sure_from = -1
        self.unconfirmed = -1
        self.silent_since = -1
        self.running: BarUpdate | None = None
        self.held: list[tuple[BarUpdate, bool]] = []

    @property
    def untraded(self) -> bool:
        """Say that no trade is known yet: no bucket exists before the first one."""
        return self.last_close != self.last_close


class Feed:
    """Take the updates of one exchange's stream; hand out closed base bars."""

    def __init__(self, base: Timeframe, clock: Clock, owner: FeedOwner) -> None:
        self._length = base.milliseconds
        self._base = base
        self._clock = clock
        self._owner = owner
        self._lanes: dict[str, Lane] = {}
        self._closed: list[ClosedBar] = []
        self._passed: deque[tuple[float, int]] = deque()
        self._dialled = (0.0, 0)
        self.tickers: dict[str, Ticker] = {}
        self.market_time = 0
        self.last_heard = 0.0
        self.frames = 0
        self.skips: dict[str, int] = {}

    # -- what the stream tells --------------------------------------------------------------------

    def bar(self, update: BarUpdate, event_time: int) -> None:
        """Take the newest state of a base bucket."""
        self.frames += 1
        if event_time > self.market_time:
            self.market_time = event_time
        lane = self._lanes.get(update.symbol)
        if lane is None:
            return
        lane.silent_since = -1
        running = lane.running
        if running is not None and running.time == update.time:
            if update.last_id >= running.last_id:
                lane.running = update
                if update.closed:
                    self._finish(lane, confirmed=True)
            return
        self._turn(lane, update)

    def ticker(self, ticker: Ticker) -> None:
        """Take a price."""
        self.tickers[ticker.symbol] = ticker
        self.beat(ticker.time)
        lane = self._lanes.get(ticker.symbol)
        if lane is not None and lane.ready and not lane.untraded:
            self._listen(lane, ticker)

    def beat(self, event_time: int) -> None:
        """Take a sign of life."""
        self.frames += 1
        if event_time > self.market_time:
            self.market_time = event_time

    def wire(self) -> Feed:
        """Return the sink of one connection."""
        return self

    def longer(self, timeframe: Timeframe, update: BarUpdate) -> None:
        """Hold a longer bar of the exchange's own against ours."""

    def gap(self) -> None:
        """Take note that frames were lost."""

    def skipped(self, kind: str, detail: str) -> None:
        """Count a frame that could not be read; the first of each kind is logged."""
        self.skips[kind] = self.skips.get(kind, 0) + 1
        if self.skips[kind] == 1:
            log.warning("frame skipped", kind=kind, detail=detail)

    # -- what the desk tells ----------------------------------------------------------------------

    def watch(self, symbol: str, column: int) -> None:
        """Open a lane; its bars are held until `begin`."""
        self._lanes.setdefault(symbol, Lane(symbol, column))

    def forget(self, symbol: str) -> None:
        """Close a lane."""
        self._lanes.pop(symbol, None)
        self.tickers.pop(symbol, None)

    def connected(self, since: int) -> None:
        """Begin a connection: buckets that opened before `since` (ms) are not sure by it."""
        self._dialled = (self._clock.monotonic(), since)
        first_whole = self._base.bucket(since) + self._length
        for lane in self._lanes.values():
            lane.sure_from = first_whole
            # What was heard before the cut may lack its last trades; an update tells the bucket whole again.
            lane.running = None
        self._passed.clear()

    def subscribed(self) -> None:
        """Note that all lanes are subscribed only now: what ran until here is not sure by the connection."""
        dialled, since = self._dialled
        # Nothing may have been heard yet, so the time that has passed here counts as well.
        now = max(self.market_time, since + int((self._clock.monotonic() - dialled) * 1000))
        first_whole = self._base.bucket(now) + self._length
        for lane in self._lanes.values():
            lane.sure_from = max(lane.sure_from, first_whole)

    def pause(self, symbol: str) -> int:
        """Hold a lane's bars until `begin`; return the open (ms) of the bucket that it goes on with."""
        lane = self._lanes[symbol]
        lane.ready = False
        return lane.next_open

    def begin(self, symbol: str, next_open: int, last_close: float) -> None:
        """Let a lane go: all before `next_open` (ms) is known, `last_close` is the price it ended at."""
        lane = self._lanes.get(symbol)
        if lane is None:
            return
        lane.next_open, lane.last_close = next_open, last_close
        self._release(lane)

    def waits_for(self, symbol: str, start: int) -> bool:
        """Say whether a lane is held at the bucket that opens at a time (ms)."""
        lane = self._lanes.get(symbol)
        return lane is not None and not lane.ready and lane.next_open == start

    def repaired(self, symbol: str, candles: Candles, start: int, end: int) -> None:
        """Take what REST says of the buckets in [start, end): absent means quiet."""
        lane = self._lanes.get(symbol)
        if lane is None or lane.next_open != start:
            return
        for candle in self._explicit(lane, candles, start, end).rows():
            self._push(
                lane, candle.time, (candle.open, candle.high, candle.low, candle.close, candle.volume),
                candle.state, CandleSource.REST, confirmed=True,
            )  # fmt: skip
        # Before a symbol's first trade there is nothing to push, and still the range is known.
        lane.next_open = end
        # REST tells no trade ids: the chain begins anew.
        lane.last_id = -1
        self._release(lane)

    def running(self, symbol: str) -> BarUpdate | None:
        """Return the running bucket of a symbol."""
        lane = self._lanes.get(symbol)
        return lane.running if lane is not None else None

    def next_open(self, symbol: str) -> int:
        """Return the open (ms) of the bucket that closes next; -1 before a symbol's history is there."""
        lane = self._lanes.get(symbol)
        return lane.next_open if lane is not None else -1

    def waiting(self) -> list[str]:
        """Return the symbols that wait for their history or a repair."""
        return [lane.symbol for lane in self._lanes.values() if not lane.ready]

    def take(self) -> list[ClosedBar]:
        """Return the bars that closed since the last call, in the order of buckets, then columns."""
        closed, self._closed = self._closed, []
        closed.sort(key=attrgetter("time", "column"))
        return closed

    def tick(self) -> None:
        """Close by market time what has ended, where the connection makes it sure."""
        now = self._clock.monotonic()
        self._passed.append((now, self.market_time))
        while len(self._passed) > 1 and self._passed[1][0] <= now - GRACE_WALL:
            self._passed.popleft()
        waited, settled = self._passed[0]
        if waited > now - GRACE_WALL:
            return
        ended = min(settled, self.market_time - GRACE) - self._length
        for lane in self._lanes.values():
            while lane.ready and -1 < lane.next_open <= ended:
                if not self._close_by_clock(lane):
                    break

    # -- lanes ------------------------------------------------------------------------------------

    def _listen(self, lane: Lane, ticker: Ticker) -> None:
        """Trust a lane's connection no longer when prices move for ten seconds and no bar says so."""
        known = lane.running.close if lane.running is not None else lane.last_close
        if ticker.price == known:
            lane.silent_since = -1
        elif lane.silent_since < 0:
            lane.silent_since = ticker.time
        elif ticker.time - lane.silent_since >= SILENCE:
            if lane.running is not None:
                log.warning("bars have stopped while prices move", symbol=lane.symbol)
            # What was heard of the running bucket is not all of it; REST is asked until bars come again.
            lane.running = None
            lane.sure_from = self._base.bucket(ticker.time) + self._length

    def _turn(self, lane: Lane, update: BarUpdate) -> None:
        """Take an update of another bucket than the running one."""
        running = lane.running
        if update.time < lane.next_open:
            self._check(lane, update)
            return
        if lane.ready and lane.untraded and update.volume == 0:
            return
        if running is not None:
            if update.time < running.time:
                return
            if _broken(running.last_id, update.first_id):
                self._distrust(lane, update)
            else:
                self._finish(lane, confirmed=update.first_id == running.last_id + 1 > 0)
        lane.running = update
        if lane.ready and self._bridge(lane, update):
            self._link(lane, update)
        if update.closed:
            self._finish(lane, confirmed=True)

    def _distrust(self, lane: Lane, update: BarUpdate) -> None:
        """Have the running bucket asked of REST: the next one's ids prove that it lacks trades."""
        lane.running = None
        lane.sure_from = max(lane.sure_from, update.time)
        if lane.ready:
            self._ask(lane, lane.next_open, update.time)

    def _finish(self, lane: Lane, *, confirmed: bool) -> None:
        """Close the running bucket."""
        update, lane.running = lane.running, None
        if update is None:
            return
        if not is_sound(update):
            # A bar that cannot be true is not believed: the bucket is asked of REST once it has ended.
            lane.sure_from = update.time + self._length
            self.skipped("unsound bar", f"{update.symbol} {update.time}")
        elif lane.ready and self._bridge(lane, update):
            self._close(lane, update, confirmed)
        else:
            lane.held.append((update, confirmed))

    def _close(self, lane: Lane, update: BarUpdate, confirmed: bool) -> None:
        if update.volume == 0:
            self._quiet(lane, confirmed=confirmed)
            return
        self._link(lane, update)
        lane.last_id = update.last_id
        prices = (update.open, update.high, update.low, update.close, update.volume)
        self._push(lane, update.time, prices, CandleState.TRADED, CandleSource.STREAM, confirmed)

    def _link(self, lane: Lane, update: BarUpdate) -> None:
        """Hold an update's ids against the last known trade: they confirm what has closed, or doubt it."""
        if update.first_id < 0:
            return
        if update.first_id != lane.last_id + 1:
            self._doubt_closed(lane)
        lane.unconfirmed = -1

    def _doubt_closed(self, lane: Lane) -> None:
        """Have the closed buckets that nothing has confirmed compared with REST."""
        if lane.unconfirmed >= 0:
            self._owner.doubted(lane.symbol, lane.unconfirmed, lane.next_open)
            lane.unconfirmed = -1

    def _bridge(self, lane: Lane, update: BarUpdate) -> bool:
        """Make the buckets up to an update quiet, if that is sure; else ask REST."""
        if update.time <= lane.next_open:
            return True
        chained = update.first_id == lane.last_id + 1 > 0
        unbroken = -1 < lane.sure_from <= lane.next_open and not _broken(lane.last_id, update.first_id)
        # Where a market begins, a trade may have been missed and no id can tell: REST is asked.
        if lane.untraded or not (chained or unbroken):
            self._ask(lane, lane.next_open, update.time)
            return False
        while lane.next_open < update.time:
            self._quiet(lane, confirmed=chained)
        return True

    def _close_by_clock(self, lane: Lane) -> bool:
        """Close the bucket that has ended; return False when that must wait for REST."""
        running = lane.running
        if running is not None and running.time == lane.next_open:
            self._finish(lane, confirmed=False)
            return True
        if lane.untraded:
            return False
        if lane.sure_from > lane.next_open or lane.sure_from < 0:
            return self._doubt(lane)
        self._quiet(lane, confirmed=False)
        return True

    def _doubt(self, lane: Lane) -> bool:
        """Ask REST for the ended buckets of which nothing is sure, once it can know them."""
        start = lane.next_open
        end = self._base.bucket(self.market_time - REST_DELAY)
        if lane.running is not None:
            end = min(end, lane.running.time)
        if end > start:
            self._ask(lane, start, end)
        return False

    def _ask(self, lane: Lane, start: int, end: int) -> None:
        lane.ready = False
        self._doubt_closed(lane)
        self._owner.repair_wanted(lane.symbol, start, end)

    def _release(self, lane: Lane) -> None:
        """Let a lane go on with what it held back."""
        lane.ready = True
        held, lane.held = lane.held, []
        for place, (update, confirmed) in enumerate(held):
            if update.time < lane.next_open:
                lane.last_id = max(lane.last_id, update.last_id)
            elif self._bridge(lane, update):
                self._close(lane, update, confirmed)
            else:
                lane.held = held[place:]
                return
        if lane.running is not None:
            if lane.running.time < lane.next_open:
                lane.running = None
            elif self._bridge(lane, lane.running):
                self._link(lane, lane.running)

    def _quiet(self, lane: Lane, *, confirmed: bool) -> None:
        """Close a bucket in which nothing was traded."""
        price = lane.last_close
        prices = (price, price, price, price, 0.0)
        self._push(lane, lane.next_open, prices, CandleState.QUIET, CandleSource.STREAM, confirmed)

    def _push(
        self, lane: Lane, time: int, prices: tuple[float, float, float, float, float], state: CandleState,
        source: CandleSource, confirmed: bool,
    ) -> None:  # fmt: skip
        if not self._closed:
            self._owner.bars_ready()
        # A bar that was held back is late, however early it was known: nobody was told of it.
        self._closed.append(ClosedBar(lane.column, time, *prices, state, source, confirmed, self.market_time))
        lane.next_open = time + self._length
        lane.last_close = prices[3]
        if not confirmed and lane.unconfirmed < 0:
            lane.unconfirmed = time

    def _check(self, lane: Lane, update: BarUpdate) -> None:
        """Look at news of a closed bucket: the chain of ids goes on, and what differs is a correction."""
        if not update.closed and 0 <= update.last_id <= lane.last_id:
            return  # it is older than what the bucket was closed with
        if update.last_id > lane.last_id and update.time == lane.next_open - self._length:
            lane.last_id = update.last_id
        if update.closed and update.time == lane.unconfirmed:
            following = update.time + self._length
            lane.unconfirmed = following if following < lane.next_open else -1
        self._owner.correction(lane.symbol, update)

    def _explicit(self, lane: Lane, candles: Candles, start: int, end: int) -> Candles:
        """Return a candle for every bucket in [start, end) from the first trade on."""
        inside = candles.between(start, end)
        if lane.untraded:
            return fill_quiet(from_first_trade(inside), self._base, end)
        price = lane.last_close
        before = Candles.of([start - self._length], [price], [price], [price], [price], [0.0], state=[1])
        return fill_quiet(Candles.joined(before, inside), self._base, end)[1:]


def _broken(last_id: int, first_id: int) -> bool:
    """Say whether trade ids prove that trades between two updates are missing."""
    return last_id >= 0 and first_id >= 0 and first_id != last_id + 1


def columns_of(bars: Iterable[ClosedBar]) -> tuple[Rows, Candles, Times]:
    """Turn bars of one bucket into columns, candles and the times (ms) at which they were decided."""
    column, time, open_, high, low, close, volume, state, source, confirmed, decided = zip(*bars, strict=True)
    count = len(column)
    prices = [np.fromiter(values, np.float64, count) for values in (open_, high, low, close, volume)]
    # NumPy takes ten times as long as a bytearray to see that these are small numbers.
    codes = [np.frombuffer(bytearray(values), np.int8) for values in (state, source)]
    candles = Candles(
        time=np.full(count, time[0], np.int64), open=prices[0], high=prices[1], low=prices[2],
        close=prices[3], volume=prices[4], state=codes[0], source=codes[1],
        confirmed=np.array(confirmed, np.bool_),
    )  # fmt: skip
    return np.array(column, np.intp), candles, np.array(decided, np.int64)
