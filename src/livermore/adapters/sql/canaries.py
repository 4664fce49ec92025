"""Which rows hold a mark, whoever's they are: the proof of isolation looks into the tables themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row, Table, select

from livermore.adapters.sql.engine import Database
from livermore.adapters.sql.tables import metadata, users
from livermore.kernel.scope import EVERYBODY, Reach

# The time of use is written while the request that shows the token goes on, leases are renewed all along, and
# what happened to a command is sealed a moment later.
RESTLESS = {
    "api_tokens": {"last_used_at"},
    "runtimes": {"runner", "leased_until"},
    "command_events": {"place", "hash"},
    "command_chains": {"head_place", "head_hash", "updated_at"},
}


def owned_tables() -> list[Table]:
    """Return every table with rows that are one user's."""
    return [table for table in metadata.tables.values() if table is users or "user_id" in table.columns]


async def owners_seen(database: Database, reach: Reach | None) -> dict[str, set[int | None]]:
    """Return whose rows a query without any filter sees, table by table; None is the installation."""
    async with database.reading(reach) as connection:
        return {
            str(table.name): set((await connection.execute(select(_owner(table)).distinct())).scalars())
            for table in owned_tables()
        }


async def prints_of(database: Database, user_ids: Iterable[int]) -> dict[int, str]:
    """Return for each user a digest of all rows that are the user's: it changes when one of them does."""
    held: dict[int, list[str]] = {user_id: [] for user_id in user_ids}
    async with database.reading(EVERYBODY) as connection:
        for table in owned_tables():
            rows = await connection.execute(select(table, _owner(table).label("whose")))
            for row in rows:
                if row.whose in held:
                    held[row.whose].append(_written(table, row))
    return {whose: _digest(rows) for whose, rows in held.items()}


def _digest(rows: list[str]) -> str:
    return hashlib.sha256("\n".join(sorted(rows)).encode()).hexdigest()


def _written(table: Table, row: Row[Any]) -> str:
    restless = RESTLESS.get(table.name, set())
    return repr((table.name, [(name, value) for name, value in row._mapping.items() if name not in restless]))


def _owner(table: Table) -> Any:
    return table.c.id if table is users else table.c.user_id
