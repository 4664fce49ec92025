"""The login page: plain HTML, so that it works when nothing else does."""

from __future__ import annotations

from html import escape
from pathlib import Path

from starlette.responses import HTMLResponse, Response

STYLE = (Path(__file__).parent / "login.css").read_text()
POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="dark light">
<title>Log in – Livermore</title>
<link rel="stylesheet" href="/login.css">
</head>
<body>
<main>
<h1>Livermore</h1>
<p>This monitor is private. Paste its login token,
or open the address that <code>livermore up</code> printed.</p>
<form method="post" action="/login">
{problem}<label for="token">Login token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<input type="hidden" name="next" value="{next}">
<button type="submit">Log in</button>
</form>
</main>
</body>
</html>
"""
REFUSAL = "That token is not the right one. It may be from an earlier run: a restart can print a new one."


def login_page(back_to: str, *, problem: str | None = None, status: int = 401) -> Response:
    """Ask for the token, and go on to a path of this site afterwards."""
    said = f'<p class="problem" role="alert">{escape(problem)}</p>\n' if problem else ""
    page = PAGE.format(problem=said, next=escape(back_to))
    headers = {"content-security-policy": POLICY, "cache-control": "no-store"}
    return HTMLResponse(page, status, headers)


def login_style() -> Response:
    """Return the style of the login page."""
    return Response(STYLE, media_type="text/css", headers={"cache-control": "max-age=3600"})
