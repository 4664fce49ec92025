"""`livermore settings`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from livermore.apps.cli import settings_files as files
from livermore.apps.cli import settings_places as places
from livermore.apps.cli import settings_show as shown
from livermore.apps.cli.errors import Exit, NotRunningError
from livermore.apps.cli.frame import DefaultGroup, examples, new_app
from livermore.apps.cli.options import HERE, AsJson, Source, Workspace
from livermore.apps.cli.output import emit, note
from livermore.apps.cli.settings_paths import completed, place_of, value_at, value_of
from livermore.kernel.errors import InvalidError

app = new_app("Show, change, plan, compare and take back settings.", group=DefaultGroup)

Place = Annotated[
    str,
    typer.Argument(
        metavar="PATH", autocompletion=completed,
        help="Where: alerts.cooldown_seconds, symbols.- for one more, or /alerts/levels/0.",
    ),
]  # fmt: skip
Places = Annotated[
    list[str] | None,
    typer.Argument(metavar="[PATH]...", autocompletion=completed, help="Only these settings."),
]
File = Annotated[
    str, typer.Argument(metavar="FILE", help="A document or an export, comments allowed; - reads stdin.")
]
Reason = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why; the history keeps it.")]
Expected = Annotated[
    int | None,
    typer.Option(
        "--if-revision", metavar="N", min=1, max=2**31 - 1,
        help="Only if this is still the newest revision; exit code 5 otherwise.",
    ),
]  # fmt: skip
Number = Annotated[int, typer.Argument(metavar="REVISION", min=1, max=2**31 - 1, help="Its number.")]


@app.command(epilog=examples("livermore settings", "livermore settings show --json"))
def show(workspace: Workspace = HERE, source: Source = None, as_json: AsJson = False) -> None:
    """Show every setting, with its default where nothing else was chosen."""
    found = places.read(workspace, source, lambda settings: settings.current())
    emit(found, as_json, lambda: shown.show_settings(found))


@app.command(epilog=examples("livermore settings get alerts.levels", "livermore settings get /symbols/0"))
def get(path: Place, workspace: Workspace = HERE, source: Source = None, as_json: AsJson = False) -> None:
    """Print one setting, or a section of them; nothing where it is absent (null with --json)."""
    place = place_of(path)
    found = places.read(workspace, source, lambda settings: settings.current())
    value = value_at(found["settings"], place)
    if value is None and not as_json:
        note(f"{path} is not set")
    else:
        emit(value, as_json, lambda: shown.show_value(value))


@app.command(
    "set",
    epilog=examples(
        "livermore settings set alerts.cooldown_seconds 60",
        "livermore settings set symbols.- ETH-USD",
        """livermore settings set alerts.quiet_hours '{"from": "22:00", "to": "06:00"}'""",
    ),
)
def set_setting(
    path: Place,
    value: Annotated[
        str, typer.Argument(metavar="VALUE", help="JSON, or a text where the setting is one; - reads stdin.")
    ],
    reason: Reason = None,
    if_revision: Expected = None,
    workspace: Workspace = HERE,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Change one setting and leave the rest alone; parents that are missing are made."""
    place, given = place_of(path), value_of(path, value)
    done = places.write(
        workspace, source,
        lambda settings: settings.patch(place, given, expected=if_revision, reason=reason),
    )  # fmt: skip
    emit(done, as_json, lambda: shown.show_change(done))


@app.command(epilog=examples("livermore settings edit", "EDITOR=nano livermore settings edit"))
def edit(workspace: Workspace = HERE, source: Source = None, as_json: AsJson = False) -> None:
    """Edit the document with $EDITOR; what does not fit is opened again, with what is wrong above it."""
    from livermore.apps.cli.settings_editor import edited

    found = places.read(workspace, source, lambda settings: settings.current())

    def save(document: Any) -> Any:
        return places.write(
            workspace, source, lambda settings: settings.replace(document, expected=found["revision"])
        )

    done = edited(found["settings"], save)
    if done is None:
        unchanged = {**found, "diff": []}
        emit(unchanged, as_json, lambda: shown.show_change(unchanged))
    else:
        emit(done, as_json, lambda: shown.show_change(done))


@app.command(epilog=examples("livermore settings validate mine.json"))
def validate(file: File, workspace: Workspace = HERE, source: Source = None, as_json: AsJson = False) -> None:
    """Say whether a file would be taken, and list every place that does not fit. Nothing is stored.

    Where nothing is stored yet, only the form is checked: not whether exchanges and symbols exist.
    """
    problems, warnings = _problems(workspace, source, file)
    verdict = {"valid": not problems, "errors": problems, "warnings": warnings}
    emit(verdict, as_json, lambda: _show_verdict(file, verdict))
    if problems:
        raise typer.Exit(Exit.REFUSED)


@app.command(epilog=examples("livermore settings plan mine.json"))
def plan(file: File, workspace: Workspace = HERE, source: Source = None, as_json: AsJson = False) -> None:
    """Say what a document in a file would change and do. Nothing is stored."""
    document = files.document_in(file)
    found = places.read(workspace, source, lambda settings: settings.plan(document))
    emit(found, as_json, lambda: shown.show_plan(found))


@app.command(epilog=examples("livermore settings apply mine.json --reason 'the new desk'"))
def apply(
    file: File,
    reason: Reason = None,
    workspace: Workspace = HERE,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Store a document of a file in the place of the whole, and say whether it holds."""
    document = files.document_in(file)
    done = places.write(workspace, source, lambda settings: settings.apply(document, reason=reason))
    emit(done, as_json, lambda: shown.show_applied(done))


@app.command(epilog=examples("livermore settings history", "livermore settings history --limit 5 --json"))
def history(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many, the newest ones.")] = 20,
    before: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=2**31 - 1, help="Only revisions before this one.")
    ] = None,
    workspace: Workspace = HERE,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """List revisions, the newest first: who changed what, when, through which door and why."""
    page = places.read(workspace, source, lambda settings: settings.history(limit=limit, before=before))
    emit(page, as_json, lambda: shown.show_history(page))


@app.command(epilog=examples("livermore settings diff", "livermore settings diff 3 7 --json"))
def diff(
    a: Annotated[
        int | None,
        typer.Argument(metavar="[A]", min=1, max=2**31 - 1, help="The earlier one; the last but one."),
    ] = None,
    b: Annotated[
        int | None, typer.Argument(metavar="[B]", min=1, max=2**31 - 1, help="The later one; the newest.")
    ] = None,
    workspace: Workspace = HERE,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Compare two revisions; with --json also as a JSON Patch (RFC 6902)."""
    found = places.read(workspace, source, lambda settings: settings.diff(a, b))

    def tell() -> None:
        shown.show_diff(found["diff"])
        note(f"from revision {found['from']} to {found['to']}: {len(found['diff'])} differ")

    emit(found, as_json, tell)


@app.command(
    epilog=examples(
        "livermore settings rollback 3", "livermore settings rollback 3 alerts --reason 'too loud'"
    )
)
def rollback(
    revision: Number,
    paths: Places = None,
    reason: Reason = None,
    if_revision: Expected = None,
    workspace: Workspace = HERE,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Go back to an earlier revision, or to some settings of it, by storing them as a new one."""
    chosen = [place_of(path) for path in paths or ()]
    done = places.write(
        workspace, source,
        lambda settings: settings.rollback(revision, chosen, expected=if_revision, reason=reason),
    )  # fmt: skip
    emit(done, as_json, lambda: shown.show_change(done))


@app.command(epilog=examples("livermore settings export mine.json", "livermore settings export > mine.json"))
def export(
    file: Annotated[
        str, typer.Argument(metavar="[FILE]", help="A new file; without it, or for -, standard output.")
    ] = files.STDIO,
    workspace: Workspace = HERE,
    source: Source = None,
) -> None:
    """Write the settings as one JSON document, which `import` takes here and elsewhere."""
    found = places.read(workspace, source, lambda settings: settings.export())
    files.write_new(file, files.as_json(found))


@app.command(
    "import",
    epilog=examples("livermore settings import mine.json --dry-run", "livermore settings import mine.json"),
)
def import_settings(
    file: File,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would happen, and store nothing.")
    ] = False,
    drop_unknown: Annotated[
        bool, typer.Option("--drop-unknown", help="Leave out keys that no setting has, and list them.")
    ] = False,
    reason: Reason = None,
    if_revision: Expected = None,
    workspace: Workspace = HERE,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Store the settings of a file, of any version that there was, in the place of the whole."""
    content = files.read_bytes(file)
    put = places.read if dry_run else places.write
    done = put(
        workspace, source,
        lambda settings: settings.import_file(
            content, dry_run=dry_run, drop_unknown=drop_unknown, expected=if_revision, reason=reason
        ),
    )  # fmt: skip
    emit(done, as_json, lambda: shown.show_imported(done))


@app.command(
    epilog=examples("livermore settings reset alerts scanner.limit", "livermore settings reset --all")
)
def reset(
    paths: Places = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Everything but the primary exchange, when no path is named.")
    ] = False,
    reason: Reason = None,
    if_revision: Expected = None,
    workspace: Workspace = HERE,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Go back to the defaults of some settings, or of all; the history keeps what was."""
    if bool(paths) == everything:
        raise typer.BadParameter("name the settings, or say --all")
    chosen = [place_of(path) for path in paths or ()]
    done = places.write(
        workspace, source, lambda settings: settings.reset(chosen, expected=if_revision, reason=reason)
    )
    emit(done, as_json, lambda: shown.show_change(done))


@app.command(epilog=examples("livermore settings schema > settings.schema.json"))
def schema() -> None:
    """Print the JSON Schema of the document, with help and apply class of every setting."""
    from livermore.settings.schema import json_schema

    print(files.as_json(json_schema()))


def _problems(workspace: Any, source: str | None, file: str) -> tuple[list[Any], list[Any]]:
    """Return what does not fit in a file, and what would only be warned of."""
    try:
        document = files.document_in(file)
        files.checked(document)
        found = places.read(workspace, source, lambda settings: settings.plan(document))
    except InvalidError as error:
        return files.problems_of(error), []
    except NotRunningError:
        note("nothing is stored here: only the form was checked")
        return [], []
    return [], found["warnings"]


def _show_verdict(file: str, verdict: Any) -> None:
    for problem in verdict["errors"]:
        print(files.told(problem))
    if verdict["valid"]:
        print(f"{file} fits")
        shown.show_warnings(verdict["warnings"])
    else:
        count = len(verdict["errors"])
        note(f"{count} {'place does' if count == 1 else 'places do'} not fit")
