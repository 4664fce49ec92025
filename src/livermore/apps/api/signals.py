"""What is said: signals, why they were raised, and the alerts that carry them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import FastAPI, Path, Query
from starlette.responses import Response

from livermore.apps.access.caller import Viewer
from livermore.apps.api.queries import AlertFilter, SignalFilter
from livermore.apps.api.replies import described, reply
from livermore.apps.api.shapes import AlertsShape, SignalsShape, alert_shapes, signal_shapes
from livermore.signals.service import Explanation

if TYPE_CHECKING:
    from livermore.bootstrap import System

SignalId = Annotated[str, Path(description="A signal's id.")]


def add_routes(app: FastAPI, system: System) -> None:
    """Serve signals and alerts."""

    @app.get("/api/v1/signals", responses=described(SignalsShape), tags=["signals"])
    async def signals(caller: Viewer, wanted: Annotated[SignalFilter, Query()]) -> Response:
        """Return signals, newest first."""
        if wanted.exchange is not None:
            await system.market.exchange(wanted.exchange)
        page = await system.signals.list(caller.scope(), **wanted.model_dump())
        return reply(SignalsShape(signals=signal_shapes(page.signals), next=page.next))

    @app.get("/api/v1/signals/{id}/explain", responses=described(Explanation), tags=["signals"])
    async def explain(caller: Viewer, id: SignalId) -> Response:  # noqa: A002 - the word on the wire
        """Return why a signal was raised, recomputed from the candles that made it."""
        return reply(await system.signals.explain(caller.scope(), id))

    @app.get("/api/v1/alerts", responses=described(AlertsShape), tags=["signals"])
    async def alerts(caller: Viewer, wanted: Annotated[AlertFilter, Query()]) -> Response:
        """Return alerts, newest first."""
        page = await system.signals.alerts(caller.scope(), **wanted.model_dump())
        return reply(AlertsShape(alerts=alert_shapes(page.alerts), next=page.next))
