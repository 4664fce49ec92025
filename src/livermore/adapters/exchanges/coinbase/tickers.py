"""Prices and rolling days: the listing carries them, and may be asked for some products alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

import msgspec

from livermore.adapters.exchanges.coinbase.days import listed_ticker
from livermore.adapters.exchanges.coinbase.listing import NAME, path_of, products
from livermore.adapters.exchanges.coinbase.rest import Rest
from livermore.adapters.exchanges.coinbase.times import milliseconds
from livermore.adapters.exchanges.coinbase.wire import Offers, ProductEntry, ServerTime
from livermore.kernel.errors import ExchangeUnreachableError, RefusedError
from livermore.market.readable import number, positive, readable, word
from livermore.market.symbol import Ticker

CHUNK = 100


async def tickers(rest: Rest, symbols: Sequence[str]) -> list[Ticker]:
    """Return the tickers of the symbols that Coinbase knows and has a price of, as of its own time."""
    if not symbols:
        return []
    time = await server_time(rest)
    listed = {product.product_id: product for product in await _listed(rest, symbols)}
    return _priced([listed[symbol] for symbol in dict.fromkeys(symbols) if symbol in listed], time)


async def days(rest: Rest) -> list[Ticker]:
    """Return the tickers of all products that have a price, as of Coinbase's own time."""
    time = await server_time(rest)
    return _priced(await products(rest), time)


async def quote(rest: Rest, symbol: str) -> Ticker:
    """Return a product's ticker with what is offered, as of its latest trade.

    The offers are asked for under the name of the book, which an alias shares with another product.
    """
    product = await rest.get(path_of(symbol), ProductEntry)
    offers = await rest.get(f"{path_of(word(product.alias) or symbol)}/ticker", Offers, {"limit": 1})
    time = _traded_at(offers) or await server_time(rest)
    try:
        ticker = listed_ticker(product, time)
    except ValueError as error:
        raise ExchangeUnreachableError(f"Coinbase tells no price of {symbol}: {error}") from error
    return msgspec.structs.replace(ticker, bid=positive(offers.best_bid), ask=positive(offers.best_ask))


async def server_time(rest: Rest) -> int:
    """Return Coinbase's clock in ms UTC."""
    return (await rest.get("/time", ServerTime)).milliseconds


def _priced(listed: Iterable[ProductEntry], time: int) -> list[Ticker]:
    """Return the tickers of those that were ever traded; what cannot be read is left out."""
    traded = (product for product in listed if product.price and number(product.price) != 0)
    return readable(traded, partial(listed_ticker, time=time), NAME)


def _traded_at(offers: Offers) -> int | None:
    """Return when the latest trade was, if that can be read."""
    try:
        return milliseconds(offers.trades[0].time) if offers.trades else None
    except ValueError:
        return None


async def _listed(rest: Rest, symbols: Sequence[str]) -> list[ProductEntry]:
    """Ask for a few by name; for many, or when a name is refused, ask for all."""
    if len(symbols) > CHUNK:
        return await products(rest)
    try:
        return await products(rest, symbols)
    except RefusedError:
        return await products(rest)
