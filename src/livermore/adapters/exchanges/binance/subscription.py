"""The names of streams, and the requests that ask for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec

from livermore.kernel.timeframe import Timeframe

CHUNK = 200
STREAMS_PER_CONNECTION = 1024
Method = Literal["SUBSCRIBE", "UNSUBSCRIBE"]


class StreamNames:
    """Name what we want of a symbol: its base candles and its ticker."""

    def __init__(self, base: Timeframe) -> None:
        self._suffixes = (f"@kline_{base.value}", "@miniTicker")
        self.symbols_per_connection = STREAMS_PER_CONNECTION // len(self._suffixes)

    def of(self, symbols: Iterable[str]) -> list[str]:
        """Return the streams of some symbols."""
        return [symbol.lower() + suffix for symbol in symbols for suffix in self._suffixes]


def chunked(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut names into as many as one request may carry."""
    for start in range(0, len(names), CHUNK):
        yield names[start : start + CHUNK]


def request(method: Method, names: Sequence[str], number: int) -> str:
    """Write one request."""
    return msgspec.json.encode({"method": method, "params": list(names), "id": number}).decode()
