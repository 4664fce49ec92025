"""One transaction over several repositories, with what is to be told after the commit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Self

from sqlalchemy.ext.asyncio import AsyncConnection

from livermore.adapters.sql.engine import Database
from livermore.adapters.sql.errors import translated
from livermore.kernel.events import Event, EventBus
from livermore.kernel.scope import Reach


class SqlUnitOfWork:
    """Write all or nothing of the rows that `reach` names; the transaction begins with the first write.

    Reads before it see what is committed and wait for nobody; reads after it see the transaction.
    """

    def __init__(self, database: Database, bus: EventBus, reach: Reach) -> None:
        self.database = database
        self._reach = reach
        self._bus = bus
        self._stack = AsyncExitStack()
        self._connection: AsyncConnection | None = None
        self._after: list[Callable[[], None]] = []

    def announce(self, event: Event) -> None:
        """Publish an event after the commit; a rollback drops it."""
        self.after_commit(partial(self._bus.publish, event))

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call something once all is stored."""
        self._after.append(call)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection for reading."""
        if self._connection is None:
            async with self.database.reading(self._reach) as connection:
                yield connection
        else:
            with translated(self.database.place):
                yield self._connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Lend the connection of the transaction, which begins here at the latest."""
        if self._connection is None:
            self._connection = await self._stack.enter_async_context(self.database.writing(self._reach))
        with translated(self.database.place):
            yield self._connection

    async def __aenter__(self) -> Self:
        """Begin."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit and announce, or roll back."""
        after, self._after, self._connection = self._after, [], None
        await self._stack.__aexit__(kind, error, trace)
        if error is None:
            for call in after:
                call()
