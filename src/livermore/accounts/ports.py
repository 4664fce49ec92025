"""What the accounts room needs from the world: places for users, tokens, sessions and what is under way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from livermore.accounts.attempts import Rule, Tally
from livermore.accounts.token import ApiToken
from livermore.accounts.user import User
from livermore.kernel.role import Role
from livermore.kernel.scope import Scope


class IdentityBook(Protocol):
    """Know users by their identities."""

    async def find(self, identity_provider: str, identity_sub: str) -> User | None:
        """Return the user of an identity."""
        ...

    async def create(
        self,
        *,
        username: str,
        identity_provider: str,
        identity_sub: str,
        role: Role,
        settings: dict[str, Any],
        display_name: str | None = None,
        email: str | None = None,
        password_hash: str | None = None,
    ) -> User:
        """Insert a user and revision 1 of its settings (source `system`) in one transaction.

        Errors: ConflictError when the name, the identity or the e-mail address is somebody's.
        """
        ...


class UserBook(IdentityBook, Protocol):
    """Keep users."""

    async def get(self, user_id: int) -> User | None:
        """Return a user."""
        ...

    async def named(self, username: str) -> tuple[User, str | None] | None:
        """Return the user of a name, and the hash of the password."""
        ...

    async def all(self) -> list[User]:
        """Return everybody, in the order in which they came."""
        ...

    async def has_email(self, email: str) -> bool:
        """Say whether somebody has an e-mail address."""
        ...

    async def has_passwords(self) -> bool:
        """Say whether any active admin has a password."""
        ...

    async def change(self, user_id: int, changes: Mapping[str, Any]) -> User:
        """Write columns of a user; one that is no longer active loses its sessions.

        Errors: NotFoundError; ConflictError when no active admin would be left.
        """
        ...

    async def set_password(self, user_id: int, password_hash: str, *, keep: bytes | None = None) -> None:
        """Store a password and end the user's sessions but for one digest; raise NotFoundError."""
        ...

    async def rehash(self, user_id: int, before: str, after: str) -> None:
        """Store the same password in another way, unless it was changed meanwhile."""
        ...

    async def delete(self, user_id: int) -> None:
        """Delete a user with all that is the user's.

        Errors: NotFoundError; ConflictError when no active admin would be left.
        """
        ...


class TokenBook(Protocol):
    """Keep tokens, known by the SHA-256 of their secrets alone."""

    async def owner(self, digest: bytes) -> tuple[User, ApiToken] | None:
        """Return an active user with the token of a digest that is not revoked, by one indexed look-up."""
        ...

    async def all(self, scope: Scope) -> list[ApiToken]:
        """Return a user's tokens, the newest first."""
        ...

    async def create(self, scope: Scope, name: str, role: Role, digest: bytes) -> ApiToken:
        """Insert a token."""
        ...

    async def revoke(self, scope: Scope, token_id: int) -> None:
        """Let a token be of no use from now on; raise NotFoundError for what is not the user's."""
        ...

    async def used(self, token_id: int, time: int) -> None:
        """Store when a token was used last (ms UTC)."""
        ...


class SessionBook(Protocol):
    """Keep sessions, known by the SHA-256 of their secrets alone."""

    async def owner(self, digest: bytes) -> User | None:
        """Return the active user of a session that has not expired, by one indexed look-up."""
        ...

    async def open(self, user_id: int, digest: bytes, expires_at: int) -> None:
        """Insert a session and the time of this login; raise NotFoundError when the user is gone."""
        ...

    async def close(self, digest: bytes) -> None:
        """Delete a session, if it is there."""
        ...

    async def close_all(self, user_id: int) -> None:
        """Delete a user's sessions."""
        ...


class AttemptBook(Protocol):
    """Count guesses under names of 32 bytes, each in one transaction with the others of the same guess."""

    async def read(self, names: Sequence[bytes]) -> dict[bytes, Tally]:
        """Return what is counted under names and not yet forgotten."""
        ...

    async def count(self, rules: Mapping[bytes, Rule]) -> int:
        """Count one guess under every name, or under none when one of them is refused.

        Returns until when it is refused (ms UTC), or 0.
        """
        ...

    async def succeed(self, given_back: Sequence[bytes], forgotten: bytes, known: bytes, until: int) -> None:
        """Take a guess that was right from some names, and forget one.

        Keep the name `known`, under which nothing is counted, for so long (ms UTC).
        """
        ...


class IdentityLogin(msgspec.Struct, frozen=True, kw_only=True):
    """A login under way at an identity provider, by the SHA-256 of its state; ms UTC."""

    state_hash: bytes
    verifier: str
    nonce: str
    back_to: str
    expires_at: int


class LoginBook(Protocol):
    """Keep logins under way at an identity provider."""

    async def begin(self, login: IdentityLogin) -> None:
        """Insert a login, and delete those that nobody came back for."""
        ...

    async def take(self, state_hash: bytes) -> IdentityLogin | None:
        """Delete a login and return it; None when there is none, or it took too long."""
        ...
