"""`livermore pause`, `resume`, `reload` and `mode`."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from livermore.apps.cli.asking import NoWait, Timeout, Wish, carry_out
from livermore.apps.cli.frame import examples, new_app
from livermore.apps.cli.options import HERE, AsJson, Workspace, time_of
from livermore.apps.cli.signals import one_of
from livermore.kernel.clock import SystemClock

pause_app, resume_app, reload_app, mode_app = new_app(), new_app(), new_app(), new_app()

LEVELS = ("data", "alerts")
MODES = ("position-monitor", "scalper-macdv", "scalper-orderbook")
SECONDS = 60.0
UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "min": 60_000, "s": 1_000}
DURATION = re.compile(r"\s*(\d{1,9})\s*(d|h|min|m|s)", re.IGNORECASE)


@pause_app.command(
    epilog=examples(
        "livermore pause --reason 'moving house'",
        "livermore pause --level alerts --until 8h",
        "livermore pause --until 2026-12-24T18:00:00Z",
    )
)
def pause(
    level: Annotated[
        str,
        typer.Option(metavar="LEVEL", help="data: everything rests; alerts: none is sent, all are stored."),
    ] = "data",
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why; it is shown and kept.")] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="TIME|DURATION", help="When it ends by itself: a time, or such as 90m, 8h, 2d."),
    ] = None,
    no_wait: NoWait = False,
    timeout: Timeout = SECONDS,
    workspace: Workspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Rest from everything, or from sending alerts, until resumed or until a time."""
    one_of(level, LEVELS, "--level")
    given = {"level": level, "reason": reason, "until": end_of(until, SystemClock().now())}
    payload = {name: value for name, value in given.items() if value is not None}
    carry_out(Wish("pause", payload, not no_wait, timeout), workspace, as_json=as_json)


@resume_app.command(epilog=examples("livermore resume"))
def resume(
    no_wait: NoWait = False, timeout: Timeout = SECONDS, workspace: Workspace = HERE, as_json: AsJson = False
) -> None:
    """End a pause: repair what was missed, then go live."""
    carry_out(Wish("resume", {}, not no_wait, timeout), workspace, as_json=as_json)


@reload_app.command(epilog=examples("livermore reload"))
def reload(
    no_wait: NoWait = False, timeout: Timeout = SECONDS, workspace: Workspace = HERE, as_json: AsJson = False
) -> None:
    """Read the stored settings again and bring them about; says what changed."""
    carry_out(Wish("reload-settings", {}, not no_wait, timeout), workspace, as_json=as_json)


@mode_app.command(epilog=examples("livermore mode scalper-macdv"))
def mode(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"One of: {', '.join(MODES)}.")],
    no_wait: NoWait = False,
    timeout: Timeout = SECONDS,
    workspace: Workspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Switch to another mode, as a revision of the settings, without a restart."""
    one_of(name, MODES, "NAME")
    wish = Wish("switch-mode", {"mode": name}, not no_wait, timeout)
    carry_out(wish, workspace, as_json=as_json)


def end_of(text: str | None, now: int) -> int | None:
    """Read a time, or a length of time from now (ms UTC) on; raise InvalidError for what is neither."""
    if text is None:
        return None
    parts = DURATION.findall(text)
    if not parts or DURATION.sub("", text).strip():
        return time_of(text, "--until")
    return now + sum(int(count) * UNITS[unit.lower()] for count, unit in parts)
