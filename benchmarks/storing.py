"""Candle upserts beside the bare drivers, as rows of the table; `benchmarks/storage.py` measures."""

from __future__ import annotations

from benchmarks import storage
from benchmarks.table import Row, at_least, note, per_second


def run(*, quick: bool) -> list[Row]:
    """Measure both databases."""
    return [_row(one) for one in storage.run()]


def _row(one: storage.Row) -> Row:
    name = f"storage: {one.database}, {one.what}"
    ours, driver = per_second(one.ours), f"driver {per_second(one.driver)}"
    if one.what.startswith("loading"):
        return note(name, ours, driver, one.ratio)
    return at_least(name, ours, driver, one.ratio, 0.5)
