"""Bring a database to the tables of this version, look at it first, and copy it."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from livermore.adapters.sql.engine import Database
from livermore.adapters.sql.errors import UPGRADE, translated
from livermore.kernel.errors import (
    ConflictError,
    CorruptDataError,
    LivermoreError,
    NewerFormatError,
    NotFoundError,
    NotImplementedYetError,
    RefusedError,
    TransientError,
)
from livermore.kernel.scope import EVERYBODY

SCRIPTS = "livermore.adapters.sql:migrations"
PATIENCE = 10  # seconds for whoever is writing
PRIVATE = 0o600  # hashes of passwords are in it
LOCK = 0x6C6976  # the same number in every process, so that two do not migrate at once


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """Say at what revision a database is (None: empty) and which migrations would run, oldest first."""

    place: str
    revision: str | None
    pending: tuple[str, ...]


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """Record what `migrate` did; `backup` is the copy of an SQLite file as it was before."""

    before: str | None
    after: str
    backup: Path | None


async def check(url: str) -> Condition:
    """Look at a database and touch nothing; raise NewerFormatError when a newer version wrote it."""
    database = Database(url)
    try:
        revision = await _revision(database)
    finally:
        await database.close()
    return Condition(place=database.place, revision=revision, pending=_pending(revision, database.place))


async def migrate(url: str) -> Migration:
    """Bring a database to the newest revision, all or nothing, having copied an SQLite file that held data.

    Raises NewerFormatError when a newer version wrote it, NotAllowedError when it may not be written, and
    CorruptDataError when a migration fails; by any of them the database is left as it was.
    """
    condition = await check(url)
    database = Database(url, migrating=True)
    saved = None
    if condition.pending and database.file:
        saved = _prepare(database.file, condition.revision)
    try:
        if condition.pending:
            await _upgrade(database)
    except Exception as error:
        raise _undone(error, condition, saved) from error
    finally:
        await database.close()
    if condition.pending and database.file:
        await _enter_wal(url)
    head = condition.pending[-1] if condition.pending else condition.revision
    return Migration(before=condition.revision, after=head or "", backup=saved)


async def backup(url: str, target: Path) -> Path:
    """Copy an SQLite database to a new file while it is in use."""
    database = Database(url)
    if database.file is None:
        hint = "use pg_dump; docs/how-to/keep-users-apart.md says with which options"
        raise NotImplementedYetError("only SQLite files are copied by livermore", hint=hint)
    await asyncio.to_thread(_copy_to_new, database.file, target)
    return target


def _undone(error: Exception, condition: Condition, saved: Path | None) -> LivermoreError:
    """Say that nothing has changed, and what to do: wait, where that helps, else keep the old version."""
    why = error.what if isinstance(error, LivermoreError) else f"{type(error).__name__}: {error}"
    what = f"the database could not be upgraded, and is as it was: {why}"
    if isinstance(error, RefusedError | TransientError) and error.hint != UPGRADE:
        return type(error)(what, where=condition.place, hint=error.hint)
    copy = f"; a copy of it lies in {saved}" if saved else ""
    hint = f"go on with the version that wrote it (revision {condition.revision or 'none'}), and report this"
    return CorruptDataError(what, where=condition.place, hint=hint + copy)


def _prepare(file: Path, revision: str | None) -> Path | None:
    """Create the file, or copy what it holds."""
    if revision is None:
        with translated(str(file), OSError):
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file.touch(mode=PRIVATE)
        return None
    saved = file.with_name(f"{file.name}.{revision}.backup")
    _copy(file, saved)
    return saved


def _copy_to_new(file: Path, target: Path) -> None:
    if not file.exists():
        raise NotFoundError("there is no database yet", where=str(file))
    if target.exists():
        raise ConflictError("the backup would replace a file", where=str(target), hint="name another file")
    _copy(file, target)


def _copy(file: Path, target: Path) -> None:
    """Copy through SQLite, so that a writer in between does no harm; a part of a copy is never left."""
    unfinished = target.with_name(f"{target.name}.unfinished")
    with translated(str(target), OSError):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            _remove(unfinished)  # a process that was killed may have left one
            unfinished.touch(mode=PRIVATE)
            with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(unfinished)) as copy:
                source.backup(copy)
            unfinished.replace(target)
        finally:
            _remove(unfinished)


def _remove(file: Path) -> None:
    """Remove an SQLite file and what SQLite keeps beside it."""
    for suffix in ("", "-journal", "-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


async def _revision(database: Database) -> str | None:
    if database.file:
        return await asyncio.to_thread(_revision_of_file, database.file) if database.file.exists() else None
    async with database.reading() as connection:
        heads = await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_heads())
    return heads[0] if heads else None


def _revision_of_file(file: Path) -> str | None:
    """Read the revision of an SQLite file, which unlike a `Database` changes nothing in its header."""
    address = f"{file.absolute().as_uri()}?mode=rw"
    with translated(str(file)), closing(sqlite3.connect(address, uri=True, timeout=PATIENCE)) as connection:
        known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if known else None
    return str(row[0]) if row else None


def _pending(revision: str | None, place: str) -> tuple[str, ...]:
    known = [script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()][::-1]
    if revision is None:
        return tuple(known)
    if revision not in known:
        hint = f"use the version that wrote it, or a newer one; this one knows revisions up to {known[-1]}"
        raise NewerFormatError(f"the database is at revision {revision}", where=place, hint=hint)
    return tuple(known[known.index(revision) + 1 :])


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    return config


async def _upgrade(database: Database) -> None:
    async with database.writing(EVERYBODY) as connection:
        await connection.run_sync(_upgrade_in_transaction)


async def _enter_wal(url: str) -> None:
    """Open the migrated file once as everybody will, so that nobody waits for its change of mode."""
    database = Database(url)
    try:
        async with database.reading():
            pass
    finally:
        await database.close()


def _upgrade_in_transaction(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    if connection.dialect.name == "sqlite" and connection.execute(text("PRAGMA foreign_key_check")).first():
        raise CorruptDataError("after the migration, rows refer to others that are not there")
