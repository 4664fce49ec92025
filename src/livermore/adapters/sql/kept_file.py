"""A connection to SQLite that is kept, with a thread of its own, for transactions that must be fast.

On a lent connection every statement goes to the connection's thread and back; here a whole transaction does.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from livermore.adapters.sql.engine import PRAGMAS, Database
from livermore.adapters.sql.errors import UPGRADE, translated
from livermore.kernel.errors import NotFoundError

Got = TypeVar("Got")


class KeptFile:
    """Run transactions in a database's file, one after the other; opened when first needed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="kept-file")
        self._connection: sqlite3.Connection | None = None

    async def run(self, work: Callable[[sqlite3.Connection], Got]) -> Got:
        """Run `work` in the file's thread, in a transaction that is committed at its end."""
        loop = asyncio.get_running_loop()
        async with self._database.turn():
            with translated(self._database.place):
                return await loop.run_in_executor(self._thread, self._transaction, work)

    async def close(self) -> None:
        """Close the connection behind what is under way."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    def _transaction(self, work: Callable[[sqlite3.Connection], Got]) -> Got:
        connection = self._opened()
        connection.execute("BEGIN IMMEDIATE")
        try:
            got = work(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return got

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            file = self._database.file
            if file is None or not file.exists():
                raise NotFoundError("there is no database yet", where=self._database.place, hint=UPGRADE)
            address = f"{file.absolute().as_uri()}?mode=rw"
            connection = sqlite3.connect(address, uri=True, isolation_level=None)
            connection.row_factory = sqlite3.Row
            connection.executescript("".join(f"PRAGMA {pragma};" for pragma in PRAGMAS))
            self._connection = connection
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
