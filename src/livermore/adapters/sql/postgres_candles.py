"""Candles to and from PostgreSQL in the binary format of COPY, packed and unpacked by NumPy."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from livermore.adapters.sql.candle_columns import COLUMNS, PRICES, REPLACING, VALUES, Columns, candles_of
from livermore.market.candle import Candles

TYPES = {
    "series_id": ">i4", "time": ">i8", **dict.fromkeys(PRICES, ">f8"),
    "state": ">i2", "source": ">i2", "confirmed": "?",
}  # fmt: skip
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # signature, flags, no extension
TRAILER = b"\xff\xff"


def row_type(*names: str) -> np.dtype[Any]:
    """Return the layout of one row: the number of fields, then size and value of each."""
    fields = [field for name in names for field in ((f"size of {name}", ">i4"), (name, TYPES[name]))]
    return np.dtype([("fields", ">i2"), *fields])


STORED = row_type(*COLUMNS)
LOADED = row_type(*VALUES)

# A table of this connection alone, without a write-ahead log, emptied by every commit.
STAGE = (
    "CREATE TEMPORARY TABLE IF NOT EXISTS candle_stage (series_id integer, time bigint, "
    "open float8, high float8, low float8, close float8, volume float8, "
    "state smallint, source smallint, confirmed boolean) "
    "ON COMMIT DELETE ROWS"
)
UPSERT = (
    f"INSERT INTO candles ({', '.join(COLUMNS)}) SELECT {', '.join(COLUMNS)} FROM candle_stage "  # noqa: S608
    f"ON CONFLICT (series_id, time) DO UPDATE SET {REPLACING}"
)
SELECT = (
    f"SELECT {', '.join(VALUES)} FROM candles "  # noqa: S608 - our own names and integers
    "WHERE series_id = {:d} AND time >= {:d} AND time < {:d} ORDER BY time DESC LIMIT {}"
)


async def write(connection: AsyncConnection, columns: Columns) -> None:
    """Insert or replace candles in the connection's transaction; a candle may stand there only once."""
    await connection.exec_driver_sql(STAGE)  # this statement also begins the transaction
    driver = await _driver(connection)
    await driver.copy_to_table(
        "candle_stage", source=BytesIO(_packed(columns)), columns=COLUMNS, format="binary"
    )
    await driver.execute(UPSERT)


async def read(connection: AsyncConnection, key: int, start: int, end: int, newest: int | None) -> Candles:
    """Return the candles of a series key that open in [start, end), oldest first."""
    driver = await _driver(connection)
    limit = "ALL" if newest is None else f"{newest:d}"
    received = BytesIO()
    await driver.copy_from_query(SELECT.format(key, start, end, limit), output=received, format="binary")
    rows = np.frombuffer(received.getvalue()[len(HEADER) : -len(TRAILER)], LOADED)[::-1]
    return candles_of({name: rows[name] for name in VALUES})


def _packed(columns: Columns) -> bytes:
    rows = np.empty(len(columns["time"]), STORED)
    rows["fields"] = len(COLUMNS)
    for name in COLUMNS:
        rows[f"size of {name}"] = STORED[name].itemsize
        rows[name] = columns[name]
    return HEADER + rows.tobytes() + TRAILER


async def _driver(connection: AsyncConnection) -> Any:
    return (await connection.get_raw_connection()).driver_connection
