"""The columns of a file as numbers, and the rows of each symbol in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livermore.adapters.files.columns import Layout

Numbers = NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Columns by our names; of several symbols in a file, `codes` gives each row's place in `symbols`."""

    layout: Layout
    columns: dict[str, Numbers]
    symbols: list[str] | None = None
    codes: Numbers | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The rows of one symbol in the order of the file, and which rows they are."""

    columns: dict[str, Numbers]
    rows: Numbers


def parts_of(table: Table) -> dict[str | None, Part]:
    """Sort a table's rows by symbol, emptying its `columns` so that nothing is there twice for long."""
    count = len(table.columns["time"])
    if not count:
        return {}
    if table.symbols is None or table.codes is None:
        return {None: Part(columns=table.columns, rows=np.arange(count))}
    order = np.argsort(table.codes, kind="stable").astype(np.int32)
    bounds = np.cumsum(np.bincount(table.codes, minlength=len(table.symbols)))[:-1]
    split = {name: np.split(table.columns.pop(name)[order], bounds) for name in list(table.columns)}
    return {
        symbol: Part(columns={name: parts[code] for name, parts in split.items()}, rows=rows)
        for code, (symbol, rows) in enumerate(zip(table.symbols, np.split(order, bounds), strict=True))
        if len(rows)
    }
