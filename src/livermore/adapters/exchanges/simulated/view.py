"""What may be known of a source at a moment of the market: the whole bars, and the one that is running."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from livermore.adapters.exchanges.simulated.path import State, Whole
from livermore.adapters.exchanges.simulated.rollup import roll_up
from livermore.adapters.exchanges.simulated.source import Bars
from livermore.adapters.exchanges.simulated.traded import TradedSource
from livermore.kernel.timeframe import Timeframe

DAY = Timeframe.D1.milliseconds
FEW = 50  # markets: so many are drawn for a mere look at their day
Known = Callable[[str, Timeframe, Bars, int], Bars]  # of a symbol's bars those that are known at a time (ms)


class Day(NamedTuple):
    """The rolling 24 hours of a symbol."""

    open: float
    high: float
    low: float
    last: float
    volume: float
    quote_volume: float
    trades: int


class Story(Protocol):
    """Know how bars come about."""

    def told(self, symbol: int, bar: Whole, offset: int) -> State | None:
        """Return a bar as it is told so many ms into its bucket; None before its first trade."""
        ...


class View:
    """Look at a source as of a given market time."""

    def __init__(self, source: TradedSource, story: Story, known: Known | None = None) -> None:
        self._source = source
        self._story = story
        self._known = known
        self._places = {market.symbol: place for place, market in enumerate(source.markets)}

    @property
    def symbols(self) -> dict[str, int]:
        """Return the listed symbols, each with its place."""
        return self._places

    def bars(self, symbol: str, timeframe: Timeframe, start: int, end: int, now: int) -> Bars:
        """Return the bars that open in [start, end), the running one as it is now, if they are known."""
        bars = self._bars(symbol, timeframe, start, end, now)
        return bars if self._known is None else self._known(symbol, timeframe, bars, now)

    def _bars(self, symbol: str, timeframe: Timeframe, start: int, end: int, now: int) -> Bars:
        running_since = timeframe.bucket(now)
        whole = self._source.bars(symbol, timeframe, start, min(end, running_since))
        if not start <= running_since < end:
            return whole
        return Bars.joined(whole, self._running(symbol, timeframe, now))

    def first(self, symbol: str, timeframe: Timeframe, start: int, end: int, limit: int, now: int) -> Bars:
        """Return the first `limit` bars of a range, reading further only as far as gaps demand."""
        span = limit * timeframe.milliseconds
        start, end = max(start, self._source.first), min(end, now + 1)
        while True:
            bars = self.bars(symbol, timeframe, start, min(end, start + span), now)
            if len(bars) >= limit or start + span >= end:
                return bars[:limit]
            span *= 4

    def last(self, symbol: str, timeframe: Timeframe, end: int, limit: int, now: int) -> Bars:
        """Return the last `limit` bars that open before a time."""
        span = limit * timeframe.milliseconds
        first, end = self._source.first, min(end, now + 1)
        while True:
            bars = self.bars(symbol, timeframe, max(first, end - span), end, now)
            if len(bars) >= limit or end - span <= first:
                return bars[-limit:]
            span *= 4

    def day(self, symbol: str, now: int) -> Day | None:
        """Return the last 24 hours; None when nothing was ever traded in them."""
        bars = self._bars(symbol, self._source.timeframe, now - DAY + 1, now + 1, now)
        bars = bars[bars.volume > 0]
        if not len(bars):
            return None
        trades = int(np.sum(bars.last_id - bars.first_id + 1))
        quote_volume = float(np.dot(bars.volume, bars.close))
        return Day(
            open=float(bars.open[0]),
            high=float(bars.high.max()),
            low=float(bars.low.min()),
            last=float(bars.close[-1]),
            volume=float(bars.volume.sum()),
            quote_volume=quote_volume,
            trades=trades,
        )

    def glance(self, symbol: str, now: int) -> Day | None:
        """Return the last 24 hours; of one market among many, until its bars were asked for, their outline.

        To draw a market's past takes long, and a listing looks at all of them.
        """
        outline = self._source.outline(symbol) if len(self._places) > FEW else None
        if outline is None:
            return self.day(symbol, now)
        begun, last, value, trades = outline
        return Day(begun, max(begun, last), min(begun, last), last, round(value / last, 8), value, trades)

    def _running(self, symbol: str, timeframe: Timeframe, now: int) -> Bars:
        """Return the running bar, if anything was traded in it or a part of it is known to be quiet."""
        base = self._source.timeframe
        since, bucket = timeframe.bucket(now), base.bucket(now)
        if since < self._source.begins(symbol):
            return Bars.none()
        parts = self._source.bars(symbol, base, since, bucket)
        forming = self._forming(symbol, bucket, now)
        return roll_up(Bars.joined(parts, forming), timeframe.milliseconds)

    def _forming(self, symbol: str, bucket: int, now: int) -> Bars:
        """Return the base bar of a bucket as it is told so far."""
        bars = self._source.bars(symbol, self._source.timeframe, bucket, bucket + 1)
        if not len(bars) or not bars.volume[0]:
            return Bars.none()
        bar = Whole._make(getattr(bars, name)[0].item() for name in Whole._fields)
        if self._source.is_cut(symbol, bucket):
            return Bars.of([bar])
        state = self._story.told(self._places[symbol], bar, now - bucket)
        return Bars.none() if state is None else Bars.of([bar._replace(**state._asdict())])
