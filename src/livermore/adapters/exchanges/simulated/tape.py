"""Traded bars of the stream's timeframe by open time, each symbol's read ahead in blocks when asked for."""

from __future__ import annotations

from livermore.adapters.exchanges.simulated.path import Whole
from livermore.adapters.exchanges.simulated.traded import TradedSource

BLOCK = 64


class Tape:
    """Hand out a source's bars one bucket at a time; so many buckets before it stay at hand."""

    def __init__(self, source: TradedSource, *, back: int = 1) -> None:
        self._source = source
        self._back = back
        self._length = source.timeframe.milliseconds
        self._block: range = range(0)
        self._bars: dict[int, dict[int, Whole]] = {}
        source.follow(self._bars.clear)

    def whole(self, symbol: int, bucket: int) -> Whole | None:
        """Return a symbol's bar of a bucket if it was traded; symbols count in the source's order."""
        if bucket not in self._block:
            self._begin(bucket)
        bars = self._bars.get(symbol)
        if bars is None:
            bars = self._bars[symbol] = self._traded(self._source.markets[symbol].symbol)
        return bars.get(bucket)

    def _begin(self, bucket: int) -> None:
        """Begin a block before the bucket, as more is still to be told of those behind it."""
        self._block = range(bucket - self._back * self._length, bucket + BLOCK * self._length, self._length)
        self._bars.clear()

    def _traded(self, symbol: str) -> dict[int, Whole]:
        bars = self._source.bars(symbol, self._source.timeframe, self._block.start, self._block.stop)
        bars = bars[bars.volume > 0]
        columns = (getattr(bars, name).tolist() for name in Whole._fields)
        return dict(zip(bars.time.tolist(), map(Whole._make, zip(*columns, strict=True)), strict=True))
