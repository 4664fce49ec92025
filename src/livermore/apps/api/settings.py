"""What is chosen: the settings document, read and written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Header, Query, Request
from starlette.responses import Response

from livermore.apps.access.caller import Viewer
from livermore.apps.api import settings_files, settings_history, settings_plans
from livermore.apps.api.errors import UnconditionalError
from livermore.apps.api.replies import described, reply
from livermore.apps.api.settings_answers import PATH, changed, etag
from livermore.apps.api.settings_bodies import (
    ResetBody,
    Write,
    WriteOptions,
    Writing,
    described_body,
    json_of,
    patch_of,
    paths_of,
)
from livermore.apps.api.settings_shapes import ChangeShape, SettingsShape, settings_shape
from livermore.settings.schema import json_schema

if TYPE_CHECKING:
    from livermore.bootstrap import System

IfNoneMatch = Annotated[str | None, Header(description="An ETag; 304 while it is still the newest.")]


def add_routes(app: FastAPI, system: System) -> None:
    """Serve the settings."""
    _add_reading(app, system)
    _add_writing(app, system)
    settings_plans.add_routes(app, system)
    settings_history.add_routes(app, system)
    settings_files.add_routes(app, system)


def _add_reading(app: FastAPI, system: System) -> None:
    @app.get(PATH, responses=described(SettingsShape), tags=["settings"])
    async def settings(caller: Viewer, if_none_match: IfNoneMatch = None) -> Response:
        """Return the newest settings with their defaults; the ETag is the revision."""
        current = await system.settings.current(caller.scope())
        headers = {**etag(current.revision), "cache-control": "no-cache"}
        if if_none_match == headers["etag"]:
            return Response(status_code=304, headers=headers)
        return reply(settings_shape(current), headers=headers)

    @app.get(f"{PATH}/schema", responses=_described_schema(), tags=["settings"])
    async def schema(caller: Viewer) -> Response:
        """Return the JSON Schema of the document, with help and apply class of every setting."""
        return reply(json_schema())


def _add_writing(app: FastAPI, system: System) -> None:
    @app.put(PATH, responses=described(ChangeShape), tags=["settings"],
             openapi_extra=described_body(document=True, patches=False))  # fmt: skip
    async def replace(
        request: Request, write: Writing, options: Annotated[WriteOptions, Query()]
    ) -> Response:
        """Replace the whole document; what it leaves out goes back to its default.

        `If-Match` is needed (428 without it), so that nobody overwrites what was never read.
        """
        _check_condition(write)
        document = await json_of(request)
        return changed(
            await system.settings.replace(
                write.scope, document, write.by(options.reason), expected=write.expected
            )
        )

    @app.patch(PATH, responses=described(ChangeShape), tags=["settings"],
               openapi_extra=described_body(document=False, patches=True))  # fmt: skip
    async def patch(request: Request, write: Writing, options: Annotated[WriteOptions, Query()]) -> Response:
        """Change what a patch names, and leave the rest alone.

        The content type says what is sent: `application/json` one path and its value,
        `application/json-patch+json` operations (RFC 6902), `application/merge-patch+json` an object that is
        laid over the document (RFC 7396). With `If-Match` 412 when the revision moved; without it the newest
        one is changed, and changes that come together are made one after another.
        """
        change = await patch_of(request)
        by = write.by(options.reason)
        return changed(await system.settings.patch(write.scope, change, by, expected=write.expected))

    @app.post(f"{PATH}/reset", responses=described(ChangeShape), tags=["settings"])
    async def reset(write: Writing, given: ResetBody) -> Response:
        """Go back to the defaults: of some settings, or of all but the primary exchange."""
        by, paths = write.by(given.reason), paths_of(given.paths)
        return changed(await system.settings.reset(write.scope, by, paths=paths, expected=write.expected))


def _check_condition(write: Write) -> None:
    if not write.is_conditional:
        raise UnconditionalError(hint="send If-Match with the ETag of GET /api/v1/settings")


def _described_schema() -> dict[int | str, dict[str, Any]]:
    content = {"application/json": {"schema": {"type": "object"}}}
    problem = described(SettingsShape)["default"]
    return {200: {"description": "The schema.", "content": content}, "default": problem}
