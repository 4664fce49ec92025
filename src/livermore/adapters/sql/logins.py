"""Logins under way at an identity provider."""

from __future__ import annotations

import msgspec
from sqlalchemy import delete, insert

from livermore.accounts.ports import IdentityLogin
from livermore.adapters.sql.engine import Database
from livermore.adapters.sql.tables import identity_logins
from livermore.kernel.clock import Clock


class SqlLoginBook:
    """Keep logins under way in SQL."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def begin(self, login: IdentityLogin) -> None:
        """Insert a login, and delete those that nobody came back for."""
        old = identity_logins.c.expires_at <= self._clock.now()
        async with self._database.writing() as connection:
            await connection.execute(delete(identity_logins).where(old))
            await connection.execute(insert(identity_logins), msgspec.structs.asdict(login))

    async def take(self, state_hash: bytes) -> IdentityLogin | None:
        """Delete a login and return it; None when there is none, or it took too long."""
        query = delete(identity_logins).where(identity_logins.c.state_hash == state_hash)
        async with self._database.writing() as connection:
            row = (await connection.execute(query.returning(identity_logins))).one_or_none()
        if row is None or row.expires_at <= self._clock.now():
            return None
        return IdentityLogin(**row._mapping)
