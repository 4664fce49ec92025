"""Candles of a range, page by page: both ends of Binance's range are inclusive and mean open times."""

from __future__ import annotations

from itertools import pairwise

from livermore.adapters.exchanges.binance.rest import Rest
from livermore.adapters.exchanges.binance.wire import Row
from livermore.kernel.errors import ExchangeUnreachableError
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles

PAGE = 1000
WEIGHT = 2
PATH = "/api/v3/klines"


async def history(rest: Rest, symbol: str, timeframe: Timeframe, start: int, end: int) -> Candles:
    """Return the candles that open in [start, end), oldest first."""
    pages: list[Candles] = []
    while start < end:
        rows = await _page(rest, symbol, timeframe, start, end)
        pages.append(_candles(rows))
        if len(rows) < PAGE:
            break
        start = rows[-1].time + timeframe.milliseconds
    return Candles.joined(Candles.none(), *pages)


async def _page(rest: Rest, symbol: str, timeframe: Timeframe, start: int, end: int) -> list[Row]:
    rows = await rest.get(
        PATH,
        list[Row],
        weight=WEIGHT,
        symbol=symbol,
        interval=timeframe.value,
        startTime=start,
        endTime=end - 1,
        limit=PAGE,
    )
    times = [start - 1, *(row.time for row in rows), end]
    if any(earlier >= later for earlier, later in pairwise(times)):
        raise ExchangeUnreachableError(
            "Binance's candles are not those asked for, or not in order", where=symbol
        )
    return rows


def _candles(rows: list[Row]) -> Candles:
    return Candles.of(
        [row.time for row in rows],
        [row.open for row in rows],
        [row.high for row in rows],
        [row.low for row in rows],
        [row.close for row in rows],
        [row.volume for row in rows],
    )
