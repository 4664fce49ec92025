"""The watchlist as a file: one to download, and one to look at before anything of it is added."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, FastAPI, Query
from starlette.responses import Response

from livermore.apps.access.caller import Viewer
from livermore.apps.api.replies import NOT_KEPT, described, reply
from livermore.apps.api.symbols_bodies import LIST_BODY, Export, PreviewBody, given_list
from livermore.apps.api.symbols_shapes import PreviewShape, preview_shape
from livermore.kernel.clock import rfc3339
from livermore.kernel.errors import InvalidError
from livermore.market.symbol_lists import ListForm, form_of, read_list, written_list

if TYPE_CHECKING:
    from collections.abc import Mapping

    from livermore.bootstrap import System

PATH = "/api/v1/symbols"
# The ending and the type of a file.
FILES: Mapping[ListForm, tuple[str, str]] = {
    "json": ("json", "application/json"),
    "csv": ("csv", "text/csv; charset=utf-8"),
    "tradingview": ("txt", "text/plain; charset=utf-8"),
}


def add_routes(app: FastAPI, system: System) -> None:
    """Serve the export of a watchlist, and the preview of an import."""

    @app.post(f"{PATH}/import/preview", responses=described(PreviewShape), tags=["symbols"],
              openapi_extra=LIST_BODY)  # fmt: skip
    async def preview(caller: Viewer, given: Annotated[PreviewBody, Depends(given_list)]) -> Response:
        """Read a list of symbols and say of each whether it can be watched; nothing is stored.

        As `application/json` the list is a `text`, as `text/csv` or `text/plain` the body itself. The command
        `bulk-add-symbols` adds what is wanted of it.
        """
        # A million characters take a second, for which nothing else may be kept waiting.
        form, inputs = await asyncio.to_thread(_read, given.text, given.form)
        judged = await system.watchlist.validated(caller.scope(), inputs, given.exchange)
        return reply(preview_shape(form, judged))

    @app.get(f"{PATH}/export", responses=_described_files(), tags=["symbols"])
    async def export(caller: Viewer, wanted: Annotated[Export, Query()]) -> Response:
        """Return the watchlist as a file that the import takes, here and elsewhere."""
        ending, kind = FILES[wanted.form]
        name = f"livermore-symbols-{rfc3339(system.clock.now())[:10]}.{ending}"
        headers = {**NOT_KEPT, "content-disposition": f'attachment; filename="{name}"'}
        text = written_list(await system.watchlist.rows(caller.scope()), wanted.form)
        return Response(text, headers=headers, media_type=kind)


def _read(text: str, form: ListForm | None) -> tuple[ListForm, list[str]]:
    """Return the form of a list and its symbols; raise InvalidError where it has none."""
    form = form or form_of(text)
    inputs = read_list(text, form)
    if not inputs:
        raise InvalidError("the list holds no symbol", where="text", hint=f"it was read as {form}")
    return form, inputs


def _described_files() -> dict[int | str, dict[str, Any]]:
    text: dict[str, Any] = {"schema": {"type": "string"}}
    names = {"type": "array", "items": {"type": "string"}}
    content = {"application/json": {"schema": names}, "text/csv": text, "text/plain": text}
    problem = described(PreviewShape)["default"]
    return {200: {"description": "The watchlist as a file.", "content": content}, "default": problem}
