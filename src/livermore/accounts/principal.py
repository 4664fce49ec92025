"""Whoever stands behind a request: a user, and how much of the user's role this login has."""

from __future__ import annotations

from typing import Literal

import msgspec

from livermore.accounts.user import User
from livermore.kernel.role import Role
from livermore.kernel.scope import Scope


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """A user who has shown a secret; `credential` is the digest of it.

    `role` is the lower one of the user's and the token's.
    """

    user: User
    role: Role
    via: Literal["session", "token"]
    credential: bytes

    def scope(self) -> Scope:
        """Return the scope in which this user's data is reached."""
        return self.user.scope()


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A session that was just opened: `secret` goes into the cookie and is stored nowhere; ms UTC."""

    principal: Principal
    secret: str
    expires_at: int
