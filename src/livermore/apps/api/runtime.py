"""What is alive: the state of the runtime, and health for whoever watches the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.responses import Response

from livermore.apps.access.caller import FOR_ALL, Viewer
from livermore.apps.api.replies import described, reply, unready
from livermore.apps.api.shapes import HealthShape
from livermore.runtime.status import RuntimeStatus

if TYPE_CHECKING:
    from livermore.bootstrap import System


def add_routes(app: FastAPI, system: System) -> None:
    """Serve the runtime's state, and health without a login."""

    @app.get("/api/v1/runtime", responses=described(RuntimeStatus), tags=["runtime"])
    async def runtime(caller: Viewer) -> Response:
        """Return state, mode, connections and progress of the caller's runtime."""
        return reply(system.runtimes.status(caller.scope()))

    @app.get("/healthz", responses=described(HealthShape), tags=["health"], dependencies=[FOR_ALL],
             openapi_extra={"security": []})  # fmt: skip
    async def healthz() -> Response:
        """Say that the process answers; needs no login."""
        return reply(HealthShape(ok=True, parts={}))

    @app.get("/readyz", responses=described(HealthShape) | unready(HealthShape), tags=["health"],
             dependencies=[FOR_ALL], openapi_extra={"security": []})  # fmt: skip
    async def readyz() -> Response:
        """Say whether every part is ready, with 503 while one is not; needs no login."""
        parts = await system.ready()
        ok = all(parts.values())
        return reply(HealthShape(ok=ok, parts=parts), status=200 if ok else 503)
