"""Join the end of one connection to the beginning of another: nothing lost, nothing told twice.

While both are subscribed the old one delivers, and what it said last of each symbol is remembered; what the
new one says meanwhile is held back, and of that only what is newer is told when it takes over.
"""

from __future__ import annotations

from collections.abc import Callable

from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import BarUpdate
from livermore.market.ports import StreamSink
from livermore.market.symbol import Ticker

BarKey = tuple[int, int, bool, int]


class Remembering:
    """Pass everything on and remember the newest of each symbol."""

    def __init__(self, sink: StreamSink) -> None:
        self._sink = sink
        self.wire = sink.wire
        self.longer = sink.longer
        self.beat = sink.beat
        self.gap = sink.gap
        self.skipped = sink.skipped
        self.bars: dict[str, BarKey] = {}
        self.tickers: dict[str, int] = {}

    def bar(self, update: BarUpdate, event_time: int) -> None:
        """Take a bar."""
        self.bars[update.symbol] = _key(update, event_time)
        self._sink.bar(update, event_time)

    def ticker(self, ticker: Ticker) -> None:
        """Take a price."""
        self.tickers[ticker.symbol] = ticker.time
        self._sink.ticker(ticker)


class Holding:
    """Hold everything back, to be told later."""

    def __init__(self) -> None:
        self._held: list[Callable[[StreamSink], None]] = []

    def wire(self) -> Holding:
        """Be the sink of the one connection there is."""
        return self

    def longer(self, timeframe: Timeframe, update: BarUpdate) -> None:
        """Hold a longer bar."""
        self._held.append(lambda sink: sink.longer(timeframe, update))

    def gap(self) -> None:
        """Hold the news that frames were lost."""
        self._held.append(lambda sink: sink.gap())

    def bar(self, update: BarUpdate, event_time: int) -> None:
        """Hold a bar."""
        self._held.append(lambda sink: sink.bar(update, event_time))

    def ticker(self, ticker: Ticker) -> None:
        """Hold a price."""
        self._held.append(lambda sink: sink.ticker(ticker))

    def beat(self, event_time: int) -> None:
        """Hold a sign of life."""
        self._held.append(lambda sink: sink.beat(event_time))

    def skipped(self, kind: str, detail: str) -> None:
        """Hold a note."""
        self._held.append(lambda sink: sink.skipped(kind, detail))

    def tell(self, sink: StreamSink) -> None:
        """Tell a sink everything, in order."""
        for tell in self._held:
            tell(sink)


class SkippingKnown:
    """Drop what was told before, until every remembered symbol has said something new; then call `done`."""

    def __init__(self, sink: StreamSink, known: Remembering, done: Callable[[], None]) -> None:
        self._sink = sink
        self._bars = known.bars
        self._tickers = known.tickers
        self._done = done
        self.wire = sink.wire
        self.longer = sink.longer
        self.beat = sink.beat
        self.gap = sink.gap
        self.skipped = sink.skipped

    def bar(self, update: BarUpdate, event_time: int) -> None:
        """Pass a bar on unless it is known."""
        known = self._bars.get(update.symbol)
        if known is None or _key(update, event_time) > known:
            self._bars.pop(update.symbol, None)
            self._sink.bar(update, event_time)
            self._end_when_over()

    def ticker(self, ticker: Ticker) -> None:
        """Pass a price on unless it is known."""
        known = self._tickers.get(ticker.symbol)
        if known is None or ticker.time > known:
            self._tickers.pop(ticker.symbol, None)
            self._sink.ticker(ticker)
            self._end_when_over()

    def _end_when_over(self) -> None:
        if not self._bars and not self._tickers:
            self._done()


def _key(update: BarUpdate, event_time: int) -> BarKey:
    """Order the states of a symbol: by bucket, by trade, closed after open."""
    return update.time, update.last_id, update.closed, event_time
