"""How a database is opened, and what its drivers' complaints become."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text

from livermore.adapters.sql import Database, SqlCandleStore, SqlExchangeBook, migrate
from livermore.adapters.sql.engine import read_url
from livermore.adapters.sql.errors import translated
from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import (
    ConflictError,
    CorruptDataError,
    InvalidError,
    LivermoreError,
    NotAllowedError,
    NotFoundError,
    StorageUnavailableError,
)
from livermore.kernel.timeframe import Timeframe
from livermore.market.exchange import ExchangeInfo
from livermore.market.ports import Checkpoint, Series

BITCOIN = Series("coinbase", "BTC-USD", Timeframe.M1)
NOBODY = 65534


@contextmanager
def as_nobody() -> Iterator[None]:
    """Lay down root's power to write everywhere, for a moment."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may look into and only its owner may write."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)


async def saved(url: str) -> None:
    database = Database(url)
    try:
        await SqlCandleStore(database).save([], [Checkpoint(BITCOIN, 0, b"")])
    finally:
        await database.close()


async def loaded(url: str) -> None:
    database = Database(url)
    try:
        await SqlCandleStore(database).load(BITCOIN)
    finally:
        await database.close()


# ---------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("text", "driver"),
    [
        ("sqlite+aiosqlite:///x.db", "sqlite+aiosqlite"),
        ("sqlite:////tmp/x.db", "sqlite+aiosqlite"),
        ("postgresql+asyncpg://me@host/name", "postgresql+asyncpg"),
        ("postgresql://me@host/name", "postgresql+asyncpg"),
        ("postgres://me@host/name", "postgresql+asyncpg"),
    ],
)
def test_addresses_are_read_with_and_without_their_driver(text: str, driver: str) -> None:
    assert read_url(text).drivername == driver


@pytest.mark.parametrize("text", ["", "nonsense", "mysql://x/y", "sqlite://", "sqlite:///:memory:"])
def test_other_addresses_are_refused(text: str) -> None:
    with pytest.raises(InvalidError) as refusal:
        Database(text)
    assert refusal.value.hint is not None


def test_a_password_is_not_shown() -> None:
    assert "hidden" not in Database("postgresql://me:hidden@host/name").place


# ---------------------------------------------------------------- SQLite


async def test_reading_and_writing_create_no_file(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'data' / 'livermore.db'}"
    for attempt in (saved, loaded):
        with pytest.raises(NotFoundError, match="no database yet"):
            await attempt(url)
    assert list(tmp_path.iterdir()) == []


async def test_a_path_may_hold_odd_characters(tmp_path: Path) -> None:
    file = tmp_path / "a folder, 100% #1?" / "live more.db"
    await migrate(f"sqlite+aiosqlite:///{str(file).replace('%', '%25').replace('?', '%3F')}")
    assert file.exists()


async def test_sqlite_is_set_up_for_one_writer_and_many_readers(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'livermore.db'}"
    await migrate(url)
    database = Database(url)
    wanted = {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 1, "busy_timeout": 10_000}
    async with database.reading() as connection:
        for pragma, value in wanted.items():
            assert (await connection.execute(text(f"PRAGMA {pragma}"))).scalar() == value
    await database.close()


async def test_an_unwritable_folder_is_said_with_its_path(open_folder: Path) -> None:
    with as_nobody(), pytest.raises(NotAllowedError) as refusal:
        await migrate(f"sqlite+aiosqlite:///{open_folder / 'data' / 'livermore.db'}")
    assert refusal.value.where == str(open_folder / "data" / "livermore.db")
    assert refusal.value.hint is not None


async def test_an_unwritable_file_is_said_with_its_path(open_folder: Path) -> None:
    file = open_folder / "livermore.db"
    url = f"sqlite+aiosqlite:///{file}"
    open_folder.chmod(0o755)
    await migrate(url)
    file.chmod(0o444)
    open_folder.chmod(0o555)
    with as_nobody(), pytest.raises(NotAllowedError) as refusal:
        await saved(url)
    assert refusal.value.where == str(file)
    assert refusal.value.hint is not None


async def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotAllowedError):
        await migrate(f"sqlite+aiosqlite:///{tmp_path / 'file' / 'livermore.db'}")


async def test_a_file_that_is_no_database_is_corrupt(tmp_path: Path) -> None:
    file = tmp_path / "livermore.db"
    file.write_bytes(b"no database at all" * 100)
    for attempt in (saved, loaded, migrate):
        with pytest.raises(CorruptDataError):
            await attempt(f"sqlite+aiosqlite:///{file}")
    assert file.read_bytes() == b"no database at all" * 100


async def test_another_process_that_writes_for_long_is_unavailability(tmp_path: Path) -> None:
    file = tmp_path / "livermore.db"
    url = f"sqlite+aiosqlite:///{file}"
    await migrate(url)
    database = Database(url)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with database.reading() as connection:  # the only one in the pool: the next block gets it
            await connection.execute(text("PRAGMA busy_timeout = 10"))
        with pytest.raises(StorageUnavailableError, match="another process is writing"):
            async with database.writing():
                pass
        other.execute("ROLLBACK")
    async with database.writing():
        pass
    await database.close()


# ---------------------------------------------------------------- both


async def test_missing_tables_hint_at_the_upgrade(tmp_path: Path, postgres_database: str) -> None:
    (tmp_path / "livermore.db").touch()
    for url in (f"sqlite+aiosqlite:///{tmp_path / 'livermore.db'}", postgres_database):
        for attempt in (saved, loaded):
            with pytest.raises(StorageUnavailableError) as failure:
                await attempt(url)
            assert failure.value.hint == "run `livermore db upgrade`"


async def test_too_long_a_value_is_refused_on_postgresql(postgres_emptied: str, clock: ManualClock) -> None:
    database = Database(postgres_emptied)
    long = ExchangeInfo(name="x" * 51, display_name="Too long")
    with pytest.raises(InvalidError):
        await SqlExchangeBook(database, clock).put(long)
    await database.close()


# ---------------------------------------------------------------- PostgreSQL


async def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailableError) as failure:
        await loaded(f"postgresql+asyncpg://me:hidden@/name?host={tmp_path}")
    assert failure.value.hint is not None
    assert "hidden" not in str(failure.value)
    assert failure.value.abroad == "the database does not answer"


async def test_a_database_that_is_not_there_is_not_found(postgres_url: str) -> None:
    base, _, _ = postgres_url.partition("?")
    other = postgres_url.replace(base, base.rpartition("/")[0] + "/no_such_database")
    with pytest.raises(NotFoundError):
        await loaded(other)


async def test_a_connection_that_broke_is_replaced(postgres_emptied: str) -> None:
    database = Database(postgres_emptied)
    store = SqlCandleStore(database)
    await store.save([], [Checkpoint(BITCOIN, 0, b"")])
    with pytest.raises(StorageUnavailableError):
        async with database.reading() as connection:
            await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    assert await store.first_checkpoint(BITCOIN) is not None
    await database.close()


@pytest.mark.parametrize(
    ("error", "kernel"),
    [
        (asyncpg.DeadlockDetectedError("x"), StorageUnavailableError),
        (asyncpg.DiskFullError("x"), StorageUnavailableError),
        (asyncpg.TooManyConnectionsError("x"), StorageUnavailableError),
        (asyncpg.CannotConnectNowError("x"), StorageUnavailableError),
        (asyncpg.InvalidPasswordError("x"), NotAllowedError),
        (asyncpg.InsufficientPrivilegeError("x"), NotAllowedError),
        (asyncpg.ReadOnlySQLTransactionError("x"), NotAllowedError),
        (asyncpg.UniqueViolationError("x"), ConflictError),
        (asyncpg.NotNullViolationError("x"), InvalidError),
        (asyncpg.InterfaceError("x"), StorageUnavailableError),
        (sqlite3.OperationalError("x"), StorageUnavailableError),
    ],
)
def test_errors_of_the_drivers_become_the_kernels(error: Exception, kernel: type[LivermoreError]) -> None:
    with pytest.raises(kernel) as raised, translated("the place"):
        raise error
    assert raised.value.where == "the place"
    assert raised.value.__cause__ is error
