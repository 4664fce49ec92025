"""A user: who somebody is, and what they may do."""

from __future__ import annotations

from typing import Literal

import msgspec

from livermore.kernel.scope import Scope

Role = Literal["viewer", "operator", "admin"]


class User(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `users`, without its settings."""

    id: int
    username: str
    identity_provider: str
    identity_sub: str
    display_name: str | None = None
    email: str | None = None
    role: Role = "operator"
    is_active: bool = True

    def scope(self) -> Scope:
        """Return the scope in which this user's data is reached."""
        return Scope(user_id=self.id, identity_sub=self.identity_sub)
