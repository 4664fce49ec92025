"""Prices and rolling days: the listing carries them, and may be asked for some products alone."""

from __future__ import annotations

from collections.abc import Sequence

from livermore.adapters.exchanges.coinbase.days import listed_ticker
from livermore.adapters.exchanges.coinbase.listing import products
from livermore.adapters.exchanges.coinbase.rest import Rest
from livermore.adapters.exchanges.coinbase.wire import ProductEntry, ServerTime
from livermore.kernel.errors import ExchangeUnreachableError, RefusedError
from livermore.market.symbol import Ticker

CHUNK = 100


async def tickers(rest: Rest, symbols: Sequence[str]) -> list[Ticker]:
    """Return the tickers of the symbols that Coinbase knows and has a price of, as of its own time."""
    if not symbols:
        return []
    time = await server_time(rest)
    listed = {product.product_id: product for product in await _listed(rest, symbols)}
    wanted = (listed.get(symbol) for symbol in dict.fromkeys(symbols))
    try:
        return [listed_ticker(product, time) for product in wanted if product is not None and product.price]
    except ValueError as error:
        raise ExchangeUnreachableError(f"Coinbase's prices could not be read: {error}") from error


async def server_time(rest: Rest) -> int:
    """Return Coinbase's clock in ms UTC."""
    return (await rest.get("/time", ServerTime)).milliseconds


async def _listed(rest: Rest, symbols: Sequence[str]) -> list[ProductEntry]:
    """Ask for a few by name; for many, or when a name is refused, ask for all."""
    if len(symbols) > CHUNK:
        return await products(rest)
    try:
        return await products(rest, symbols)
    except RefusedError:
        return await products(rest)
