"""Taking in messages that nobody has written down before: they are written down on receipt, then count."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec

from livermore.control.command import HIGHEST, LIFETIME, Failure, NewCommand
from livermore.control.outcome import UNFORESEEN, failure_of
from livermore.control.ports import Accepted, Journal
from livermore.control.rest import within
from livermore.control.scribe import Ground, Patience
from livermore.control.wire import LONGEST_TYPE, Message
from livermore.kernel.errors import ConflictError, LivermoreError, RateLimitedError, TransientError
from livermore.kernel.log import logger
from livermore.kernel.role import Role
from livermore.kernel.scope import Scope

UNREADABLE = "unreadable"
"""The type under which a message is written down that has none."""
MESSAGES, BYTES = 1_000, 33_554_432
"""So much of one user waits to be written down at most; what comes on top is refused.

For pause and resume there is as much room again.
"""
CROWDED = failure_of(RateLimitedError("too many messages wait to be written down", hint="send it again"))
GRACE = 1.0
"""At the end, what is being written down is given so many seconds."""
log = logger("control")


class Author(NamedTuple):
    """In whose name a message speaks that anybody with the bus may have sent."""

    name: str
    role: Role


Authors = Callable[[Scope], Awaitable[Author]]
"""Finds the author of a user's raw messages; raises NotFoundError for a user who is gone."""


class Arrival(NamedTuple):
    """A message as it came in at a time (ms UTC), with what is wrong with it, if that is known already."""

    id: str
    type: str
    at: int
    size: int
    message: Message | None
    failure: Failure | None


def presentable(name: Any) -> str:
    """Return what may be stored as the type of a command that is rejected."""
    letters = "".join(letter for letter in name if letter.isprintable()) if isinstance(name, str) else ""
    return letters.encode(errors="replace").decode()[:LONGEST_TYPE] or UNREADABLE


async def accept(journal: Journal, scope: Scope, command: NewCommand) -> Accepted:
    """Write a command down; one whose payload the journal will not take is rejected without it.

    Raises ConflictError, TransientError.
    """
    try:
        return await journal.accept(scope, command)
    except (ConflictError, TransientError):
        raise
    except LivermoreError as error:
        failure = command.failure or failure_of(error)
    rejected = msgspec.structs.replace(command, payload={}, failure=failure)
    return await journal.accept(scope, rejected)


class Intake:
    """Write down one user's raw messages, the urgent ones first, and pass on what the journal holds then.

    There is a task only while something waits; `taken` gets each, `idle` is called when none is left.
    """

    def __init__(
        self, scope: Scope, ground: Ground, authors: Authors,
        taken: Callable[[Scope, Accepted], None], idle: Callable[[], None],
    ) -> None:  # fmt: skip
        self._scope = scope
        self._ground = ground
        self._authors = authors
        self._taken = taken
        self._idle = idle
        self._waiting: list[tuple[int, int, Arrival]] = []
        self._bytes = self._count = 0
        self._ending = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Say whether nothing is being written down."""
        return self._task is None

    def put(self, arrival: Arrival) -> None:
        """Let a message wait until it is written down."""
        priority = self._priority(arrival)
        room = 1 if priority >= HIGHEST else 2
        if len(self._waiting) >= room * MESSAGES or self._bytes + arrival.size > room * BYTES:
            self._ground.voice.refuse(self._scope, arrival.id, CROWDED)
            return
        self._count += 1
        self._bytes += arrival.size
        heapq.heappush(self._waiting, (priority, self._count, arrival))
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Take nothing in any more; what was not written down was never acknowledged."""
        self._ending.set()
        if self._task is not None:
            await within(self._ground.clock, GRACE, asyncio.wait({self._task}))

    async def _run(self) -> None:
        patience = Patience(self._ground.clock, self._ending)
        while self._waiting and not self._ending.is_set():
            _, _, arrival = place = heapq.heappop(self._waiting)
            try:
                await self._take_in(arrival)
                self._bytes -= arrival.size
                patience.renew()
            except TransientError as error:
                log.warning("the journal is away; messages wait", error=str(error))
                heapq.heappush(self._waiting, place)
                await patience.wait()
        self._task = None
        self._idle()

    async def _take_in(self, arrival: Arrival) -> None:
        """Write a message down and pass it on; raise TransientError if that was not possible now."""
        try:
            author = await self._authors(self._scope)
            command = self._command(arrival, author)
            accepted = await accept(self._ground.journal, self._scope, command)
        except TransientError:
            raise
        except LivermoreError as error:
            self._ground.voice.refuse(self._scope, arrival.id, failure_of(error))
        except Exception:
            log.exception("a message could not be written down")
            self._ground.voice.refuse(self._scope, arrival.id, UNFORESEEN)
        else:
            self._taken(self._scope, accepted)

    def _command(self, arrival: Arrival, author: Author) -> NewCommand:
        message = arrival.message
        too_old = message is not None and arrival.at - message.timestamp > LIFETIME
        return NewCommand(
            id=arrival.id,
            type=arrival.type,
            payload=message.payload if message is not None else {},
            priority=self._priority(arrival),
            source="wire",
            author=author.name,
            role=author.role,
            # What was sent too long ago is overdue on arrival; for all else our own clock counts.
            submitted_at=max(0, message.timestamp) if message is not None and too_old else arrival.at,
            failure=arrival.failure or self._misfit(message, author.role),
        )

    def _misfit(self, message: Message | None, role: Role) -> Failure | None:
        """Say what the registry has against a message."""
        if message is None:
            return None
        try:
            self._ground.registry.read(message.type, message.payload, role)
        except LivermoreError as error:
            return failure_of(error)
        return None

    def _priority(self, arrival: Arrival) -> int:
        asked = arrival.message.priority if arrival.message is not None else None
        return asked or self._ground.registry.priority(arrival.type)
