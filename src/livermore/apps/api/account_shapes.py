"""The JSON of users, tokens and logins: never a hash, and a secret only in the one answer that makes it."""

from __future__ import annotations

from typing import Literal

import msgspec

from livermore.accounts.role import Role
from livermore.accounts.token import ApiToken
from livermore.accounts.user import User
from livermore.kernel.clock import rfc3339


class UserShape(msgspec.Struct, frozen=True, kw_only=True):
    """Who somebody is, how they come in, and what they may do."""

    id: int
    username: str
    display_name: str | None
    email: str | None
    role: Role
    is_active: bool
    identity_provider: str
    identity_sub: str
    has_password: bool
    created_at: str | None
    last_login_at: str | None


class UsersShape(msgspec.Struct, frozen=True, kw_only=True):
    """Everybody, in the order in which they came."""

    users: list[UserShape]


class MeShape(msgspec.Struct, frozen=True, kw_only=True):
    """Who is logged in; `role` is what this login may do."""

    user: UserShape
    role: Role
    via: Literal["session", "token"]


class LoginShape(msgspec.Struct, frozen=True, kw_only=True):
    """Who was let in, and until when; the cookie holds the session."""

    user: UserShape
    role: Role
    expires_at: str


class TokenShape(msgspec.Struct, frozen=True, kw_only=True):
    """One token, without its secret."""

    id: int
    name: str
    role: Role
    created_at: str
    last_used_at: str | None
    revoked_at: str | None


class TokensShape(msgspec.Struct, frozen=True, kw_only=True):
    """The caller's tokens, the newest first."""

    tokens: list[TokenShape]


class NewTokenShape(msgspec.Struct, frozen=True, kw_only=True):
    """A token that was just made; `secret` is told here and never again."""

    token: TokenShape
    secret: str


def user_shape(user: User) -> UserShape:
    """Write a user."""
    return UserShape(
        id=user.id, username=user.username, display_name=user.display_name, email=user.email, role=user.role,
        is_active=user.is_active, identity_provider=user.identity_provider, identity_sub=user.identity_sub,
        has_password=user.has_password, created_at=_moment(user.created_at),
        last_login_at=_moment(user.last_login_at),
    )  # fmt: skip


def token_shape(token: ApiToken) -> TokenShape:
    """Write a token."""
    return TokenShape(
        id=token.id, name=token.name, role=token.role, created_at=rfc3339(token.created_at),
        last_used_at=_moment(token.last_used_at), revoked_at=_moment(token.revoked_at),
    )  # fmt: skip


def _moment(time: int | None) -> str | None:
    return None if time is None else rfc3339(time)
