"""Candles over REST."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from livermore.adapters.exchanges.simulated.binance.parameters import number_of, symbol_of, timeframe_of
from livermore.adapters.exchanges.simulated.numbers import decimal, recurring
from livermore.adapters.exchanges.simulated.source import COLUMNS, Bars
from livermore.adapters.exchanges.simulated.view import View
from livermore.kernel.timeframe import Timeframe

DEFAULT_LIMIT, LARGEST_LIMIT = 500, 1000


def klines(
    query: Mapping[str, str], listed: Collection[str], offered: Collection[Timeframe], view: View, now: int
) -> bytes:
    """Answer a request for candles: from a start onwards, else the newest before an end; both inclusive."""
    symbol = symbol_of(query, listed)
    timeframe = timeframe_of(query, offered)
    limit = min(number_of(query, "limit") or DEFAULT_LIMIT, LARGEST_LIMIT)
    start, last = number_of(query, "startTime"), number_of(query, "endTime")
    end = now + 1 if last is None else last + 1
    if start is None:
        bars = view.last(symbol, timeframe, end, limit, now)
    else:
        bars = view.first(symbol, timeframe, start, end, limit, now)
    return _rows(bars, timeframe.milliseconds)


def _rows(bars: Bars, length: int) -> bytes:
    columns = (getattr(bars, name).tolist() for name in COLUMNS)
    rows = (
        f'[{time},"{recurring(open_)}","{recurring(high)}","{recurring(low)}","{recurring(close)}","{decimal(volume)}",'
        f'{time + length - 1},"{decimal(volume * close)}",{last_id - first_id + 1 if volume else 0},'
        f'"{decimal(volume)}","{decimal(volume * close)}","0"]'
        for time, open_, high, low, close, volume, first_id, last_id in zip(*columns, strict=True)
    )
    return f"[{','.join(rows)}]".encode()
