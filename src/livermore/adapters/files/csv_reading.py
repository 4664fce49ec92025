"""Read a table from CSV, plain or gzipped, in blocks; a cell that is no number is named by its place."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import IO

import numpy as np

from livermore.adapters.files.columns import WHOLE, Layout, layout_of
from livermore.adapters.files.problems import Place
from livermore.adapters.files.table import Numbers, Table
from livermore.kernel.errors import InvalidError

BLOCK = 8192


def read_csv(path: Path, *, compressed: bool) -> Table:
    """Return a CSV file's table. Errors: InvalidError."""
    place = Place(path, lines=True)
    # Closed here: the error of a bad cell holds the lines, and may be held for long itself.
    with closing(_lines(path, place, compressed=compressed)) as lines:
        reader = csv.reader(lines)
        header = next(reader, None)
        if not header:
            raise place.problem("the file is empty", hint="its first line must name the columns")
        return _Reading(header, layout_of(header, place), place).table(reader)


def _lines(path: Path, place: Place, *, compressed: bool) -> Generator[str]:
    """Yield a file's lines, with what is wrong with the file itself as an InvalidError."""
    try:
        with _open(path, compressed=compressed) as file:
            yield from file
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        hint = "name it .csv if it is not compressed, else write it anew with gzip"
        raise place.problem(f"not a whole gzip file: {error}", hint=hint) from error
    except UnicodeDecodeError as error:
        raise place.problem("not text in UTF-8", hint="if it is compressed, name it .csv.gz") from error


def _open(path: Path, *, compressed: bool) -> IO[str]:
    if compressed:
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


class _Reading:
    """One file being read: its columns grow block by block."""

    def __init__(self, header: Sequence[str], layout: Layout, place: Place) -> None:
        self._header = header
        self._layout = layout
        self._place = place
        self._blocks: dict[str, list[Numbers]] = {column: [] for column in layout.columns}
        self._symbols: dict[str, int] = {}
        self._codes: list[Numbers] = []

    def table(self, reader: Iterator[list[str]]) -> Table:
        """Read every row."""
        first_row = 0
        while rows := list(islice(reader, BLOCK)):
            self._take(rows, first_row)
            first_row += len(rows)
        kinds = {column: np.int64 if column in WHOLE else np.float64 for column in self._blocks}
        columns = {
            column: np.concatenate([np.empty(0, kinds[column]), *self._blocks.pop(column)])
            for column in kinds
        }
        if self._layout.symbol is None:
            return Table(layout=self._layout, columns=columns)
        codes = np.concatenate([np.empty(0, np.int32), *self._codes])
        return Table(layout=self._layout, columns=columns, symbols=list(self._symbols), codes=codes)

    def _take(self, rows: list[list[str]], first_row: int) -> None:
        try:
            cells = dict(zip(self._header, zip(*rows, strict=True), strict=True))
        except ValueError:
            raise self._ragged(rows, first_row) from None
        for column, blocks in self._blocks.items():
            name = self._layout.names[column]
            blocks.append(self._numbers(cells[name], name, first_row, whole=column in WHOLE))
        if self._layout.symbol is not None:
            names = cells[self._layout.symbol]
            codes = [self._symbols.setdefault(name, len(self._symbols)) for name in names]
            self._codes.append(np.array(codes, np.int32))

    def _numbers(self, cells: Sequence[str], name: str, first_row: int, *, whole: bool) -> Numbers:
        """Read a column's cells as whole or decimal numbers."""
        try:
            if whole:
                return np.array([int(cell) for cell in cells], np.int64)
            return np.array([float(cell) for cell in cells])
        except (ValueError, OverflowError):
            row = next(row for row, cell in enumerate(cells) if not _is_number(cell, whole=whole))
            what = f"not a {'whole ' if whole else ''}number: {cells[row][:40]!r}"
            hint = "times are whole milliseconds UTC" if whole else "numbers are written like 0.00141342"
            raise self._place.problem(what, row=first_row + row, column=name, hint=hint) from None

    def _ragged(self, rows: list[list[str]], first_row: int) -> InvalidError:
        width = len(self._header)
        row = next(row for row, cells in enumerate(rows) if len(cells) != width)
        what = f"{len(rows[row])} cells where the header has {width}"
        return self._place.problem(what, row=first_row + row, hint="every line has a cell for each column")


def _is_number(cell: str, *, whole: bool) -> bool:
    try:
        np.int64(int(cell)) if whole else float(cell)
    except (ValueError, OverflowError):
        return False
    return True
