"""`livermore workspace`."""

from __future__ import annotations

import asyncio
import os
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from livermore.apps.cli.frame import DefaultGroup, examples, new_app
from livermore.apps.cli.options import HERE, AsJson, Workspace, existing
from livermore.apps.cli.output import emit, local_moment, note, table
from livermore.apps.cli.reading import plain
from livermore.apps.cli.server import Server, ask
from livermore.apps.cli.stored import SERVER_VARIABLE, database_files, find_database
from livermore.kernel.errors import InvalidError, LivermoreError, NotFoundError

if TYPE_CHECKING:
    from livermore.workspace.row import WorkspaceRow

app = new_app("Show this folder, list those that were opened, or open one.", group=DefaultGroup)
ELSEWHERE = "see: livermore workspace list; a new one is made by: livermore up --workspace DIR"


@app.command(epilog=examples("livermore workspace", "livermore workspace show --workspace ~/markets"))
def show(workspace: Workspace = HERE, as_json: AsJson = False) -> None:
    """Show what this folder holds, how it was opened last, and whether Livermore runs in it."""
    folder = str(workspace.absolute())
    row = next((row for row in known(workspace) if row.project_dir == folder), None)
    files = [
        {"file": str(file.relative_to(folder)), "bytes": file.stat().st_size}
        for file in sorted(database_files(workspace.absolute(), None))
    ]
    blank = {"project_dir": folder, "name": Path(folder).name, "last_opened": None, "config": None}
    running = asyncio.run(address_of(folder))
    found = (plain(row) if row else blank) | {"running": running, "databases": files}
    emit(found, as_json, lambda: _show(found))


@app.command("list", epilog=examples("livermore workspace list", "livermore workspace list --json"))
def list_workspaces(workspace: Workspace = HERE, as_json: AsJson = False) -> None:
    """List the folders that were opened on this machine, the last one first."""
    rows = [plain(row) for row in known(workspace)]
    addresses = asyncio.run(_addresses([row["project_dir"] for row in rows]))
    found = [row | {"running": address} for row, address in zip(rows, addresses, strict=True)]
    emit({"workspaces": found}, as_json, lambda: _show_all(found))


@app.command(
    "open", epilog=examples("livermore workspace open markets", "livermore workspace open ~/markets --open")
)
def open_workspace(
    target: Annotated[str, typer.Argument(metavar="WORKSPACE", help="Its name in the list, or its folder.")],
    open_: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = False,
    workspace: Workspace = HERE,
) -> None:
    """Say where a workspace is served; where it does not run, start it as it was started last."""
    row = chosen(target, known(workspace))
    server = asyncio.run(_answering(row.project_dir))
    if server is None:
        start(row, opens=open_)
        return
    page = f"{server.url}/?token={server.token}"
    print(page)
    if open_:
        webbrowser.open(page)


def start(row: WorkspaceRow, *, opens: bool) -> None:
    """Run `up` in a folder with what it was given the last time; what the settings say counts as ever."""
    from livermore import bootstrap
    from livermore.apps.cli.running import Door, run
    from livermore.workspace.row import HowOpened

    how = row.config or HowOpened()
    plan = bootstrap.Plan(
        workspace=Path(row.project_dir),
        source=how.source,
        files=existing([Path(file) for file in how.files]),
        speed=how.speed,
        database_url=os.environ.get(SERVER_VARIABLE),
    )
    run(plan, Door(how.host, how.port, opens))


def known(workspace: Path) -> list[WorkspaceRow]:
    """Return the workspaces that the database of a folder knows and those that this machine noted."""
    if SERVER_VARIABLE in os.environ or database_files(workspace, None):
        try:
            return asyncio.run(_stored(find_database(workspace, None).url))
        except LivermoreError as error:
            note(f"the database of this folder was not read: {error}")
    from livermore.workspace.recent import RecentNotes, state_folder

    return RecentNotes(state_folder(os.environ)).all()


def chosen(target: str, rows: list[WorkspaceRow]) -> WorkspaceRow:
    """Return the workspace in a folder, else the one of a name; raise NotFoundError or InvalidError."""
    from livermore.workspace.folder import Workspace as Folder
    from livermore.workspace.row import WorkspaceRow

    folder = Folder(Path(target).expanduser())
    if folder.home.is_dir():
        directory = str(folder.directory)
        return next(
            (row for row in rows if row.project_dir == directory), WorkspaceRow(project_dir=directory)
        )
    named = [row for row in rows if row.name == target]
    if not named:
        raise NotFoundError("there is no such workspace", where=target, hint=ELSEWHERE)
    if len(named) > 1:
        folders = ", ".join(row.project_dir for row in named)
        raise InvalidError("more than one is called so", where=target, hint=f"name its folder: {folders}")
    return named[0]


async def _stored(url: str) -> list[WorkspaceRow]:
    from livermore import bootstrap

    system = await bootstrap.read_only(url)
    try:
        return await system.workspaces.all(everywhere=True)
    finally:
        await system.stop()


async def address_of(folder: str) -> str | None:
    """Return where the Livermore of a folder is served; None where none answers."""
    server = await _answering(folder)
    return None if server is None else server.url


async def _addresses(folders: list[str]) -> list[str | None]:
    return list(await asyncio.gather(*(address_of(folder) for folder in folders)))


async def _answering(folder: str) -> Server | None:
    """Return the server that noted itself in a folder, if it still answers to its key."""
    from livermore.workspace.folder import Workspace as Folder

    note = Folder(Path(folder)).read_server()
    if note is None:
        return None
    server = Server(note.url, note.token)
    try:
        await ask(server, "/runtime")
    except (TimeoutError, LivermoreError):
        return None
    return server


def _show(found: Any) -> None:
    how = found["config"]
    opened = found["last_opened"]
    print(f"folder     {found['project_dir']}")
    print(f"name       {found['name']}")
    print(f"opened     {'-' if opened is None else local_moment(opened)}")
    print(f"source     {'-' if how is None else how.get('source', 'live')}")
    print(f"running    {found['running'] or '-'}")
    for number, each in enumerate(found["databases"]):
        print(f"{'' if number else 'databases':9}  {each['file']} ({each['bytes'] / 1e6:.1f} MB)")


def _show_all(found: list[Any]) -> None:
    if not found:
        print("no workspace was opened yet")
        return
    rows = [
        (
            row["name"] or "-",
            row["project_dir"],
            (row["config"] or {}).get("source", "live"),
            "-" if row["last_opened"] is None else local_moment(row["last_opened"]),
            row["running"] or "-",
        )
        for row in found
    ]
    table(("name", "folder", "source", "opened last", "running"), rows)
