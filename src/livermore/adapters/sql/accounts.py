"""The users of this installation."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import insert, select

from livermore.accounts.user import Role, User
from livermore.adapters.sql.engine import Database
from livermore.adapters.sql.settings import revision_row
from livermore.adapters.sql.tables import settings_revisions, users
from livermore.kernel.clock import Clock

FIELDS = [users.c[name] for name in User.__struct_fields__]


class SqlUserBook:
    """Keep users in SQL."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def find(self, identity_provider: str, identity_sub: str) -> User | None:
        """Return the user of an identity."""
        identity = {"identity_provider": identity_provider, "identity_sub": identity_sub}
        async with self._database.reading() as connection:
            row = (await connection.execute(select(*FIELDS).filter_by(**identity))).one_or_none()
        return None if row is None else msgspec.convert(row._mapping, User)

    async def create(
        self,
        *,
        username: str,
        identity_provider: str,
        identity_sub: str,
        role: Role,
        settings: dict[str, Any],
    ) -> User:
        """Insert a user with revision 1 of its settings; raise ConflictError when it is there already."""
        now = self._clock.now()
        user = {
            "username": username,
            "identity_provider": identity_provider,
            "identity_sub": identity_sub,
            "role": role,
        }
        row = user | {"settings": settings, "settings_revision": 1, "created_at": now, "updated_at": now}
        first = revision_row({}, settings, author="system", source="system")
        async with self._database.writing() as connection:
            key = (await connection.execute(insert(users).returning(users.c.id), row)).scalar_one()
            own = {"user_id": key, "revision": 1, "created_at": now}
            await connection.execute(insert(settings_revisions), first | own)
        return msgspec.convert(user | {"id": key}, User)
