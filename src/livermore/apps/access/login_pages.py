"""The pages before the gate: login by password or token, its style, and the way over an identity provider."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.responses import RedirectResponse, Response

from livermore.apps.access.identity import PATIENCE
from livermore.apps.access.login import login_page, login_style
from livermore.apps.access.visitor import Visitor, local
from livermore.apps.api.errors import problem, problem_of, told_of
from livermore.kernel.errors import LivermoreError, RateLimitedError

if TYPE_CHECKING:
    from starlette.requests import Request

    from livermore.accounts.principal import Opened
    from livermore.apps.access.entrance import Entrance
    from livermore.apps.access.identity import IdentityLogins

LOGIN, STYLE = "/login", "/login.css"
DEPART, RETURN = "/login/identity", "/login/identity/callback"
PATHS = frozenset({LOGIN, STYLE, DEPART, RETURN})
NO_CACHE = {"cache-control": "no-store"}


class LoginPages:
    """Answer who is not logged in yet."""

    def __init__(self, entrance: Entrance, identities: IdentityLogins | None) -> None:
        self._entrance = entrance
        self._identities = identities
        self._state = f"{entrance.cookie}_login"

    async def answer(self, visitor: Visitor, request: Request) -> Response:
        """Answer under one of PATHS."""
        if visitor.path == STYLE:
            return login_style()
        if visitor.path in {DEPART, RETURN}:
            return await self._by_identity(visitor)
        if visitor.method == "POST":
            return await self._log_in(visitor, request)
        return self.ask(local(visitor.parameter("next") or "/"), status=200)

    def ask(self, back_to: str, *, refusal: LivermoreError | None = None, status: int = 401) -> Response:
        """Show the forms, and why somebody was not let in."""
        name = self._identities.provider.name if self._identities is not None else None
        if refusal is None:
            return login_page(back_to, status=status, provider=name)
        told = problem_of(refusal)
        headers = {name: told.headers[name] for name in ("retry-after",) if name in told.headers}
        status = told.status_code if isinstance(refusal, RateLimitedError) else status
        said = ". ".join(
            sentence[:1].upper() + sentence[1:] for sentence in (told_of(refusal), refusal.hint) if sentence
        )
        return login_page(back_to, problem=said, status=status, headers=headers, provider=name)

    def welcome(self, opened: Opened, back_to: str, visitor: Visitor) -> Response:
        """Send somebody on who was let in."""
        answer = self.go_on(back_to)
        self._entrance.remember(answer, opened, visitor)
        return answer

    def go_on(self, back_to: str) -> Response:
        """Send somebody to a path of this site."""
        return RedirectResponse(back_to, 303, NO_CACHE)

    async def _log_in(self, visitor: Visitor, request: Request) -> Response:
        if visitor.is_from_elsewhere() and not visitor.hides_its_origin:
            return problem(403, "the login comes from another site", code="not_allowed")
        form = parse_qs((await request.body()).decode("utf-8", "replace"), keep_blank_values=True)
        given = {name: values[0] for name, values in form.items()}
        back_to = local(given.get("next", "/"))
        try:
            return self.welcome(await self._opened(given, visitor), back_to, visitor)
        except LivermoreError as refusal:
            return self.ask(back_to, refusal=refusal)

    async def _by_identity(self, visitor: Visitor) -> Response:
        if self._identities is None or visitor.method != "GET":
            return problem(404, "there is no identity provider here")
        redirect_uri = f"{'https' if visitor.is_secure else 'http'}://{visitor.headers['host']}{RETURN}"
        try:
            if visitor.path == DEPART:
                return await self._depart(self._identities, visitor, redirect_uri)
            return await self._return(self._identities, visitor, redirect_uri)
        except LivermoreError as refusal:
            return self.ask("/", refusal=refusal)

    async def _depart(self, identities: IdentityLogins, visitor: Visitor, redirect_uri: str) -> Response:
        address, state = await identities.begin(local(visitor.parameter("next") or "/"), redirect_uri)
        answer = self.go_on(address)
        answer.set_cookie(
            self._state, state, max_age=PATIENCE // 1000, path=DEPART,
            httponly=True, samesite="lax", secure=visitor.is_secure,
        )  # fmt: skip
        return answer

    async def _return(self, identities: IdentityLogins, visitor: Visitor, redirect_uri: str) -> Response:
        state = visitor.cookie(self._state)
        opened, back_to = await identities.finish(dict(visitor.query), state, redirect_uri)
        answer = self.welcome(opened, back_to, visitor)
        answer.delete_cookie(self._state, path=DEPART)
        return answer

    async def _opened(self, given: dict[str, str], visitor: Visitor) -> Opened:
        if "token" in given:
            return await self._entrance.by_token(given["token"].strip())
        return await self._entrance.by_password(
            given.get("username", "").strip(), given.get("password", ""), visitor
        )
