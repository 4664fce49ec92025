"""What is derived: MACD-V of a series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import FastAPI, Query
from starlette.responses import Response

from livermore.apps.access.caller import Viewer
from livermore.apps.api.market import SERIES, ExchangeName, SymbolName, TimeframeName
from livermore.apps.api.queries import Range
from livermore.apps.api.replies import described, reply
from livermore.indicators.service import IndicatorPage

if TYPE_CHECKING:
    from livermore.bootstrap import System


def add_routes(app: FastAPI, system: System) -> None:
    """Serve indicator values."""

    @app.get("/api/v1/indicators" + SERIES, responses=described(IndicatorPage), tags=["indicators"])
    async def indicators(
        caller: Viewer, exchange: ExchangeName, symbol: SymbolName, timeframe: TimeframeName,
        part: Annotated[Range, Query()],
    ) -> Response:  # fmt: skip
        """Return MACD-V and what it is made of for each closed bar of a series, oldest first."""
        page = await system.indicators.values(
            exchange, symbol, timeframe, start=part.start, end=part.end, limit=part.limit
        )
        return reply(page)
