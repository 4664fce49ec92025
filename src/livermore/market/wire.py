"""One connection of a feed: what is heard on it, and how late it is at the exchange by what is heard."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import BarUpdate
from livermore.market.symbol import Ticker

if TYPE_CHECKING:
    from livermore.market.feed import Feed

GRACE = 2_000
GRACE_WALL = 0.25
LEAP = 600_000
LEAP_BARS = 3
NEVER = -(2**62)


class Wire:
    """Take what one connection delivers; its own clock closes the buckets of the symbols heard on it.

    Market time is the newest event time (ms). One that leaps ahead is believed when another bears it out.
    """

    __slots__ = (
        "_feed", "_is_torn", "_lanes", "_leap", "_length", "_passed", "_reach", "ended", "frames",
        "market_time",
    )  # fmt: skip

    def __init__(self, feed: Feed, base: Timeframe) -> None:
        self._feed = feed
        self._lanes = feed.lanes
        self._length = base.milliseconds
        self._reach = max(LEAP, LEAP_BARS * base.milliseconds)
        self._leap = NEVER
        self._is_torn = False
        self._passed: deque[tuple[float, int]] = deque()
        self.market_time = 0
        self.ended = NEVER
        self.frames = 0

    def wire(self) -> Wire:
        """Return a sink for one more connection."""
        return self._feed.wire()

    def bar(self, update: BarUpdate, event_time: int) -> None:
        """Take the newest state of a base bucket."""
        self.frames += 1
        if event_time > self.market_time:
            self._advance(event_time)
        lane = self._lanes.get(update.symbol)
        if lane is None:
            return
        lane.wire = self
        lane.silent_since = -1
        running = lane.running
        if running is not None and running.time == update.time:
            if update.last_id >= running.last_id:
                lane.running = update
                if update.whole:
                    lane.gap = -1
                if update.closed:
                    self._feed.finish(lane, confirmed=True)
            return
        if update.time > self.market_time + self._length:
            self.skipped("bar of the future", f"{update.symbol} {update.time}")
            return
        self._feed.turn(lane, update)

    def ticker(self, ticker: Ticker) -> None:
        """Take a price."""
        self.beat(ticker.time)
        self._feed.price(ticker)

    def beat(self, event_time: int) -> None:
        """Take a sign of life."""
        self.frames += 1
        if event_time > self.market_time:
            self._advance(event_time)

    def longer(self, timeframe: Timeframe, update: BarUpdate) -> None:
        """Take a longer bar of the exchange's own."""
        self._feed.longer(timeframe, update)

    def gap(self) -> None:
        """Take note that frames were lost here, up to the one that is read next."""
        self._is_torn = True
        self._feed.lost(self)

    def skipped(self, kind: str, detail: str) -> None:
        """Count a frame that could not be read."""
        self._feed.skipped(kind, detail)

    def tick(self, now: float) -> None:
        """Work out which buckets have ended, with a grace for what is under way."""
        self._passed.append((now, self.market_time))
        while len(self._passed) > 1 and self._passed[1][0] <= now - GRACE_WALL:
            self._passed.popleft()
        waited, settled = self._passed[0]
        if waited > now - GRACE_WALL:
            self.ended = NEVER
        else:
            self.ended = min(settled, self.market_time - GRACE) - self._length

    def _advance(self, event_time: int) -> None:
        """Let market time go on; a leap, also from what a connection begins with, needs two witnesses."""
        is_first, known = not self.market_time, self.market_time or self._feed.expected()
        far = event_time - known if not is_first else abs(event_time - known) if known else 0
        if far > self._reach and abs(event_time - self._leap) > self._reach:
            self._leap = event_time
            return
        if is_first:
            self._feed.heard_first(self, event_time)
        is_torn, self._is_torn = self._is_torn, False
        is_next = event_time // self._length > self.market_time // self._length
        self.market_time = event_time
        if is_torn and is_next:
            # What was lost may be as new as this.
            self._feed.lost(self)
