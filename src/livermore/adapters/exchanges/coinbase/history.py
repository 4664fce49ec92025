"""Candles of a range, page by page, the newest page first, so that values can be had early."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from livermore.adapters.exchanges.coinbase.listing import PATH
from livermore.adapters.exchanges.coinbase.rest import Rest
from livermore.adapters.exchanges.coinbase.wire import Bar, CandleList
from livermore.kernel.errors import ExchangeUnreachableError
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles

PAGE = 300  # Coinbase refuses more than 350; whether the last second of a range counts is not told
GRANULARITIES = {
    Timeframe.M1: "ONE_MINUTE",
    Timeframe.M5: "FIVE_MINUTE",
    Timeframe.M15: "FIFTEEN_MINUTE",
    Timeframe.M30: "THIRTY_MINUTE",
    Timeframe.H1: "ONE_HOUR",
    Timeframe.H2: "TWO_HOUR",
    Timeframe.H4: "FOUR_HOUR",
    Timeframe.H6: "SIX_HOUR",
    Timeframe.D1: "ONE_DAY",
}


async def history(rest: Rest, symbol: str, timeframe: Timeframe, start: int, end: int) -> Candles:
    """Return the candles that open in [start, end), oldest first."""
    bars: dict[int, Bar] = {}
    for first, behind in pages(timeframe.milliseconds, start, end):
        for bar in await _page(rest, symbol, timeframe, first, behind):
            if first <= bar.start * 1000 < behind:
                bars.setdefault(bar.start, bar)
    return _candles([bars[time] for time in sorted(bars)])


def pages(length: int, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut the buckets that open in [start, end) into pages [first, behind), the newest first."""
    first, behind = -(-start // length) * length, -(-end // length) * length
    while behind > first:
        page = max(first, behind - PAGE * length)
        yield page, behind
        behind = page


async def _page(rest: Rest, symbol: str, timeframe: Timeframe, first: int, behind: int) -> list[Bar]:
    path = f"{PATH}/{quote(symbol, safe='')}/candles"
    query: dict[str, str | int] = {
        "start": first // 1000,
        "end": behind // 1000 - 1,
        "granularity": GRANULARITIES[timeframe],
    }
    bars = (await rest.get(path, CandleList, query)).candles
    if any(bar.start * 1000 % timeframe.milliseconds for bar in bars):
        raise ExchangeUnreachableError("Coinbase's candles are not those asked for", where=symbol)
    return bars


def _candles(bars: list[Bar]) -> Candles:
    return Candles.of(
        [bar.start * 1000 for bar in bars],
        [bar.open for bar in bars],
        [bar.high for bar in bars],
        [bar.low for bar in bars],
        [bar.close for bar in bars],
        [bar.volume for bar in bars],
    )
