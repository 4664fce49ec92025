"""Prices and rolling days: twenty symbols cost as much as one, so they are asked for in twenties."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from livermore.adapters.exchanges.binance.rest import Rest
from livermore.adapters.exchanges.binance.wire import Day, Quote
from livermore.kernel.errors import ExchangeUnreachableError, InvalidError, NotFoundError
from livermore.market.readable import positive, readable
from livermore.market.symbol import Ticker

CHUNK = 20
WEIGHT = 2
WEIGHT_OF_ALL = 80
PATH = "/api/v3/ticker/24hr"
NAME = "binance"
_decode = msgspec.json.Decoder(Day, strict=False).decode


async def days(rest: Rest) -> list[Ticker]:
    """Return the rolling day of every market that has a price."""
    return _tickers(await rest.get(PATH, list[msgspec.Raw], weight=WEIGHT_OF_ALL, type="MINI"))


async def quote(rest: Rest, symbol: str) -> Ticker:
    """Return one market's rolling day with what is offered."""
    try:
        day = await rest.get(PATH, Quote, weight=WEIGHT, symbol=symbol, type="FULL")
    except InvalidError as error:  # letters that no symbol has, or none at all
        raise NotFoundError(f"Binance lists no {symbol[:40]!r}", where=error.where) from error
    if not day.last_price:
        raise ExchangeUnreachableError(f"Binance tells no price of {symbol}", where=PATH)
    return msgspec.structs.replace(
        _ticker(day), bid=positive(day.bid), ask=positive(day.ask), trades_24h=day.trades
    )


async def tickers(rest: Rest, symbols: Sequence[str]) -> list[Ticker]:
    """Return the tickers of the symbols that the exchange knows."""
    chunks = [symbols[start : start + CHUNK] for start in range(0, len(symbols), CHUNK)]
    return [ticker for chunk in chunks for ticker in await _chunk(rest, chunk)]


async def _chunk(rest: Rest, symbols: Sequence[str]) -> list[Ticker]:
    """Ask for some; one unknown symbol spoils the whole answer, so it is sought by halving."""
    names = msgspec.json.encode(symbols).decode()
    try:
        told = await rest.get(PATH, list[msgspec.Raw], weight=WEIGHT, symbols=names, type="MINI")
    except NotFoundError:
        middle = len(symbols) // 2
        halves = (symbols[:middle], symbols[middle:]) if middle else ()
        return [ticker for half in halves for ticker in await _chunk(rest, half)]
    return _tickers(told)


def _tickers(told: Sequence[msgspec.Raw]) -> list[Ticker]:
    """Return what can be read, of the markets that have a price."""
    return [_ticker(day) for day in readable(told, _decode, NAME) if day.last_price]


def _ticker(day: Day) -> Ticker:
    return Ticker(
        symbol=day.symbol,
        price=day.last_price,
        time=day.close_time,
        open_24h=day.open_price or None,
        quote_volume_24h=day.quote_volume,
    )
