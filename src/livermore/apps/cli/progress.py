"""Progress of what takes long: a bar on a terminal, a line for each step elsewhere, nothing for programs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from livermore.apps.cli.output import note, span


@contextmanager
def progress_of(*, quiet: bool) -> Iterator[Callable[[Any], None]]:
    """Lend what shows how far a command is, as often as it is called."""
    if quiet:
        yield lambda command: None
    elif sys.stderr.isatty():
        with _bar() as show:
            yield show
    else:
        yield _lines()


@contextmanager
def _bar() -> Iterator[Callable[[Any], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = TextColumn("{task.fields[kind]}"), BarColumn(), TextColumn("{task.description}")
    with Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False) as bar:
        task = bar.add_task("", total=None, kind="")

        def show(command: Any) -> None:
            done = command["progress"] or {}
            bar.update(
                task, kind=command["type"], total=done.get("total"), completed=done.get("done", 0),
                description=_said(command), refresh=True,
            )  # fmt: skip

        yield show


def _lines() -> Callable[[Any], None]:
    last = ""

    def show(command: Any) -> None:
        nonlocal last
        said = f"{command['type']}: {_said(command)}"
        if said != last:
            note(said)
            last = said

    return show


def _said(command: Any) -> str:
    progress = command["progress"]
    if progress is None:
        return str(command["status"])
    left = progress.get("eta_seconds")
    estimate = f", about {span(left)} left" if left is not None else ""
    return f"{progress['done']} of {progress['total']}, {progress['message']}{estimate}"
