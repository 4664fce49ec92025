"""The contract of `CandleStore`: what is saved comes back to the bit, or nothing is saved."""

import asyncio
import itertools
import math
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from livermore.adapters.sql import Database, SqlCandleStore, market
from livermore.adapters.sql import series as keys
from livermore.kernel.errors import InvalidError
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles, CandleSource, CandleState
from livermore.market.ports import CandleBatch, Cause, Checkpoint, Counts, Hole, Series

BITCOIN = Series("coinbase", "BTC-USD", Timeframe.M1)
ETHER = Series("coinbase", "ETH-USD", Timeframe.M1)
DAILY = Series("binance", "BTCUSDT", Timeframe.D1)
MINUTE = 60_000


@pytest.fixture
def store(database: Database) -> SqlCandleStore:
    return SqlCandleStore(database)


def some(*times: int, price: float = 1.5, volume: float = 2.0) -> Candles:
    prices = [price] * len(times)
    return Candles.of(times, prices, prices, prices, prices, [volume] * len(times))


def same(left: Candles, right: Candles) -> bool:
    """Compare to the bit, types included."""
    pairs = [(getattr(left, field.name), getattr(right, field.name)) for field in fields(Candles)]
    return all(one.dtype == two.dtype and one.tobytes() == two.tobytes() for one, two in pairs)


async def test_what_is_saved_is_loaded(store: SqlCandleStore) -> None:
    candles = Candles.of(
        [0, MINUTE, 2 * MINUTE], [1, 2, 3], [4, 5, 6], [0.1, 0.2, 0.3], [2, 3, 4], [0, 1, 2],
        source=CandleSource.STREAM, confirmed=False,
    )  # fmt: skip
    await store.save([(BITCOIN, candles), (DAILY, some(0))])
    assert same(await store.load(BITCOIN), candles)
    assert same(await store.load(DAILY), some(0))


async def test_series_laid_end_to_end_are_saved_alike(store: SqlCandleStore) -> None:
    parts = [some(0, MINUTE), some(5 * MINUTE, price=3.5)]
    await store.save(CandleBatch([BITCOIN, DAILY], np.array([0, 2]), Candles.joined(*parts)))
    assert same(await store.load(BITCOIN), parts[0])
    assert same(await store.load(DAILY), parts[1])


async def test_a_range_is_half_open_and_newest_keeps_the_end(store: SqlCandleStore) -> None:
    await store.save([(BITCOIN, some(*range(0, 10 * MINUTE, MINUTE)))])
    part = await store.load(BITCOIN, 2 * MINUTE, 5 * MINUTE)
    assert part.time.tolist() == [2 * MINUTE, 3 * MINUTE, 4 * MINUTE]
    newest = await store.load(BITCOIN, None, 5 * MINUTE, newest=2)
    assert newest.time.tolist() == [3 * MINUTE, 4 * MINUTE]
    assert (await store.load(BITCOIN, newest=1)).time.tolist() == [9 * MINUTE]


async def test_one_that_was_never_saved_costs_no_look_at_all_the_others(
    url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [Series("coinbase", f"S{number}", Timeframe.M1) for number in range(50)]
    await SqlCandleStore(database).save([(name, some(0)) for name in names])
    read, stored = list[int](), keys._stored

    async def counted(*asked: Any) -> Any:
        found = await stored(*asked)
        read.append(len(found))
        return found

    monkeypatch.setattr(keys, "_stored", counted)
    store = SqlCandleStore(other := Database(url))
    assert await store.span(names[0]) == (0, 0)
    assert await store.span(BITCOIN) is None
    assert await store.span(ETHER) is None
    await store.save([(ETHER, some(0))])
    await store.save([(Series("coinbase", "S7", Timeframe.M5), some(0))])
    assert await store.span(ETHER) == (0, 0)
    await other.close()
    assert read == [50, 0, 0, 1, 2]


async def test_the_spans_of_many_symbols_are_those_of_each(
    store: SqlCandleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(market, "MOST_NAMES", 2)
    longer = BITCOIN._replace(timeframe=Timeframe.H1)
    held = {BITCOIN: some(MINUTE, 3 * MINUTE), longer: some(0), ETHER: some(2 * MINUTE)}
    others = [BITCOIN._replace(exchange="binance"), ETHER._replace(symbol="OTHER")]
    await store.save([*held.items(), *((one, some(0)) for one in others)])
    await store.save([(ETHER._replace(timeframe=Timeframe.M5), Candles.none())])
    asked = [BITCOIN.symbol, "NOPE", ETHER.symbol]
    assert await store.spans(BITCOIN.exchange, asked) == {one: await store.span(one) for one in held}
    assert await store.spans(BITCOIN.exchange, []) == {}


async def test_what_was_never_saved_is_empty(store: SqlCandleStore) -> None:
    assert same(await store.load(BITCOIN), Candles.none())
    assert await store.span(BITCOIN) is None
    assert await store.checkpoint(BITCOIN, MINUTE) is None
    assert await store.first_checkpoint(BITCOIN) is None
    await store.save([(ETHER, some(0))])
    assert same(await store.load(BITCOIN), Candles.none())
    assert same(await store.load(ETHER, MINUTE), Candles.none())


async def test_loaded_arrays_may_be_changed(store: SqlCandleStore) -> None:
    await store.save([(BITCOIN, some(0))])
    loaded = await store.load(BITCOIN)
    for field in fields(Candles):
        assert getattr(loaded, field.name).flags.writeable
        assert getattr(loaded, field.name).flags.c_contiguous


async def test_saving_nothing_is_nothing(store: SqlCandleStore) -> None:
    await store.save([])
    await store.save([(BITCOIN, Candles.none())])
    assert same(await store.load(BITCOIN), Candles.none())


def hole(start: int, end: int, *, series: Series = BITCOIN, repaired_at: int | None = None) -> Hole:
    """A hole over some minutes."""
    return Hole(
        series=series, start=start * MINUTE, end=end * MINUTE, cause=Cause.SEQUENCE_GAP,
        repaired_at=repaired_at,
    )  # fmt: skip


async def test_holes_come_back_oldest_first_with_their_causes(store: SqlCandleStore) -> None:
    outage = Hole(series=BITCOIN, start=9 * MINUTE, end=12 * MINUTE, cause=Cause.EXCHANGE_OUTAGE)
    holes = [outage, hole(2, 4, repaired_at=1_750_000_000_123), hole(3, 5, series=ETHER)]
    await store.save([], holes=holes)
    assert await store.holes(BITCOIN, 0, 100 * MINUTE) == [holes[1], outage]
    assert await store.holes(ETHER, 0, 100 * MINUTE) == [holes[2]]
    assert await store.holes(DAILY, 0, 100 * MINUTE) == []


async def test_a_hole_is_found_by_every_bucket_that_it_touches(store: SqlCandleStore) -> None:
    await store.save([], holes=[hole(2, 5)])
    touching = [
        (start, end)
        for start in range(8)
        for end in range(start + 1, 9)
        if await store.holes(BITCOIN, start * MINUTE, end * MINUTE)
    ]
    assert touching == [(start, end) for start in range(5) for end in range(max(start + 1, 3), 9)]


async def test_a_hole_takes_the_place_of_what_it_covers_of_others(store: SqlCandleStore) -> None:
    await store.save([], holes=[hole(2, 3), hole(2, 6), hole(7, 8), hole(1, 9, series=ETHER)])
    await store.save([], holes=[hole(2, 6, repaired_at=99)])
    assert await store.holes(BITCOIN, 0, 9 * MINUTE) == [hole(2, 6, repaired_at=99), hole(7, 8)]
    await store.save([], holes=[hole(3, 4), hole(4, 10)])
    assert await store.holes(BITCOIN, 0, 10 * MINUTE) == [hole(2, 3, repaired_at=99), hole(3, 4), hole(4, 10)]
    await store.save([], holes=[hole(5, 7, repaired_at=100)])
    assert (await store.holes(BITCOIN, 0, 10 * MINUTE))[2:] == [
        hole(4, 5), hole(5, 7, repaired_at=100), hole(7, 10)
    ]  # fmt: skip
    assert await store.holes(ETHER, 0, 10 * MINUTE) == [hole(1, 9, series=ETHER)]


async def test_holes_are_saved_with_the_candles_or_not_at_all(store: SqlCandleStore) -> None:
    with pytest.raises(InvalidError):
        await store.save([(BITCOIN, some(0, price=math.nan))], holes=[hole(2, 5)])
    assert await store.holes(BITCOIN, 0, 9 * MINUTE) == []
    too_early = Hole(series=BITCOIN, start=-(2**70), end=0, cause=Cause.LATE)
    with pytest.raises((InvalidError, OverflowError)):
        await store.save([(BITCOIN, some(0))], holes=[too_early])
    assert await store.span(BITCOIN) is None


async def test_candles_are_counted_by_state(store: SqlCandleStore) -> None:
    states = [CandleState.TRADED, CandleState.QUIET, CandleState.TRADED, CandleState.MISSING]
    candles = some(*range(0, 4 * MINUTE, MINUTE))
    candles.state[:] = states
    await store.save([(BITCOIN, candles), (ETHER, some(0, MINUTE))])
    assert await store.counts(BITCOIN, 0, 4 * MINUTE) == Counts(traded=2, quiet=1, missing=1)
    assert await store.counts(BITCOIN, MINUTE, 3 * MINUTE) == Counts(traded=1, quiet=1, missing=0)
    assert await store.counts(BITCOIN, 5 * MINUTE, 9 * MINUTE) == Counts(0, 0, 0)
    assert await store.counts(DAILY, 0, 9 * MINUTE) == Counts(0, 0, 0)


async def test_span_tells_the_ends(store: SqlCandleStore) -> None:
    await store.save([(BITCOIN, some(3 * MINUTE, 9 * MINUTE))])
    assert await store.span(BITCOIN) == (3 * MINUTE, 9 * MINUTE)


async def test_a_later_candle_replaces_the_earlier(store: SqlCandleStore) -> None:
    await store.save([(BITCOIN, some(0, MINUTE, price=1))])
    await store.save([(BITCOIN, some(MINUTE, 2 * MINUTE, price=2))])
    assert (await store.load(BITCOIN)).close.tolist() == [1, 2, 2]


async def test_of_repeated_candles_in_one_batch_the_last_wins(store: SqlCandleStore) -> None:
    unsorted = some(MINUTE, 0, MINUTE, price=1)
    unsorted.close[:] = [1, 2, 3]
    await store.save([(ETHER, some(0)), (BITCOIN, unsorted), (ETHER, some(0, price=7))])
    assert (await store.load(BITCOIN)).close.tolist() == [2, 3]
    assert (await store.load(ETHER)).close.tolist() == [7]


@pytest.mark.parametrize("count", [1, 63, 64, 65, 200])
async def test_any_number_of_rows_is_stored_whole(store: SqlCandleStore, count: int) -> None:
    candles = some(*range(0, count * MINUTE, MINUTE))
    candles.close[:] = np.arange(count)
    await store.save([(BITCOIN, candles)])
    assert same(await store.load(BITCOIN), candles)


async def test_another_store_of_the_same_database_finds_the_series(url: str, store: SqlCandleStore) -> None:
    await store.save([(BITCOIN, some(0))])
    other = Database(url)
    try:
        assert same(await SqlCandleStore(other).load(BITCOIN), some(0))
        await SqlCandleStore(other).save([(BITCOIN, some(MINUTE)), (ETHER, some(0))])
    finally:
        await other.close()
    await store.save([(ETHER, some(MINUTE))])
    assert [len(await store.load(series)) for series in (BITCOIN, ETHER)] == [2, 2]


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("column", ["open", "high", "low", "close", "volume"])
async def test_what_is_no_number_is_refused_with_its_place(
    store: SqlCandleStore, wrong: float, column: str
) -> None:
    candles = some(0, MINUTE)
    getattr(candles, column)[1] = wrong
    with pytest.raises(InvalidError) as refusal:
        await store.save([(ETHER, some(0)), (BITCOIN, candles)], [Checkpoint(BITCOIN, 0, b"state")])
    assert refusal.value.where == "coinbase/BTC-USD/1m at 60000"
    assert await store.span(ETHER) is None
    assert await store.span(BITCOIN) is None
    assert await store.first_checkpoint(BITCOIN) is None


async def test_a_key_whose_transaction_failed_is_not_remembered(store: SqlCandleStore) -> None:
    with pytest.raises(InvalidError):
        await store.save([(BITCOIN, some(0, price=math.nan))])
    await store.save([(ETHER, some(0, price=2))])
    await store.save([(BITCOIN, some(0, price=3))])
    assert (await store.load(ETHER)).close.tolist() == [2]
    assert (await store.load(BITCOIN)).close.tolist() == [3]


_clock = itertools.count()
prices = st.floats(allow_nan=False, allow_infinity=False)
rows = st.lists(
    st.tuples(
        st.integers(-(2**53), 2**53), *[prices] * 5, st.integers(0, 2), st.integers(0, 3), st.booleans()
    ),
    min_size=1,
    max_size=20,
    unique_by=lambda row: row[0],
)


@given(rows=rows)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_candle_comes_back_to_the_bit(store: SqlCandleStore, rows: list[tuple[float, ...]]) -> None:
    columns = list(zip(*sorted(rows), strict=True))
    names = [field.name for field in fields(Candles)]
    types = [getattr(Candles.none(), name).dtype for name in names]
    candles = Candles(
        **{name: np.array(column, kind) for name, column, kind in zip(names, columns, types, strict=True)}
    )
    series = Series("hypothesis", str(next(_clock)), Timeframe.M5)
    await store.save([(series, candles)])
    for name in names[1:6]:
        getattr(candles, name)[:] += 0.0  # minus zero is stored as zero
    assert same(await store.load(series), candles)


async def test_checkpoints_are_found_by_age(store: SqlCandleStore) -> None:
    states = [Checkpoint(BITCOIN, time * MINUTE, bytes([time, 0, 255])) for time in (1, 5, 9)]
    await store.save([], [*states, Checkpoint(ETHER, 0, b"other")])
    assert await store.first_checkpoint(BITCOIN) == states[0]
    assert await store.checkpoint(BITCOIN, 9 * MINUTE - 1) == states[1]
    assert await store.checkpoint(BITCOIN, 9 * MINUTE) == states[2]
    assert await store.checkpoint(BITCOIN, MINUTE - 1) is None
    await store.save([(BITCOIN, some(0))], [Checkpoint(BITCOIN, 5 * MINUTE, b"anew")])
    assert (await store.checkpoint(BITCOIN, 5 * MINUTE)) == Checkpoint(BITCOIN, 5 * MINUTE, b"anew")


async def test_checkpoints_since_a_bar_are_forgotten(store: SqlCandleStore) -> None:
    await store.forget_checkpoints(BITCOIN, 0)
    await store.save(
        [], [Checkpoint(BITCOIN, time, b"x") for time in (1, 2, 3)] + [Checkpoint(ETHER, 3, b"y")]
    )
    await store.forget_checkpoints(BITCOIN, 2)
    newest = await store.checkpoint(BITCOIN, 9)
    assert newest is not None
    assert newest.time == 1
    assert await store.first_checkpoint(ETHER) is not None


async def test_pruning_deletes_one_timeframe_and_keeps_checkpoints(store: SqlCandleStore) -> None:
    await store.save(
        [(BITCOIN, some(0, MINUTE, 2 * MINUTE)), (ETHER, some(0)), (DAILY, some(0))],
        [Checkpoint(BITCOIN, 0, b"state")],
    )
    assert await store.prune(Timeframe.M1, 2 * MINUTE) == 3
    assert await store.prune(Timeframe.M1, 2 * MINUTE) == 0
    assert await store.span(BITCOIN) == (2 * MINUTE, 2 * MINUTE)
    assert await store.span(DAILY) == (0, 0)
    assert await store.first_checkpoint(BITCOIN) is not None


async def test_what_is_replaced_is_gone_with_checkpoints_and_holes(store: SqlCandleStore) -> None:
    hole = Hole(series=BITCOIN, start=0, end=MINUTE, cause=Cause.LATE)
    marks = [Checkpoint(series, MINUTE, b"state") for series in (BITCOIN, ETHER)]
    await store.save([(one, some(0, MINUTE, 2 * MINUTE)) for one in (BITCOIN, ETHER, DAILY)], marks, [hole])
    anew = some(5 * MINUTE, price=7.0)
    assert await store.replace([(BITCOIN, anew), (DAILY, Candles.none())]) == 6
    assert same(await store.load(BITCOIN), anew)
    assert await store.span(DAILY) is None
    assert await store.first_checkpoint(BITCOIN) is None
    assert await store.holes(BITCOIN, 0, MINUTE) == []
    assert len(await store.load(ETHER)) == 3
    assert await store.first_checkpoint(ETHER) == marks[1]


async def test_what_was_never_saved_is_replaced_too(store: SqlCandleStore) -> None:
    assert await store.replace([(BITCOIN, Candles.none())]) == 0
    assert await store.replace([(BITCOIN, some(0))]) == 0
    assert same(await store.load(BITCOIN), some(0))


async def test_what_cannot_take_the_place_leaves_what_was_there(store: SqlCandleStore) -> None:
    await store.save([(BITCOIN, some(0))], [Checkpoint(BITCOIN, 0, b"state")])
    with pytest.raises(InvalidError):
        await store.replace([(BITCOIN, some(MINUTE, price=math.nan))])
    assert same(await store.load(BITCOIN), some(0))
    assert await store.first_checkpoint(BITCOIN) is not None


async def test_many_write_at_once(store: SqlCandleStore) -> None:
    def batch(number: int) -> list[tuple[Series, Candles]]:
        names = [Series("binance", f"S{number + each}", Timeframe.M1) for each in range(10)]
        return [(name, some(0, number * MINUTE, price=number)) for name in reversed(names)]

    await asyncio.gather(*(store.save(batch(number)) for number in range(1, 13)))
    for number in range(1, 13):
        mine = await store.load(Series("binance", f"S{number}", Timeframe.M1))
        assert number * MINUTE in mine.time.tolist()


async def test_a_reader_waits_for_no_writer(database: Database, store: SqlCandleStore) -> None:
    await store.save([(BITCOIN, some(0, price=1))])
    async with database.writing() as connection:
        await connection.exec_driver_sql("UPDATE candles SET close = 2")
        async with asyncio.timeout(2):
            assert (await store.load(BITCOIN)).close.tolist() == [1]
    assert (await store.load(BITCOIN)).close.tolist() == [2]


async def test_a_cancelled_write_leaves_nothing_and_blocks_nobody(store: SqlCandleStore) -> None:
    long = some(*range(0, 50_000 * MINUTE, MINUTE))
    writing = asyncio.create_task(store.save([(BITCOIN, long)]))
    await asyncio.sleep(0.01)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert len(await store.load(BITCOIN)) in (0, len(long))
    await store.save([(ETHER, some(0))])
    assert len(await store.load(ETHER)) == 1


async def test_a_hundred_thousand_candles_come_back_as_they_were(store: SqlCandleStore) -> None:
    candles = some(*range(0, 100_000 * MINUTE, MINUTE))
    await store.save([(BITCOIN, candles)])
    assert same(await store.load(BITCOIN), candles)


KILLED = """
import asyncio, os, signal, sys
from livermore.adapters.sql import Database, SqlCandleStore, candle_columns
from livermore.adapters.sql.tables import candles
from tests.contracts.sql.test_sql_candles import BITCOIN, ETHER, some
from livermore.kernel.timeframe import MINUTE

async def main():
    database = Database(sys.argv[1])
    store = SqlCandleStore(database)
    write = store._write
    async def die(connection, columns):
        await write(connection, columns)
        os.kill(os.getpid(), signal.SIGKILL)
    store._write = die
    await store.save([(BITCOIN, some(*range(0, 5_000 * MINUTE, MINUTE))), (ETHER, some(0))])

asyncio.run(main())
"""


async def test_a_process_killed_in_its_transaction_leaves_no_half_batch(
    url: str, store: SqlCandleStore
) -> None:
    await store.save([(BITCOIN, some(0, price=9))])
    root = Path(__file__).parents[3]
    killed = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", KILLED, url], cwd=root, check=False, capture_output=True
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (await store.load(BITCOIN)).close.tolist() == [9]
    await store.save([(ETHER, some(0, price=5))])
    assert (await store.load(ETHER)).close.tolist() == [5]
