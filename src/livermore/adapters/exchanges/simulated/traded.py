"""A source, less what was not traded because its market was shut at the time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from livermore.adapters.exchanges.simulated.path import State, Whole
from livermore.adapters.exchanges.simulated.rollup import roll_up
from livermore.adapters.exchanges.simulated.source import Bars, Outline, Source
from livermore.kernel.timeframe import Timeframe

NEVER = sys.maxsize
Told = Callable[[int, Whole, int], State | None]  # a symbol's bar as it is told so many ms into its bucket


@dataclass(slots=True)
class _Span:
    """A market is shut from a moment on until a bucket begins; of its running `bar` the `cut` is left."""

    begin: int
    bar: Whole | None
    cut: Whole | None
    end: int = NEVER


class TradedSource:
    """Know every bar that is traded; `told` says how bars come about.

    A market that is shut trades no more at once; one that is opened again begins with the next bucket.
    """

    def __init__(self, source: Source, told: Told) -> None:
        self._source = source
        self._told = told
        self._places = {market.symbol: place for place, market in enumerate(source.markets)}
        self._spans: dict[str, list[_Span]] = {}
        self._listeners: list[Callable[[], None]] = []
        self.markets = source.markets
        self.timeframe = source.timeframe
        self.timeframes = source.timeframes
        self.updates_per_bar = source.updates_per_bar
        self.first, self.start, self.end = source.first, source.start, source.end
        self.finished = False

    # ---------------------------------------------------------------- as any source

    def begins(self, symbol: str) -> int:
        """Return the open (ms) of a symbol's first bar."""
        return self._source.begins(symbol)

    def outline(self, symbol: str) -> Outline | None:
        """Return what a day is usually like, where the bars would have to be made first."""
        return self._source.outline(symbol)

    def number_every_trade(self) -> None:
        """Number the trades so that every one of them can be told."""
        self._source.number_every_trade()

    def bars(self, symbol: str, timeframe: Timeframe, start: int, end: int) -> Bars:
        """Return the bars that open in [start, end) (ms), as far as they were traded."""
        bars = self._source.bars(symbol, timeframe, start, end)
        spans = self._spans.get(symbol)
        if not spans:
            return bars
        if timeframe is self.timeframe:
            return _spared(bars, spans, timeframe)
        return self._rolled(symbol, bars, spans, timeframe)

    # ---------------------------------------------------------------- shut and open

    def follow(self, changed: Callable[[], None]) -> None:
        """Call somebody whenever bars have become others than they were."""
        self._listeners.append(changed)

    def shut(self, symbol: str, now: int) -> None:
        """Let nothing more be traded."""
        spans = self._spans.setdefault(symbol, [])
        if spans and now < spans[-1].end:
            spans[-1].end = NEVER
        else:
            bar = self._whole(symbol, self.timeframe.bucket(now))
            spans.append(_Span(now, bar, self._cut(symbol, bar, now)))
        self._tell()

    def open(self, symbol: str, now: int) -> None:
        """Let trading begin again with the next bucket; at once, where no time has passed."""
        spans = self._spans[symbol]
        if spans[-1].begin == now:
            spans.pop()
        else:
            spans[-1].end = self.timeframe.bucket(now) + self.timeframe.milliseconds
        self._tell()

    def is_shut(self, symbol: str, time: int) -> bool:
        """Say whether nothing can happen in a market at a moment (ms)."""
        spans = self._spans.get(symbol)
        return bool(spans) and any(span.begin < time < span.end for span in spans or ())

    def is_cut(self, symbol: str, bucket: int) -> bool:
        """Say whether a bar ended before its time."""
        return any(self.timeframe.bucket(span.begin) == bucket for span in self._spans.get(symbol, ()))

    def uncut(self, place: int, bar: Whole) -> Whole:
        """Return a bar as it would have become, had its market not been shut."""
        spans = self._spans.get(self.markets[place].symbol, ())
        return next((span.bar for span in spans if span.cut == bar and span.bar is not None), bar)

    def _tell(self) -> None:
        for changed in self._listeners:
            changed()

    def _whole(self, symbol: str, bucket: int) -> Whole | None:
        bars = self._source.bars(symbol, self.timeframe, bucket, bucket + 1)
        if not len(bars) or not bars.volume[0]:
            return None
        return Whole._make(getattr(bars, name)[0].item() for name in Whole._fields)

    def _cut(self, symbol: str, bar: Whole | None, now: int) -> Whole | None:
        state = None if bar is None else self._told(self._places[symbol], bar, now - bar.time)
        return None if bar is None or state is None else bar._replace(**state._asdict())

    def _rolled(self, symbol: str, bars: Bars, spans: list[_Span], timeframe: Timeframe) -> Bars:
        """Roll the bars up anew in which a market was shut or opened, and leave out those in between."""
        length = timeframe.milliseconds
        edges = {timeframe.bucket(time) for span in spans for time in (span.begin, span.end) if time < NEVER}
        touched = np.isin(bars.time, list(edges))
        inside = np.zeros(len(bars), np.bool_)
        for span in spans:
            inside |= (bars.time > span.begin) & (bars.time + length <= span.end)
        anew = [
            roll_up(self.bars(symbol, self.timeframe, time, time + length), length)
            for time in bars.time[touched].tolist()
        ]
        return _in_order(Bars.joined(bars[~(touched | inside)], *anew))


def _spared(bars: Bars, spans: list[_Span], timeframe: Timeframe) -> Bars:
    """Return base bars without those of the spans, which begin with what is left of one."""
    gone = np.zeros(len(bars), np.bool_)
    left: list[Whole] = []
    for span in spans:
        bucket = timeframe.bucket(span.begin)
        gone |= (bars.time >= bucket) & (bars.time < span.end)
        if span.cut is not None and bucket in bars.time:
            left.append(span.cut)
    return _in_order(Bars.joined(bars[~gone], Bars.of(left)))


def _in_order(bars: Bars) -> Bars:
    return bars[np.argsort(bars.time, kind="stable")]
