"""Which database of a folder is meant: of live data, of the demonstration, or of a replay."""

from __future__ import annotations

import os
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

from livermore.apps.cli.errors import NotRunningError
from livermore.kernel.errors import NotFoundError

# Each recording has a database of its own.
FILES_OF = {"live": "livermore.db", "demo": "demo.db", "replay": "replay*.db"}
STARTS = {
    "live": "livermore up --symbol BTC-USD",
    "demo": "livermore up --demo",
    "replay": "livermore up --replay FILE",
}
# A folder that has its settings already needs no word about them.
STARTS_AGAIN = STARTS | {"live": "livermore up"}
SERVER_VARIABLE = "LIVERMORE_DATABASE_URL"


class Stored(NamedTuple):
    """A database: its URL, and how people call it."""

    url: str
    name: str


def find_database(workspace: Path, source: str | None) -> Stored:
    """Return the database of a source, else the one that the environment names, else the file written last.

    Errors: NotRunningError when there is none.
    """
    url = os.environ.get(SERVER_VARIABLE)
    if url and source is None:
        return Stored(url, f"the database of {SERVER_VARIABLE}")
    files = database_files(workspace, source)
    if not files:
        raise nothing_here(workspace, source)
    return stored_in(max(files, key=_written), workspace)


def database_files(workspace: Path, source: str | None) -> list[Path]:
    """Return the database files of a workspace, or those of one source."""
    from livermore.workspace.folder import Workspace

    if source is not None and source not in FILES_OF:
        raise NotFoundError(f"no source is called {source!r}", where="--source", hint="live, demo or replay")
    patterns = FILES_OF.values() if source is None else [FILES_OF[source]]
    return [file for pattern in patterns for file in Workspace(workspace).data.glob(pattern)]


def stored_in(file: Path, workspace: Path) -> Stored:
    """Name the database that a file holds."""
    return Stored(f"sqlite+aiosqlite:///{file}", str(file.relative_to(workspace.absolute())))


def nothing_here(workspace: Path, source: str | None = None) -> NotRunningError:
    """Return the error of a folder in which nothing runs and nothing is stored."""
    others = [other for other in FILES_OF if database_files(workspace, other)]
    start = f"start with: {STARTS[source or 'demo']} (or go to the folder in which Livermore runs)"
    return NotRunningError(
        "nothing runs here and nothing is stored" if source is None else f"nothing is stored of {source}",
        where=str(workspace.absolute()),
        hint=f"this folder holds data of {others[0]}: add --source {others[0]}" if others else start,
    )


def start_again(workspace: Path) -> str:
    """Return the command that goes on with what was stored last, or shows an empty folder something."""
    if os.environ.get(SERVER_VARIABLE):
        return STARTS_AGAIN["live"]
    files = database_files(workspace, None)
    if not files:
        return STARTS["demo"]
    newest = max(files, key=_written).name
    return next(command for source, command in STARTS_AGAIN.items() if fnmatch(newest, FILES_OF[source]))


def _written(file: Path) -> float:
    """Return when a SQLite database was written last: its log may be newer than the file itself."""
    log = file.with_name(f"{file.name}-wal")
    return max(path.stat().st_mtime for path in (file, log) if path.exists())
