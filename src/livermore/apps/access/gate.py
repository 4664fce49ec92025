"""The gate: one ASGI middleware around everything, closed by default."""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from livermore.apps.access.body import LARGEST_BODY, BodyTooLargeError, bounded
from livermore.apps.access.headers import secured
from livermore.apps.access.login import REFUSAL, login_page, login_style
from livermore.apps.access.token import WEEK, Sessions, Token
from livermore.apps.access.visitor import Visitor, allowed_hosts, local
from livermore.apps.api.errors import problem
from livermore.kernel.clock import Clock

OPEN_PATHS = frozenset({"/healthz", "/readyz"})
LOGIN, STYLE = "/login", "/login.css"


class Access:
    """Let in who shows the token: as a bearer, in a page's address, or in the session that either opened.

    It covers HTTP, WebSockets, event streams and static files alike, and refuses foreign hosts and origins.
    """

    def __init__(self, app: ASGIApp, *, token: str, host: str, port: int, clock: Clock) -> None:
        self.app = app
        self._token = Token(token)
        self._sessions = Sessions(token, clock)
        self._hosts = allowed_hosts(host)
        # Cookies know no ports: two monitors on one machine need two names.
        self._cookie = f"livermore_{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, refuse, or pass the request on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._http(scope, receive, secured(send))

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        visitor = Visitor(scope)
        if visitor.host in self._hosts and (self._has_token(visitor) or self._has_session(visitor)):
            await self.app(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        visitor = Visitor(scope)
        try:
            receive = await bounded(visitor.headers, receive)
        except BodyTooLargeError:
            answer: Response | None = problem(413, f"a request may carry {LARGEST_BODY:,} bytes, not more")
        else:
            answer = await self._answer(visitor, Request(scope, receive))
        await (answer or self.app)(scope, receive, send)

    async def _answer(self, visitor: Visitor, request: Request) -> Response | None:
        """Return what the gate itself answers; None lets the request in."""
        if visitor.host not in self._hosts:
            return problem(421, "this server does not answer under that name", hint="open it as 127.0.0.1")
        if visitor.path in OPEN_PATHS:
            return None
        if visitor.path in {LOGIN, STYLE}:
            return await self._login(visitor, request)
        if self._has_token(visitor):
            return None
        given = visitor.parameter("token")
        if given is not None and (visitor.wants_page or not visitor.path.startswith("/api/")):
            return self._opened(visitor, given, visitor.here(without="token"))
        return self._by_session(visitor)

    def _by_session(self, visitor: Visitor) -> Response | None:
        if self._has_session(visitor):
            return None
        if self._is_signed_in(visitor):
            return problem(403, "the request comes from another site", code="not_allowed")
        if visitor.wants_page:
            return login_page(visitor.here(without="token"))
        return problem(
            401, "a login is needed", hint="send the header Authorization: Bearer <token>",
            headers={"www-authenticate": "Bearer"},
        )  # fmt: skip

    async def _login(self, visitor: Visitor, request: Request) -> Response:
        if visitor.path == STYLE:
            return login_style()
        if visitor.method != "POST":
            return login_page(local(visitor.parameter("next") or "/"), status=200)
        if visitor.is_from_elsewhere() and visitor.headers.get("origin") != "null":
            return problem(403, "the login comes from another site", code="not_allowed")
        form = parse_qs((await request.body()).decode("utf-8", "replace"))
        back_to = local(form.get("next", ["/"])[0])
        return self._opened(visitor, form.get("token", [""])[0].strip(), back_to)

    def _opened(self, visitor: Visitor, token: str, back_to: str) -> Response:
        """Open a session for the right token and go on; say so when it is wrong."""
        if not self._token.matches(token):
            return login_page(back_to, problem=REFUSAL)
        answer = RedirectResponse(back_to, 303, {"cache-control": "no-store"})
        answer.set_cookie(
            self._cookie, self._sessions.open(), max_age=WEEK // 1000,
            httponly=True, samesite="lax", secure=visitor.is_secure,
        )  # fmt: skip
        return answer

    def _has_token(self, visitor: Visitor) -> bool:
        return visitor.bearer is not None and self._token.matches(visitor.bearer)

    def _is_signed_in(self, visitor: Visitor) -> bool:
        cookie = visitor.cookie(self._cookie)
        return cookie is not None and self._sessions.is_open(cookie)

    def _has_session(self, visitor: Visitor) -> bool:
        # A browser sends its cookie whoever makes it ask; what may change something must come from our page.
        if visitor.is_websocket or not visitor.is_safe:
            return self._is_signed_in(visitor) and visitor.is_from_here()
        return self._is_signed_in(visitor) and not visitor.is_from_elsewhere()
