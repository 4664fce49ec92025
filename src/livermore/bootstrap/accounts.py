"""The accounts of a database, joined from its books."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from livermore.accounts.service import Accounts
from livermore.adapters.sql import (
    Database,
    SqlAttemptBook,
    SqlSessionBook,
    SqlTokenBook,
    SqlUserBook,
    check,
    migrate,
)
from livermore.kernel.clock import Clock, SystemClock


def accounts_of(database: Database, clock: Clock) -> Accounts:
    """Join the accounts room over a database."""
    return Accounts(
        SqlUserBook(database, clock),
        SqlTokenBook(database, clock),
        SqlSessionBook(database, clock),
        SqlAttemptBook(database, clock),
        clock,
    )


@asynccontextmanager
async def accounts(url: str, *, upgrade: bool = True) -> AsyncIterator[Accounts]:
    """Lend the accounts of a database; `upgrade` brings it to this version's tables first.

    Errors: NotFoundError where nothing was ever stored, NewerFormatError.
    """
    await (migrate(url) if upgrade else check(url))
    stored = Database(url)
    try:
        yield accounts_of(stored, SystemClock())
    finally:
        await stored.close()
