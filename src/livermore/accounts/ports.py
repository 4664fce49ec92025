"""What the accounts room needs from the world: a place for users."""

from __future__ import annotations

from typing import Any, Protocol

from livermore.accounts.user import Role, User


class UserBook(Protocol):
    """Keep users."""

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
    ) -> User:
        """Insert a user and revision 1 of its settings (source `system`) in one transaction."""
        ...
