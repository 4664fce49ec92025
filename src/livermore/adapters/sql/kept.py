"""Connections to PostgreSQL that are kept for single statements which must be fast.

A pool that asks before each loan whether its connection still lives, begins and commits a transaction and
resets what it lent makes five round trips of one. These connections are lent as they are. Each statement is
a transaction of its own. Because nothing is said before it, the policies of PostgreSQL are told once for all
that everybody's rows may be reached: every statement that goes this way names its user itself, and whatever
a door reads goes through `Database.reading`, which the policies hold.
"""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
from sqlalchemy import URL

from livermore.adapters.sql.errors import translated
from livermore.kernel.errors import StorageUnavailableError
from livermore.kernel.scope import EVERYBODY

SIZE = 8
CONNECTING, ANSWERING = 5.0, 10.0  # seconds


class KeptConnections:
    """Lend up to `size` connections, each opened when first needed and after it broke."""

    def __init__(self, url: URL, size: int = SIZE) -> None:
        _, options = url.get_dialect()().create_connect_args(url)
        self._options = {key: value for key, value in options.items() if key not in _OF_SQLALCHEMY}
        self._place = url.render_as_string(hide_password=True)
        self._idle: list[Any] = []
        self._room = asyncio.Semaphore(size)
        self._closed = False

    async def fetch_row(self, statement: str, *values: Any) -> Any:
        """Run a statement as a transaction of its own and return its first row, or None.

        Errors: those of the kernel; after StorageUnavailableError it is not known whether it was run.
        """
        async with self._room:
            with translated(self._place, OSError):
                connection = await self._taken()
                try:
                    return await connection.fetchrow(statement, *values)
                except asyncpg.PostgresError:
                    raise
                except BaseException:
                    # Cut off in the middle: what it would answer next belongs to nobody.
                    connection.terminate()
                    raise
                finally:
                    await self._give_back(connection)

    async def close(self) -> None:
        """Close those that are not lent, and the others when they come back."""
        self._closed = True
        idle, self._idle = self._idle, []
        for connection in idle:
            await _close(connection)

    async def _taken(self) -> Any:
        if self._closed:
            raise StorageUnavailableError("the connections are closed", where=self._place)
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return await asyncpg.connect(
            **self._options,
            timeout=CONNECTING,
            command_timeout=ANSWERING,
            # No statement that goes this way should ever read a whole table.
            server_settings={"livermore.user_id": EVERYBODY.value, "enable_seqscan": "off"},
        )

    async def _give_back(self, connection: Any) -> None:
        if connection.is_closed():
            return
        if self._closed:
            await _close(connection)
        else:
            self._idle.append(connection)


# What SQLAlchemy's dialect takes for itself before the driver sees it.
_OF_SQLALCHEMY = {
    "async_fallback",
    "async_creator_fn",
    "prepared_statement_cache_size",
    "prepared_statement_name_func",
}


async def _close(connection: Any) -> None:
    """Say good-bye, or leave without when nobody listens."""
    try:
        await connection.close(timeout=CONNECTING)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()
