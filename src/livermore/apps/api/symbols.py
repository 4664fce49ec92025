"""What may be watched and what is: the watchlist, the exchanges' listings, and what is said of a name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import FastAPI, Path, Query
from starlette.responses import Response

from livermore.apps.access.caller import Viewer
from livermore.apps.api import symbols_lists, symbols_proposals
from livermore.apps.api.replies import described, reply
from livermore.apps.api.symbols_bodies import OfExchange, Search, ValidateBody
from livermore.apps.api.symbols_lookup import (
    exchange_of,
    listed_market,
    on_watchlist,
    pointing_to_the_listing,
)
from livermore.apps.api.symbols_shapes import (
    FoundSymbolsShape,
    JudgementsShape,
    MetricsShape,
    SymbolsShape,
    found_shape,
    metrics_shape,
)
from livermore.market.search import search as search_in

if TYPE_CHECKING:
    from livermore.apps.api.events import Streams
    from livermore.bootstrap import System

PATH = "/api/v1/symbols"
SymbolName = Annotated[
    str, Path(description="A name that the exchange lists, such as BTC-USD, btcusdt or BTC%2FUSDT.")
]


def add_routes(app: FastAPI, system: System, streams: Streams) -> None:
    """Serve symbols."""
    _add_watchlist(app, system)
    _add_listings(app, system)
    symbols_lists.add_routes(app, system)
    symbols_proposals.add_routes(app, system, streams)


def _add_watchlist(app: FastAPI, system: System) -> None:
    @app.get(PATH, responses=described(SymbolsShape), tags=["symbols"])
    async def symbols(caller: Viewer) -> Response:
        """Return the caller's watchlist in its order, what is switched off included, with its prices.

        A command changes it: `add-symbol`, `remove-symbol`, `bulk-add-symbols`, `set-symbol-enabled`.

        `state` is the first of these that is true: `disabled` (its user has switched it off), `delisted` (its
        exchange lists it no more), `unlisted` (its exchange does not know it), `paused` (the runtime is),
        `off` (nothing watches it: nothing runs, or its exchange is switched off, or it is of none), `halted`
        (it is listed and not traded now), `disconnected` (its exchange cannot be reached), `loading` (its
        history is on the way), `live`.
        """
        return reply(SymbolsShape(symbols=await system.watchlist.rows(caller.scope())))

    @app.post(f"{PATH}/validate", responses=described(JudgementsShape), tags=["symbols"])
    async def validate(caller: Viewer, given: ValidateBody) -> Response:
        """Say of each name whether it can be watched, or why not; nothing is stored.

        What is on the watchlist already is a `duplicate`, and the exchange is not asked about it.
        """
        judged = await system.watchlist.validated(caller.scope(), given.symbols, given.exchange)
        return reply(JudgementsShape(results=judged))


def _add_listings(app: FastAPI, system: System) -> None:
    @app.get(f"{PATH}/search", responses=described(FoundSymbolsShape), tags=["symbols"])
    async def search(caller: Viewer, wanted: Annotated[Search, Query()]) -> Response:
        """Search what an exchange lists: by its own name first, then by what it begins with, then by volume.

        The listing is kept for minutes; `listing` says how old it is, and why, where the exchange cannot be
        asked for a newer one.
        """
        scope = caller.scope()
        exchange = await exchange_of(system, scope, wanted.exchange)
        listing = await system.listings.listing(exchange)
        found = search_in(listing, wanted.q or "", wanted.limit)
        watched = await on_watchlist(system, scope)
        return reply(found_shape(listing, found, watched, system.clock.now()))

    @app.get(f"{PATH}/{{symbol:path}}/metrics", responses=described(MetricsShape), tags=["symbols"])
    async def metrics(caller: Viewer, symbol: SymbolName, of: Annotated[OfExchange, Query()]) -> Response:
        """Ask the exchange for one market: price, its change and volume in 24 hours, spread, trades.

        The same market is asked for at most once in two seconds, whoever wants to know.
        """
        exchange, judged, listed = await listed_market(system, caller.scope(), symbol, of.exchange)
        with pointing_to_the_listing():
            ticker = await system.listings.quote(exchange, listed.name)
        return reply(metrics_shape(judged, exchange, listed, ticker))
