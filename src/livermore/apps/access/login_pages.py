"""The pages before the gate: login by password or token, its style, and the way over an identity provider."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.responses import RedirectResponse, Response

from livermore.apps.access.login import login_page, login_style
from livermore.apps.access.visitor import Visitor, local
from livermore.apps.api.errors import problem, problem_of
from livermore.kernel.errors import LivermoreError, RateLimitedError

if TYPE_CHECKING:
    from starlette.requests import Request

    from livermore.accounts.principal import Opened
    from livermore.apps.access.entrance import Entrance

LOGIN, STYLE = "/login", "/login.css"
PATHS = frozenset({LOGIN, STYLE})
NO_CACHE = {"cache-control": "no-store"}


class LoginPages:
    """Answer who is not logged in yet."""

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance

    async def answer(self, visitor: Visitor, request: Request) -> Response:
        """Answer under one of PATHS."""
        if visitor.path == STYLE:
            return login_style()
        if visitor.method == "POST":
            return await self._log_in(visitor, request)
        return self.ask(local(visitor.parameter("next") or "/"), status=200)

    def ask(self, back_to: str, *, refusal: LivermoreError | None = None, status: int = 401) -> Response:
        """Show the forms, and why somebody was not let in."""
        if refusal is None:
            return login_page(back_to, status=status)
        told = problem_of(refusal)
        headers = {name: told.headers[name] for name in ("retry-after",) if name in told.headers}
        status = told.status_code if isinstance(refusal, RateLimitedError) else status
        return login_page(back_to, problem=str(refusal), status=status, headers=headers)

    def welcome(self, opened: Opened, back_to: str, visitor: Visitor) -> Response:
        """Send somebody on who was let in."""
        answer = self.go_on(back_to)
        self._entrance.remember(answer, opened, visitor)
        return answer

    def go_on(self, back_to: str) -> Response:
        """Send somebody to a path of this site."""
        return RedirectResponse(back_to, 303, NO_CACHE)

    async def _log_in(self, visitor: Visitor, request: Request) -> Response:
        if visitor.is_from_elsewhere() and visitor.headers.get("origin") != "null":
            return problem(403, "the login comes from another site", code="not_allowed")
        form = parse_qs((await request.body()).decode("utf-8", "replace"), keep_blank_values=True)
        given = {name: values[0] for name, values in form.items()}
        back_to = local(given.get("next", "/"))
        try:
            return self.welcome(await self._opened(given, visitor), back_to, visitor)
        except LivermoreError as refusal:
            return self.ask(back_to, refusal=refusal)

    async def _opened(self, given: dict[str, str], visitor: Visitor) -> Opened:
        if "token" in given:
            return await self._entrance.by_token(given["token"].strip())
        return await self._entrance.by_password(
            given.get("username", "").strip(), given.get("password", ""), visitor
        )
