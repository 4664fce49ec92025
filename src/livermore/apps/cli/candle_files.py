"""Candle files as recordings have them: `timestamp_ms,open,high,low,close,volume`, one series a file."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

from livermore.kernel.errors import InvalidError

COLUMNS = ("timestamp_ms", "open", "high", "low", "close", "volume")
ENDINGS = (".csv", ".csv.gz")


def file_name(exchange: str, symbol: str, timeframe: str) -> str:
    """Name a series' file so that `replay` reads exchange, symbol and timeframe off it."""
    return f"{exchange}_spot_{symbol}_{timeframe}.csv.gz"


def check_ending(path: Path) -> None:
    """Refuse a file that is not to be CSV."""
    if not path.name.endswith(ENDINGS):
        raise InvalidError("candles are written as CSV", where=str(path), hint="name it .csv or .csv.gz")


def write_candles(path: Path, candles: Iterable[Any]) -> int:
    """Write candles, without the missing ones, and return how many; the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    try:
        with _opened(draft, compressed=path.suffix == ".gz") as file:
            count = _write(file, candles)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return count


def _write(file: TextIO, candles: Iterable[Any]) -> int:
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(COLUMNS)
    count = 0
    for candle in candles:
        if candle["state"] != "missing":
            # repr of a float is the shortest text that reads back as the same bits.
            rows.writerow([candle["time"], *(repr(float(candle[name])) for name in COLUMNS[1:])])
            count += 1
    return count


def _opened(path: Path, *, compressed: bool) -> TextIO:
    if not compressed:
        return path.open("w", encoding="utf-8", newline="")
    # Without name and time in its header, the same candles give the same file.
    stream = gzip.GzipFile(filename="", mode="wb", fileobj=path.open("wb"), mtime=0)
    return io.TextIOWrapper(stream, encoding="utf-8", newline="")
