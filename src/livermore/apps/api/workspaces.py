"""What is remembered of folders: when each was opened last, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from fastapi import FastAPI
from starlette.responses import Response

from livermore.apps.access.caller import Viewer
from livermore.apps.api.replies import described, reply
from livermore.kernel.role import covers
from livermore.workspace.row import WorkspaceRow

if TYPE_CHECKING:
    from livermore.bootstrap import System


class WorkspacesShape(msgspec.Struct, frozen=True, kw_only=True):
    """Workspaces, opened last first; `last_opened` is ms UTC, `config` says how to open it so again."""

    workspaces: list[WorkspaceRow]


def add_routes(app: FastAPI, system: System) -> None:
    """Serve workspaces."""

    @app.get("/api/v1/workspaces", responses=described(WorkspacesShape), tags=["workspaces"])
    async def workspaces(caller: Viewer) -> Response:
        """Return the folders that this database serves; for the role admin, all of this machine."""
        rows = await system.workspaces.all(everywhere=covers(caller.role, "admin"))
        return reply(WorkspacesShape(workspaces=rows))
