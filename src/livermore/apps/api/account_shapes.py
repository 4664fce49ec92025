"""The JSON of users, tokens and logins: never a hash, and a secret only in the one answer that makes it."""

from __future__ import annotations

from typing import Literal

import msgspec

from livermore.accounts.exchange_account import KeyReport
from livermore.accounts.exchange_accounts import AccountCheck, AccountStatus
from livermore.accounts.principal import Principal
from livermore.accounts.token import ApiToken
from livermore.accounts.user import User
from livermore.kernel.clock import rfc3339
from livermore.kernel.errors import LivermoreError
from livermore.kernel.role import Role


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


class VariableShape(msgspec.Struct, frozen=True, kw_only=True):
    """An environment variable, and whether it is set in the process that answers; never its value."""

    name: str
    resolves: bool


class ExchangeAccountShape(msgspec.Struct, frozen=True, kw_only=True):
    """Which variables hold a key at an exchange; `last_connected_at` is of the last check that went well."""

    id: int
    exchange: str
    display_name: str | None
    is_active: bool
    is_default: bool
    variables: list[VariableShape]
    last_connected_at: str | None


class ExchangeAccountsShape(msgspec.Struct, frozen=True, kw_only=True):
    """The caller's accounts, by exchange."""

    accounts: list[ExchangeAccountShape]


class KeyErrorShape(msgspec.Struct, frozen=True, kw_only=True):
    """Why a key does not work."""

    code: str
    detail: str
    hint: str | None


class ExchangeAccountCheckShape(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a check: `report` where the key works, else `error`."""

    account: ExchangeAccountShape
    works: bool
    report: KeyReport | None
    error: KeyErrorShape | None
    warnings: tuple[str, ...]


def user_shape(user: User) -> UserShape:
    """Write a user."""
    return UserShape(
        id=user.id, username=user.username, display_name=user.display_name, email=user.email, role=user.role,
        is_active=user.is_active, identity_provider=user.identity_provider, identity_sub=user.identity_sub,
        has_password=user.has_password, created_at=_moment(user.created_at),
        last_login_at=_moment(user.last_login_at),
    )  # fmt: skip


def me_shape(principal: Principal) -> MeShape:
    """Write who is logged in."""
    return MeShape(user=user_shape(principal.user), role=principal.role, via=principal.via)


def token_shape(token: ApiToken) -> TokenShape:
    """Write a token."""
    return TokenShape(
        id=token.id, name=token.name, role=token.role, created_at=rfc3339(token.created_at),
        last_used_at=_moment(token.last_used_at), revoked_at=_moment(token.revoked_at),
    )  # fmt: skip


def account_shape(status: AccountStatus | AccountCheck) -> ExchangeAccountShape:
    """Write an exchange account."""
    account = status.account
    return ExchangeAccountShape(
        id=account.id, exchange=account.exchange, display_name=account.display_name,
        is_active=account.is_active, is_default=account.is_default,
        variables=[VariableShape(name=one.name, resolves=one.resolves) for one in status.variables],
        last_connected_at=_moment(account.last_connected_at),
    )  # fmt: skip


def check_shape(check: AccountCheck) -> ExchangeAccountCheckShape:
    """Write what came of a check."""
    return ExchangeAccountCheckShape(
        account=account_shape(check), works=check.works, report=check.report, warnings=check.warnings,
        error=None if check.error is None else _key_error(check.error),
    )  # fmt: skip


def _key_error(error: LivermoreError) -> KeyErrorShape:
    return KeyErrorShape(code=error.code, detail=str(error), hint=error.hint)


def _moment(time: int | None) -> str | None:
    return None if time is None else rfc3339(time)
