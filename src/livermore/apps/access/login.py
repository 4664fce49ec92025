"""The login page: plain HTML, so that it works when nothing else does."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from urllib.parse import quote

from starlette.responses import HTMLResponse, Response

STYLE = (Path(__file__).parent / "login.css").read_text()
POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
FRAME = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="dark light">
<title>{title} – Livermore</title>
<link rel="stylesheet" href="/login.css">
</head>
<body>
<main>
<h1>Livermore</h1>
{content}</main>
</body>
</html>
"""
FORMS = """<p>This monitor is private.</p>
{problem}{provider}<form method="post" action="/login">
<label for="username">User name</label>
<input id="username" name="username" autocomplete="username" autocapitalize="none" required{focus}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<input type="hidden" name="next" value="{next}">
<button type="submit">Log in</button>
</form>
<details>
<summary>Log in with a token</summary>
<form method="post" action="/login">
<label for="token">Login token</label>
<input id="token" name="token" type="password" autocomplete="off" required>
<input type="hidden" name="next" value="{next}">
<button type="submit">Use the token</button>
</form>
</details>
<p class="note">On its own machine, the address that <code>livermore up</code> prints opens it once, and
<code>livermore token create NAME</code> makes a token.</p>
"""
BUTTON = '<a class="button" href="/login/identity?next={next}">Log in with {name}</a>\n'
REFUSED = """<p class="problem" role="alert">{problem}</p>
<p><a href="/">Back to the market</a></p>
"""


def login_page(
    back_to: str, *, problem: str | None = None, status: int = 401, provider: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:  # fmt: skip
    """Ask for a password or a token, or lead to an identity provider; go on to a path of this site."""
    said = f'<p class="problem" role="alert">{escape(problem)}</p>\n' if problem else ""
    button = BUTTON.format(next=quote(back_to, safe=""), name=escape(provider)) if provider else ""
    forms = FORMS.format(
        problem=said, provider=button, next=escape(back_to), focus="" if provider else " autofocus"
    )
    return _page("Log in", forms, status, headers)


def refused_page(problem: str) -> Response:
    """Say that a page is not for this login."""
    said = problem[:1].upper() + problem[1:] + "."
    return _page("Not allowed", REFUSED.format(problem=escape(said)), 403)


def missing_page() -> Response:
    """Say that there is no such page."""
    return _page("Not found", REFUSED.format(problem="There is no such page."), 404)


def _page(title: str, content: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    page = FRAME.format(title=title, content=content)
    said = {"content-security-policy": POLICY, "cache-control": "no-store", **(headers or {})}
    return HTMLResponse(page, status, said)


def login_style() -> Response:
    """Return the style of the login page."""
    return Response(STYLE, media_type="text/css", headers={"cache-control": "max-age=3600"})
