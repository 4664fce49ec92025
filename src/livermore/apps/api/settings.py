"""What is chosen: the settings document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import FastAPI, Header
from starlette.responses import Response

from livermore.apps.access.caller import Viewer
from livermore.apps.api.replies import described, reply
from livermore.apps.api.shapes import SettingsShape

if TYPE_CHECKING:
    from livermore.bootstrap import System

IfNoneMatch = Annotated[str | None, Header(description="An ETag; 304 while it is still the newest.")]


def add_routes(app: FastAPI, system: System) -> None:
    """Serve the settings."""

    @app.get("/api/v1/settings", responses=described(SettingsShape), tags=["settings"])
    async def settings(caller: Viewer, if_none_match: IfNoneMatch = None) -> Response:
        """Return the newest settings with their defaults; the ETag is the revision."""
        current = await system.settings.current(caller.scope())
        headers = {"etag": f'"{current.revision}"', "cache-control": "no-cache"}
        if if_none_match == headers["etag"]:
            return Response(status_code=304, headers=headers)
        document = current.document.plain()
        shape = SettingsShape(
            settings=document, revision=current.revision, updated_at=current.updated_at, warnings=[]
        )
        return reply(shape, headers=headers)
