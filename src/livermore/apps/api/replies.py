"""Answers: encoded by msgspec, so that floats are exact, and described by the very types that are encoded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from livermore.apps.api.errors import MEDIA_TYPE

NOT_KEPT = {"cache-control": "no-store"}
SCHEMAS = "#/components/schemas/{name}"


def reply(shape: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with a shape as JSON, which nobody on the way may keep."""
    said = {**NOT_KEPT, **(headers or {})}
    return Response(msgspec.json.encode(shape), status, said, "application/json")


def nothing() -> Response:
    """Answer that it is done, with nothing to tell."""
    return Response(status_code=204, headers=NOT_KEPT)


def described(shape: type[Any], *, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """Describe a route's answers for OpenAPI: a shape, or a problem."""
    return {status: _content(shape.__doc__ or "", "application/json", shape.__name__)} | _problem()


def unready(shape: type[Any]) -> dict[int | str, dict[str, Any]]:
    """Describe the answer of a route that says by its status that something is not ready."""
    return {503: _content(shape.__doc__ or "", "application/json", shape.__name__)}


def done() -> dict[int | str, dict[str, Any]]:
    """Describe a route that answers with nothing, or a problem."""
    return {204: {"description": "Done."}} | _problem()


def _problem() -> dict[int | str, dict[str, Any]]:
    return {"default": _content("A problem (RFC 9457).", MEDIA_TYPE, "Problem")}


def _content(description: str, media_type: str, name: str) -> dict[str, Any]:
    schema = {"$ref": SCHEMAS.format(name=name)}
    return {"description": description, "content": {media_type: {"schema": schema}}}
