"""Candles over REST: newest first, none for an interval without trades."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from livermore.adapters.exchanges.simulated.coinbase.refusals import RefusalError, invalid
from livermore.adapters.exchanges.simulated.coinbase.writing import plain, recurring
from livermore.adapters.exchanges.simulated.source import Bars, Source
from livermore.adapters.exchanges.simulated.view import View
from livermore.kernel.timeframe import Timeframe

MOST = 350
LATEST_BIRTH = 3000  # ms of the market after a boundary until which the running candle may be missing
GRANULARITIES = {
    "ONE_MINUTE": Timeframe.M1,
    "FIVE_MINUTE": Timeframe.M5,
    "FIFTEEN_MINUTE": Timeframe.M15,
    "THIRTY_MINUTE": Timeframe.M30,
    "ONE_HOUR": Timeframe.H1,
    "TWO_HOUR": Timeframe.H2,
    "FOUR_HOUR": Timeframe.H4,
    "SIX_HOUR": Timeframe.H6,
    "ONE_DAY": Timeframe.D1,
}
_COLUMNS = ("time", "open", "high", "low", "close", "volume")


def candles(query: Mapping[str, str], product: str, source: Source, view: View, now: int) -> bytes:
    """Answer a request for the candles that open from `start` to `end`, both included."""
    timeframe = _timeframe(query, source)
    start, end, limit = (_number(query, name) for name in ("start", "end", "limit"))
    if start is None or end is None:
        raise invalid("start and end are required")
    _check(start, end, timeframe)
    bars = view.bars(product, timeframe, start * 1000, end * 1000 + 1, now)
    bars = _born(bars[bars.volume > 0], product, timeframe, now)[-min(limit or MOST, MOST) :]
    # A candle of the source's own length is told as it is; a longer one has no more decimals than those.
    decimals = None if timeframe is source.timeframe else _decimals(source, product)
    return _written(bars[::-1], decimals)


def _timeframe(query: Mapping[str, str], source: Source) -> Timeframe:
    timeframe = GRANULARITIES.get(query.get("granularity", ""))
    if timeframe is None or timeframe not in source.timeframes:
        raise invalid("granularity is not valid")
    return timeframe


def _number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is not None and not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise invalid(f"{name} is not valid")
    return None if text is None else int(text)


def _check(start: int, end: int, timeframe: Timeframe) -> None:
    """Raise RefusalError for a range that is empty or has too many buckets."""
    seconds = timeframe.milliseconds // 1000
    refusal: RefusalError | None = None
    if start > end:
        refusal = invalid("start must be before end")
    elif end // seconds - -(-start // seconds) + 1 > MOST:
        refusal = invalid(f"number of candles requested should be less than {MOST}")
    if refusal is not None:
        raise refusal


def _born(bars: Bars, product: str, timeframe: Timeframe, now: int) -> Bars:
    """Leave the running candle out for a moment after its boundary."""
    bucket = timeframe.bucket(now)
    late = zlib.crc32(f"{product} {bucket}".encode()) % LATEST_BIRTH
    return bars[bars.time < bucket] if now - bucket < late else bars


def _decimals(source: Source, product: str) -> int:
    return next(market.amount_decimals for market in source.markets if market.symbol == product)


def _written(bars: Bars, decimals: int | None) -> bytes:
    columns = [getattr(bars, name).tolist() for name in _COLUMNS]
    rows = (
        f'{{"start":"{time // 1000}","low":"{recurring(low)}","high":"{recurring(high)}",'
        f'"open":"{recurring(open_)}","close":"{recurring(close)}",'
        f'"volume":"{plain(volume if decimals is None else round(volume, decimals))}"}}'
        for time, open_, high, low, close, volume in zip(*columns, strict=True)
    )
    return f'{{"candles":[{",".join(rows)}]}}'.encode()
