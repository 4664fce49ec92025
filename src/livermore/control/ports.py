"""What the control room needs from the world: a bus that may lose messages, a journal that loses nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, NamedTuple, Protocol

import msgspec

from livermore.control.audit import Report
from livermore.control.command import Command, Failure, NewCommand, Progress
from livermore.control.lifecycle import Status, Step
from livermore.kernel.scope import Reach, Scope
from livermore.kernel.service import Health

Heard = Callable[[str, bytes], None]
"""Takes a channel and a message; must not wait."""


class CommandBus(Protocol):
    """Carry messages between processes: each to all who listen at that moment, once or never."""

    async def start(self, heard: Heard, regained: Callable[[], None]) -> None:
        """Hand every message of the joined channels to `heard`, and say when messages may have been lost.

        `regained` is called after each time that the connection was lost and is there again.
        """
        ...

    async def stop(self) -> None:
        """Hear nothing more."""
        ...

    async def join(self, channels: Collection[str]) -> None:
        """Hear these channels too; return once they are heard. While the bus is away: when it is back."""
        ...

    async def leave(self, channels: Collection[str]) -> None:
        """Hear these channels no more."""
        ...

    async def publish(self, channel: str, message: bytes) -> None:
        """Send a message; raise TransientError when it did not go out."""
        ...

    def health(self) -> Health:
        """Say whether messages go out and come in; while they do not, the journal is what counts."""
        ...


class Accepted(NamedTuple):
    """What the journal holds under an id; `repeated` when it was there before."""

    command: Command
    repeated: bool


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is written down with a step: when (ms UTC), who runs it, and the outcome."""

    at: int
    runner: str | None = None
    acknowledged_at: int | None = None
    result: Any = None
    error: Failure | None = None


class Page(NamedTuple):
    """Commands, newest first; `next` continues behind them."""

    commands: list[Command]
    next: int | None


class Waiting(NamedTuple):
    """An open command and whose it is."""

    scope: Scope
    command: Command


class Journal(Protocol):
    """Keep every command with what became of it. What it says is what holds; all times are ms UTC."""

    async def accept(self, scope: Scope, command: NewCommand) -> Accepted:
        """Write a command down, durably, unless one of this user has its id already: then return that one.

        Raises ConflictError when the id stands for another type or payload; that is noted among its events.
        """
        ...

    async def step(self, scope: Scope, command_id: str, step: Step, facts: Facts) -> Command | None:
        """Take a step if the command stands where the table allows it; None when it does not, or is unknown.

        Of two who try, one succeeds. START is taken only by who comes before the command is overdue. Raises
        StorageUnavailableError when it is not known whether it was taken.
        """
        ...

    async def progress(self, scope: Scope, command_id: str, progress: Progress) -> None:
        """Note how far a running command is."""
        ...

    async def get(self, scope: Scope, command_id: str, now: int) -> Command | None:
        """Return one command; one that is overdue has expired by then."""
        ...

    async def history(
        self, scope: Scope, now: int, *, before: int | None = None, limit: int = 50,
        of_type: str | None = None, status: Status | None = None,
    ) -> Page:  # fmt: skip
        """Return a user's commands; those that are overdue have expired by then."""
        ...

    async def open(self) -> list[Waiting]:
        """Return everybody's open commands in the order of their arrival, the overdue ones as they stand.

        Who hosts a user lets that one's expire, and says so; of users whom nobody hosts, the Sealer does.
        """
        ...

    async def close(self) -> None:
        """Let go of what is kept open."""
        ...


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """How many commands of each user are kept, and for how many days after they ended."""

    days: int = 365
    commands: int = 100_000


class Trail(Protocol):
    """Chain what happened to commands, a moment later; several processes may do so at once."""

    async def unsealed(self) -> list[Scope]:
        """Return the users of whom some events are not in their chain yet."""
        ...

    async def seal(self, scope: Scope) -> int:
        """Put a user's events into the chain and return how many."""
        ...

    async def overfull(self, kept: Retention, now: int) -> list[Scope]:
        """Return the users who have commands that need not be kept any more."""
        ...

    async def prune(self, scope: Scope, kept: Retention, now: int) -> int:
        """Take a user's oldest closed commands and their events away and return how many commands.

        What is left begins at the new anchor of the chain and is proven from there.
        """
        ...

    async def verify(self, reach: Reach, noted: str | None = None) -> list[Report]:
        """Compute the chains anew and return what was found of each user.

        `noted` is a hash in hexadecimal digits, of which is said whether the chain has it.
        """
        ...
