"""Which role each page needs: a path that states none is not served, to nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui import ui
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from livermore.apps.access.login import missing_page, refused_page
from livermore.apps.access.visit import Visit, visit_of
from livermore.apps.api.errors import problem
from livermore.kernel.role import Role, covers

# Scripts, styles and the socket, whose own guard asks which page a message is for.
SHARED: dict[str, Role] = {"/assets/": "viewer", "/_nicegui/": "viewer", "/_nicegui_ws/": "viewer"}
FAVICON = "/favicon.ico"
PAGES: dict[str, Role] = {}


def page(path: str, role: Role, *, title: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a page for those whose role covers the one it needs."""
    PAGES[path] = role
    return ui.page(path, title=f"{title} – Livermore")


def role_of(path: str) -> Role | None:
    """Return the role that a path needs; None where none is stated."""
    if path == FAVICON:
        return "viewer"
    stated = PAGES.get(path)
    return stated or next((role for prefix, role in SHARED.items() if path.startswith(prefix)), None)


class StatedPages:
    """Stand before the pages and let a caller onto those whose role they have."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        visit, needed = visit_of(scope), role_of(scope["path"])
        principal = visit.principal
        if needed is not None and principal is not None and covers(principal.role, needed):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await _refusal(visit, needed)(scope, receive, send)


def _refusal(visit: Visit, needed: Role | None) -> Response:
    if needed is None:
        return missing_page() if visit.visitor.wants_page else problem(404, "there is no such page")
    said = f"this page needs the role {needed}"
    return refused_page(said) if visit.visitor.wants_page else problem(403, said)
