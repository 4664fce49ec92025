"""The sessions of users: of each secret only its SHA-256."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, insert, select, update

from livermore.accounts.user import User
from livermore.adapters.sql.accounts import FIELDS, user_of
from livermore.adapters.sql.engine import Database
from livermore.adapters.sql.tables import sessions, users
from livermore.kernel.clock import Clock
from livermore.kernel.scope import EVERYBODY

# Every request asks this: it is put together once.
OWNER = (
    select(*FIELDS)
    .select_from(sessions.join(users))
    .where(
        sessions.c.hash == bindparam("digest"), sessions.c.expires_at > bindparam("now"), users.c.is_active
    )
)


class SqlSessionBook:
    """Keep sessions in SQL."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def owner(self, digest: bytes) -> User | None:
        """Return the active user of a session that has not expired."""
        asked = {"digest": digest, "now": self._clock.now()}
        async with self._database.reading(EVERYBODY) as connection:
            row = (await connection.execute(OWNER, asked)).one_or_none()
        return None if row is None else user_of(row)

    async def open(self, user_id: int, digest: bytes, expires_at: int) -> None:
        """Insert a session and the time of this login; delete those that have expired."""
        now = self._clock.now()
        row = {"hash": digest, "user_id": user_id, "expires_at": expires_at, "created_at": now}
        async with self._database.writing(EVERYBODY) as connection:
            await connection.execute(delete(sessions).where(sessions.c.expires_at <= now))
            await connection.execute(insert(sessions), row)
            await connection.execute(update(users).where(users.c.id == user_id).values(last_login_at=now))

    async def close(self, digest: bytes) -> None:
        """Delete a session, if it is there."""
        async with self._database.writing(EVERYBODY) as connection:
            await connection.execute(delete(sessions).where(sessions.c.hash == digest))

    async def close_all(self, user_id: int) -> None:
        """Delete a user's sessions."""
        async with self._database.writing(EVERYBODY) as connection:
            await connection.execute(delete(sessions).where(sessions.c.user_id == user_id))
