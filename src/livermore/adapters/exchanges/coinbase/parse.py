"""Frames in, bars and tickers out: the hot path, usable without a socket."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter

import msgspec

from livermore.adapters.exchanges.coinbase.days import streamed_ticker
from livermore.adapters.exchanges.coinbase.names import Names
from livermore.adapters.exchanges.coinbase.times import THOUSANDTHS, milliseconds
from livermore.adapters.exchanges.coinbase.trades import Trades
from livermore.adapters.exchanges.coinbase.wire import (
    NO_NUMBER,
    OURS,
    Bar,
    BarEvent,
    BeatFrame,
    CandlesFrame,
    Day,
    Frame,
    OtherFrame,
    TickerFrame,
    TradesFrame,
)
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import BarUpdate
from livermore.market.ports import StreamSink

LONG_AGO = 1_000
_decode = msgspec.json.Decoder(Frame, strict=False).decode
_decode_other = msgspec.json.Decoder(OtherFrame, strict=False).decode
_UNREADABLE = (
    ValueError,
    RecursionError,
)  # DecodeError, UnicodeError and a time that is none are ValueErrors
LONGER = Timeframe.M5  # the only candles that the socket tells


class FrameReader:
    """Read frames of one connection into a sink; a frame that cannot be read is told to the sink as lost.

    `trades` go on from an earlier connection; without `names` every product is delivered under its own;
    `failed` is called with every error that the server tells.
    """

    __slots__ = ("_bar", "_failed", "_names", "_next", "_second", "_second_time", "_sink", "_take")

    def __init__(
        self,
        sink: StreamSink,
        *,
        base: Timeframe = Timeframe.M1,
        trades: Trades | None = None,
        names: Names | None = None,
        failed: Callable[[str], None] | None = None,
    ) -> None:
        self._sink, self._bar = sink, sink.bar
        self._take = (trades or Trades(base)).take
        self._names = names or Names()
        self._failed = failed
        self._next = -1
        self._second, self._second_time = "never", 0

    def feed(self, raw: bytes | str) -> None:
        """Read one frame; never raises for what is in it."""
        try:
            frame = _decode(raw)
            text = frame.timestamp
            fraction = THOUSANDTHS.get(text[20:23])
            if fraction is None or not text.startswith(self._second):
                event_time = self._new_second(text)
            else:
                event_time = self._second_time + fraction
        except _UNREADABLE as error:
            self._feed_rare(raw, error)
            return
        number = frame.sequence_num
        in_order = number == self._next
        if in_order:
            self._next = number + 1
        else:
            in_order = self._catch_up(number)
        if type(frame) is TradesFrame:
            for trade in self._take(frame.events, event_time, self._names, self._bar):
                self._lose(f"a trade that cannot be: {trade}")
        elif in_order:
            self._feed_other(frame, event_time)

    def _new_second(self, text: str) -> int:
        """Read a time and remember its second: the next frames mostly share it."""
        time = milliseconds(text)
        self._second, self._second_time = text[:19], time - time % 1000
        return time

    def _catch_up(self, number: int) -> bool:
        """Take a number, telling of a gap before it; return False for one that has had its turn."""
        expected = self._next
        if number == NO_NUMBER:
            return True
        if expected - LONG_AGO <= number < expected:
            return False
        self._next = number + 1
        if expected not in {-1, number}:
            self._sink.gap()
        return True

    def _feed_other(self, frame: TickerFrame | CandlesFrame | BeatFrame, event_time: int) -> None:
        if type(frame) is TickerFrame:
            for days in frame.events:
                for day in days.tickers:
                    self._tell_day(day, event_time)
        elif type(frame) is CandlesFrame:
            for bars in frame.events:
                self._tell_candles(bars)
        else:
            self._sink.beat(event_time)

    def _tell_day(self, day: Day, event_time: int) -> None:
        """Tell a ticker, unless it is one of the empty ones."""
        if not (day.product_id and day.price):
            return
        try:
            for name in self._names.of(day.product_id):
                self._sink.ticker(streamed_ticker(day, name, event_time))
        except ValueError as error:
            self._lose(f"{error}: {day}")

    def _tell_candles(self, event: BarEvent) -> None:
        """Tell candles; of a snapshot, which has holes, only the newest of each product."""
        bars = event.candles
        if event.type == "snapshot":
            newest = {bar.product_id: bar for bar in sorted(bars, key=attrgetter("start"))}
            bars = list(newest.values())
        for bar in bars:
            if bar.is_sound() and not bar.start * 1000 % LONGER.milliseconds:
                for name in self._names.of(bar.product_id):
                    self._sink.longer(LONGER, _update(bar, name))
            else:
                self._lose(f"a candle that cannot be: {bar}")

    def _feed_rare(self, raw: bytes | str, error: Exception) -> None:
        """Read a frame that is none of ours: an acknowledgement, an error, an unknown channel, or damaged."""
        try:
            frame = _decode_other(raw)
        except _UNREADABLE:
            self._lose(_excerpt(raw, error))
            return
        if frame.channel in OURS:
            self._lose(_excerpt(raw, error))
            return
        self._catch_up(frame.sequence_num)
        if frame.type == "error":
            self._sink.skipped("error", frame.message)
            if self._failed is not None:
                self._failed(frame.message)
        elif not (frame.channel or frame.type):
            self._sink.skipped("unknown", _excerpt(raw, "nothing in it that we know"))

    def _lose(self, detail: str) -> None:
        """Tell that something could not be read, and that what it told is lost."""
        self._sink.skipped("malformed", detail)
        self._sink.gap()


def _update(bar: Bar, symbol: str) -> BarUpdate:
    return BarUpdate(
        symbol=symbol, time=bar.start * 1000, open=bar.open, high=bar.high, low=bar.low, close=bar.close,
        volume=bar.volume,
    )  # fmt: skip


def _excerpt(raw: bytes | str, why: object) -> str:
    text = raw if isinstance(raw, str) else raw.decode(errors="replace")
    return f"{why}: {text[:120]}"
