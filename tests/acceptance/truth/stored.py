"""What lies in the database of a watch, read without any help of the product."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

STATES = ("quiet", "traded", "missing")
SOURCES = ("stream", "rollup", "rest", "file")
BARS = """SELECT symbol, timeframe, time, open, high, low, close, volume, state, source, confirmed
    FROM candles JOIN series ON series.id = series_id ORDER BY symbol, timeframe, time"""
HOLES = """SELECT symbol, timeframe, from_time, to_time, cause, repaired_at
    FROM candle_coverage JOIN series ON series.id = series_id ORDER BY symbol, timeframe, from_time"""
NEWEST = """SELECT symbol, timeframe, max(time)
    FROM candles JOIN series ON series.id = series_id GROUP BY symbol, timeframe"""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class StoredBar(NamedTuple):
    """A candle of the database."""

    time: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    state: str
    source: str
    confirmed: bool


class StoredHole(NamedTuple):
    """A hole of the ledger; `repaired_at` is whatever the column holds."""

    symbol: str
    timeframe: str
    start: int
    end: int
    cause: str | None
    repaired_at: str | None


class Books(NamedTuple):
    """Everything that a watch has left."""

    bars: dict[tuple[str, str], list[StoredBar]]
    holes: list[StoredHole]
    signals: list[dict[str, Any]]
    alerts: list[dict[str, Any]]


def file_of(folder: Path) -> Path:
    """Return where the database of a live watch lies."""
    return folder / ".livermore" / "data" / "livermore.db"


def books(folder: Path) -> Books:
    """Read all of it."""
    with closing(sqlite3.connect(file_of(folder))) as connection:
        connection.row_factory = sqlite3.Row
        bars: dict[tuple[str, str], list[StoredBar]] = {}
        for symbol, timeframe, *bar in connection.execute(BARS):
            bars.setdefault((symbol, timeframe), []).append(bar_of(*bar))
        holes = [StoredHole(*row) for row in connection.execute(HOLES)]
        signals, alerts = (
            [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]
            for table in ("signals", "alerts")
        )
    for row in (*signals, *alerts):
        row |= {name: json.loads(row[name]) for name in ("evidence", "payload") if name in row}
    return Books(bars, holes, signals, alerts)


def bar_of(*cells: Any) -> StoredBar:
    """Name the codes of a candle."""
    time, *numbers, state, source, confirmed = cells
    return StoredBar._make((int(time), *numbers, STATES[state], SOURCES[source], bool(confirmed)))


def newest(folder: Path) -> dict[tuple[str, str], int]:
    """Return the open (ms) of the newest stored candle of each series."""
    with closing(sqlite3.connect(file_of(folder), timeout=20)) as connection:
        return {(symbol, timeframe): time for symbol, timeframe, time in connection.execute(NEWEST)}


def count(folder: Path, query: str, *about: int) -> int:
    """Return the one number that a query asks for."""
    with closing(sqlite3.connect(file_of(folder), timeout=20)) as connection:
        (number,) = connection.execute(query, about).fetchone()
    return int(number)


def milliseconds(moment: str) -> int:
    """Read RFC 3339 as milliseconds UTC."""
    return (datetime.fromisoformat(moment) - EPOCH) // timedelta(milliseconds=1)
