"""Who it is for: logging in and out, users and tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Path, Request
from starlette.responses import Response

from livermore.accounts.password import check_password
from livermore.accounts.principal import Principal
from livermore.apps.access.caller import FOR_ALL, Admin, Viewer
from livermore.apps.access.visit import visit_of
from livermore.apps.api.account_shapes import (
    LoginShape,
    MeShape,
    NewTokenShape,
    TokensShape,
    UserShape,
    UsersShape,
    me_shape,
    token_shape,
    user_shape,
)
from livermore.apps.api.bodies import Login, NewToken, NewUser, OwnPassword, UserChange
from livermore.apps.api.replies import described, done, nothing, reply
from livermore.kernel.clock import rfc3339
from livermore.kernel.errors import InvalidError, NotAllowedError

if TYPE_CHECKING:
    from livermore.accounts.principal import Opened
    from livermore.accounts.service import Accounts
    from livermore.apps.access.entrance import Entrance
    from livermore.bootstrap import System

# What a column of whole numbers holds.
UserId = Annotated[int, Path(ge=1, lt=2**31, description="A user's id.")]
TokenId = Annotated[int, Path(ge=1, lt=2**31, description="A token's id.")]


def add_routes(app: FastAPI, system: System, entrance: Entrance) -> None:
    """Serve logins, users and tokens."""
    _add_logins(app, entrance)
    _add_own_password(app, system)
    _add_users(app, system, entrance)
    _add_tokens(app, system)


def _add_logins(app: FastAPI, entrance: Entrance) -> None:
    @app.post("/api/v1/login", responses=described(LoginShape), tags=["accounts"], dependencies=[FOR_ALL],
              openapi_extra={"security": []})  # fmt: skip
    async def login(request: Request, given: Login) -> Response:
        """Open a session by a user's name and password, or by a token, and answer with its cookie.

        After a few wrong passwords further ones have to wait (429 with `Retry-After`).
        """
        visitor = visit_of(request.scope).visitor
        if given.token is not None:
            opened = await entrance.by_token(given.token.strip())
        else:
            opened = await entrance.by_password(given.username or "", given.password or "", visitor)
        answer = reply(_login_shape(opened))
        entrance.remember(answer, opened, visitor)
        return answer

    @app.post("/api/v1/logout", responses=done(), status_code=204, tags=["accounts"])
    async def logout(request: Request, caller: Viewer) -> Response:
        """End the session of this browser; a token stays good until it is revoked."""
        answer = nothing()
        await entrance.leave(answer, visit_of(request.scope).visitor)
        return answer

    @app.get("/api/v1/me", responses=described(MeShape), tags=["accounts"])
    async def me(caller: Viewer) -> Response:
        """Return who is logged in, by what, and with which role: the lower of the user's and the token's."""
        return reply(me_shape(caller))


def _add_own_password(app: FastAPI, system: System) -> None:
    @app.post("/api/v1/me/password", responses=done(), status_code=204, tags=["accounts"])
    async def change_password(request: Request, caller: Viewer, given: OwnPassword) -> Response:
        """Give oneself a new password, which ends one's other sessions; tokens stay.

        Whoever has a password shows it; wrong ones are counted as at a login (429 with `Retry-After`).
        """
        _check_whole(caller)
        address = visit_of(request.scope).visitor.address
        await system.accounts.change_own_password(caller, given.new, current=given.current, address=address)
        return nothing()


def _login_shape(opened: Opened) -> LoginShape:
    principal = opened.principal
    return LoginShape(
        user=user_shape(principal.user), role=principal.role, expires_at=rfc3339(opened.expires_at)
    )


def _add_users(app: FastAPI, system: System, entrance: Entrance) -> None:
    @app.get("/api/v1/users", responses=described(UsersShape), tags=["accounts"])
    async def users(caller: Admin) -> Response:
        """Return everybody, in the order in which they came."""
        return reply(UsersShape(users=[user_shape(user) for user in await system.accounts.users()]))

    @app.post("/api/v1/users", responses=described(UserShape, status=201), status_code=201, tags=["accounts"])
    async def create_user(caller: Admin, given: NewUser) -> Response:
        """Create a user, who logs in by a password or by a subject of the identity provider."""
        identity = None if given.identity_sub is None else entrance.identity_of(given.identity_sub)
        user = await system.accounts.create_user(
            given.username, given.role, given.password, identity=identity,
            display_name=given.display_name, email=given.email,
        )  # fmt: skip
        return reply(user_shape(user), status=201)

    @app.patch("/api/v1/users/{id}", responses=described(UserShape), tags=["accounts"])
    async def change_user(caller: Admin, id: UserId, given: UserChange) -> Response:  # noqa: A002 - the word on the wire
        """Change role, name or password of a user, or switch the user off.

        A new password, and being switched off, end the user's sessions. The last active admin stays one.
        """
        return reply(user_shape(await _changed(system.accounts, id, given)))

    @app.delete("/api/v1/users/{id}", responses=done(), status_code=204, tags=["accounts"])
    async def delete_user(caller: Admin, id: UserId) -> Response:  # noqa: A002
        """Delete a user with settings, signals, alerts, tokens and sessions."""
        await system.accounts.delete_user(id)
        return nothing()

    @app.delete("/api/v1/users/{id}/sessions", responses=done(), status_code=204, tags=["accounts"])
    async def end_sessions(caller: Admin, id: UserId) -> Response:  # noqa: A002
        """End every session of a user; tokens stay."""
        await system.accounts.user(id)
        await system.accounts.close_sessions_of(id)
        return nothing()


async def _changed(accounts: Accounts, user_id: int, given: UserChange) -> Any:
    named = given.model_dump(exclude_unset=True)
    password = named.pop("password", None)
    if not named and password is None:
        raise InvalidError("nothing is to be changed", hint="give role, is_active, display_name or password")
    if password is not None:
        # Before anything is changed: who is refused must find all as it was.
        check_password(password, (await accounts.user(user_id)).username)
    user = await accounts.change_user(user_id, **named) if named else None
    if password is not None:
        await accounts.set_password(user_id, password)
    return user if user is not None and password is None else await accounts.user(user_id)


def _add_tokens(app: FastAPI, system: System) -> None:
    @app.get("/api/v1/tokens", responses=described(TokensShape), tags=["accounts"])
    async def tokens(caller: Viewer) -> Response:
        """Return the caller's own tokens, the newest first, also those that are revoked."""
        found = await system.accounts.tokens(caller.scope())
        return reply(TokensShape(tokens=[token_shape(token) for token in found]))

    @app.post(
        "/api/v1/tokens", responses=described(NewTokenShape, status=201), status_code=201, tags=["accounts"]
    )
    async def create_token(caller: Viewer, given: NewToken) -> Response:
        """Create a token of one's own; its secret is told in this answer and never again."""
        _check_whole(caller)
        token, secret = await system.accounts.create_token(caller.scope(), given.name, given.role)
        return reply(NewTokenShape(token=token_shape(token), secret=secret), status=201)

    @app.delete("/api/v1/tokens/{id}", responses=done(), status_code=204, tags=["accounts"])
    async def revoke_token(caller: Viewer, id: TokenId) -> Response:  # noqa: A002
        """Revoke a token of one's own: from the next request on it is of no use."""
        _check_whole(caller)
        await system.accounts.revoke_token(caller.scope(), id)
        return nothing()


def _check_whole(caller: Principal) -> None:
    """Refuse a login that may do less than its user: what it made would outlive it."""
    if caller.role != caller.user.role:
        raise NotAllowedError(
            f"a token with the role {caller.role} alone changes neither tokens nor the password"
        )
