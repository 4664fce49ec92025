"""Which database of a folder is meant: of live data, of the demonstration, or of a replay."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from livermore.apps.cli.errors import NotRunningError
from livermore.kernel.errors import NotFoundError

if TYPE_CHECKING:
    from livermore.workspace.folder import DatabaseName

FILE_OF: dict[str, DatabaseName] = {"live": "livermore", "demo": "demo", "replay": "replay"}
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
    files = [file for file in database_files(workspace, source) if file.exists()]
    if not files:
        raise nothing_here(workspace, source)
    return stored_in(max(files, key=_written), workspace)


def database_files(workspace: Path, source: str | None) -> list[Path]:
    """Return where the databases of a workspace (of one source) lie, whether they exist or not."""
    from livermore.workspace.folder import Workspace

    if source is not None and source not in FILE_OF:
        raise NotFoundError(f"no source is called {source!r}", where="--source", hint="live, demo or replay")
    names = FILE_OF.values() if source is None else [FILE_OF[source]]
    return [Workspace(workspace).database(name) for name in names]


def stored_in(file: Path, workspace: Path) -> Stored:
    """Name the database that a file holds."""
    return Stored(f"sqlite+aiosqlite:///{file}", str(file.relative_to(workspace.absolute())))


def nothing_here(workspace: Path, source: str | None = None) -> NotRunningError:
    """Return the error of a folder in which nothing runs and nothing is stored."""
    return NotRunningError(
        "nothing runs here and nothing is stored" if source is None else f"nothing is stored of {source}",
        where=str(workspace.absolute()),
        hint="start with: livermore up --demo (or go to the folder in which Livermore runs)",
    )


def _written(file: Path) -> float:
    """Return when a SQLite database was written last: its log may be newer than the file itself."""
    log = file.with_name(f"{file.name}-wal")
    return max(path.stat().st_mtime for path in (file, log) if path.exists())
