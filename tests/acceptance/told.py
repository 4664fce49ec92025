"""What a run tells over its API, and what it leaves in its database."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from .program import Program, sooner_or_later, until
from .recording import SHOWN, Recording

# What tells of the process that was there to see it: by which way a bar came, when a signal was recorded.
NOT_COMPARED = {
    "candles": ("source", "confirmed"),
    "indicator_checkpoints": (),
    "signals": ("recorded_at", "late"),
    "signal_state": (),
}
WAY = re.compile(r'"source":"(stream|rest)","confirmed":(true|false)|,?"decided":\d+')


class Told(NamedTuple):
    """The answers of a run at the end of its recording, and how it ended."""

    candles: dict[tuple[str, str], Any]
    values: dict[tuple[str, str], Any]
    signals: list[Any]
    alerts: list[Any]
    runtime: Any
    code: int
    seconds: float
    out: str
    err: str


def told_by(folder: Path, recording: Recording, expected: int) -> Told:
    """Run a recording through sockets as fast as it goes, ask for everything, and stop."""
    with start(folder, recording) as program:
        wait_for_the_end(program, recording)
        series = [(symbol, timeframe) for symbol in recording.told for timeframe in SHOWN]
        candles = {one: ask(program, "candles", *one)["candles"] for one in series}
        values = {one: ask(program, "indicators", *one)["values"] for one in series}
        # Signals are written a moment after their bars; when they stay away the test says which.
        sooner_or_later(lambda: len(list(program.pages("signals"))) >= expected, 5)
        sooner_or_later(lambda: not program.get("/alerts?state=pending")["alerts"], 20)
        signals, alerts = list(program.pages("signals")), list(program.pages("alerts"))
        runtime, end = program.get("/runtime"), program.stop()
        return Told(candles, values, signals, alerts, runtime, *end, program.out, program.err)


def start(folder: Path, recording: Recording) -> Program:
    """Start a recording in a folder, where an earlier run may have left off."""
    return Program(folder, "--replay", *recording.arguments, "--speed", "max")


def wait_for_the_end(program: Program, recording: Recording) -> None:
    """Wait until the last minute of every symbol has closed."""
    last = {symbol: candles[-1][0] for symbol, candles in recording.told.items()}
    until(lambda: all(newest(program, symbol) == time for symbol, time in last.items()))


def newest(program: Program, symbol: str) -> int | None:
    """Return the open (ms) of a symbol's newest closed minute."""
    candles = program.get(f"/candles/binance/{symbol}/1m?limit=1")["candles"]
    return candles[-1]["time"] if candles else None


def ask(program: Program, what: str, symbol: str, timeframe: str) -> Any:
    """Ask for all of a series."""
    return program.get(f"/{what}/binance/{symbol}/{timeframe}?limit=100000")


class Stored(NamedTuple):
    """A database as it lies on the disk, keyed by names instead of row ids."""

    tables: dict[str, list[tuple[Any, ...]]]
    alerts: list[tuple[Any, ...]]


def stored(folder: Path) -> Stored:
    """Read the one database of a replay."""
    (file,) = (folder / ".livermore" / "data").glob("replay-*.db")
    with closing(sqlite3.connect(file)) as connection:
        tables = {name: rows(connection, name, without) for name, without in NOT_COMPARED.items()}
        alerts = connection.execute("SELECT signal_id, channel, state, attempts FROM alerts").fetchall()
    return Stored(tables, alerts)


def rows(connection: sqlite3.Connection, table: str, without: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """Return the rows of a table in order; a series goes by its name."""
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    kept = ", ".join(name for name in columns if name not in {"series_id", *without})
    query = f"SELECT {kept} FROM {table}"
    if "series_id" in columns:
        query = (
            f"SELECT exchange, symbol, timeframe, {kept} FROM {table} JOIN series ON series.id = series_id"
        )
    found = (tuple(map(without_the_way, row)) for row in connection.execute(query))
    return sorted(found, key=repr)


def without_the_way(cell: Any) -> Any:
    """Take out of a signal's evidence by which way its bar came."""
    return WAY.sub("", cell) if isinstance(cell, str) else cell
