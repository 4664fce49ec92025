"""Recordings: one of the tests' own, and what any recording must come to, by plain arithmetic."""

import csv
import gzip
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from tests.reference.macdv import Bar, Row, fill, reference_macdv
from tests.reference.rollup import reference_rollup
from tests.reference.rules import DAY, TIMEFRAMES, Signal, reference_signals
from tests.reference.series import GENERATORS, START, Candle

MINUTE = TIMEFRAMES["1m"]
SHOWN = ("1m", "5m", "15m", "1h", "4h")
JUDGED = {name: TIMEFRAMES[name] for name in (*SHOWN, "1d")}
HEAD = ("timestamp_ms", "open", "high", "low", "close", "volume")


class Market(NamedTuple):
    """A symbol of the tests' own recording: how its price moves, and how many minutes late it is listed."""

    symbol: str
    moves: str
    seed: int
    late: int = 0


# The stream begins 17 minutes into an hour; one symbol is listed later than the others.
BEGIN, MINUTES = 17, 2_160
MARKETS = (
    Market("ALPHAUSDT", "trending", 5),
    Market("BETAUSDT", "thin", 6),
    Market("GAMMABTC", "gapped", 9, late=47),
    Market("DELTAUSDT", "spiked", 8),
)


class Recording:
    """Files of minute candles, read by nobody's code but this."""

    def __init__(self, files: Iterable[Path]) -> None:
        self.files = sorted(files)

    @property
    def arguments(self) -> list[str]:
        """The files as they are given on the command line."""
        return [str(file) for file in self.files]

    @cached_property
    def told(self) -> dict[str, list[Candle]]:
        """The candles of each symbol as they stand in its file."""
        return {file.name.split("_")[2]: read(file) for file in self.files}

    @property
    def end(self) -> int:
        """The time (ms) at which the last bar closes."""
        return max(candles[-1][0] for candles in self.told.values()) + MINUTE

    @cached_property
    def bars(self) -> dict[str, dict[str, list[Bar]]]:
        """Every closed bar of each symbol and timeframe: nothing precedes its first one."""
        return {symbol: rolled(fill(candles, MINUTE)) for symbol, candles in self.told.items()}

    @cached_property
    def rows(self) -> dict[str, dict[int, list[Row]]]:
        """The exact values of every bar by symbol and timeframe (ms)."""
        return {
            symbol: {JUDGED[name]: reference_macdv(bars) for name, bars in series.items()}
            for symbol, series in self.bars.items()
        }

    @cached_property
    def signals(self) -> dict[str, list[Signal]]:
        """The signals of each symbol by the reference rules, under the default settings."""
        return {symbol: reference_signals(rows, {}) for symbol, rows in self.rows.items()}


def rolled(bars: Sequence[Bar]) -> dict[str, list[Bar]]:
    """Roll minutes up into every judged timeframe."""
    since = bars[0].time - bars[0].time % DAY
    return {name: reference_rollup(bars, MINUTE, length, since) for name, length in JUDGED.items()}


def record(folder: Path, markets: Sequence[Market] = MARKETS, minutes: int = MINUTES) -> Recording:
    """Write a recording of made-up markets: so many minutes, up to the last that all traded in."""
    told = {market.symbol: candles_of(market, minutes) for market in markets}
    traded = [{candle[0] for candle in candles if candle[5] > 0} for candles in told.values()]
    last = max(set.intersection(*traded))
    files = {symbol: folder / f"binance_spot_{symbol}_1m.csv.gz" for symbol in told}
    for symbol, candles in told.items():
        write(files[symbol], (candle for candle in candles if candle[0] <= last))
    return Recording(files.values())


def candles_of(market: Market, minutes: int) -> list[Candle]:
    """Return the candles of a made-up market from its listing on."""
    candles = GENERATORS[market.moves](market.seed, BEGIN + minutes, MINUTE)
    return [candle for candle in candles if candle[0] >= START + (BEGIN + market.late) * MINUTE]


def write(file: Path, candles: Iterable[Candle]) -> None:
    """Write candles as CSV, numbers in full."""
    with gzip.open(file, "wt", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(HEAD)
        for time, *prices in candles:
            writer.writerow([time, *(f"{Decimal(repr(number)):f}" for number in prices)])


def read(file: Path) -> list[Candle]:
    """Read candles from CSV."""
    with gzip.open(file, "rt", newline="") as lines:
        return [candle(row) for row in csv.DictReader(lines)]


def candle(row: Mapping[str, str]) -> Candle:
    """Read one row."""
    time, *prices = (row[name] for name in HEAD)
    opened, highest, lowest, closed, volume = map(float, prices)
    return (int(time), opened, highest, lowest, closed, volume)
