"""What is stored of symbols, where no server can be asked: the watchlist with its last prices, listings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from livermore.apps.cli.errors import NotRunningError
from livermore.kernel.clock import rfc3339
from livermore.kernel.errors import NotFoundError

if TYPE_CHECKING:
    from livermore.bootstrap import System
    from livermore.kernel.scope import Scope
    from livermore.market.listing import Listing


async def stored_watchlist(system: System, scope: Scope) -> dict[str, Any]:
    """Return the watchlist in the shape of the API, with what is stored last of each symbol.

    `last_candle_at` says when its newest candle closed, by the time of its market, and `price` is that
    candle's. Where there is none the price is the listed one; `listings` says of when those are.
    """
    from msgspec import to_builtins

    rows = [to_builtins(row) for row in await system.watchlist.rows(scope)]
    for row in rows:
        row |= await _last(system, row["exchange"], row["symbol"])
    listings = [await _told(system, name) for name in dict.fromkeys(row["exchange"] for row in rows)]
    return {"symbols": rows, "listings": [one for one in listings if one is not None]}


async def stored_search(system: System, scope: Scope, query: Mapping[str, Any]) -> Any:
    """Return what fits a query in the listing that is stored, in the shape of the API.

    Raises NotRunningError where none is.
    """
    from msgspec import to_builtins

    from livermore.apps.api.symbols_lookup import exchange_of, on_watchlist
    from livermore.apps.api.symbols_shapes import found_shape
    from livermore.market.search import search

    exchange = await exchange_of(system, scope, query["exchange"])
    listing = await _listing(system, exchange)
    found = search(listing, query["q"] or "", query["limit"])
    return to_builtins(found_shape(listing, found, await on_watchlist(system, scope), system.clock.now()))


async def _listing(system: System, exchange: str) -> Listing:
    await system.market.exchange(exchange)
    listing = await system.listings.load(exchange)
    if listing is None:
        what = f"no server runs here, and nothing is stored of what {exchange} lists"
        raise NotRunningError(what, hint="start one with: livermore up")
    return listing


async def _last(system: System, exchange: str | None, symbol: str) -> dict[str, Any]:
    """Return what the newest stored candle says of a symbol, of the shortest timeframe of its exchange."""
    nothing: dict[str, Any] = {"last_candle_at": None}
    if exchange is None:
        return nothing
    try:
        base, *_ = (await system.market.exchange(exchange)).timeframes()
        page = await system.market.candles(exchange, symbol, base, limit=1)
    except NotFoundError:
        return nothing
    (candle,) = page.candles
    return {"price": candle.close, "last_candle_at": rfc3339(candle.time + base.milliseconds)}


async def _told(system: System, exchange: str | None) -> dict[str, Any] | None:
    """Say how old the stored listing of an exchange is, where it tells any price."""
    from msgspec import to_builtins

    from livermore.apps.api.symbols_shapes import listing_shape

    listing = None if exchange is None else await system.listings.load(exchange)
    if listing is None or all(one.price is None for one in listing.symbols.values()):
        return None
    shown: dict[str, Any] = to_builtins(listing_shape(listing, system.clock.now()))
    return shown
