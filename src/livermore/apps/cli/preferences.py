"""`livermore preferences`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from livermore.apps.cli import preference_places as places
from livermore.apps.cli.frame import DefaultGroup, examples, new_app
from livermore.apps.cli.options import HERE, AsJson, Source, Workspace
from livermore.apps.cli.output import emit, note, table
from livermore.kernel.errors import ConflictError, InvalidError

app = new_app("Keep what is chosen about the looks of things: texts under keys.", group=DefaultGroup)
VERSION = "1.0"
STDIO = "-"
SHOWN = 60

Key = Annotated[str, typer.Argument(metavar="KEY", help="The key, such as theme; slashes are fine.")]
Installation = Annotated[
    bool,
    typer.Option("--installation", help="The installation's, which count for whoever has no own."),
]


@app.command("list", epilog=examples("livermore preferences", "livermore preferences list --json"))
def list_preferences(
    installation: Installation = False,
    workspace: Workspace = HERE,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """List what counts: your own preferences, and the installation's below them."""
    of = "installation" if installation else None
    found = places.read(workspace, source, lambda preferences: preferences.all(of))
    emit(found, as_json, lambda: _show(found["preferences"]))


@app.command(epilog=examples("livermore preferences get theme", "livermore preferences get theme --json"))
def get(
    key: Key,
    installation: Installation = False,
    workspace: Workspace = HERE,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Print the value that counts; nothing where there is none (null with --json)."""
    of = "installation" if installation else None
    check({key: ""})
    found = places.read(workspace, source, lambda preferences: preferences.get(key, of))
    emit(found, as_json, lambda: _show_value(found))


@app.command(
    "set", epilog=examples("livermore preferences set theme dark", "livermore preferences set note ''")
)
def set_preference(
    key: Key,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="Any text; it may be empty.")],
    installation: Installation = False,
    workspace: Workspace = HERE,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Store a value under a key. In a new folder this makes the database."""
    of = "installation" if installation else "user"
    check({key: value})
    done = places.write(workspace, source, lambda preferences: preferences.set({key: value}, of))
    (stored,) = done["preferences"]
    emit(stored, as_json, lambda: print(f"{stored['key']} is stored"))


@app.command(epilog=examples("livermore preferences delete theme"))
def delete(
    key: Key,
    installation: Installation = False,
    workspace: Workspace = HERE,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Delete a value, and say whether there was one."""
    of = "installation" if installation else "user"
    check({key: ""})
    done = places.delete(workspace, source, key, of)
    emit(done, as_json, lambda: print(f"{key} {'is deleted' if done['existed'] else 'was not there'}"))


@app.command(
    epilog=examples("livermore preferences export mine.json", "livermore preferences export > mine.json")
)
def export(
    file: Annotated[
        str, typer.Argument(metavar="[FILE]", help="A new file; without it, or for -, standard output.")
    ] = STDIO,
    installation: Installation = False,
    workspace: Workspace = HERE,
    source: Source = None,
) -> None:
    """Write your own preferences, or the installation's, as one JSON document."""
    of = "installation" if installation else "user"
    found = places.read(workspace, source, lambda preferences: preferences.all(of))["preferences"]
    text = json.dumps(_exported(found), ensure_ascii=False, indent=2)
    if file == STDIO:
        print(text)
        return
    _write_new(Path(file), text + "\n")
    note(f"{_many(len(found))} written to {file}")


@app.command("import", epilog=examples("livermore preferences import mine.json"))
def import_preferences(
    file: Annotated[str, typer.Argument(metavar="FILE", help="What `export` wrote; - reads standard input.")],
    installation: Installation = False,
    workspace: Workspace = HERE,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Store every preference of a file or, if one does not fit, none; keys that it does not name stay."""
    values = imported(sys.stdin.buffer.read() if file == STDIO else Path(file).read_bytes(), file)
    check(values)
    of = "installation" if installation else "user"
    stored = places.write(workspace, source, lambda preferences: preferences.set(values, of))
    emit(stored, as_json, lambda: print(f"{_many(len(values))} stored"))


def check(values: Mapping[str, str]) -> None:
    """Refuse what does not fit before a server is asked or a file is made."""
    from livermore.workspace.preference import check_all

    check_all(values)


def imported(text: bytes, where: str) -> dict[str, str]:
    """Read an export, or a bare JSON object of texts; raise InvalidError for anything else."""
    hint = "write what `livermore preferences export` writes, or an object of texts by their keys"
    try:
        document = json.loads(text)
    except ValueError as error:
        raise InvalidError(f"this is not JSON: {error}", where=where, hint=hint) from None
    if isinstance(document, dict) and "exportVersion" in document:
        if document["exportVersion"] != VERSION:
            raise InvalidError(f"the export is not of version {VERSION}", where=where, hint=hint)
        document = document.get("preferences")
    if not isinstance(document, dict):
        raise InvalidError("these are no preferences", where=where, hint=hint)
    for key, value in document.items():
        if not isinstance(value, str):
            raise InvalidError(f"the value of {key!r} is no text", where=where, hint=hint)
    return document


def _exported(found: list[Any]) -> dict[str, Any]:
    from livermore.kernel.clock import SystemClock, rfc3339

    values = {one["key"]: one["value"] for one in found}
    return {"exportedAt": rfc3339(SystemClock().now()), "exportVersion": VERSION, "preferences": values}


def _write_new(file: Path, text: str) -> None:
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
    except FileExistsError:
        raise ConflictError("the file exists", where=str(file), hint="name another file") from None


def _many(count: int) -> str:
    return "1 preference" if count == 1 else f"{count} preferences"


def _show(found: list[Any]) -> None:
    if not found:
        print("no preference is stored")
        return
    rows = [(one["key"], _short(one["value"]), one["updated_at"][:19].replace("T", " ")) for one in found]
    table(("key", "value", "since (UTC)"), rows)


def _show_value(found: Any) -> None:
    if found["value"] is None:
        note(f"nothing is stored under {found['key']}")
    else:
        print(found["value"])


def _short(value: str) -> str:
    line = json.dumps(value, ensure_ascii=False)[1:-1]
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"
