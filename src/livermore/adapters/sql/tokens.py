"""The tokens of users: of each secret only its SHA-256."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Row, bindparam, insert, select, update

from livermore.accounts.token import ApiToken
from livermore.accounts.user import User
from livermore.adapters.sql.accounts import FIELDS, user_of
from livermore.adapters.sql.engine import Database
from livermore.adapters.sql.tables import api_tokens, users
from livermore.kernel.clock import Clock
from livermore.kernel.errors import NotFoundError
from livermore.kernel.role import Role
from livermore.kernel.scope import EVERYBODY, Scope

TOKEN_FIELDS = [api_tokens.c[name].label(f"token_{name}") for name in ApiToken.__struct_fields__]
# Every request asks this: it is put together once.
OWNER = (
    select(*FIELDS, *TOKEN_FIELDS)
    .select_from(api_tokens.join(users))
    .where(api_tokens.c.hash == bindparam("digest"), api_tokens.c.revoked_at.is_(None), users.c.is_active)
)


class SqlTokenBook:
    """Keep tokens in SQL."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def owner(self, digest: bytes) -> tuple[User, ApiToken] | None:
        """Return an active user with the token of a digest that is not revoked."""
        async with self._database.reading(EVERYBODY) as connection:
            row = (await connection.execute(OWNER, {"digest": digest})).one_or_none()
        return None if row is None else (user_of(row), _token_of(row))

    async def all(self, scope: Scope) -> list[ApiToken]:
        """Return a user's tokens, the newest first."""
        query = select(*TOKEN_FIELDS).where(api_tokens.c.user_id == scope.user_id)
        async with self._database.reading(scope) as connection:
            rows = await connection.execute(query.order_by(api_tokens.c.id.desc()))
            return [_token_of(row) for row in rows]

    async def create(self, scope: Scope, name: str, role: Role, digest: bytes) -> ApiToken:
        """Insert a token."""
        row = {
            "user_id": scope.user_id,
            "name": name,
            "role": role,
            "hash": digest,
            "created_at": self._clock.now(),
        }
        async with self._database.writing(scope) as connection:
            return _token_of(
                (await connection.execute(insert(api_tokens).returning(*TOKEN_FIELDS), row)).one()
            )

    async def revoke(self, scope: Scope, token_id: int) -> None:
        """Let a token be of no use from now on; raise NotFoundError for what is not the user's."""
        own = (api_tokens.c.id == token_id) & (api_tokens.c.user_id == scope.user_id)
        open_ = own & api_tokens.c.revoked_at.is_(None)
        async with self._database.writing(scope) as connection:
            await connection.execute(update(api_tokens).where(open_).values(revoked_at=self._clock.now()))
            if (await connection.execute(select(api_tokens.c.id).where(own))).one_or_none() is None:
                raise NotFoundError(
                    "there is no such token", where=str(token_id), hint="see: livermore token list"
                )

    async def used(self, token_id: int, time: int) -> None:
        """Store when a token was used last (ms UTC)."""
        async with self._database.writing(EVERYBODY) as connection:
            await connection.execute(
                update(api_tokens).where(api_tokens.c.id == token_id).values(last_used_at=time)
            )


def _token_of(row: Row[Any]) -> ApiToken:
    fields = {name: getattr(row, f"token_{name}") for name in ApiToken.__struct_fields__}
    return msgspec.convert(fields, ApiToken)
