"""How faults look in Coinbase's protocol."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from livermore.adapters.exchanges.simulated.faults.frame import Frame, Refusal
from livermore.adapters.exchanges.simulated.faults.kinds import FrameKind
from livermore.kernel.clock import parse_time, rfc3339

_KINDS: dict[str, FrameKind] = {
    "market_trades": "trades",
    "candles": "bars",
    "ticker": "tickers",
    "ticker_batch": "tickers",
    "heartbeats": "heartbeats",
}
_TIMESTAMP = re.compile(rb'(?<="timestamp":")[^"]+')
_PRODUCT = re.compile(rb'"product_id":"([^"]*)"')
_MICROSECONDS = len("2026-01-01T00:00:00.000000")
_THROTTLED = {"errors": [{"id": "rate_limit_exceeded", "message": "Too many requests"}]}
_UNAUTHORIZED = {"error": "UNAUTHORIZED", "code": 16, "message": "Unauthorized", "details": []}
_ELSEWHERE = {"error": "PERMISSION_DENIED", "error_details": "Not available in your country", "message": ""}
_WORDS: dict[int, tuple[str, dict[str, Any]]] = {
    401: ("Unauthorized", _UNAUTHORIZED),
    429: ("Too Many Requests", _THROTTLED),
    451: ("Unavailable For Legal Reasons", _ELSEWHERE),
}


class CoinbaseShapes:
    """Know Coinbase's frames and errors."""

    def frame(self, stream: str, payload: bytes) -> Frame:
        """Say what a payload of a channel is; of several products it is of none."""
        products = set(_PRODUCT.findall(payload))
        symbol = products.pop().decode() if len(products) == 1 else ""
        found = _TIMESTAMP.search(payload)
        time = _milliseconds(found[0].decode()) if found else 0
        return Frame(stream, payload, symbol, _KINDS.get(stream, "other"), time)

    def skewed_frame(self, payload: bytes, milliseconds: int) -> bytes:
        """Return a payload whose envelope's time is wrong; the times of trades stay."""

        def moved(found: re.Match[bytes]) -> bytes:
            return rfc3339(_milliseconds(found[0].decode()) + milliseconds).encode()

        return _TIMESTAMP.sub(moved, payload, count=1)

    def skewed_answer(self, path: str, body: bytes, milliseconds: int) -> bytes:
        """Return an answer over REST whose server time is wrong."""
        if not path.endswith("/time"):
            return body
        time = int(msgspec.json.decode(body)["epochMillis"]) + milliseconds
        moment = {"iso": rfc3339(time), "epochSeconds": str(time // 1000), "epochMillis": str(time)}
        return msgspec.json.encode(moment)

    def emptied(self, body: bytes) -> bytes:
        """Return an answer over REST with nothing in its lists, and none counted."""
        told = msgspec.json.decode(body)
        return msgspec.json.encode(
            {name: [] if isinstance(value, list) else value for name, value in told.items()}
            | ({"num_products": 0} if "num_products" in told else {})
        )

    def refusal(self, status: int, roll: float) -> Refusal:
        """Return Coinbase's words for a status: as JSON or, as often, as plain text."""
        if status not in _WORDS:
            error = {"error": "INTERNAL", "code": 13, "message": f"HTTP {status}", "details": []}
            return Refusal(msgspec.json.encode(error))
        text, document = _WORDS[status]
        if roll < 0.5:
            return Refusal(text.encode(), "text/plain")
        return Refusal(msgspec.json.encode(document))


def _milliseconds(timestamp: str) -> int:
    """Read a time of up to nine decimals."""
    return parse_time(timestamp.rstrip("Z")[:_MICROSECONDS])
