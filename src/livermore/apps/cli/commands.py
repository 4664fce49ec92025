"""`livermore commands`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from livermore.apps.cli.frame import DefaultGroup, examples, new_app
from livermore.apps.cli.options import HERE, AsJson, Limit, Source, Workspace
from livermore.apps.cli.outcomes import told, took
from livermore.apps.cli.output import emit, note, table
from livermore.apps.cli.reading import read
from livermore.apps.cli.signals import one_of
from livermore.control.lifecycle import Status
from livermore.kernel.errors import InvalidError, LivermoreError

app = new_app("List what was asked and what became of it, or prove that list.", group=DefaultGroup)

DIGITS = 64
STATES = tuple(Status)


@app.command("list", epilog=examples("livermore commands", "livermore commands --status failed --json"))
def list_commands(
    limit: Limit = 20,
    before: Annotated[
        int | None, typer.Option(metavar="CURSOR", min=1, help="Go on behind a page: its `next` of --json.")
    ] = None,
    type_: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Only this type, such as pause.")
    ] = None,
    status: Annotated[
        str | None, typer.Option(metavar="STATUS", help=f"Only this status: {', '.join(STATES)}.")
    ] = None,
    workspace: Workspace = HERE,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """List commands, newest first, those included that were refused."""
    one_of(status, STATES, "--status")
    chosen = {"limit": limit, "before": before, "type": type_, "status": status}
    page = read(workspace, source, lambda reader: reader.commands(**chosen))
    emit(page, as_json, lambda: _show_page(page))


@app.command(epilog=examples("livermore commands show 4f0c…", "livermore commands show 4f0c… --json"))
def show(
    command_id: Annotated[str, typer.Argument(metavar="ID", help="The command's id, as the list shows it.")],
    workspace: Workspace = HERE,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Show one command: who asked for what, when it was acknowledged, and what came of it."""
    found = read(workspace, source, lambda reader: reader.command(command_id))
    emit(found, as_json, lambda: _show(found))


@app.command(epilog=examples("livermore commands verify", "livermore commands verify --expect 9f86d0…"))
def verify(
    expect: Annotated[
        str | None,
        typer.Option(metavar="HASH", help="A head that was noted earlier; the chain must have it."),
    ] = None,
    workspace: Workspace = HERE,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Prove that nothing of what happened to commands was altered, by computing their chain anew."""
    noted = _hash_of(expect)
    found = read(workspace, source, lambda reader: reader.chain(noted))
    emit(found, as_json, lambda: _show_chain(found))
    if not found["ok"]:
        hint = "the database was written to by something else: restore it from a backup"
        raise AlteredError(f"the history was altered: {_fault(found['fault'])}", hint=hint)
    if noted is not None and found["expected_place"] is None:
        raise AlteredError(
            "the chain does not have this hash", where="--expect",
            hint="the history was altered as a whole, or has been pruned beyond it",
        )  # fmt: skip


class AlteredError(LivermoreError):
    """What was written down is not what is there."""


def _hash_of(text: str | None) -> str | None:
    if text is None:
        return None
    digits = text.strip().lower()
    if len(digits) != DIGITS or set(digits) - set("0123456789abcdef"):
        raise InvalidError("this is no hash", where="--expect", hint=f"it has {DIGITS} hexadecimal digits")
    return digits


def _show_page(page: Any) -> None:
    if not page["commands"]:
        print("nothing was asked yet")
        return
    rows = [
        (
            _second(command["submitted_at"]), command["type"], command["status"], took(command),
            command["author"], command["source"], (command["error"] or {}).get("code", ""), command["id"],
        )
        for command in page["commands"]
    ]  # fmt: skip
    table(("submitted (UTC)", "type", "status", "took", "by", "from", "error", "id"), rows, right=("took",))
    if page["next"] is not None:
        note(f"older ones: --before {page['next']}")


def _show(command: Any) -> None:
    print(f"{command['type']} {command['id']}, priority {command['priority']}")
    for name, value in command["payload"].items():
        print(f"  {name}: {value}")
    print(f"asked for by {command['author']} ({command['source']}) at {_second(command['submitted_at'])}")
    if command["acknowledged_at"]:
        print(f"acknowledged after {command['acknowledged_in_ms']} ms")
    if command["started_at"]:
        print(f"started at {_second(command['started_at'])}, ran for {took(command)}")
    if command["finished_at"]:
        print(f"{command['status']} at {_second(command['finished_at'])}")
    error = command["error"]
    print(f"{error['code']}: {error['detail']}" if error else told(command))


def _show_chain(chain: Any) -> None:
    events = f"{chain['events']:,} events of {chain['commands']:,} commands"
    if chain["ok"]:
        print(f"whole: {events}, from place {chain['anchor_place'] + 1} to {chain['head_place']}")
    if chain["unsealed"]:
        print(f"{chain['unsealed']:,} more are not in the chain yet")
    print(f"head: {chain['head']}")


def _fault(fault: Any) -> str:
    place = f" at place {fault['place']}" if fault["place"] is not None else ""
    command = f" of command {fault['command_id']}" if fault["command_id"] else ""
    return f"{fault['what']}{place}{command}: {fault['detail']}"


def _second(moment: str) -> str:
    return moment[:19].replace("T", " ")
