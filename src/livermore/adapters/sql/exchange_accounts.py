"""Each user's exchange accounts: a projection of the settings, with names of variables and no values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Select, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from livermore.accounts.exchange_account import REFERENCE, AccountEntry, Credentials, ExchangeAccount
from livermore.adapters.sql.engine import Database
from livermore.adapters.sql.tables import exchanges, user_exchanges
from livermore.kernel.clock import Clock
from livermore.kernel.errors import CorruptDataError, NotFoundError
from livermore.kernel.log import conceal
from livermore.kernel.scope import Scope

KEPT = ("api_key", "api_secret", "additional_credentials")


class SqlExchangeAccountBook:
    """Keep exchange accounts in SQL."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def all(self, scope: Scope) -> list[ExchangeAccount]:
        """Return the accounts of a user, by exchange."""
        async with self._database.reading(scope) as connection:
            rows = await connection.execute(_of(scope).order_by(user_exchanges.c.exchange_name))
        return [_account(row) for row in rows]

    async def get(self, scope: Scope, account_id: int) -> ExchangeAccount:
        """Return one account of a user; raise NotFoundError for one that is not there, or another's."""
        async with self._database.reading(scope) as connection:
            found = await connection.execute(_of(scope).where(user_exchanges.c.id == account_id))
            row = found.one_or_none()
        if row is None:
            raise NotFoundError("there is no such exchange account", where=str(account_id))
        return _account(row)

    async def connected(self, scope: Scope, account_id: int, time: int) -> None:
        """Note that an account's key worked at a time (ms UTC)."""
        this = user_exchanges.c
        noted = update(user_exchanges).where(this.user_id == scope.user_id, this.id == account_id)
        async with self._database.writing(scope) as connection:
            await connection.execute(noted.values(last_connected_at=time))

    async def project(
        self, connection: AsyncConnection, scope: Scope, accounts: Sequence[AccountEntry]
    ) -> None:
        """Make a user's rows those of the settings, within the caller's transaction, which holds the user.

        An account keeps its id for as long as its exchange is named; with another key it has never connected.
        """
        rows = await connection.execute(_of(scope))
        stored = {row.exchange_name: row for row in rows}
        named = {entry.exchange for entry in accounts}
        gone = [row.id for name, row in stored.items() if name not in named]
        await connection.execute(delete(user_exchanges).where(user_exchanges.c.id.in_(gone)))
        known = await connection.execute(select(exchanges.c.name, exchanges.c.id))
        ids = {row.name: row.id for row in known}
        for entry in accounts:
            conceal(*entry.credentials.names())
            values = _values(entry, ids.get(entry.exchange))
            await self._put(connection, scope, stored.get(entry.exchange), values)

    async def _put(
        self, connection: AsyncConnection, scope: Scope, stored: Row[Any] | None, values: dict[str, Any]
    ) -> None:
        """Insert a row, or change what is another in it."""
        now = self._clock.now()
        if stored is None:
            new = {**values, "user_id": scope.user_id, "created_at": now, "updated_at": now}
            await connection.execute(insert(user_exchanges), new)
            return
        changed = {name: value for name, value in values.items() if stored._mapping[name] != value}
        if not changed:
            return
        if changed.keys() & set(KEPT):
            changed["last_connected_at"] = None
        this = update(user_exchanges).where(user_exchanges.c.id == stored.id)
        await connection.execute(this.values(**changed, updated_at=now))


def _of(scope: Scope) -> Select[Any]:
    return select(user_exchanges).where(user_exchanges.c.user_id == scope.user_id)


def _values(entry: AccountEntry, exchange_id: int | None) -> dict[str, Any]:
    named = entry.credentials
    return {
        "exchange_name": entry.exchange,
        "exchange_id": exchange_id,
        "api_key": REFERENCE + named.key,
        "api_secret": REFERENCE + named.secret,
        "additional_credentials": None if named.password is None else REFERENCE + named.password,
        "is_active": entry.is_active,
        "is_default": entry.is_default,
    }


def _account(row: Row[Any]) -> ExchangeAccount:
    password = row.additional_credentials
    return ExchangeAccount(
        id=row.id,
        exchange=row.exchange_name,
        display_name=row.display_name,
        credentials=Credentials(
            key=_name(row.api_key),
            secret=_name(row.api_secret),
            password=None if password is None else _name(password),
        ),
        is_active=row.is_active,
        is_default=row.is_default,
        last_connected_at=row.last_connected_at,
    )


def _name(reference: str) -> str:
    """Return the variable's name; what is none is not repeated, for it may be a secret."""
    if not reference.startswith(REFERENCE):
        raise CorruptDataError("an exchange account holds something else than names of variables")
    return reference.removeprefix(REFERENCE)
