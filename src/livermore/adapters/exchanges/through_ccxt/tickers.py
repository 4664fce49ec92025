"""Prices and rolling days: all in one request where the exchange offers that, else one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from livermore.adapters.exchanges.through_ccxt.library import Library
from livermore.market.symbol import Ticker

MOST_NAMED = 50  # beyond this all are asked for: a list of names would outgrow an address


async def tickers(library: Library, symbols: Sequence[str]) -> list[Ticker]:
    """Return the tickers of the symbols that the exchange knows."""
    markets = await library.markets()
    names = {str(markets[name]["symbol"]): name for name in symbols if name in markets}
    if not names:
        return []
    days = await _days(library, list(names))
    told = ((names.get(str(day.get("symbol"))), day) for day in days)
    return [ticker for name, day in told if name and (ticker := _ticker(library, name, day))]


async def _days(library: Library, unified: list[str]) -> list[dict[str, Any]]:
    if not library.has("fetchTickers"):
        return [await library.ask("fetch_ticker", symbol) for symbol in unified]
    named = unified if len(unified) <= MOST_NAMED else None
    return list((await library.ask("fetch_tickers", named)).values())


def _ticker(library: Library, name: str, day: dict[str, Any]) -> Ticker | None:
    price = day.get("last") or day.get("close")
    if not price:
        return None
    volume, average = day.get("baseVolume"), day.get("vwap") or price
    return Ticker(
        symbol=name,
        price=float(price),
        time=int(day.get("timestamp") or library.time.now()),
        open_24h=_number(day.get("open")),
        quote_volume_24h=_number(day.get("quoteVolume") or (volume and volume * average)),
    )


def _number(value: Any) -> float | None:
    return float(value) if value else None
