"""What is seen: candles, exchanges and the watchlist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import FastAPI, Path, Query
from starlette.responses import Response

from livermore.apps.api.queries import Range
from livermore.apps.api.replies import described, reply
from livermore.apps.api.shapes import (
    CandlesShape,
    ExchangesShape,
    SymbolShape,
    SymbolsShape,
    candles_shape,
)

if TYPE_CHECKING:
    from livermore.bootstrap import System
    from livermore.indicators.service import GridRow

ExchangeName = Annotated[str, Path(description="An exchange's name, such as coinbase.")]
SymbolName = Annotated[str, Path(description="The exchange's own name of a market, such as BTC-USD.")]
TimeframeName = Annotated[str, Path(description="1m, 5m, 15m, 30m, 1h, 2h, 4h, 6h or 1d.")]
SERIES = "/{exchange}/{symbol:path}/{timeframe}"


def add_routes(app: FastAPI, system: System) -> None:
    """Serve candles, exchanges and symbols."""

    @app.get("/api/v1/candles" + SERIES, responses=described(CandlesShape), tags=["market"])
    async def candles(
        exchange: ExchangeName, symbol: SymbolName, timeframe: TimeframeName, part: Annotated[Range, Query()]
    ) -> Response:
        """Return closed candles of a series, oldest first, and the running one."""
        page = await system.market.candles(
            exchange, symbol, timeframe, start=part.start, end=part.end, limit=part.limit
        )
        return reply(candles_shape(page))

    @app.get("/api/v1/exchanges", responses=described(ExchangesShape), tags=["market"])
    async def exchanges() -> Response:
        """Return the known exchanges: where they are, what they offer, allow and cost."""
        return reply(ExchangesShape(exchanges=await system.market.exchanges()))

    @app.get("/api/v1/symbols", responses=described(SymbolsShape), tags=["market"])
    async def symbols() -> Response:
        """Return the watched symbols with their prices."""
        return reply(SymbolsShape(symbols=[_symbol(row) for row in system.indicators.grid()]))


def _symbol(row: GridRow) -> SymbolShape:
    warm = any(cell.macdv is not None for cell in row.cells.values())
    return SymbolShape(
        symbol=row.symbol, exchange=row.exchange, base=row.base, quote=row.quote,
        enabled=row.enabled, state="disabled" if not row.enabled else "watched" if warm else "warming",
        price=row.price, change_24h_percent=row.change_24h_percent,
        quote_volume_24h=row.quote_volume_24h, last_candle_age_ms=row.last_candle_age_ms,
    )  # fmt: skip
