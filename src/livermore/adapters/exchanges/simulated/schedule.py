"""When in a bucket each frame is due: the same for every bucket, different for every symbol.

The closing frame of the bucket before is not punctual: it comes with the first trade of this one, or up to
two seconds late.
"""

from __future__ import annotations

import bisect
from enum import IntEnum
from typing import NamedTuple

LATEST_CLOSING = 2000
MOST_TICKERS = 300


class Kind(IntEnum):
    """What is due; of several at one moment the lower comes first."""

    CLOSING = 0
    UPDATE = 1
    TICKER = 2
    BEAT = 3


class Due(NamedTuple):
    """A frame of a symbol, so many ms into the bucket; `update` is the bar's latest update by then, or -1."""

    offset: int
    kind: Kind
    symbol: int
    update: int


class Schedule:
    """Every frame of a bucket in order."""

    def __init__(
        self, symbols: int, length: int, updates: int, *, tickers_per_bar: int | None = None
    ) -> None:
        self._length = length
        self._tickers = tickers_per_bar or max(1, min(MOST_TICKERS, length // 1000))
        self.updates = [self._updates(symbol, updates - 1) for symbol in range(symbols)]
        self.closings = [self._closing(symbol) for symbol in range(symbols)]
        self.dues = sorted(due for symbol in range(symbols) for due in self._dues(symbol))
        self.afterwards = [due for due in self.dues if due.kind is Kind.CLOSING]  # of the last bar

    def updates_by(self, symbol: int, offset: int) -> int:
        """Return how many updates of a bar have come by an offset (ms) into its bucket."""
        return bisect.bisect_right(self.updates[symbol], offset)

    def _updates(self, symbol: int, count: int) -> list[int]:
        """Return when a bar's updates come, all but the closing one."""
        phase = 0.02 + symbol * 104_729 % 997 / 997 * 0.96
        return [int((update + phase) * self._length / count) for update in range(count)]

    def _closing(self, symbol: int) -> int:
        """Return how late the closing update comes."""
        late = 100 + (symbol * 7919 + 613) % (LATEST_CLOSING - 100)
        return min([late, *self.updates[symbol][:1]])

    def _dues(self, symbol: int) -> list[Due]:
        updates = enumerate(self.updates[symbol])
        moments = [(place + 1) * self._length // self._tickers - 1 for place in range(self._tickers)]
        return [
            Due(self.closings[symbol], Kind.CLOSING, symbol, -1),
            *(Due(offset, Kind.UPDATE, symbol, update) for update, offset in updates),
            *(Due(moment, Kind.TICKER, symbol, self.updates_by(symbol, moment) - 1) for moment in moments),
        ]
