"""Candles on their way to the store: gathered on the market path, written off it, never lost on the way."""

from __future__ import annotations

import asyncio

import numpy as np

from livermore.kernel.clock import Clock
from livermore.kernel.log import logger
from livermore.kernel.service import Background, Health
from livermore.market.candle import Candles
from livermore.market.ports import CandleBatch, CandleStore, Checkpoint, ClosedBars, Hole, Series
from livermore.market.series import Rows, SeriesTable

INTERVAL = 0.5
RETRY = 2.0
_FIELDS = ("time", "open", "high", "low", "close", "volume", "state", "source", "confirmed")
log = logger("market")


class Recorder:
    """Write closed bars and checkpoints in batches, one transaction each, in the order they came."""

    name = "recorder"

    def __init__(self, store: CandleStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._bars: list[tuple[SeriesTable, ClosedBars]] = []
        self._checkpoints: list[Checkpoint] = []
        self._holes: list[Hole] = []
        self._writing = asyncio.Lock()
        self._background = Background(self._run)
        self._trouble: str | None = None
        self.backlog = 0

    def take(self, table: SeriesTable, bars: ClosedBars) -> None:
        """Take bars that closed; returns at once."""
        self._bars.append((table, bars))
        self.backlog += len(bars.rows)

    def again(self, table: SeriesTable, row: int, candles: Candles) -> None:
        """Take bars of one row that are known better now; of a bar taken twice the newer word is written."""
        columns = {name: getattr(candles, name) for name in _FIELDS}
        rows = np.full(len(candles), row, np.intp)
        bars = ClosedBars(exchange=table.exchange, instant=0, rows=rows, decided=candles.time, **columns)
        self.take(table, bars)

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        """Take a checkpoint, written together with the bars that came before it."""
        self._checkpoints.append(checkpoint)

    def hole(self, hole: Hole) -> None:
        """Take an entry of the ledger, written together with the bars that came before it."""
        self._holes.append(hole)

    async def start(self) -> None:
        """Begin to write now and then."""
        self._background.start()

    async def stop(self) -> None:
        """Write what is left."""
        await self._background.stop()
        await self.flush()

    async def flush(self) -> None:
        """Write everything taken so far; on an error it is kept for the next time and the error raised."""
        async with self._writing:
            bars, self._bars = self._bars, []
            checkpoints, self._checkpoints = self._checkpoints, []
            holes, self._holes = self._holes, []
            if not bars and not checkpoints and not holes:
                return
            try:
                await self._store.save(by_series(bars), checkpoints, holes)
            except BaseException as error:
                # Also when cancelled: what was written after all is only written again.
                self._bars[:0], self._checkpoints[:0], self._holes[:0] = bars, checkpoints, holes
                self._trouble = str(error) or repr(error)
                raise
            self._trouble = None
            self.backlog -= sum(len(part.rows) for _, part in bars)

    def health(self) -> Health:
        """Say whether the last write worked."""
        return Health() if self._trouble is None else Health(state="degraded", detail=self._trouble)

    async def _run(self) -> None:
        while True:
            await self._clock.sleep(INTERVAL if self._trouble is None else RETRY)
            try:
                await self.flush()
            except Exception as error:
                # Of whatever kind: who gives up here stores nothing for the rest of the process's life.
                log.error("candles could not be written; they are kept", error=str(error), rows=self.backlog)


def by_series(bars: list[tuple[SeriesTable, ClosedBars]]) -> CandleBatch:
    """Sort bars of many instants into one run of candles for each series, the runs end to end."""
    series: list[Series] = []
    starts, runs, laid = [], [], 0
    for table in dict.fromkeys(table for table, _ in bars):
        rows, candles = _sorted([part for owner, part in bars if owner is table])
        first = np.flatnonzero(np.diff(rows, prepend=-1))
        series += [table.series(row) for row in rows[first].tolist()]
        starts.append(first + laid)
        runs.append(candles)
        laid += len(candles)
    if not runs:
        return CandleBatch([], np.zeros(0, np.intp), Candles.none())
    return CandleBatch(series, np.concatenate(starts), Candles.joined(*runs) if len(runs) > 1 else runs[0])


def _sorted(parts: list[ClosedBars]) -> tuple[Rows, Candles]:
    """Join bars of one table in the order of rows, then of time."""
    rows = np.concatenate([part.rows for part in parts])
    candles = Candles(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in _FIELDS})
    order = np.lexsort((candles.time, rows))
    rows, candles = rows[order], candles[order]
    last = np.append((np.diff(rows) != 0) | (np.diff(candles.time) != 0), True)
    return (rows, candles) if last.all() else (rows[last], candles[last])
