"""How fresh every series is, written for the page; and what one of them lacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from livermore.apps.admin.words import age_text
from livermore.kernel.timeframe import Timeframe

if TYPE_CHECKING:
    from livermore.market.coverage import Coverage
    from livermore.market.freshness import Freshness, FreshnessRow

SHOWN = 200
CAUSES = {
    "disconnected": "The connection was lost",
    "sequence_gap": "Messages of the exchange were missed",
    "late": "Nothing was heard in time",
    "exchange_outage": "The exchange traded nothing at all",
    "paused": "Watching was paused",
}


def coverage_grid(rows: Sequence[FreshnessRow]) -> dict[str, Any]:
    """Write the grid: each cell is a state and what is to be said beside its letter."""
    lengths = {Timeframe(name) for row in rows for name in row.cells}
    return {
        "timeframes": sorted(lengths, key=lambda timeframe: timeframe.milliseconds),
        "rows": [
            {
                "key": f"{row.exchange}:{row.symbol}", "exchange": row.exchange, "symbol": row.symbol,
                "cells": {name: [cell.state, _detail(cell, name)] for name, cell in row.cells.items()},
            }
            for row in rows
        ],
    }  # fmt: skip


def _detail(cell: Freshness, timeframe: str) -> str:
    """Say how much is missing or since when the next bucket is due, coarsely, so that it seldom changes."""
    if cell.state == "hole":
        return str(cell.missing) if cell.missing else ""
    if cell.state != "late" or cell.age_ms is None:
        return ""
    return age_text(cell.age_ms - Timeframe(timeframe).milliseconds)


def explained(coverage: Coverage) -> dict[str, Any]:
    """Write what is known of one series and its newest gaps, newest first; times are ms."""
    series, length = coverage.series, coverage.series.timeframe.milliseconds
    return {
        "exchange": series.exchange, "symbol": series.symbol, "timeframe": series.timeframe,
        "start": coverage.start, "end": coverage.end, "counts": coverage.counts._asdict(),
        "buckets": (coverage.end - coverage.start) // length, "more": max(len(coverage.gaps) - SHOWN, 0),
        "holes": [
            {
                "start": gap.start, "end": gap.end, "buckets": (gap.end - gap.start) // length,
                "cause": CAUSES[gap.cause], "state": gap.state, "repaired": gap.repaired_at,
            }
            for gap in reversed(coverage.gaps[-SHOWN:])
        ],
    }  # fmt: skip
