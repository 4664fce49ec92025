"""What is seen: candles, their coverage and exchanges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import FastAPI, Path, Query
from starlette.responses import Response

from livermore.apps.access.caller import Viewer
from livermore.apps.api.queries import OfExchange, Range, Span
from livermore.apps.api.replies import described, reply
from livermore.apps.api.shapes import (
    CandlesShape,
    CoverageGridShape,
    CoverageShape,
    ExchangesShape,
    candles_shape,
    coverage_shape,
)

if TYPE_CHECKING:
    from livermore.bootstrap import System

ExchangeName = Annotated[str, Path(description="An exchange's name, such as coinbase.")]
SymbolName = Annotated[str, Path(description="The exchange's own name of a market, such as BTC-USD.")]
TimeframeName = Annotated[str, Path(description="1m, 5m, 15m, 30m, 1h, 2h, 4h, 6h or 1d.")]
SERIES = "/{exchange}/{symbol:path}/{timeframe}"


def add_routes(app: FastAPI, system: System) -> None:
    """Serve candles, coverage and exchanges."""

    @app.get("/api/v1/candles" + SERIES, responses=described(CandlesShape), tags=["market"])
    async def candles(
        caller: Viewer, exchange: ExchangeName, symbol: SymbolName, timeframe: TimeframeName,
        part: Annotated[Range, Query()],
    ) -> Response:  # fmt: skip
        """Return closed candles of a series, oldest first, and the running one."""
        page = await system.market.candles(
            exchange, symbol, timeframe, start=part.start, end=part.end, limit=part.limit
        )
        return reply(candles_shape(page))

    @app.get("/api/v1/coverage", responses=described(CoverageGridShape), tags=["market"])
    async def coverage_grid(caller: Viewer, which: Annotated[OfExchange, Query()]) -> Response:
        """Return how fresh every watched series is, or every one of an exchange.

        A cell is `fresh` (its newest bucket closed on time), `waiting` (the next one is due, or there is
        none yet), `late` (that has been due for more than 10 s of market time), `hole` (one of its last 450
        buckets is missing), `repaired` (one was, within a day) or `loading`. `newest` is the open of its
        newest closed bucket, `missing` counts among the last 450 and those overdue, `holes` are those that
        are open or were repaired within a day.
        """
        rows = await system.coverage.grid()
        if which.exchange is not None:
            await system.market.exchange(which.exchange)
            rows = [row for row in rows if row.exchange == which.exchange]
        return reply(CoverageGridShape(symbols=rows))

    @app.get("/api/v1/coverage" + SERIES, responses=described(CoverageShape), tags=["market"])
    async def coverage(
        caller: Viewer, exchange: ExchangeName, symbol: SymbolName, timeframe: TimeframeName,
        part: Annotated[Span, Query()],
    ) -> Response:  # fmt: skip
        """Return how many closed buckets of a series are traded, quiet and missing, and its holes.

        Without `from` it begins with the first candle, without `to` it ends with the last bucket that has
        closed. Each bucket is exactly one of the three, and each missing one lies in an open hole.
        """
        found = await system.coverage.of(exchange, symbol, timeframe, start=part.start, end=part.end)
        return reply(coverage_shape(found))

    @app.get("/api/v1/exchanges", responses=described(ExchangesShape), tags=["market"])
    async def exchanges(caller: Viewer) -> Response:
        """Return the known exchanges: where they are, what they offer, allow and cost."""
        return reply(ExchangesShape(exchanges=await system.market.exchanges()))
