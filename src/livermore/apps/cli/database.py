"""`livermore db`."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from livermore.apps.cli.checkup import ORDINARY
from livermore.apps.cli.frame import HelpfulGroup, examples, new_app
from livermore.apps.cli.options import HERE, AsJson, Source, Workspace
from livermore.apps.cli.output import emit
from livermore.apps.cli.reading import plain
from livermore.apps.cli.stored import (
    SERVER_VARIABLE,
    Stored,
    database_files,
    find_database,
    nothing_here,
    stored_in,
)

app = new_app("Upgrade, check or back up the database.", group=HelpfulGroup)


@app.command(epilog=examples("livermore db upgrade", "livermore db upgrade --source demo"))
def upgrade(workspace: Workspace = HERE, source: Source = None, as_json: AsJson = False) -> None:
    """Bring the database to the tables of this version; a SQLite file is copied first."""
    stored = writable_database(workspace, source)
    from livermore import bootstrap

    done = plain(asyncio.run(bootstrap.database(stored.url).upgrade()))
    emit(done, as_json, lambda: _show_upgrade(stored, done))


@app.command(epilog=examples("livermore db check", "livermore db check --json"))
def check(workspace: Workspace = HERE, source: Source = None, as_json: AsJson = False) -> None:
    """Say at which revision the database is, and which migrations would run. Nothing is touched."""
    stored = find_database(workspace, source)
    from livermore import bootstrap

    database = bootstrap.database(stored.url)
    found = plain(asyncio.run(database.check())) | {"warnings": _warnings(asyncio.run(database.login()))}
    emit(found, as_json, lambda: _show_check(stored, found))


@app.command(epilog=examples("livermore db backup before-the-trip.db"))
def backup(
    target: Annotated[
        Path, typer.Argument(metavar="FILE", help="A new file; one that exists is never replaced.")
    ],
    workspace: Workspace = HERE,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Copy the SQLite database to a new file, also while Livermore runs."""
    stored = find_database(workspace, source)
    from livermore import bootstrap

    asyncio.run(bootstrap.database(stored.url).backup(target))
    emit(
        {"from": stored.name, "file": str(target)},
        as_json,
        lambda: print(f"{stored.name} copied to {target}"),
    )


def writable_database(workspace: Path, source: str | None) -> Stored:
    """Return the database that a writing verb means; in a new folder it is that of live data."""
    if database_files(workspace, source) or (source is None and os.environ.get(SERVER_VARIABLE)):
        return find_database(workspace, source)
    if source not in (None, "live"):
        raise nothing_here(workspace, source)
    from livermore.workspace.folder import Workspace as Folder

    folder = Folder(workspace)
    folder.prepare()
    return stored_in(folder.database(), workspace)


def _warnings(login: Any) -> list[str]:
    if login is None or login.exempt is None:
        return []
    return [f"the login {login.name} {login.exempt}, so that row-level security does not hold it; {ORDINARY}"]


def _show_upgrade(stored: Stored, done: Any) -> None:
    if done["before"] == done["after"]:
        print(f"{stored.name} is up to date: revision {done['after']}")
        return
    print(f"{stored.name}: from revision {done['before'] or 'nothing'} to {done['after']}")
    if done["backup"]:
        print(f"as it was before: {done['backup']}")


def _show_check(stored: Stored, found: Any) -> None:
    pending = found["pending"]
    print(f"{stored.name}: revision {found['revision'] or 'none'}")
    print(
        f"{len(pending)} to run with livermore db upgrade: {', '.join(pending)}"
        if pending
        else "nothing to upgrade"
    )
    for warning in found["warnings"]:
        print(f"warning: {warning}")
