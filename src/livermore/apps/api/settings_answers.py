"""How the routes of settings answer: with the revision as ETag."""

from __future__ import annotations

from starlette.responses import Response

from livermore.apps.api.replies import reply
from livermore.apps.api.settings_shapes import change_shape
from livermore.settings.service import Change

PATH = "/api/v1/settings"


def etag(revision: int) -> dict[str, str]:
    """Return the header that names a revision."""
    return {"etag": f'"{revision}"'}


def changed(change: Change) -> Response:
    """Answer with what a write did."""
    return reply(change_shape(change), headers=etag(change.revision))
