"""Who uses this installation."""

from __future__ import annotations

from typing import Any

from livermore.accounts.ports import UserBook
from livermore.accounts.user import User

LOCAL = "local"


async def local_user(book: UserBook, settings: dict[str, Any], *, name: str = LOCAL) -> User:
    """Return the one user of a workspace, an admin; create it with these settings when it is not there.

    The demonstration and each replay have a user of their own `name`.
    """
    known = await book.find(LOCAL, name)
    if known is not None:
        return known
    return await book.create(
        username=name, identity_provider=LOCAL, identity_sub=name, role="admin", settings=settings
    )
