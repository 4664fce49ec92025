"""When in a bucket trades happen and frames go out: the same for every bucket, other for every symbol.

Some trades fall together and share a frame; a frame goes out a little after its trades.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence

from livermore.adapters.exchanges.simulated.schedule import Due, Kind

BATCH = 5000  # ms between two batches of tickers
MOST_TICKERS = 300
BEHIND = 3000  # ms behind the last bucket until which it is known to be whole
EARLIER = 40  # ms at most between a trade and its frame
NOBODY = -1


def moments_of(trades: int) -> list[range]:
    """Return which trades of a bar share a frame: every second frame carries two."""
    starts = [place for place in range(trades) if place % 3 != 2]
    return [range(start, end) for start, end in zip(starts, [*starts[1:], trades], strict=True)]


class TradeTimetable:
    """Every frame of a bucket in order; `trades` is the most that a bar is told in."""

    def __init__(self, symbols: int, length: int, trades: int, *, every_second: bool, beats: bool) -> None:
        self._length = length
        self._moments = moments_of(trades)
        self._tickers = max(1, min(MOST_TICKERS, length // BATCH)) if every_second else 1
        self._frames = [self._offsets(symbol) for symbol in range(symbols)]
        self._ends = [moment.stop for moment in self._moments]
        beat = [Due(length - 1, Kind.BEAT, NOBODY, -1)] if beats else []
        self.dues: Sequence[Due] = sorted(
            [*(due for symbol in range(symbols) for due in self._dues(symbol)), *beat]
        )
        self.afterwards: Sequence[Due] = [Due(BEHIND, Kind.BEAT, NOBODY, -1)]

    def frames(self, symbol: int) -> list[int]:
        """Return when (ms into the bucket) a symbol's frames go out."""
        return self._frames[symbol]

    def ends(self) -> list[int]:
        """Return how many trades of a bar have been told by each of its frames."""
        return self._ends

    def trades_by(self, symbol: int, offset: int) -> int:
        """Return how many trades have been told by an offset (ms) into the bucket."""
        told = bisect.bisect_right(self._frames[symbol], offset)
        return self._ends[told - 1] if told else 0

    def times(self, symbol: int) -> list[tuple[int, int]]:
        """Return when each trade happens: ms into the bucket, and microseconds below them."""
        return [
            (frame - earlier // (1 + place), (symbol * 7919 + trade * 104_729) % 500 + 499 * place)
            for frame, moment in zip(self._frames[symbol], self._moments, strict=True)
            for earlier in (min(EARLIER, frame),)
            for place, trade in enumerate(moment)
        ]

    def _offsets(self, symbol: int) -> list[int]:
        phase = 0.02 + symbol * 104_729 % 997 / 997 * 0.96
        count = len(self._moments)
        return [int((moment + phase) * self._length / count) for moment in range(count)]

    def _dues(self, symbol: int) -> list[Due]:
        tickers = [
            (place + 1) * self._length // self._tickers - 1 - symbol * 617 % (BATCH - 1)
            for place in range(self._tickers)
        ]
        return [
            *(Due(frame, Kind.UPDATE, symbol, place) for place, frame in enumerate(self._frames[symbol])),
            *(Due(moment, Kind.TICKER, symbol, self._frame_by(symbol, moment)) for moment in tickers),
        ]

    def _frame_by(self, symbol: int, offset: int) -> int:
        """Return a symbol's latest frame by an offset (ms), or -1."""
        return bisect.bisect_right(self._frames[symbol], offset) - 1
