"""Recorded markets out of a file: whose candles, of which timeframe, and that they are sound."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from livermore.adapters.files.checks import Checker
from livermore.adapters.files.columns import Layout
from livermore.adapters.files.csv_reading import read_csv
from livermore.adapters.files.names import FileName, format_of, read_name
from livermore.adapters.files.parquet_reading import read_parquet
from livermore.adapters.files.problems import Place
from livermore.adapters.files.table import Part, Table, parts_of
from livermore.adapters.files.trades import minute_candles
from livermore.kernel.errors import NotFoundError
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles, CandleSource


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedMarket:
    """The candles of one symbol as a file holds them; absent intervals are absent."""

    exchange: str
    symbol: str
    timeframe: Timeframe
    candles: Candles


def read_markets(
    path: Path,
    *,
    exchange: str | None = None,
    symbol: str | None = None,
    timeframe: Timeframe | None = None,
) -> list[RecordedMarket]:
    """Read candles, or minute candles of trades; what is given here goes before what the file's name says.

    Errors: NotFoundError without the file, InvalidError with line, column and hint for what is wrong in it.
    """
    extension = format_of(path)
    if not path.is_file():
        raise NotFoundError("there is no such file", where=str(path), hint="check the path")
    told = read_name(path)
    name = FileName(exchange or told.exchange, symbol or told.symbol, timeframe or told.timeframe)
    table = (
        read_parquet(path) if extension == ".parquet" else read_csv(path, compressed=extension == ".csv.gz")
    )
    place = Place(path, lines=extension != ".parquet")
    return _markets(table, name, place)


def _markets(table: Table, name: FileName, place: Place) -> list[RecordedMarket]:
    parts = parts_of(table)
    if not parts:
        raise place.problem("the file has no rows", hint="is this the right file?")
    markets = []
    for symbol in list(parts):
        part = parts.pop(symbol)  # let go of each as soon as its candles are made
        markets.append(_market(part, table.layout, name._replace(symbol=symbol or name.symbol), place))
    return markets


def _market(part: Part, layout: Layout, name: FileName, place: Place) -> RecordedMarket:
    if name.exchange is None or name.symbol is None:
        raise place.problem(
            "the file's name does not say whose candles these are",
            hint="name it like binance_spot_BTCUSDT_1m.csv.gz, or give --exchange and --symbol",
        )
    checker = Checker(part, layout, place)
    if layout.trades:
        checker.trades()
        timeframe, candles = Timeframe.M1, minute_candles(part.columns)
    else:
        checker.candles()
        timeframe, candles = name.timeframe or _smallest_step(part, place), _candles(part)
        checker.aligned(timeframe)
    return RecordedMarket(exchange=name.exchange, symbol=name.symbol, timeframe=timeframe, candles=candles)


def _candles(part: Part) -> Candles:
    columns = (part.columns[name] for name in ("time", "open", "high", "low", "close", "volume"))
    return Candles.of(*columns, source=CandleSource.FILE)


def _smallest_step(part: Part, place: Place) -> Timeframe:
    """Infer the timeframe from the smallest step between two bars."""
    steps = np.diff(part.columns["time"])
    try:
        return Timeframe.of_length(int(steps.min()))
    except ValueError:
        what = (
            f"the smallest step between two bars is {int(steps.min()) if len(steps) else 0} ms: no timeframe"
        )
        raise place.problem(what, hint="give --timeframe") from None
