"""Candles to and from SQLite, past SQLAlchemy: the driver's own `executemany`, many rows a statement."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from livermore.adapters.sql.candle_columns import COLUMNS, REPLACING, VALUES, Columns, candles_of
from livermore.market.candle import Candles

WIDTH = len(COLUMNS)
TOGETHER = 64  # rows a statement: half as much work for SQLite, and within the 999 values that old ones take
SELECT = (
    f"SELECT {', '.join(VALUES)} FROM candles "  # noqa: S608 - our own names
    "WHERE series_id = ? AND time >= ? AND time < ? ORDER BY time DESC LIMIT ?"
)


def upsert(rows: int) -> str:
    """Write the statement that inserts or replaces so many rows."""
    row = f"({', '.join('?' for _ in COLUMNS)})"
    return (
        f"INSERT INTO candles ({', '.join(COLUMNS)}) VALUES {', '.join([row] * rows)} "  # noqa: S608
        f"ON CONFLICT (series_id, time) DO UPDATE SET {REPLACING}"
    )


UPSERT_ONE, UPSERT_TOGETHER = upsert(1), upsert(TOGETHER)


async def write(connection: AsyncConnection, columns: Columns) -> None:
    """Insert or replace candles in the connection's transaction."""
    driver = await _driver(connection)
    values = _by_row(columns)
    rest = len(values) - len(values) % (WIDTH * TOGETHER)
    if rest:
        await driver.executemany(UPSERT_TOGETHER, _cut(values, 0, rest, WIDTH * TOGETHER))
    if rest < len(values):
        await driver.executemany(UPSERT_ONE, _cut(values, rest, len(values), WIDTH))


async def read(connection: AsyncConnection, key: int, start: int, end: int, newest: int | None) -> Candles:
    """Return the candles of a series key that open in [start, end), oldest first."""
    driver = await _driver(connection)
    limit = -1 if newest is None else newest
    rows = await driver.execute_fetchall(SELECT, (key, start, end, limit))
    if not rows:
        return Candles.none()
    columns = dict(zip(VALUES, zip(*reversed(rows), strict=True), strict=True))
    return candles_of(columns)


def _by_row(columns: Columns) -> list[Any]:
    """Return all values in one list, row behind row."""
    values: list[Any] = [None] * (WIDTH * len(columns["time"]))
    for place, name in enumerate(COLUMNS):
        values[place::WIDTH] = columns[name].tolist()
    return values


def _cut(values: list[Any], start: int, end: int, length: int) -> Iterator[list[Any]]:
    return (values[place : place + length] for place in range(start, end, length))


async def _driver(connection: AsyncConnection) -> Any:
    return (await connection.get_raw_connection()).driver_connection
