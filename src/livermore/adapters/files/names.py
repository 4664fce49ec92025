"""What a file's name says: `binance_spot_BTCUSDT_1m.csv.gz`, `coinbase_BTC-USD_4h.csv.gz`, `…_trades.csv`."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from livermore.kernel.errors import InvalidError
from livermore.kernel.timeframe import Timeframe

FORMATS = (".csv.gz", ".csv", ".parquet")
_KINDS = frozenset({"spot"})
_TIMEFRAMES = frozenset(Timeframe)
_TRADES = "trades"


class FileName(NamedTuple):
    """The parts of a name that say something; None where it says nothing."""

    exchange: str | None = None
    symbol: str | None = None
    timeframe: Timeframe | None = None


def format_of(path: Path) -> str:
    """Return the file's format by its extension. Errors: InvalidError."""
    for extension in FORMATS:
        if path.name.lower().endswith(extension):
            return extension
    raise InvalidError(
        "the file's extension is not known",
        where=path.name,
        hint=f"name it {', '.join(FORMATS[:-1])} or .parquet",
    )


def read_name(path: Path) -> FileName:
    """Read exchange, symbol and timeframe out of a name of the usual form."""
    words = path.name[: -len(format_of(path))].split("_")
    exchange, *rest = [word for word in words if word not in _KINDS]
    if len(rest) == 2 and (rest[1] in _TIMEFRAMES or rest[1] == _TRADES):
        timeframe = None if rest[1] == _TRADES else Timeframe(rest[1])
        return FileName(exchange, rest[0], timeframe)
    if rest:
        found = next((Timeframe(word) for word in rest if word in _TIMEFRAMES), None)
        return FileName(exchange, None, found)
    return FileName()
