"""INSERTs that mind what is there already, in the dialect of a connection."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection


def insert_into(connection: AsyncConnection, table: Table) -> postgresql.Insert:
    """Return an INSERT that knows ON CONFLICT."""
    if connection.dialect.name == "sqlite":
        return cast("postgresql.Insert", sqlite.insert(table))  # its methods are the same
    return postgresql.insert(table)


def upsert_into(connection: AsyncConnection, table: Table, *kept: str) -> postgresql.Insert:
    """Return an INSERT that replaces the row of the same primary key, but for the columns in `kept`."""
    insert = insert_into(connection, table)
    replaced = {
        column.name: insert.excluded[column.name]
        for column in table.columns
        if not column.primary_key and column.name not in kept
    }
    return insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=replaced)


async def add_new(connection: AsyncConnection, table: Table, rows: list[dict[str, Any]]) -> set[str]:
    """Insert the rows that are not there yet and return their ids."""
    insert = insert_into(connection, table).on_conflict_do_nothing().returning(table.c.id)
    return set((await connection.execute(insert, rows)).scalars())
