"""Many series' candles as one set of columns, ready for a bulk write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livermore.kernel.errors import InvalidError
from livermore.market.candle import Candles
from livermore.market.ports import CandleBatch, Series

TYPES = {"time": np.int64, "state": np.int8, "source": np.int8, "confirmed": np.bool_}
PRICES = ("open", "high", "low", "close", "volume")
VALUES = ("time", *PRICES, "state", "source", "confirmed")
COLUMNS = ("series_id", *VALUES)

REPLACING = ", ".join(f"{name} = excluded.{name}" for name in VALUES[1:])

Columns = dict[str, NDArray[Any]]
_values_of = attrgetter(*VALUES)


def merge(batch: Sequence[tuple[Series, Candles]], keys: Mapping[Series, int]) -> Columns:
    """Join a batch in the order of the primary key; of a candle that repeats, the last one stays.

    Raises InvalidError when a price or volume is not a finite number.
    """
    columns, series, counts = _laid_out(batch)
    columns["series_id"] = np.repeat(np.array([keys[name] for name in series], np.int64), counts)
    _refuse_what_is_no_number(columns, keys)
    for name in PRICES:
        columns[name] = columns[name] + 0.0  # SQLite stores no minus zero; PostgreSQL shall do the same
    return _in_key_order(columns)


def _laid_out(batch: Sequence[tuple[Series, Candles]]) -> tuple[Columns, Sequence[Series], Sequence[int]]:
    """Return all candles as columns, with the series that they are of and how many each has."""
    if isinstance(batch, CandleBatch):
        return dict(zip(VALUES, _values_of(batch.candles), strict=True)), batch.series, batch.counts.tolist()
    times, *others = zip(*(_values_of(candles) for _, candles in batch), strict=True)
    columns = dict(zip(VALUES, map(np.concatenate, (times, *others)), strict=True))
    return columns, [name for name, _ in batch], list(map(len, times))


def candles_of(columns: Mapping[str, Any]) -> Candles:
    """Build candles from stored columns."""
    return Candles(
        **{name: np.array(columns[name], TYPES.get(name, np.float64), order="C") for name in VALUES}
    )


def _refuse_what_is_no_number(columns: Columns, keys: Mapping[Series, int]) -> None:
    for name in PRICES:
        wrong = np.flatnonzero(~np.isfinite(columns[name]))
        if len(wrong):
            owner = columns["series_id"][wrong[0]]
            series = next(series for series, key in keys.items() if key == owner)
            where = f"{'/'.join(series)} at {columns['time'][wrong[0]]}"
            raise InvalidError(f"{name} is {columns[name][wrong[0]]}", where=where, hint="nothing was stored")


def _in_key_order(columns: Columns) -> Columns:
    series, time = columns["series_id"], columns["time"]
    steps = np.diff(series)
    if ((steps > 0) | ((steps == 0) & (np.diff(time) > 0))).all():
        return columns
    order = np.lexsort((time, series))  # stable: equal keys keep their order
    series, time = series[order], time[order]
    last = np.append((np.diff(series) != 0) | (np.diff(time) != 0), True)
    return {name: column[order[last]] for name, column in columns.items()}
