"""One database: how it is opened, read from and written to."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, event, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from livermore.adapters.sql.columns import read_json, write_json
from livermore.adapters.sql.errors import UPGRADE, translated
from livermore.adapters.sql.series import SeriesKeys
from livermore.kernel.errors import InvalidError, NotFoundError
from livermore.kernel.scope import Reach, Scope

DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
PATIENCE = 40  # attempts
CONNECTING, ANSWERING = 10.0, 60.0  # seconds; a network that swallows everything would else never say so
# The time limit comes first: the others may have to wait.
# The driver keeps a statement for every number of rows, and one of many rows takes much memory.
ROWS_TOGETHER = 16
SET_REACH = text("SELECT set_config('livermore.user_id', :whose, true)")
PATIENT = "busy_timeout = 10000"
PRAGMAS = (PATIENT, "journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON")
# Rebuilding a table must not delete what refers to it; and to enter WAL mode is to write into the file.
MIGRATING = (PATIENT, "synchronous = FULL", "foreign_keys = OFF")


class Database:
    """Hold the connections to one database; opening it touches nothing, and only `migrate` creates it."""

    def __init__(self, url: str, *, migrating: bool = False) -> None:
        self.url = read_url(url)
        self.file = Path(self.url.database or "") if self.url.get_backend_name() == "sqlite" else None
        self.place = str(self.file or self.url.render_as_string(hide_password=True))
        self.series = SeriesKeys()
        pragmas = MIGRATING if migrating else PRAGMAS
        self._engine = (
            _sqlite_engine(self.file, pragmas)
            if self.file
            else _postgres_engine(self.url, None if migrating else ANSWERING)
        )
        # SQLite admits one writer; waiting here is fairer than SQLite's own polling.
        self._turn: AbstractAsyncContextManager[Any] = asyncio.Lock() if self.file else nullcontext()

    @asynccontextmanager
    async def reading(self, reach: Reach | None = None) -> AsyncIterator[AsyncConnection]:
        """Lend a connection whose statements see what was committed before them.

        On PostgreSQL `reach` says whose rows they see; without it, only those that are nobody's.
        """
        async with self._connection() as connection:
            with translated(self.place):
                async with _heard(connection):
                    await self._limit(connection, reach)
                    yield connection

    @asynccontextmanager
    async def writing(self, reach: Reach | None = None) -> AsyncIterator[AsyncConnection]:
        """Lend a connection in a transaction, which is committed at the end or rolled back by an error."""
        async with self._turn, self._connection() as connection:
            await connection.execution_options(writes=True)
            with translated(self.place):
                async with connection.begin(), _heard(connection):
                    await self._limit(connection, reach)
                    yield connection

    @asynccontextmanager
    async def snapshot(self, reach: Reach) -> AsyncIterator[AsyncConnection]:
        """Lend a connection whose statements all see the same moment."""
        async with self._connection() as connection:
            level = {"snapshot": True} if self.file else {"isolation_level": "REPEATABLE READ"}
            await connection.execution_options(**level)
            with translated(self.place):
                async with _heard(connection):
                    await self._limit(connection, reach)
                    yield connection

    def turn(self) -> AbstractAsyncContextManager[Any]:
        """Wait for the turn to write past this class, on a connection of one's own."""
        return self._turn

    async def close(self) -> None:
        """Let go of every connection."""
        await _to_the_end(self._engine.dispose())

    async def _limit(self, connection: AsyncConnection, reach: Reach | None) -> None:
        """Tell PostgreSQL, for this transaction, whose rows may be reached: its policies ask for it."""
        if reach is not None and self.file is None:
            whose = str(reach.user_id) if isinstance(reach, Scope) else reach.value
            await connection.execute(SET_REACH, {"whose": whose})

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        if self.file and not self.file.exists():
            raise NotFoundError("there is no database yet", where=self.place, hint=UPGRADE)
        with translated(self.place, OSError):
            connection = await self._engine.connect()
        try:
            yield connection
        finally:
            await _to_the_end(connection.close())


@asynccontextmanager
async def _heard(connection: AsyncConnection) -> AsyncIterator[None]:
    """Let go of a connection on which no answer came in time: what it says next belongs to nobody."""
    try:
        yield
    except TimeoutError:
        await connection.invalidate()
        raise


async def _to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Finish a piece of work before its caller is cancelled: a program that ends must not cut it short."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def read_url(text: str) -> URL:
    """Read a database URL; raise InvalidError for one that is not a file of SQLite or a PostgreSQL server."""
    hint = "write postgresql://user:password@host/name, or sqlite:///path/to/file.db"
    try:
        url = make_url(text)
        url = url.set(drivername=DRIVERS[url.get_backend_name()])
    except (ArgumentError, KeyError, ValueError):
        raise InvalidError("this is no database URL that livermore knows", hint=hint) from None
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise InvalidError("livermore keeps its data in a file", where=text, hint=hint)
    return url


class _SqliteConnection(sqlite3.Connection):
    """Let go of the database when closed.

    SQLite keeps the locks of a closed connection for as long as one of its cursors lives, and after a
    cancelled statement one lives on in a traceback, out of everybody's reach.
    """

    def close(self) -> None:
        if self.in_transaction:
            self.rollback()
        super().close()


def _postgres_engine(url: URL, answering: float | None) -> AsyncEngine:
    return create_async_engine(
        url,
        pool_pre_ping=True,  # COPY goes past SQLAlchemy, which then does not notice that a connection broke
        connect_args={"timeout": CONNECTING, "command_timeout": answering},
        json_serializer=write_json,
        json_deserializer=read_json,
        hide_parameters=True,
    )


def _sqlite_engine(file: Path, pragmas: tuple[str, ...]) -> AsyncEngine:
    address = URL.create(
        DRIVERS["sqlite"], database=file.absolute().as_uri(), query={"mode": "rw", "uri": "true"}
    )
    engine = create_async_engine(
        address,
        connect_args={
            "isolation_level": None,  # the driver's own BEGIN comes too late
            "factory": _SqliteConnection,
        },
        insertmanyvalues_page_size=ROWS_TOGETHER,
        json_serializer=write_json,
        json_deserializer=read_json,
        hide_parameters=True,
    )
    script = "".join(f"PRAGMA {pragma};" for pragma in pragmas)

    @event.listens_for(engine.sync_engine, "connect")
    def set_up(connection: Any, _: object) -> None:
        connection.run_async(lambda driver: _patiently(driver, script))

    @event.listens_for(engine.sync_engine, "begin")
    def begin_here(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get("writes") or options.get("snapshot"):
            begin = "BEGIN IMMEDIATE" if options.get("writes") else "BEGIN"
            driver: Any = connection.connection.dbapi_connection
            driver.run_async(lambda driver: driver.execute(begin))

    return engine


async def _patiently(driver: Any, script: str) -> None:
    """Run a script, again if need be: for the lock on a new file SQLite itself does not wait."""
    for left in range(PATIENCE, -1, -1):
        try:
            await driver.executescript(script)
        except sqlite3.OperationalError as error:
            if not left or error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            await asyncio.sleep(0.05)
        else:
            return
