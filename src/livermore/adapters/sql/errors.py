"""What the drivers complain about, in the words of the kernel."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import asyncpg
from sqlalchemy.exc import SQLAlchemyError

from livermore.kernel.errors import (
    ConflictError,
    CorruptDataError,
    InvalidError,
    LivermoreError,
    NotAllowedError,
    NotFoundError,
    StorageUnavailableError,
)


class Meaning(NamedTuple):
    """What a driver's code means for the caller."""

    error: type[LivermoreError]
    what: str
    hint: str | None = None


UPGRADE = "run `livermore db upgrade`"
WRITABLE = "give the user that runs livermore the right to write the file and its folder"
REACHABLE = "see whether the database server runs and whether LIVERMORE_DATABASE_URL names it"
SPACE = "free some space on the disk"

# By the beginning of SQLite's error name or of PostgreSQL's SQLSTATE; the first that fits counts.
MEANINGS: dict[str, Meaning] = {
    "SQLITE_BUSY": Meaning(StorageUnavailableError, "another process is writing", "stop it, or try again"),
    "SQLITE_LOCKED": Meaning(StorageUnavailableError, "another process is writing", "stop it, or try again"),
    "SQLITE_READONLY": Meaning(NotAllowedError, "the database may not be written", WRITABLE),
    "SQLITE_CANTOPEN": Meaning(NotAllowedError, "the database may not be opened", WRITABLE),
    "SQLITE_PERM": Meaning(NotAllowedError, "the database may not be opened", WRITABLE),
    "SQLITE_FULL": Meaning(StorageUnavailableError, "the disk is full", SPACE),
    "SQLITE_IOERR": Meaning(StorageUnavailableError, "the disk does not answer as it should", SPACE),
    "SQLITE_CORRUPT": Meaning(CorruptDataError, "the database file is damaged", "restore a backup"),
    "SQLITE_NOTADB": Meaning(CorruptDataError, "the file is no database", "name another file"),
    "SQLITE_CONSTRAINT_FOREIGNKEY": Meaning(NotFoundError, "what this belongs to is not there"),
    "SQLITE_CONSTRAINT_NOTNULL": Meaning(InvalidError, "a value is missing"),
    "SQLITE_CONSTRAINT": Meaning(ConflictError, "it is there already"),
    "SQLITE_ERROR": Meaning(
        StorageUnavailableError, "the tables are not as this version knows them", UPGRADE
    ),
    "08": Meaning(StorageUnavailableError, "the database server does not answer", REACHABLE),
    "22": Meaning(InvalidError, "a value cannot be stored"),
    "23503": Meaning(NotFoundError, "what this belongs to is not there"),
    "23505": Meaning(ConflictError, "it is there already"),
    "23": Meaning(InvalidError, "a value is missing"),
    "25006": Meaning(NotAllowedError, "the database may not be written", "connect to the primary server"),
    "28": Meaning(NotAllowedError, "the database server refuses the login", REACHABLE),
    "3D": Meaning(NotFoundError, "there is no such database", REACHABLE),
    "40": Meaning(StorageUnavailableError, "somebody else wrote the same rows", "try again"),
    "42501": Meaning(NotAllowedError, "the login may not touch these tables", "grant it the rights"),
    "42": Meaning(StorageUnavailableError, "the tables are not as this version knows them", UPGRADE),
    "53100": Meaning(StorageUnavailableError, "the disk is full", SPACE),
    "53": Meaning(StorageUnavailableError, "the database server has no room for more", "try again"),
    "57": Meaning(StorageUnavailableError, "the database server goes down or comes up", "try again"),
}
UNREACHABLE = Meaning(StorageUnavailableError, "the database does not answer", REACHABLE)
UNFIT = Meaning(InvalidError, "a value cannot be stored")
FORBIDDEN = Meaning(NotAllowedError, "the database may not be written", WRITABLE)

DRIVER_ERRORS = (
    SQLAlchemyError,
    sqlite3.Error,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what it says of a connection that the server has just ended
    TimeoutError,
    UnicodeEncodeError,
)


@contextmanager
def translated(place: str, *also: type[Exception]) -> Iterator[None]:
    """Raise kernel errors instead of the drivers' (and of `also`); `place` is where the database is."""
    try:
        yield
    except (*DRIVER_ERRORS, *also) as error:
        raise _kernel_error(error, place) from error


def _kernel_error(error: BaseException, place: str) -> LivermoreError:
    chain = list(_chain(error))
    meaning = _meaning(chain)
    said = str(chain[-1]).partition("\n")[0]
    told = meaning.error(f"{meaning.what}: {said}" if said else meaning.what, where=place, hint=meaning.hint)
    told.abroad = meaning.what
    return told


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what caused it, down to the driver's own."""
    while error is not None:
        yield error
        error = getattr(error, "orig", None) or error.__cause__


def _meaning(chain: list[BaseException]) -> Meaning:
    for error in reversed(chain):
        code = getattr(error, "sqlite_errorname", None) or getattr(error, "sqlstate", None)
        for beginning, meaning in MEANINGS.items():
            if code and code.startswith(beginning):
                return meaning
    if any(isinstance(error, ValueError | TypeError | OverflowError) for error in chain):
        return UNFIT
    return (
        FORBIDDEN
        if isinstance(chain[-1], PermissionError | NotADirectoryError | FileExistsError)
        else UNREACHABLE
    )
