"""Prices and rolling days: all in one request where the exchange offers that, else one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from livermore.adapters.exchanges.through_ccxt.library import Library
from livermore.kernel.errors import ExchangeUnreachableError
from livermore.market.readable import moment, number, positive, readable
from livermore.market.symbol import Ticker

MOST_NAMED = 50  # beyond this all are asked for: a list of names would outgrow an address


async def tickers(library: Library, symbols: Sequence[str]) -> list[Ticker]:
    """Return the tickers of the symbols that the exchange knows."""
    markets = await library.markets()
    names = {str(markets[name]["symbol"]): name for name in symbols if name in markets}
    if not names:
        return []
    return _tickers(library, names, await _days(library, list(names)))


async def days(library: Library) -> list[Ticker]:
    """Return the tickers of all markets; none where the exchange tells each by itself only."""
    markets = await library.markets()
    if not library.has("fetchTickers"):
        return []
    names = {str(market["symbol"]): name for name, market in markets.items()}
    return _tickers(library, names, list((await library.ask("fetch_tickers")).values()))


async def quote(library: Library, symbol: str) -> Ticker:
    """Return one market's ticker with what is offered."""
    day = await library.ask("fetch_ticker", await library.unified(symbol))
    try:
        ticker = _ticker(library, symbol, day)
    except ValueError as error:
        raise ExchangeUnreachableError(str(error), where=library.info.name) from error
    return msgspec.structs.replace(ticker, bid=positive(day.get("bid")), ask=positive(day.get("ask")))


async def _days(library: Library, unified: list[str]) -> list[dict[str, Any]]:
    if not library.has("fetchTickers"):
        return [await library.ask("fetch_ticker", symbol) for symbol in unified]
    named = unified if len(unified) <= MOST_NAMED else None
    return list((await library.ask("fetch_tickers", named)).values())


def _tickers(library: Library, names: dict[str, str], told: list[dict[str, Any]]) -> list[Ticker]:
    """Return the tickers of the markets that have a price, by the exchange's own names."""
    known = ((names.get(str(day.get("symbol"))), day) for day in told)
    priced = [(name, day) for name, day in known if name and (day.get("last") or day.get("close"))]
    return readable(priced, lambda one: _ticker(library, *one), library.info.name)


def _ticker(library: Library, name: str, day: dict[str, Any]) -> Ticker:
    price = positive(day.get("last")) or positive(day.get("close"))
    if price is None:
        raise ValueError(f"no price is told of {name}")
    volume, average = number(day.get("baseVolume")), positive(day.get("vwap")) or price
    in_quote = number(day.get("quoteVolume"))
    if not in_quote and volume:
        in_quote = number(volume * average)
    return Ticker(
        symbol=name,
        price=price,
        time=moment(day.get("timestamp")) or library.time.now(),
        open_24h=positive(day.get("open")),
        quote_volume_24h=in_quote,
    )
