"""The users of this installation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, delete, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from livermore.accounts.user import User
from livermore.adapters.sql.engine import Database
from livermore.adapters.sql.settings import revision_row
from livermore.adapters.sql.tables import sessions, settings_revisions, users
from livermore.kernel.clock import Clock
from livermore.kernel.errors import ConflictError, NotFoundError
from livermore.kernel.role import Role
from livermore.kernel.scope import EVERYBODY

# Behind RETURNING, SQLite 3.40 takes IS NOT NULL of any column for true.
HAS_PASSWORD = func.coalesce(func.length(users.c.password_hash), 0) > 0
FIELDS = [
    HAS_PASSWORD.label(name) if name == "has_password" else users.c[name] for name in User.__struct_fields__
]
ACTIVE_ADMIN = (users.c.role == "admin") & users.c.is_active


class SqlUserBook:
    """Keep users in SQL."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def find(self, identity_provider: str, identity_sub: str) -> User | None:
        """Return the user of an identity."""
        provider, sub = users.c.identity_provider == identity_provider, users.c.identity_sub == identity_sub
        return await self._one(provider & sub)

    async def get(self, user_id: int) -> User | None:
        """Return a user."""
        return await self._one(users.c.id == user_id)

    async def named(self, username: str) -> tuple[User, str | None] | None:
        """Return the user of a name, and the hash of the password."""
        columns: list[ColumnElement[Any]] = [*FIELDS, users.c.password_hash]
        query = select(*columns).where(users.c.username == username)
        async with self._database.reading(EVERYBODY) as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else (user_of(row), row.password_hash)

    async def all(self) -> list[User]:
        """Return everybody, in the order in which they came."""
        async with self._database.reading(EVERYBODY) as connection:
            return [user_of(row) for row in await connection.execute(select(*FIELDS).order_by(users.c.id))]

    async def has_email(self, email: str) -> bool:
        """Say whether somebody has an e-mail address."""
        return await self._any(users.c.email == email)

    async def has_passwords(self) -> bool:
        """Say whether any active admin has a password."""
        return await self._any(ACTIVE_ADMIN & HAS_PASSWORD)

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
        """Insert a user with revision 1 of its settings; raise ConflictError when it is there already."""
        now = self._clock.now()
        row = {
            "username": username, "identity_provider": identity_provider, "identity_sub": identity_sub,
            "role": role, "display_name": display_name, "email": email, "password_hash": password_hash,
            "settings": settings, "settings_revision": 1, "created_at": now, "updated_at": now,
        }  # fmt: skip
        first = revision_row({}, settings, author="system", source="system")
        async with self._database.writing(EVERYBODY) as connection:
            user = user_of((await connection.execute(insert(users).returning(*FIELDS), row)).one())
            own = {"user_id": user.id, "revision": 1, "created_at": now}
            await connection.execute(insert(settings_revisions), first | own)
        return user

    async def change(self, user_id: int, changes: Mapping[str, Any]) -> User:
        """Write columns of a user; one that is no longer active loses its sessions."""
        written = {**changes, "updated_at": self._clock.now()}
        query = update(users).where(users.c.id == user_id).values(written).returning(*FIELDS)
        async with self._database.writing(EVERYBODY) as connection:
            await _lock_admins(connection)
            user = _present((await connection.execute(query)).one_or_none(), user_id)
            await _refuse_headless(connection)
            if not user.is_active:
                await _end_sessions(connection, user_id)
        return user

    async def set_password(self, user_id: int, password_hash: str, *, keep: bytes | None = None) -> None:
        """Store a password and end the user's sessions but for one digest; raise NotFoundError."""
        written = {"password_hash": password_hash, "updated_at": self._clock.now()}
        query = update(users).where(users.c.id == user_id).values(written).returning(*FIELDS)
        async with self._database.writing(EVERYBODY) as connection:
            _present((await connection.execute(query)).one_or_none(), user_id)
            await _end_sessions(connection, user_id, keep)

    async def rehash(self, user_id: int, before: str, after: str) -> None:
        """Store the same password in another way, unless it was changed meanwhile."""
        same = (users.c.id == user_id) & (users.c.password_hash == before)
        async with self._database.writing(EVERYBODY) as connection:
            await connection.execute(update(users).where(same).values(password_hash=after))

    async def delete(self, user_id: int) -> None:
        """Delete a user with all that is the user's."""
        query = delete(users).where(users.c.id == user_id).returning(*FIELDS)
        async with self._database.writing(EVERYBODY) as connection:
            await _lock_admins(connection)
            _present((await connection.execute(query)).one_or_none(), user_id)
            await _refuse_headless(connection)

    async def _one(self, which: ColumnElement[bool]) -> User | None:
        async with self._database.reading(EVERYBODY) as connection:
            row = (await connection.execute(select(*FIELDS).where(which))).one_or_none()
        return None if row is None else user_of(row)

    async def _any(self, which: ColumnElement[bool]) -> bool:
        query = select(exists(select(users.c.id).where(which)))
        async with self._database.reading(EVERYBODY) as connection:
            return bool((await connection.execute(query)).scalar_one())


def user_of(row: Row[Any]) -> User:
    """Read a user from a row that holds its fields."""
    fields = {name: getattr(row, name) for name in User.__struct_fields__}
    return msgspec.convert(fields, User)


def _present(row: Row[Any] | None, user_id: int) -> User:
    if row is None:
        raise NotFoundError("there is no such user", where=str(user_id), hint="see: livermore user list")
    return user_of(row)


async def _lock_admins(connection: AsyncConnection) -> None:
    """Let nobody else end an admin meanwhile: two of them must not send each other away."""
    admins = select(users.c.id).where(ACTIVE_ADMIN).order_by(users.c.id).with_for_update()
    await connection.execute(admins)


async def _refuse_headless(connection: AsyncConnection) -> None:
    """Raise ConflictError, which undoes the transaction, when no active admin is left."""
    left = select(exists(select(users.c.id).where(ACTIVE_ADMIN)))
    if not (await connection.execute(left)).scalar_one():
        raise ConflictError(
            "nobody would be left to administer this", hint="make somebody else an admin first"
        )


async def _end_sessions(connection: AsyncConnection, user_id: int, keep: bytes | None = None) -> None:
    ended = delete(sessions).where(sessions.c.user_id == user_id)
    await connection.execute(ended if keep is None else ended.where(sessions.c.hash != keep))
