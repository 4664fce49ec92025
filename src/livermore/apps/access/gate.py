"""The gate: one ASGI middleware around everything, closed by default."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from livermore.accounts.principal import Principal
from livermore.apps.access.body import LARGEST_BODY, BodyTooLargeError, bounded
from livermore.apps.access.doorway import Doorway
from livermore.apps.access.entrance import Entrance
from livermore.apps.access.headers import secured
from livermore.apps.access.keys import Keys
from livermore.apps.access.login_pages import PATHS, LoginPages
from livermore.apps.access.sockets import POLICY_VIOLATION, EndableSocket
from livermore.apps.access.visit import Visit, with_visit
from livermore.apps.access.visitor import Visitor
from livermore.apps.access.watch import Watch
from livermore.apps.api.errors import Fault, problem, problem_of
from livermore.kernel.errors import LivermoreError

API_LOGIN = "/api/v1/login"
OPEN_PATHS = frozenset({"/healthz", "/readyz", API_LOGIN})
TRY_AGAIN = 1013
Lookup = Callable[[str], Awaitable[Principal | None]]


class Access:
    """Let in who shows a good secret: a token as bearer, a session's cookie, a link in a page's address.

    It covers HTTP, WebSockets, event streams and static files alike, refuses foreign hosts and origins, and
    writes into the scope who was let in; what they may do is stated by each route.
    """

    def __init__(
        self, app: ASGIApp, *, doorway: Doorway, keys: Keys, entrance: Entrance, pages: LoginPages,
        watch: Watch,
    ) -> None:  # fmt: skip
        self.app = app
        self._doorway = doorway
        self._keys = keys
        self._entrance = entrance
        self._pages = pages
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, refuse, or pass the request on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._http(scope, receive, secured(send))

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        visitor = Visitor(scope, self._doorway)
        code = POLICY_VIOLATION
        try:
            visit = await self._let_in(visitor) if self._is_ours(visitor) else None
        except LivermoreError:
            visit, code = None, TRY_AGAIN
        if visit is None or not (visitor.bearer or visitor.is_from_here()):
            await receive()
            await send({"type": "websocket.close", "code": code})
            return
        with visit.until_revoked() as ended:
            socket = EndableSocket(receive, send, ended)
            await self.app(with_visit(scope, visit), socket.receive, socket.send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        visitor = Visitor(scope, self._doorway)
        answer: Response | Visit
        try:
            receive = await bounded(visitor.headers, receive)
            answer = await self._answer(visitor, Request(scope, receive))
        except BodyTooLargeError:
            answer = _too_large()
        except LivermoreError as error:
            answer = problem_of(error)
        if isinstance(answer, Visit):
            await self.app(with_visit(scope, answer), receive, send)
        else:
            await answer(scope, receive, send)

    async def _answer(self, visitor: Visitor, request: Request) -> Response | Visit:
        """Return what the gate itself answers, or who it has let in."""
        if not self._is_ours(visitor):
            hint = "open it as 127.0.0.1, or name the host in LIVERMORE_ALLOWED_HOSTS"
            return problem(421, "this server does not answer under that name", hint=hint)
        if visitor.has_nul:
            return problem(422, "an address holds no NUL")
        if visitor.path in PATHS:
            return await self._pages.answer(visitor, request)
        if visitor.path in OPEN_PATHS:
            is_foreign = visitor.path == API_LOGIN and visitor.is_from_elsewhere()
            return _foreign() if is_foreign else Visit(visitor)
        visit = await self._let_in(visitor)
        secret = visitor.parameter("token")
        if secret is not None and visitor.bearer is None and self._may_open(visitor):
            return await self._by_address(visitor, secret, visit)
        return self._checked(visitor, visit)

    def _may_open(self, visitor: Visitor) -> bool:
        return visitor.method == "GET" and (visitor.wants_page or not visitor.path.startswith("/api/"))

    async def _by_address(self, visitor: Visitor, secret: str, visit: Visit | None) -> Response:
        """Open a session by the address; who has one already, as after a reload, is only sent on."""
        back_to = visitor.here(without="token")
        if visit is not None:
            return self._pages.go_on(back_to)
        try:
            return self._pages.welcome(await self._entrance.by_address(secret), back_to, visitor)
        except LivermoreError as refusal:
            return self._pages.ask(back_to, refusal=refusal)

    def _checked(self, visitor: Visitor, visit: Visit | None) -> Response | Visit:
        # A browser sends its cookie whoever makes it ask; what may change something must come from our page.
        if visit is not None:
            is_ours = not visitor.is_from_elsewhere() if visitor.is_safe else visitor.is_from_here()
            return visit if visitor.bearer is not None or is_ours else _foreign()
        if visitor.wants_page:
            return self._pages.ask(visitor.here(without="token"))
        return problem(
            401, "a login is needed", hint="send the header Authorization: Bearer <token>",
            headers={"www-authenticate": "Bearer"},
        )  # fmt: skip

    def _is_ours(self, visitor: Visitor) -> bool:
        return visitor.host in self._doorway.hosts

    async def _let_in(self, visitor: Visitor) -> Visit | None:
        """Return who shows a good secret; a wrong token is not made good by a cookie."""
        cookie = visitor.cookie(self._entrance.cookie)
        if visitor.bearer is not None:
            return await self._visit(visitor, self._keys.by_bearer, visitor.bearer)
        return await self._visit(visitor, self._keys.by_cookie, cookie) if cookie else None

    async def _visit(self, visitor: Visitor, lookup: Lookup, secret: str) -> Visit | None:
        principal = await lookup(secret)
        if principal is None:
            return None
        return Visit(visitor, principal, partial(lookup, secret), self._watch.over)


def _foreign() -> Response:
    return problem(403, "the request comes from another site", code="not_allowed")


def _too_large() -> Response:
    said = f"a request may carry {LARGEST_BODY:,} bytes, not more"
    return problem(413, said, faults=[Fault(path="body", message="is too large")])
