"""The page that explains the API: written from its description, complete without the internet."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from starlette.responses import HTMLResponse, Response

from livermore.apps.access.caller import Viewer

ASSETS = Path(__file__).parent / "assets"
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def add_routes(app: FastAPI) -> None:
    """Serve the page with its style and script."""
    page = (ASSETS / "docs.html").read_text()
    style = (ASSETS / "docs.css").read_text()
    script = (ASSETS / "docs.js").read_text()

    @app.get("/api/v1/docs", include_in_schema=False)
    async def docs(caller: Viewer) -> Response:
        """Show every route, its parameters and its shapes, and try them."""
        return HTMLResponse(page, headers={"content-security-policy": POLICY})

    @app.get("/api/v1/docs.css", include_in_schema=False)
    async def docs_style(caller: Viewer) -> Response:
        """Return the style of the page."""
        return Response(style, media_type="text/css")

    @app.get("/api/v1/docs.js", include_in_schema=False)
    async def docs_script(caller: Viewer) -> Response:
        """Return the script of the page."""
        return Response(script, media_type="text/javascript")
