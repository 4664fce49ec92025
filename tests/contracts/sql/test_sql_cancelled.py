"""Writes that are cancelled, as every stop does it: nobody waits for them, and nothing is said of it."""

import asyncio
import logging
import random
from contextlib import suppress

import pytest

from livermore.adapters.sql import Database, SqlCandleStore
from livermore.adapters.sql.tables import exchanges
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles
from livermore.market.ports import Series

MINUTE = 60_000


def batch(symbol: str, count: int) -> list[tuple[Series, Candles]]:
    """Return some candles of a symbol."""
    prices = [1.0] * count
    times = range(0, count * MINUTE, MINUTE)
    return [(Series("binance", symbol, Timeframe.M1), Candles.of(times, *[prices] * 5))]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_a_statement_left_half_read_holds_nobody_up(database: Database) -> None:
    """A cancelled statement leaves its cursor behind, and its connection is thrown away."""
    insert = "INSERT INTO exchanges (name, display_name) VALUES ('a', 'A'), ('b', 'B') RETURNING id"
    with suppress(asyncio.CancelledError):
        async with database.writing() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None
            cursor = await driver.execute(insert)
            await connection.invalidate()
            raise asyncio.CancelledError
    async with asyncio.timeout(5):
        await SqlCandleStore(database).save(batch("BTCUSDT", 1))
    async with database.reading() as connection:
        assert (await connection.execute(exchanges.select())).all() == []
    del cursor


async def test_cancelled_at_any_moment_a_write_is_whole_or_not_there(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    store, source = SqlCandleStore(database), random.Random("cancelled")
    await store.save(batch("BTCUSDT", 1))
    with caplog.at_level(logging.WARNING):
        for number in range(60):
            cancelled = asyncio.create_task(store.save(batch(f"S{number}", 200)))
            other = asyncio.create_task(store.save(batch(f"T{number}", 200)))
            await asyncio.sleep(source.uniform(0, 0.01))
            cancelled.cancel()
            async with asyncio.timeout(10):
                await asyncio.gather(cancelled, other, return_exceptions=True)
                await other
                assert len(await store.load(batch(f"S{number}", 1)[0][0])) in (0, 200)
                assert len(await store.load(batch(f"T{number}", 1)[0][0])) == 200
    assert caplog.records == []


async def test_who_is_cancelled_leaves_nothing_that_is_still_closing(database: Database) -> None:
    """A program that ends would cut it short, with a traceback on the terminal."""
    reading = asyncio.Event()

    async def read() -> None:
        async with database.reading():
            reading.set()
            await asyncio.Event().wait()

    before = asyncio.all_tasks()
    reader = asyncio.create_task(read())
    await reading.wait()
    reader.cancel()
    await asyncio.sleep(0)
    reader.cancel()  # while the connection is being closed
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert asyncio.all_tasks() <= before
