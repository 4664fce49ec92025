"""Frames in, bars and tickers out: the hot path, usable without a socket."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from livermore.adapters.exchanges.binance.wire import Frame, Kline, MiniTicker, OtherFrame
from livermore.kernel.timeframe import Timeframe
from livermore.market.ports import StreamSink

AnswerListener = Callable[[int | str, str | None], None]

_decode = msgspec.json.Decoder(Frame, strict=False).decode
_decode_raw = msgspec.json.Decoder(Kline | MiniTicker, strict=False).decode
_decode_other = msgspec.json.Decoder(OtherFrame, strict=False).decode
_OURS = frozenset({"kline", "24hrMiniTicker"})
_UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)


class FrameReader:
    """Read frames of one connection into a sink; a frame that cannot be read is skipped and told to the sink.

    `answered` is called with the id of every answer to a request and the error it tells, if any;
    `shutdown` when the server says that it will soon go.
    """

    __slots__ = ("_answered", "_bar", "_length", "_shutdown", "_sink", "_ticker")

    def __init__(
        self,
        sink: StreamSink,
        *,
        base: Timeframe = Timeframe.M1,
        answered: AnswerListener | None = None,
        shutdown: Callable[[], None] | None = None,
    ) -> None:
        self._length = base.milliseconds
        self._answered = answered
        self._shutdown = shutdown
        self.redirect(sink)

    def redirect(self, sink: StreamSink) -> None:
        """Deliver to another sink from now on."""
        self._sink, self._bar, self._ticker = sink, sink.bar, sink.ticker

    def feed(self, raw: bytes | str) -> None:
        """Read one frame, combined or raw; never raises for what is in it."""
        try:
            event = _decode(raw).data
        except _UNREADABLE as error:
            self._feed_rare(raw, error)
            return
        if type(event) is Kline:
            bar = event.bar  # what follows stands here, and not in a method, because a call costs as much
            if bar.low <= bar.open <= bar.high >= bar.close >= bar.low and not bar.time % self._length:
                self._bar(bar, event.event_time)
            else:
                self._damaged(f"a bar that cannot be: {bar}")
        elif isinstance(event, MiniTicker):
            self._ticker(event)

    def _feed_rare(self, raw: bytes | str, error: Exception) -> None:
        """Read a frame that is none of ours: an answer, an error, an unknown event, or damaged."""
        try:
            frame = _decode_other(raw)
        except _UNREADABLE:
            self._damaged(_excerpt(raw, error))
            return
        if frame.kind in _OURS:
            self._feed_raw(raw)
        elif frame.data is not None and frame.data.kind in _OURS:
            self._damaged(_excerpt(raw, error))
        else:
            self._feed_other(frame, raw)

    def _feed_raw(self, raw: bytes | str) -> None:
        """Read a frame of ours that came without its wrapping, as on `/ws`."""
        text = raw if isinstance(raw, bytes) else raw.encode()
        try:
            _decode_raw(text)
        except _UNREADABLE as error:
            self._damaged(_excerpt(raw, error))
        else:
            self.feed(b'{"data":%b}' % text)

    def _damaged(self, detail: str) -> None:
        """Tell of a frame that is lost: whatever it was about is not known."""
        self._sink.skipped("malformed", detail)
        self._sink.gap()

    def _feed_other(self, frame: OtherFrame, raw: bytes | str) -> None:
        fault = frame.fault()
        event = frame.data or frame
        if fault is not None:
            self._sink.skipped("error", f"{fault.code}: {fault.msg}")
        if frame.id is not None and self._answered:
            self._answered(frame.id, fault.msg if fault else None)
        if event.kind == "serverShutdown" and self._shutdown:
            self._shutdown()
        if event.event_time is not None:
            self._sink.beat(event.event_time)
        elif frame.is_empty():
            self._sink.skipped("unknown", _excerpt(raw, "nothing in it that we know"))


def _excerpt(raw: bytes | str, why: object) -> str:
    text = raw if isinstance(raw, str) else raw.decode(errors="replace")
    return f"{why}: {text[:120]}"
