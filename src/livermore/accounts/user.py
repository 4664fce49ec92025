"""A user: who somebody is, and what they may do."""

from __future__ import annotations

import msgspec

from livermore.kernel.role import Role
from livermore.kernel.scope import Scope


class User(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `users`, without its settings and without its password; times are ms UTC."""

    id: int
    username: str
    identity_provider: str
    identity_sub: str
    display_name: str | None = None
    email: str | None = None
    role: Role = "operator"
    is_active: bool = True
    has_password: bool = False
    created_at: int | None = None
    last_login_at: int | None = None

    def scope(self) -> Scope:
        """Return the scope in which this user's data is reached."""
        return Scope(user_id=self.id, identity_sub=self.identity_sub)
