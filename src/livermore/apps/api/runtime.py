"""What is alive: the state of the runtime, and health for whoever watches the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.responses import Response

from livermore.apps.api.replies import described, reply
from livermore.apps.api.shapes import HealthShape
from livermore.runtime.runtime import RuntimeStatus

if TYPE_CHECKING:
    from livermore.bootstrap import System


def add_routes(app: FastAPI, system: System) -> None:
    """Serve the runtime's state, and health without a login."""

    @app.get("/api/v1/runtime", responses=described(RuntimeStatus), tags=["runtime"])
    async def runtime() -> Response:
        """Return state, mode, connections and progress of the runtime."""
        return reply(system.runtime.status())

    @app.get("/healthz", responses=described(HealthShape), tags=["health"], openapi_extra={"security": []})
    async def healthz() -> Response:
        """Say that the process answers; needs no login."""
        return reply(HealthShape(ok=True, parts={}))

    @app.get("/readyz", responses=described(HealthShape), tags=["health"], openapi_extra={"security": []})
    async def readyz() -> Response:
        """Say whether every part is ready, with 503 while one is not; needs no login."""
        parts = await system.ready()
        ok = all(parts.values())
        return reply(HealthShape(ok=ok, parts=parts), status=200 if ok else 503)
