"""Prices and rolling days: twenty symbols cost as much as one, so they are asked for in twenties."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from livermore.adapters.exchanges.binance.rest import Rest
from livermore.adapters.exchanges.binance.wire import Day
from livermore.kernel.errors import NotFoundError
from livermore.market.symbol import Ticker

CHUNK = 20
WEIGHT = 2
PATH = "/api/v3/ticker/24hr"


async def tickers(rest: Rest, symbols: Sequence[str]) -> list[Ticker]:
    """Return the tickers of the symbols that the exchange knows."""
    chunks = [symbols[start : start + CHUNK] for start in range(0, len(symbols), CHUNK)]
    return [ticker for chunk in chunks for ticker in await _chunk(rest, chunk)]


async def _chunk(rest: Rest, symbols: Sequence[str]) -> list[Ticker]:
    """Ask for some; one unknown symbol spoils the whole answer, so it is sought by halving."""
    names = msgspec.json.encode(symbols).decode()
    try:
        days = await rest.get(PATH, list[Day], weight=WEIGHT, symbols=names, type="MINI")
    except NotFoundError:
        middle = len(symbols) // 2
        halves = (symbols[:middle], symbols[middle:]) if middle else ()
        return [ticker for half in halves for ticker in await _chunk(rest, half)]
    return [_ticker(day) for day in days if day.last_price]


def _ticker(day: Day) -> Ticker:
    return Ticker(
        symbol=day.symbol,
        price=day.last_price,
        time=day.close_time,
        open_24h=day.open_price or None,
        quote_volume_24h=day.quote_volume,
    )
