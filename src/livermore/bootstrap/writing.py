"""A database that no server holds, lent for writing settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from livermore.accounts.service import FIRST_SETTINGS, local_user
from livermore.adapters.sql import Database, SqlUserBook
from livermore.bootstrap.storage import StoredDatabase, read_only
from livermore.bootstrap.system import System
from livermore.kernel.clock import SystemClock


@asynccontextmanager
async def writable(url: str) -> AsyncIterator[System]:
    """Lend a system over a database, which is brought to this version's tables and given its user first.

    Nothing runs in it; what it writes holds when a Livermore reads it.
    """
    await StoredDatabase(url).upgrade()
    system = await read_only(url)
    if system.user.id == 0:
        await system.stop()
        await _give_user(url)
        system = await read_only(url)
    try:
        yield system
    finally:
        await system.stop()


async def _give_user(url: str) -> None:
    database = Database(url)
    try:
        await local_user(SqlUserBook(database, SystemClock()), dict(FIRST_SETTINGS))
    finally:
        await database.close()
