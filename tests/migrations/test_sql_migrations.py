"""Migrations lead from nothing to the tables, never half way, and never over what a newer version wrote."""

import asyncio
import sqlite3
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from livermore.adapters.sql import Database, SqlCandleStore, backup, check, engine, migrate, migration
from livermore.adapters.sql.tables import metadata
from livermore.kernel.errors import (
    ConflictError,
    CorruptDataError,
    NewerFormatError,
    NotAllowedError,
    NotFoundError,
    NotImplementedYetError,
    StorageUnavailableError,
)
from livermore.kernel.scope import EVERYBODY
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles
from livermore.market.ports import Series
from tests.contracts.sql.tenants import ordinary_login

BITCOIN = Series("coinbase", "BTC-USD", Timeframe.M1)
SCRIPTS = Path(migration.__file__).parent / "migrations" / "versions"
KNOWN = tuple(sorted(file.name.split("_")[0] for file in SCRIPTS.glob("[0-9]*.py")))
HEAD = KNOWN[-1]
NEXT = """
import sqlalchemy as sa
from alembic import op
revision, down_revision, branch_labels, depends_on = "9999", "{head}", None, None
def upgrade():
    op.add_column("series", sa.Column("note", sa.Text()))
    {more}
"""


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that holds nothing."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    return str(request.getfixturevalue("postgres_database"))


def sqlite_url(folder: Path) -> str:
    return f"sqlite+aiosqlite:///{folder / 'data' / 'livermore.db'}"


@pytest.fixture
async def opened(url: str) -> AsyncIterator[Database]:
    """Let each test open the database after it has migrated it."""
    database = Database(url)
    yield database
    await database.close()


def add_revision(monkeypatch: pytest.MonkeyPatch, folder: Path, more: str = "pass") -> None:
    """Let the scripts have one more revision, as a later version will."""
    script = folder / "later"
    script.mkdir()
    (script / "9999_later.py").write_text(NEXT.format(head=HEAD, more=more))
    config = migration._config

    def later() -> Any:
        changed = config()
        changed.set_main_option("version_locations", f"{SCRIPTS}\n{script}")
        changed.set_main_option("path_separator", "newline")
        return changed

    monkeypatch.setattr(migration, "_config", later)


async def put_a_candle(database: Database) -> None:
    await SqlCandleStore(database).save([(BITCOIN, Candles.of([0], [1], [2], [3], [4], [5]))])


# ---------------------------------------------------------------- from nothing


async def test_migrations_lead_to_the_tables(url: str, opened: Database) -> None:
    await migrate(url)

    def differences(connection: Connection) -> list[Any]:
        options = {"compare_type": True, "compare_server_default": connection.dialect.name == "postgresql"}
        found: list[Any] = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
        return found

    async with opened.reading() as connection:
        assert await connection.run_sync(differences) == []


async def test_constraints_have_their_names(url: str, opened: Database) -> None:
    await migrate(url)

    def names(connection: Connection) -> set[str]:
        inspector = inspect(connection)
        found: set[str] = set()
        for table in metadata.tables:
            found.add(str(inspector.get_pk_constraint(table)["name"]))
            found.update(str(each["name"]) for each in inspector.get_unique_constraints(table))
            found.update(str(each["name"]) for each in inspector.get_foreign_keys(table))
            found.update(str(each["name"]) for each in inspector.get_indexes(table))
        return found

    async with opened.reading() as connection:
        found = await connection.run_sync(names)
    assert {"exchanges_name_unique", "users_runtime_mode_idx", "users_is_paused_idx"} <= found
    tables = metadata.tables.values()
    expected = {str(each.name) for table in tables for each in table.constraints}
    expected |= {str(each.name) for table in tables for each in table.indexes}
    counting = (table for table in tables if table.dialect_options["sqlite"]["autoincrement"])
    # SQLite names no key that counts up.
    unnamed = {f"{table.name}_pk" for table in counting} if opened.file else set()
    assert expected - unnamed <= found


async def test_looking_creates_nothing(tmp_path: Path) -> None:
    condition = await check(sqlite_url(tmp_path))
    assert (condition.revision, condition.pending) == (None, KNOWN)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="its files have owners of another kind")
async def test_nobody_else_on_the_machine_reads_a_database_or_its_copy(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    await migrate(url)
    copy = await backup(url, tmp_path / "copies" / "copy.db")
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert copy in files
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


async def test_a_second_migration_does_nothing(url: str) -> None:
    first = await migrate(url)
    assert (first.before, first.after, first.backup) == (None, HEAD, None)
    second = await migrate(url)
    assert (second.before, second.after, second.backup) == (HEAD, HEAD, None)
    condition = await check(url)
    assert (condition.revision, condition.pending) == (HEAD, ())


async def test_what_a_killed_start_has_left_is_a_new_database(tmp_path: Path) -> None:
    file = tmp_path / "data" / "livermore.db"
    file.parent.mkdir()
    file.touch()
    done = await migrate(sqlite_url(tmp_path))
    assert (done.before, done.after, done.backup) == (None, HEAD, None)


async def test_two_may_migrate_at_once(url: str) -> None:
    await asyncio.gather(migrate(url), migrate(url), migrate(url))
    assert (await check(url)).pending == ()


# ---------------------------------------------------------------- from one version to the next


async def test_data_outlives_a_migration_and_a_file_is_copied_first(
    url: str, opened: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    await migrate(url)
    await put_a_candle(opened)
    add_revision(monkeypatch, tmp_path)
    assert (await check(url)).pending == ("9999",)
    done = await migrate(url)
    assert (done.before, done.after) == (HEAD, "9999")
    assert len(await SqlCandleStore(opened).load(BITCOIN)) == 1
    if opened.file is None:
        assert done.backup is None
        return
    assert done.backup is not None
    assert (await check(f"sqlite+aiosqlite:///{done.backup}")).revision == HEAD
    old = Database(f"sqlite+aiosqlite:///{done.backup}")
    assert len(await SqlCandleStore(old).load(BITCOIN)) == 1
    await old.close()


async def test_a_failed_migration_leaves_everything_as_it_was(
    url: str, opened: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    await migrate(url)
    await put_a_candle(opened)
    with monkeypatch.context() as patch:
        add_revision(patch, tmp_path, 'op.execute("SELECT nonsense FROM nowhere")')
        with pytest.raises(CorruptDataError, match="could not be upgraded, and is as it was") as failure:
            await migrate(url)
    assert failure.value.where == opened.place
    assert failure.value.hint is not None
    assert f"(revision {HEAD})" in failure.value.hint
    assert ("livermore.db" in failure.value.hint) == (opened.file is not None)
    assert (await check(url)).revision == HEAD
    assert len(await SqlCandleStore(opened).load(BITCOIN)) == 1

    async with opened.reading() as connection:
        columns = await connection.run_sync(lambda sync: inspect(sync).get_columns("series"))
    assert "note" not in {column["name"] for column in columns}


@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
@pytest.mark.parametrize("fault", ["SELECT nonsense FROM nowhere", "none"])
async def test_a_failed_migration_leaves_the_file_byte_for_byte(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, journal: str, fault: str
) -> None:
    url = sqlite_url(tmp_path)
    await migrate(url)
    file = tmp_path / "data" / "livermore.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("INSERT INTO app_settings (key, value) VALUES ('theme', 'dark')")
        connection.commit()
        connection.execute(f"PRAGMA journal_mode = {journal}")
    # Many pages are changed before it fails, more than SQLite keeps in memory.
    rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
    many = f"{rows} INSERT INTO app_settings (key, value) SELECT 'k' || i, hex(zeroblob(500)) FROM n"
    last = f'op.execute("{fault}")' if fault != "none" else 'raise KeyError("a fault of the script itself")'
    add_revision(monkeypatch, tmp_path, f'op.execute("{many}"); {last}')
    before = file.read_bytes()
    for _ in range(2):
        with pytest.raises(CorruptDataError, match="is as it was"):
            await migrate(url)
        assert file.read_bytes() == before
    left = {each.name for each in file.parent.iterdir()}
    assert left == {"livermore.db", f"livermore.db.{HEAD}.backup"}


async def test_what_waiting_helps_against_is_told_as_such(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = sqlite_url(tmp_path)
    await migrate(url)
    add_revision(monkeypatch, tmp_path)
    monkeypatch.setattr(engine, "MIGRATING", ("busy_timeout = 10",))
    with closing(sqlite3.connect(tmp_path / "data" / "livermore.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageUnavailableError, match="another process is writing") as failure:
            await migrate(url)
    assert failure.value.hint == "stop it, or try again"
    assert (await migrate(url)).after == "9999"


async def test_a_copy_that_was_cut_short_is_made_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = sqlite_url(tmp_path)
    await migrate(url)
    add_revision(monkeypatch, tmp_path)
    cut = tmp_path / "data" / f"livermore.db.{HEAD}.backup.unfinished"
    for suffix in ("", "-journal"):
        cut.with_name(cut.name + suffix).write_bytes(b"half of a page" * 500)
    done = await migrate(url)
    assert done.backup is not None
    assert (await check(f"sqlite+aiosqlite:///{done.backup}")).revision == HEAD
    assert [each.name for each in cut.parent.iterdir() if "unfinished" in each.name] == []


async def test_a_migration_that_breaks_references_is_undone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = sqlite_url(tmp_path)
    await migrate(url)
    orphan = "INSERT INTO indicator_checkpoints (series_id, time, state) VALUES (7, 0, 'x')"
    add_revision(monkeypatch, tmp_path, f'op.execute("{orphan}")')
    with pytest.raises(CorruptDataError):
        await migrate(url)
    assert (await check(url)).revision == HEAD


async def test_a_newer_database_is_refused_and_untouched(url: str, opened: Database) -> None:
    await migrate(url)
    async with opened.writing() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await opened.close()
    before = opened.file and opened.file.read_bytes()
    for attempt in (migrate, check):
        with pytest.raises(NewerFormatError) as refusal:
            await attempt(url)
        assert refusal.value.hint is not None
        assert refusal.value.where == opened.place
    async with opened.reading() as connection:
        assert (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar() == "9999"
    if opened.file:
        assert opened.file.read_bytes() == before
        assert [each.name for each in opened.file.parent.iterdir() if "backup" in each.name] == []


async def test_a_later_migration_reaches_the_rows_of_every_user(
    postgres_url: str, postgres_database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The login that owns the tables is held to their policies, and would change nothing."""
    async with ordinary_login(postgres_url, postgres_database, owner=True) as url:
        await migrate(url)
        database = Database(url)
        identity = {"username": "jesse", "identity_provider": "local", "identity_sub": "jesse"}
        async with database.writing(EVERYBODY) as connection:
            await connection.execute(metadata.tables["users"].insert(), identity)
        add_revision(monkeypatch, tmp_path, "op.execute(\"UPDATE users SET display_name = 'changed'\")")
        await migrate(url)
        async with database.reading(EVERYBODY) as connection:
            names = (await connection.execute(text("SELECT display_name FROM users"))).scalars()
        await database.close()
    assert list(names) == ["changed"]


# ---------------------------------------------------------------- copies


async def test_a_backup_is_whole_while_somebody_writes(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    await migrate(url)
    database = Database(url)
    await put_a_candle(database)
    target = tmp_path / "new folder" / "copy.db"
    async with database.writing() as connection:
        await connection.execute(text("DELETE FROM candles"))
        assert await backup(url, target) == target
    await database.close()
    with closing(sqlite3.connect(target)) as copy:
        assert copy.execute("SELECT count(*) FROM candles").fetchone() == (1,)
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_a_backup_replaces_nothing_and_needs_a_source(tmp_path: Path, postgres_database: str) -> None:
    with pytest.raises(NotFoundError):
        await backup(sqlite_url(tmp_path), tmp_path / "copy.db")
    await migrate(sqlite_url(tmp_path))
    (tmp_path / "there").write_text("mine")
    with pytest.raises(ConflictError):
        await backup(sqlite_url(tmp_path), tmp_path / "there")
    with pytest.raises(NotAllowedError):
        await backup(sqlite_url(tmp_path), tmp_path / "there" / "copy.db")
    with pytest.raises(NotImplementedYetError):
        await backup(postgres_database, tmp_path / "copy.db")
    assert (tmp_path / "there").read_text() == "mine"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["data", "there"]
