"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from livermore.kernel.clock import parse_time
from livermore.kernel.errors import InvalidError, NotFoundError
from livermore.kernel.timeframe import Timeframe

HERE = Path()
WORKSPACE = "LIVERMORE_WORKSPACE"
FASTEST = 1_000_000

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Workspace = Annotated[
    Path,
    typer.Option("--workspace", metavar="DIR", envvar=WORKSPACE, help="The folder that holds .livermore."),
]
Source = Annotated[
    str | None,
    typer.Option(
        metavar="live|demo|replay", help="Read this database of the folder, whether a server runs or not."
    ),
]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="At most so many, the newest ones.")]
Before = Annotated[
    str | None, typer.Option(metavar="CURSOR", help="Go on behind a page: its `next` of --json.")
]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="TIME", help="From this time on: RFC 3339, a date, or ms (UTC)."),
]
To = Annotated[str | None, typer.Option("--to", metavar="TIME", help="Up to this time, without it.")]
Exchange = Annotated[str | None, typer.Option(metavar="NAME", help="Only this exchange.")]
Symbol = Annotated[str | None, typer.Option(metavar="SYMBOL", help="Only this symbol, such as BTCUSDT.")]
OneTimeframe = Annotated[
    str | None, typer.Option("--timeframe", metavar="TIMEFRAME", help="Only this timeframe, such as 5m.")
]

SPEED_HELP = "How many times as fast as real time, or max for as fast as it goes."
Speed = Annotated[str, typer.Option(metavar="N|max", help=SPEED_HELP)]


def speed_of(text: str) -> float | None:
    """Read a speed option; None is as fast as possible."""
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed <= FASTEST:
        raise InvalidError(
            f"{text!r} is no speed", where="--speed", hint=f"a number up to {FASTEST:,}, or max"
        )
    return speed


def time_of(text: str | None, option: str) -> int | None:
    """Read a time option as ms UTC."""
    if text is None:
        return None
    try:
        return parse_time(text)
    except (ValueError, OverflowError):
        hint = "write 2026-05-01, 2026-05-01T12:00:00Z or milliseconds"
        raise InvalidError(f"{text!r} is no time", where=option, hint=hint) from None


def timeframe_of(text: str) -> Timeframe:
    """Read a timeframe option."""
    try:
        return Timeframe(text)
    except ValueError:
        raise InvalidError(
            f"{text!r} is not a timeframe", where="--timeframe", hint=f"one of: {' '.join(Timeframe)}"
        ) from None


def existing(files: list[Path]) -> tuple[Path, ...]:
    """Return files that all exist, else refuse the first that does not."""
    for file in files:
        if not file.is_file():
            what = "this is a folder, not a file" if file.is_dir() else "there is no such file"
            raise NotFoundError(what, where=str(file), hint="check the path; quote names that hold spaces")
    return tuple(files)
