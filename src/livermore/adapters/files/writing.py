"""Write tables: CSV, CSV.gz or Parquet by the file's extension; a file appears only when it is whole."""

from __future__ import annotations

import csv
import gzip
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np

from livermore.adapters.files.names import format_of
from livermore.market.candle import Candles

Cells = Sequence[Any] | np.typing.NDArray[Any]


class _Target(Protocol):
    def write(self, columns: Mapping[str, Cells]) -> None: ...

    def close(self) -> None: ...


class TableWriter:
    """Write a table part by part; a cell that is None or NaN is left empty, floats keep every bit."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._extension = format_of(path)
        self._partial = path.with_name(f".{path.name}.part")
        self._target: _Target | None = None

    def __enter__(self) -> Self:
        """Begin a file."""
        return self

    def write(self, columns: Mapping[str, Cells]) -> None:
        """Append rows; every part has the same columns."""
        if self._target is None:
            self._target = self._open(columns)
        self._target.write(columns)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Put the file in its place, or drop it when something went wrong."""
        if self._target is None:
            return
        self._target.close()
        if error is None:
            self._partial.replace(self._path)
        else:
            self._partial.unlink(missing_ok=True)

    def _open(self, columns: Mapping[str, Cells]) -> _Target:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._extension == ".parquet":
            return _ParquetTarget(self._partial)
        return _CsvTarget(self._partial, list(columns), compressed=self._extension == ".csv.gz")


def write_table(path: Path, columns: Mapping[str, Cells]) -> None:
    """Write a whole table."""
    with TableWriter(path) as writer:
        writer.write(columns)


def write_candles(path: Path, candles: Candles | Mapping[str, Candles]) -> None:
    """Write the candles of one symbol, or of several with a column that says whose they are."""
    several = candles if isinstance(candles, Mapping) else {"": candles}
    with TableWriter(path) as writer:
        for symbol, part in several.items():
            named = {"symbol": [symbol] * len(part)} if several is candles else {}
            writer.write({**named, "timestamp_ms": part.time, **_prices(part)})


def _prices(candles: Candles) -> dict[str, Cells]:
    return {name: getattr(candles, name) for name in ("open", "high", "low", "close", "volume")}


class _CsvTarget:
    """A CSV file, plain or gzipped."""

    def __init__(self, path: Path, header: Iterable[str], *, compressed: bool) -> None:
        self._file = path.open("wb")
        # without a time in it, the same table makes the same bytes
        self._packed = gzip.GzipFile("", "wb", fileobj=self._file, mtime=0) if compressed else None
        self._text = io.TextIOWrapper(self._packed or self._file, encoding="utf-8", newline="")
        self._writer = csv.writer(self._text, lineterminator="\n")
        self._writer.writerow(header)

    def write(self, columns: Mapping[str, Cells]) -> None:
        cells = [_plain(values) for values in columns.values()]
        self._writer.writerows(zip(*cells, strict=True))

    def close(self) -> None:
        self._text.close()
        self._file.close()


class _ParquetTarget:
    """A Parquet file with a row group for each part."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: Any = None

    def write(self, columns: Mapping[str, Cells]) -> None:
        import pyarrow  # imported here because it is large and few need it
        from pyarrow import parquet

        table = pyarrow.table({name: _array(values) for name, values in columns.items()})
        if self._writer is None:
            self._writer = parquet.ParquetWriter(self._path, table.schema, compression="zstd")
        self._writer.write_table(table.cast(self._writer.schema))

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def _array(values: Cells) -> Any:
    """Return a column; one that begins with nothing but empty cells counts as one of numbers."""
    import pyarrow

    array = pyarrow.array(values, from_pandas=True)
    return array.cast(pyarrow.float64()) if pyarrow.types.is_null(array.type) else array


def _plain(values: Cells) -> list[Any]:
    """Return Python's own values, whose floats `csv` writes with `repr`; NaN becomes an empty cell."""
    cells = values.tolist() if isinstance(values, np.ndarray) else list(values)
    return [None if isinstance(cell, float) and math.isnan(cell) else cell for cell in cells]
