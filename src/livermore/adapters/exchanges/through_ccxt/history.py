"""Candles of a range, page by page, from exchanges that read `since` and `limit` in different ways."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeGuard

from livermore.adapters.exchanges.through_ccxt.library import Library
from livermore.kernel.errors import InvalidError
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles

PAGE = 500  # where ccxt does not know how many an exchange gives at once
Row = tuple[int, float, float, float, float, float]


async def history(library: Library, symbol: str, timeframe: Timeframe, start: int, end: int) -> Candles:
    """Return the candles that open in [start, end), oldest first."""
    unified = await library.unified(symbol)
    check_offered(library, timeframe)
    rows: dict[int, Row] = {}
    length, largest = timeframe.milliseconds, page_of(library)
    cursor = start
    while cursor < end:
        limit = min(largest, -(-(end - cursor) // length))
        page = await ohlcv(library, unified, timeframe, cursor, limit)
        rows.update((row[0], row) for row in page if start <= row[0] < end)
        newest = page[-1][0] if page else cursor - 1
        # A page may be shorter than asked for; one without anything new is a stretch without trades.
        cursor = newest + length if newest >= cursor else cursor + limit * length
    return Candles.of(*zip(*(rows[time] for time in sorted(rows)), strict=True)) if rows else Candles.none()


async def ohlcv(library: Library, unified: str, timeframe: Timeframe, since: int, limit: int) -> list[Row]:
    """Return one page as the exchange gives it, oldest first, without rows that are none."""
    return usable(await library.ask("fetch_ohlcv", unified, timeframe.value, since, limit), timeframe)


def usable(rows: Iterable[Any], timeframe: Timeframe) -> list[Row]:
    """Return the rows that have a bucket's open and five numbers, oldest first."""
    return sorted(tuple(row[:6]) for row in rows if _is_row(row, timeframe.milliseconds))


def page_of(library: Library) -> int:
    """Return how many candles the exchange gives at once."""
    features = (library.loaded.features or {}) if library.loaded is not None else {}
    offered = (features.get("spot") or {}).get("fetchOHLCV") or {}
    return int(offered.get("limit") or PAGE)


def check_offered(library: Library, timeframe: Timeframe) -> None:
    """Refuse a timeframe that the exchange does not have."""
    if timeframe not in (library.loaded.timeframes or {}):
        raise InvalidError(
            f"{library.info.display_name} has no candles of {timeframe}",
            where=library.info.name,
            hint="take it out of the timeframes of the exchange's row",
        )


def _is_row(row: Any, length: int) -> TypeGuard[list[Any]]:
    numbers = len(row) >= 6 and all(isinstance(value, (int, float)) for value in row[:6])
    return numbers and row[0] % length == 0
