"""What was chosen before: every revision, what differs between two, and the way back to one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import FastAPI, Path, Query
from starlette.responses import Response

from livermore.apps.access.caller import Viewer
from livermore.apps.api.replies import described, reply
from livermore.apps.api.settings_answers import PATH, changed
from livermore.apps.api.settings_bodies import Between, HistoryPage, RollbackBody, Writing, paths_of
from livermore.apps.api.settings_shapes import (
    ChangeShape,
    DiffShape,
    HistoryShape,
    RevisionShape,
    compared,
    history_shape,
    revision_shape,
)

if TYPE_CHECKING:
    from livermore.bootstrap import System

Number = Annotated[int, Path(ge=1, lt=2**31, description="The number of a revision.")]


def add_routes(app: FastAPI, system: System) -> None:
    """Serve the history of settings."""

    @app.get(f"{PATH}/history", responses=described(HistoryShape), tags=["settings"])
    async def history(caller: Viewer, page: Annotated[HistoryPage, Query()]) -> Response:
        """Return the revisions, the newest first: author, source, reason, time, and what each changed."""
        found = await system.settings.history(caller.scope(), before=page.before, limit=page.limit + 1)
        return reply(history_shape(found, page.limit))

    @app.get(f"{PATH}/revisions/{{n}}", responses=described(RevisionShape), tags=["settings"])
    async def revision(caller: Viewer, n: Number) -> Response:
        """Return one revision with the settings as they were stored then."""
        return reply(revision_shape(await system.settings.revision(caller.scope(), n)))

    @app.get(f"{PATH}/diff", responses=described(DiffShape), tags=["settings"])
    async def diff(caller: Viewer, between: Annotated[Between, Query()]) -> Response:
        """Return what differs between two revisions, for people and as a JSON Patch (RFC 6902)."""
        return reply(await compared(system.settings, caller.scope(), between.start, between.end))

    @app.post(f"{PATH}/rollback", responses=described(ChangeShape), tags=["settings"])
    async def rollback(write: Writing, given: RollbackBody) -> Response:
        """Go back to an earlier revision, or to some settings of it, by storing them as a new one.

        They are checked like any other write. 409 when nothing would change.
        """
        by, paths = write.by(given.reason), paths_of(given.paths)
        return changed(
            await system.settings.rollback(
                write.scope, given.revision, by, paths=paths, expected=write.expected
            )
        )
