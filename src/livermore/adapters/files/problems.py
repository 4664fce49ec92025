"""Say what is wrong with a file, and where in it."""

from __future__ import annotations

from pathlib import Path

from livermore.kernel.errors import InvalidError


class Place:
    """A file whose rows can be named: by line in CSV (the header is line 1), by row in Parquet."""

    def __init__(self, path: Path, *, lines: bool) -> None:
        self._path = path
        self._lines = lines

    def problem(
        self, what: str, *, row: int | None = None, column: str | None = None, hint: str
    ) -> InvalidError:
        """Return the error for a row (counted from 0) and a column."""
        parts = [self._path.name]
        if row is not None:
            parts.append(f"line {row + 2}" if self._lines else f"row {row + 1}")
        if column is not None:
            parts.append(f"column {column}")
        return InvalidError(what, where=", ".join(parts), hint=hint)
