"""A store of candles in memory that honours the port, and can be made to fail."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import fields

from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candle, Candles, CandleState
from livermore.market.ledger import left_of
from livermore.market.ports import Checkpoint, Counts, Hole, Series

FIELDS = [field.name for field in fields(Candles)]


class MemoryStore:
    """Keep candles and checkpoints; `failing` errors are raised by the next calls that write."""

    def __init__(self, turns: int = 1) -> None:
        self.turns = turns
        self.kept: defaultdict[Series, dict[int, Candle]] = defaultdict(dict)
        self.checkpoints: defaultdict[Series, dict[int, bytes]] = defaultdict(dict)
        self.ledger: defaultdict[Series, dict[int, Hole]] = defaultdict(dict)
        self.failing: list[Exception] = []
        self.saves = 0

    async def save(
        self, batch: Sequence[tuple[Series, Candles]], checkpoints: Sequence[Checkpoint] = (),
        holes: Sequence[Hole] = (),
    ) -> None:  # fmt: skip
        await self._pause()
        self._fail()
        self.saves += 1
        for series, candles in batch:
            self.kept[series].update((row.time, row) for row in candles.rows())
        for checkpoint in checkpoints:
            self.checkpoints[checkpoint.series][checkpoint.time] = checkpoint.state
        for hole in holes:
            known = self.ledger[hole.series].values()
            told = [part for one in known for part in left_of(one, hole)] + [hole]
            self.ledger[hole.series] = {one.start: one for one in told}

    async def replace(self, batch: Sequence[tuple[Series, Candles]]) -> int:
        await self._pause()
        self._fail()
        gone = sum(len(self.kept[series]) for series, _ in batch)
        for series, candles in batch:
            self.kept[series] = {row.time: row for row in candles.rows()}
            self.checkpoints.pop(series, None)
            self.ledger.pop(series, None)
        return gone

    async def holes(self, series: Series, start: int, end: int) -> list[Hole]:
        return [
            hole for _, hole in sorted(self.ledger[series].items()) if hole.start < end and hole.end > start
        ]

    async def counts(self, series: Series, start: int, end: int) -> Counts:
        states = [row.state for time, row in self.kept[series].items() if start <= time < end]
        return Counts(
            *(states.count(state) for state in (CandleState.TRADED, CandleState.QUIET, CandleState.MISSING))
        )

    async def load(
        self, series: Series, start: int | None = None, end: int | None = None, *, newest: int | None = None
    ) -> Candles:
        await self._pause()
        first, last = -(2**62) if start is None else start, 2**62 if end is None else end
        rows = [row for time, row in sorted(self.kept[series].items()) if first <= time < last]
        return as_candles(rows if newest is None else rows[-newest:])

    async def span(self, series: Series) -> tuple[int, int] | None:
        await self._pause()
        kept = self.kept[series]
        return (min(kept), max(kept)) if kept else None

    async def spans(self, exchange: str, symbols: Collection[str]) -> dict[Series, tuple[int, int]]:
        await self._pause()
        own = [one for one in self.kept if one.exchange == exchange and one.symbol in symbols]
        return {one: (min(self.kept[one]), max(self.kept[one])) for one in own if self.kept[one]}

    async def checkpoint(self, series: Series, at_or_before: int) -> Checkpoint | None:
        times = [time for time in self.checkpoints[series] if time <= at_or_before]
        return Checkpoint(series, max(times), self.checkpoints[series][max(times)]) if times else None

    async def first_checkpoint(self, series: Series) -> Checkpoint | None:
        times = self.checkpoints[series]
        return Checkpoint(series, min(times), times[min(times)]) if times else None

    async def forget_checkpoints(self, series: Series, since: int) -> None:
        self._fail()
        kept = self.checkpoints[series]
        self.checkpoints[series] = {time: state for time, state in kept.items() if time < since}

    async def prune(self, timeframe: Timeframe, before: int) -> int:
        self._fail()
        gone = 0
        for series, kept in self.kept.items():
            old = [time for time in kept if time < before and series.timeframe == timeframe]
            gone += len(old)
            for time in old:
                del kept[time]
        return gone

    async def _pause(self) -> None:
        """Give the others a turn, as a real store does."""
        for _ in range(self.turns):
            await asyncio.sleep(0)

    def _fail(self) -> None:
        if self.failing:
            raise self.failing.pop(0)


def as_candles(rows: Sequence[Candle]) -> Candles:
    """Return candles as arrays, with all that the rows say."""
    candles = Candles.of(
        *(
            [getattr(row, name) for row in rows]
            for name in ("time", "open", "high", "low", "close", "volume")
        ),
        state=[row.state for row in rows],
    )
    candles.source[:] = [row.source for row in rows]
    candles.confirmed[:] = [row.confirmed for row in rows]
    return candles
