"""Read a table from Parquet column by column, each in parts, so that the file is never in memory whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from livermore.adapters.files.columns import WHOLE, layout_of
from livermore.adapters.files.problems import Place
from livermore.adapters.files.table import Numbers, Table

PART = 16384


def read_parquet(path: Path) -> Table:
    """Return a Parquet file's table. Errors: InvalidError."""
    import pyarrow  # imported here because it is large and few need it
    from pyarrow import parquet

    place = Place(path, lines=False)
    try:
        layout = layout_of(parquet.read_schema(path).names, place)
        with parquet.ParquetFile(path, read_dictionary=[layout.symbol] if layout.symbol else None) as file:
            reading = _Reading(file, place)
            columns = {
                column: reading.numbers(layout.names[column], whole=column in WHOLE)
                for column in layout.columns
            }
            if layout.symbol is None:
                return Table(layout=layout, columns=columns)
            symbols, codes = reading.names(layout.symbol)
            return Table(layout=layout, columns=columns, symbols=symbols, codes=codes)
    except pyarrow.ArrowInvalid as error:
        raise place.problem(f"cannot be read: {error}", hint="is it a whole Parquet file?") from error
    finally:
        pyarrow.default_memory_pool().release_unused()


class _Reading:
    """One open file."""

    def __init__(self, file: Any, place: Place) -> None:
        self._file = file
        self._place = place

    def numbers(self, name: str, *, whole: bool) -> Numbers:
        """Return a column as whole or decimal numbers."""
        kind = np.int64 if whole else np.float64
        parts = [_copied(self._cast(part, name, whole=whole), kind) for part in self._parts(name)]
        return np.concatenate([np.empty(0, kind), *parts])

    def names(self, name: str) -> tuple[list[str], Numbers]:
        """Return the values of a column of text, and each row's place among them."""
        known: dict[str, int] = {}
        codes = [np.empty(0, np.int32)]
        for part in self._parts(name):
            encoded = part if hasattr(part, "dictionary") else part.dictionary_encode()
            here = [known.setdefault(text, len(known)) for text in encoded.dictionary.to_pylist()]
            codes.append(np.array(here, np.int32)[_copied(encoded.indices, np.int32)])
        return list(known), np.concatenate(codes)

    def _parts(self, name: str) -> Iterator[Any]:
        """Yield a column's parts, none of which has an empty cell."""
        first_row = 0
        for batch in self._file.iter_batches(PART, columns=[name], use_threads=False):
            column = batch.column(0)
            if column.null_count:
                row = first_row + column.to_pylist().index(None)
                raise self._place.problem(
                    "a cell is empty", row=row, column=name, hint="every row needs a value"
                )
            yield column
            first_row += len(column)

    def _cast(self, part: Any, name: str, *, whole: bool) -> Any:
        """Turn any kind of number into ours, a timestamp into milliseconds."""
        import pyarrow

        try:
            if pyarrow.types.is_timestamp(part.type):
                part = part.cast(pyarrow.timestamp("ms"))
            return part.cast(pyarrow.int64() if whole else pyarrow.float64())
        except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError) as error:
            hint = "times are whole milliseconds UTC" if whole else "prices and volumes are numbers"
            raise self._place.problem(f"not a number: {error}", column=name, hint=hint) from error


def _copied(part: Any, kind: type[np.generic]) -> Numbers:
    """Copy an array without nulls; `to_numpy` would import pandas wherever that is installed."""
    values = np.frombuffer(part.buffers()[1], kind)
    return values[part.offset : part.offset + len(part)].copy()
