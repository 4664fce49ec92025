"""The ledger of one exchange: which base buckets were missing, why, and when they were repaired."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator

import msgspec

from livermore.kernel.timeframe import Timeframe
from livermore.market.ports import Cause, Hole, Series
from livermore.market.recorder import Recorder

REMEMBERED = 64


def left_of(known: Hole, newer: Hole) -> list[Hole]:
    """Return what is left of an entry beside a newer one of its series: no bucket lies in two."""
    before = known.start, min(known.end, newer.start)
    behind = max(known.start, newer.end), known.end
    return [
        msgspec.structs.replace(known, start=start, end=end) for start, end in (before, behind) if start < end
    ]


class Ledger:
    """Hold the holes that are open; put every entry on its way to the store, with the candles it is about."""

    def __init__(self, exchange: str, base: Timeframe, recorder: Recorder) -> None:
        self._exchange = exchange
        self._base = base
        self._recorder = recorder
        self._open: dict[tuple[str, int], Hole] = {}
        self._repaired: defaultdict[str, deque[Hole]] = defaultdict(lambda: deque(maxlen=REMEMBERED))
        self.version = 0

    def open(self, symbol: str, start: int, end: int, cause: Cause) -> None:
        """Enter that the base buckets [start, end) (ms) are not known, as far as no open hole says so."""
        for part in self._outside(symbol, start, end):
            self._enter(Hole(series=self._series(symbol), start=part[0], end=part[1], cause=cause))

    def recall(self, symbol: str, holes: Iterable[Hole]) -> None:
        """Take over what an earlier run has entered of a symbol, oldest first."""
        self._repaired[symbol].clear()
        for hole in holes:
            if hole.repaired_at is None:
                self._open[symbol, hole.start] = hole
            else:
                self._repaired[symbol].append(hole)
        self.version += 1

    def forget(self, symbol: str) -> None:
        """Hold nothing of a symbol any more; what was entered of it stays in the store."""
        self._repaired.pop(symbol, None)
        self._open = {key: hole for key, hole in self._open.items() if key[0] != symbol}
        self.version += 1

    def close(self, symbol: str, start: int, end: int, at: int) -> None:
        """Enter that every hole within [start, end) was repaired at a market time (ms)."""
        for hole in self.open_holes(symbol):
            if start <= hole.start and hole.end <= end:
                self._enter(msgspec.structs.replace(hole, repaired_at=at))

    def found(self, symbol: str, start: int, end: int, cause: Cause, at: int) -> list[Hole]:
        """Return the entry of a hole that is repaired as it is found; it is stored with its repair."""
        self.version += 1
        for known in self._repaired[symbol]:
            if known.start <= start and end <= known.end:
                # No bucket lies in two holes: this one was repaired later than it seemed.
                return [msgspec.structs.replace(known, repaired_at=at)]
        return [
            Hole(series=self._series(symbol), start=part[0], end=part[1], cause=cause, repaired_at=at)
            for part in self._outside(symbol, start, end)
        ]

    def keep(self, holes: Iterable[Hole]) -> None:
        """Remember repaired holes that were stored together with their repair."""
        for hole in holes:
            self._remember(hole)
        self.version += 1

    def explain(self, symbol: str, start: int, end: int, cause: Cause, at: int) -> None:
        """Give [start, end) a better cause, where it lies in a repaired hole."""
        known = next((one for one in self._repaired[symbol] if one.start < end and start < one.end), None)
        if known is None or (known.cause is cause and known.start <= start and end <= known.end):
            return
        self._enter(Hole(series=known.series, start=start, end=end, cause=cause, repaired_at=at))

    def lacks(self, symbol: str, start: int, end: int) -> bool:
        """Say whether a bucket of [start, end) lies in an open hole."""
        return any(hole.start < end and start < hole.end for hole in self.open_holes(symbol))

    def open_holes(self, symbol: str) -> list[Hole]:
        """Return the holes of a symbol that are not repaired, oldest first."""
        mine = [hole for (name, _), hole in self._open.items() if name == symbol]
        return sorted(mine, key=lambda hole: hole.start)

    def _enter(self, hole: Hole) -> None:
        key = hole.series.symbol, hole.start
        if hole.repaired_at is None:
            self._open[key] = hole
        else:
            self._open.pop(key, None)
        self._remember(hole)
        self._recorder.hole(hole)
        self.version += 1

    def _remember(self, hole: Hole) -> None:
        """Remember a repaired hole; what it or an open one covers of older ones is forgotten."""
        remembered = self._repaired[hole.series.symbol]
        kept = [part for known in remembered for part in left_of(known, hole)]
        remembered.clear()
        remembered.extend(kept if hole.repaired_at is None else [*kept, hole])

    def _outside(self, symbol: str, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield the parts of [start, end) that lie in no open hole."""
        for hole in self.open_holes(symbol):
            if start < hole.end and hole.start < end:
                if start < hole.start:
                    yield start, hole.start
                start = hole.end
        if start < end:
            yield start, end

    def _series(self, symbol: str) -> Series:
        return Series(self._exchange, symbol, self._base)
