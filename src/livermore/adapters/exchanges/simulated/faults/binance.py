"""How faults look in Binance's protocol."""

from __future__ import annotations

import re

import msgspec

from livermore.adapters.exchanges.simulated.faults.frame import Frame, Refusal
from livermore.adapters.exchanges.simulated.faults.kinds import FrameKind

_EVENT_TIME = re.compile(rb'(?<="E":)[0-9]+')
_SERVER_TIME = re.compile(rb'(?<="serverTime":)[0-9]+')
_CLOSING = b'"x":true'
_TOO_MANY = "Too many requests; current limit is exceeded. Please use WebSocket Streams for live updates."
_BANNED = "Way too much request weight used; IP banned. Please use WebSocket Streams to avoid bans."
_ELSEWHERE = "Service unavailable from a restricted location according to 'b. Eligibility' of our terms."
_WORDS = {
    401: (-2015, "Invalid API-key, IP, or permissions for action."),
    418: (-1003, _BANNED),
    429: (-1003, _TOO_MANY),
    451: (0, _ELSEWHERE),
    500: (-1000, "An unknown error occurred while processing the request."),
    503: (-1008, "Server is currently overloaded with other requests. Please try again in a few minutes."),
    504: (-1007, "Timeout waiting for response from backend server."),
}


class BinanceShapes:
    """Know Binance's frames and errors."""

    def frame(self, stream: str, payload: bytes) -> Frame:
        """Say what a payload of a stream is."""
        symbol, _, name = stream.partition("@")
        kind: FrameKind = "bars" if name.startswith("kline") else "tickers"
        found = _EVENT_TIME.search(payload)
        time = int(found[0]) if found else 0
        return Frame(stream, payload, symbol.upper(), kind, time, closing=_CLOSING in payload)

    def skewed_frame(self, payload: bytes, milliseconds: int) -> bytes:
        """Return a payload whose event time is wrong."""
        return _moved(_EVENT_TIME, payload, milliseconds)

    def skewed_answer(self, path: str, body: bytes, milliseconds: int) -> bytes:
        """Return an answer over REST whose server time is wrong."""
        return _moved(_SERVER_TIME, body, milliseconds)

    def emptied(self, body: bytes) -> bytes:
        """Return an answer over REST with nothing in its lists: no symbols, no rows."""
        told = msgspec.json.decode(body)
        if isinstance(told, list):
            return b"[]"
        return msgspec.json.encode(told | {"symbols": []} if "symbols" in told else told)

    def refusal(self, status: int, roll: float) -> Refusal:
        """Return Binance's words for a status; what stands before its servers answers with a page."""
        if status not in _WORDS:
            return Refusal(b"<html><body><h1>%d</h1></body></html>" % status, "text/html")
        code, message = _WORDS[status]
        return Refusal(msgspec.json.encode({"code": code, "msg": message}))


def _moved(time: re.Pattern[bytes], text: bytes, milliseconds: int) -> bytes:
    return time.sub(lambda found: b"%d" % (int(found[0]) + milliseconds), text, count=1)
