"""Read the recorded market data."""

import csv
import gzip
from pathlib import Path

from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles, fill_quiet

from .factories import candles_of


def rows(file: Path) -> list[dict[str, str]]:
    """Return the rows of a recorded file."""
    with gzip.open(file, "rt", newline="") as lines:
        return list(csv.DictReader(lines))


def recorded(data: Path, market: str, timeframe: Timeframe) -> Candles:
    """Return recorded candles, contiguous."""
    told = rows(data / "ohlcv" / f"{market}_{timeframe}.csv.gz")
    return fill_quiet(candles_of([float(value) for value in row.values()] for row in told), timeframe)
