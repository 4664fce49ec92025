"""Candles on their way to the store: in batches, in order, kept when it fails, written when it is back."""

import asyncio

import numpy as np
import pytest

from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import StorageUnavailableError
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles
from livermore.market.ports import CandleBatch, Checkpoint, ClosedBars, Series
from livermore.market.recorder import INTERVAL, RETRY, Recorder, by_series
from livermore.market.rollup import roll_up
from livermore.market.series import SeriesTable

from .factories import M5, MINUTE, close_all, generated, same, table_of
from .memory import MemoryStore

SERIES = Series("test", "A", Timeframe.M1)


class Writing:
    """A recorder, its store, and bars of two symbols to write."""

    def __init__(self, minutes: int = 30) -> None:
        self.clock, self.store = ManualClock(), MemoryStore()
        self.recorder = Recorder(self.store, self.clock)
        self.bases = {name: generated("thin", seed, minutes) for seed, name in enumerate("AB", 1)}
        self.table = table_of("AB")
        self.closed = close_all(self.table, self.bases)

    def take(self, start: int, end: int) -> None:
        for bars in self.closed[start:end]:
            self.recorder.take(self.table, bars)

    async def check(self, minutes: int) -> None:
        """Everything taken is stored, in every timeframe."""
        for symbol, base in self.bases.items():
            stored = await self.store.load(Series("test", symbol, Timeframe.M1))
            assert same(stored, base[:minutes])
            higher = await self.store.load(Series("test", symbol, M5))
            assert same(higher, roll_up(base[:minutes], MINUTE, M5))
        assert self.recorder.backlog == 0


async def test_bars_are_written_now_and_then_in_one_transaction() -> None:
    writing = Writing()
    await writing.recorder.start()
    await writing.clock.advance(0)
    writing.take(0, 20)
    assert writing.recorder.backlog == sum(len(bars.rows) for bars in writing.closed[:20])
    await writing.clock.advance(INTERVAL)
    assert writing.store.saves == 1
    await writing.check(20)
    await writing.clock.advance(10 * INTERVAL)
    assert writing.store.saves == 1
    writing.take(20, 30)
    await writing.recorder.stop()
    await writing.check(30)


async def test_what_a_failing_store_refuses_is_kept_and_written_later_in_order() -> None:
    writing = Writing()
    await writing.recorder.start()
    await writing.clock.advance(0)
    writing.store.failing += [StorageUnavailableError("the disk is full")] * 2
    writing.take(0, 10)
    await writing.clock.advance(INTERVAL)
    assert writing.recorder.health().state == "degraded"
    assert writing.recorder.health().detail == "the disk is full"
    assert writing.recorder.backlog > 0
    writing.take(10, 20)
    await writing.clock.advance(2 * RETRY)
    assert writing.recorder.health().state == "healthy"
    await writing.check(20)
    await writing.recorder.stop()


async def test_a_fault_of_ours_ends_no_recorder() -> None:
    """A task that ends unseen stores no candle, and so no signal and no alert, until the next start."""
    writing = Writing()
    await writing.recorder.start()
    await writing.clock.advance(0)
    writing.store.failing.append(ZeroDivisionError())
    writing.take(0, 10)
    await writing.clock.advance(INTERVAL)
    assert writing.recorder.health().detail == "ZeroDivisionError()"
    await writing.clock.advance(RETRY)
    assert writing.recorder.health().state == "healthy"
    await writing.check(10)
    await writing.recorder.stop()


async def test_a_flush_that_fails_says_so_and_loses_nothing() -> None:
    writing = Writing()
    writing.take(0, 10)
    writing.recorder.checkpoint(Checkpoint(SERIES, 5, b"state"))
    writing.store.failing.append(StorageUnavailableError())
    with pytest.raises(StorageUnavailableError):
        await writing.recorder.flush()
    assert writing.store.checkpoints[SERIES] == {}
    await writing.recorder.flush()
    await writing.check(10)
    assert writing.store.checkpoints[SERIES] == {5: b"state"}


async def test_stopping_in_the_middle_of_writing_leaves_no_hole() -> None:
    writing = Writing()
    writing.store.turns = 1_000
    await writing.recorder.start()
    await writing.clock.advance(0)
    writing.take(0, 10)
    await writing.clock.advance(INTERVAL)
    assert writing.store.saves == 0
    writing.take(10, 30)
    await writing.recorder.stop()
    await writing.check(30)


async def test_flushes_do_not_overtake_each_other() -> None:
    writing = Writing()
    writing.store.turns = 20
    flushes = []
    for start in range(0, 30, 5):
        writing.take(start, start + 5)
        flushes.append(asyncio.create_task(writing.recorder.flush()))
        await asyncio.sleep(0)
    await asyncio.gather(*flushes)
    await writing.check(30)


def test_bars_of_many_instants_and_tables_become_one_run_for_each_series() -> None:
    writing, other = Writing(), Writing()
    batch = by_series(
        [(writing.table, bars) for bars in writing.closed] + [(other.table, bars) for bars in other.closed]
    )
    names = [series for series, _ in batch]
    assert len(names) == 2 * 2 * 3
    for series, candles in batch:
        assert (np.diff(candles.time) == series.timeframe.milliseconds).all()
    assert list(by_series([])) == []


def test_bars_that_come_out_of_order_are_put_in_order() -> None:
    writing = Writing()
    shuffled: list[tuple[SeriesTable, ClosedBars]] = [
        (writing.table, bars) for bars in reversed(writing.closed)
    ]
    for series, candles in by_series(shuffled):
        if series.timeframe is Timeframe.M1:
            assert same(candles, Candles.joined(writing.bases[series.symbol]))


def test_a_batch_is_a_run_of_candles_for_each_series() -> None:
    names = [Series("test", f"S{number}", Timeframe.M1) for number in range(3)]
    candles = Candles.of(range(60_000, 420_000, 60_000), *([[1.0] * 6] * 5))
    batch = CandleBatch(names, np.array([0, 1, 4]), candles)
    assert [name for name, _ in batch] == names
    assert [len(run) for _, run in batch] == batch.counts.tolist() == [1, 3, 2]
    assert [time for _, run in batch for time in run.time.tolist()] == candles.time.tolist()
    assert [len(run) for _, run in batch[1:]] == [3, 2]
