"""Asking the running server for something: submitted under an id of our own, followed to its end."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from livermore.apps.cli.errors import ConnectionLostError, NotRunningError, TimedOutError
from livermore.apps.cli.outcomes import check_outcome, told
from livermore.apps.cli.output import emit, note
from livermore.apps.cli.progress import progress_of
from livermore.apps.cli.server import Server, ask, find_server
from livermore.apps.cli.stored import start_again
from livermore.kernel.clock import Clock, SystemClock
from livermore.kernel.errors import StorageUnavailableError
from livermore.kernel.ids import new_id

OPEN = frozenset({"accepted", "acknowledged", "running"})
STEP = 0.5
"""Seconds for which the server is asked to wait, before what it has done so far is shown."""
AGAIN = 0.5
"""Seconds after which a server that has gone is looked for again."""
SOURCE = {"livermore-source": "cli"}

NoWait = Annotated[bool, typer.Option("--no-wait", help="Return as soon as it has been accepted.")]
Timeout = Annotated[
    float, typer.Option(metavar="SECONDS", min=0.1, max=86_400, help="Wait no longer than this for the end.")
]


Show = Callable[[Any], None]
"""Shows how far a command is."""


class Wish(NamedTuple):
    """What is asked for, whether its end is waited for, and for how many seconds at most."""

    name: str
    payload: Mapping[str, Any]
    waits: bool
    timeout: float


def carry_out(wish: Wish, workspace: Path, *, as_json: bool) -> None:
    """Have the server do something and tell what came of it; raise the error that fits when it failed."""
    command = carried_out(wish, workspace, quiet=as_json)
    if as_json or command["error"] is None:
        emit(command, as_json, lambda: print(told(command)))
    check_outcome(command)


def carried_out(wish: Wish, workspace: Path, *, quiet: bool) -> Any:
    """Have the server do something, showing how far it is, and return the command, however it ended."""
    return asyncio.run(_carried_out(wish, workspace, progress_of(quiet=quiet)))


def running(workspace: Path) -> Server:
    """Return the running server; raise NotRunningError where none is known."""
    server = find_server(workspace)
    if server is None:
        hint = f"start one with: {start_again(workspace)}"
        raise NotRunningError("no server runs here", where=str(workspace.absolute()), hint=hint)
    return server


def confirmed(question: str) -> bool:
    """Ask on the terminal whether it is meant; where there is none, it is not."""
    if not sys.stdin.isatty():
        return False
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().casefold() in {"y", "yes"}


async def _carried_out(wish: Wish, workspace: Path, progress: AbstractContextManager[Show]) -> Any:
    visit = Visit(workspace, SystemClock(), wish)
    command = await visit.submit()
    if not wish.waits or command["status"] not in OPEN:
        return command
    with progress as show:
        try:
            return await visit.follow(command, show)
        except asyncio.CancelledError:
            note(f"it goes on without us; see: livermore commands show {visit.id}")
            raise


class Visit:
    """Ask for one thing under one id, so that it may be asked for again where a connection is lost."""

    def __init__(self, workspace: Path, clock: Clock, wish: Wish) -> None:
        self.id = new_id()
        self._workspace = workspace
        self._clock = clock
        self._wish = wish
        self._deadline = clock.monotonic() + wish.timeout
        self._is_told = False

    async def submit(self) -> Any:
        """Submit it, and wait for a moment if at all. Raises NotRunningError, or what is answered."""
        body = {"type": self._wish.name, "payload": dict(self._wish.payload)}
        headers = SOURCE | {"idempotency-key": self.id}
        query = {"wait": self._step() if self._wish.waits else None}
        return await self._patiently(
            lambda server: ask(server, "/commands", query, method="POST", body=body, headers=headers),
            (ConnectionLostError, TimeoutError),
        )

    async def follow(self, command: Any, show: Show) -> Any:
        """Return it once it has ended. Raises TimedOutError."""
        while command["status"] in OPEN:
            show(command)
            if self._left() <= 0:
                raise self._timed_out()
            command = await self._look()
        return command

    async def _look(self) -> Any:
        passing = (NotRunningError, TimeoutError, StorageUnavailableError)
        query = {"wait": self._step()}
        try:
            return await self._patiently(lambda server: ask(server, f"/commands/{self.id}", query), passing)
        except passing:
            raise self._timed_out() from None

    async def _patiently(
        self, question: Callable[[Server], Awaitable[Any]], passing: tuple[type[Exception], ...]
    ) -> Any:
        """Put a question to the server, wherever it is now, until it is answered."""
        while True:
            try:
                return await question(running(self._workspace))
            except passing:
                if self._left() <= 0:
                    raise
            if not self._is_told:
                note("the server does not answer; asking again until it does")
            self._is_told = True
            await self._clock.sleep(min(AGAIN, max(self._left(), 0)))

    def _left(self) -> float:
        return self._deadline - self._clock.monotonic()

    def _step(self) -> float:
        return round(min(STEP, max(self._left(), 0)), 3)

    def _timed_out(self) -> TimedOutError:
        return TimedOutError(
            f"{self._wish.name} has not ended within {self._wish.timeout:g} s",
            hint=f"it goes on; see: livermore commands show {self.id}",
        )
