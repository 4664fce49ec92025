"""Settings as files: one to download, and one to upload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from fastapi import FastAPI, Query, Request
from starlette.responses import Response

from livermore.apps.access.caller import Viewer
from livermore.apps.api.replies import NOT_KEPT, SCHEMAS, described, reply
from livermore.apps.api.settings_answers import PATH, etag
from livermore.apps.api.settings_bodies import ImportOptions, Writing, of_the_body
from livermore.apps.api.settings_shapes import ExportShape, ImportedShape, imported_shape

if TYPE_CHECKING:
    from livermore.bootstrap import System

INDENT = 2


def add_routes(app: FastAPI, system: System) -> None:
    """Serve the export and the import of settings."""

    @app.get(f"{PATH}/export", responses=described(ExportShape), tags=["settings"])
    async def export(caller: Viewer) -> Response:
        """Return the newest settings as a file to be downloaded: `{exportedAt, exportVersion, settings}`."""
        document = await system.settings.export(caller.scope(), now=system.clock.now())
        name = f"livermore-settings-{document['exportedAt'][:10]}.json"
        headers = {**NOT_KEPT, "content-disposition": f'attachment; filename="{name}"'}
        text = msgspec.json.format(msgspec.json.encode(document), indent=INDENT)
        return Response(text + b"\n", headers=headers, media_type="application/json")

    @app.post(f"{PATH}/import", responses=described(ImportedShape), tags=["settings"],
              openapi_extra=_described_file())  # fmt: skip
    async def import_settings(
        request: Request, write: Writing, options: Annotated[ImportOptions, Query()]
    ) -> Response:
        """Store the settings of a file: an export or a bare document, of any version that there was.

        Comments and last commas are fine. Unknown keys are refused; `drop_unknown` leaves them out and lists
        them.
        """
        body = await request.body()
        with of_the_body():
            imported = await system.settings.import_file(
                write.scope, body, write.by(options.reason),
                dry_run=options.dry_run, drop_unknown=options.drop_unknown, expected=write.expected,
            )  # fmt: skip
        shape = imported_shape(imported, dry_run=options.dry_run)
        return reply(shape, headers=etag(imported.change.revision))


def _described_file() -> dict[str, Any]:
    choices = [{"$ref": SCHEMAS.format(name=name)} for name in ("ExportShape", "SettingsDocument")]
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"anyOf": choices}}}}
    }
