"""What happens between click and result: a command is written down, published, and waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from livermore.control.command import HIGHEST, LOWEST, Command, NewCommand, Source
from livermore.control.intake import accept, presentable
from livermore.control.listening import Listening
from livermore.control.outcome import failure_of
from livermore.control.ports import Accepted, Journal
from livermore.control.registry import Registry
from livermore.control.rest import rest, within
from livermore.control.switchboard import Switchboard
from livermore.control.voice import Voice
from livermore.control.wire import (
    Message,
    check_id,
    check_payload,
    check_priority,
    command_channel,
    encode,
)
from livermore.kernel.clock import Clock
from livermore.kernel.errors import (
    InvalidError,
    LivermoreError,
    NotFoundError,
    StorageUnavailableError,
    TransientError,
)
from livermore.kernel.events import EventBus
from livermore.kernel.ids import new_id
from livermore.kernel.log import logger
from livermore.kernel.role import Role
from livermore.kernel.scope import Scope

SELDOM, OFTEN = 1.0, 0.2
"""Seconds after which the journal is asked, where answers are heard, and where they are not."""
SHORTEST = 0.05
"""Who waits for no time at all is given these seconds for one look."""
log = logger("control")


class Channel:
    """Submit commands on behalf of a user, and wait for what becomes of them."""

    def __init__(
        self, switchboard: Switchboard, journal: Journal, registry: Registry,
        *, events: EventBus, clock: Clock,
    ) -> None:  # fmt: skip
        self._switchboard = switchboard
        self._journal = journal
        self._registry = registry
        self._voice = Voice(switchboard, events, clock)
        self._clock = clock
        self._listening = Listening(switchboard)

    async def submit(
        self, scope: Scope, name: str, payload: Any, *, author: str, role: Role, source: Source,
        priority: int | None = None, command_id: str | None = None, misfit: LivermoreError | None = None,
    ) -> Command:  # fmt: skip
        """Write a command down, publish it, and return it; a repeated id returns what became of the first.

        What cannot be done is written down as rejected and raised: InvalidError (UnknownTypeError),
        NotAllowedError, or the `misfit` that the door has found already. An id that stands for something
        else raises ConflictError. Each of these carries the `command_id`. Raises TransientError when the
        journal is away: then nothing has been submitted.
        """
        refused = misfit or self._refusal(name, payload, role, priority, command_id)
        accepted = await self._accept(
            scope,
            NewCommand(
                id=_sound_id(command_id), type=presentable(name),
                payload=payload if _is_sound(payload) else {},
                priority=priority if priority and refused is None else self._registry.priority(name),
                source=source, author=author, role=role, submitted_at=self._clock.now(),
                failure=None if refused is None else failure_of(refused),
            ),
        )  # fmt: skip
        if refused is not None:
            refused.command_id = accepted.command.id
            raise refused
        if not accepted.repeated:
            await self._publish(scope, accepted.command)
        return accepted.command

    async def wait(self, scope: Scope, command_id: str, seconds: float) -> Command:
        """Return a command once it has ended, or after so many seconds as it stands then.

        Raises NotFoundError, and StorageUnavailableError when the journal said nothing in all that time.
        """
        deadline = self._clock.monotonic() + seconds
        newest: Command | None = None
        with self._listening.to(scope, command_id) as stirred:
            while True:
                left = max(0.0, deadline - self._clock.monotonic())
                newest = await self._look(scope, command_id, left) or newest
                left = deadline - self._clock.monotonic()
                if left <= 0 or (newest is not None and not newest.is_open):
                    break
                await self._stir(scope, stirred, left)
        if newest is None:
            raise StorageUnavailableError("the journal does not answer", hint="ask again a little later")
        return newest

    async def follow(self, scope: Scope, command_id: str) -> AsyncIterator[Command]:
        """Yield a command as it stands, and again whenever that has changed, until it has ended.

        Raises NotFoundError.
        """
        newest: Command | None = None
        with self._listening.to(scope, command_id) as stirred:
            while newest is None or newest.is_open:
                found = await self._look(scope, command_id, SELDOM)
                if found is not None and found != newest:
                    newest = found
                    yield found
                else:
                    await self._stir(scope, stirred, SELDOM)

    async def _look(self, scope: Scope, command_id: str, seconds: float) -> Command | None:
        """Return a command, None if the journal does not answer in time; raise NotFoundError."""
        looking = asyncio.ensure_future(self._journal.get(scope, command_id, self._clock.now()))
        try:
            if not await within(self._clock, max(seconds, SHORTEST), looking):
                return None
            found = looking.result()
        except TransientError as error:
            log.debug("the journal could not be asked for a command", error=str(error))
            return None
        if found is None:
            raise NotFoundError("there is no such command", where=command_id)
        return found

    async def _stir(self, scope: Scope, stirred: asyncio.Event, seconds: float) -> None:
        """Wait until something may have become of a command."""
        often = SELDOM if self._listening.hears(scope) else OFTEN
        await rest(self._clock, min(seconds, often), stirred)
        stirred.clear()

    def _refusal(
        self, name: str, payload: Any, role: Role, priority: int | None, command_id: str | None
    ) -> LivermoreError | None:
        """Say why a command cannot be taken."""
        try:
            if command_id is not None:
                check_id(command_id)
            check_priority(priority)
            check_payload(payload)
            self._registry.read(name, payload, role)
        except LivermoreError as error:
            return error
        return None

    async def _accept(self, scope: Scope, command: NewCommand) -> Accepted:
        """Write a command down and tell it here."""
        try:
            accepted = await accept(self._journal, scope, command)
        except LivermoreError as error:
            error.command_id = command.id
            raise
        if not accepted.repeated:
            self._voice.tell(scope, accepted.command)
        return accepted

    async def _publish(self, scope: Scope, command: Command) -> None:
        """Publish a command; if that fails, whoever hosts the user finds it in the journal."""
        asked = command.priority if HIGHEST <= command.priority <= LOWEST else None
        message = Message(
            correlation_id=command.id, type=command.type, timestamp=command.submitted_at,
            payload=command.payload, priority=asked, source=command.source,
            identity_sub=scope.identity_sub, journalled=True, number=command.number,
        )  # fmt: skip
        try:
            await self._switchboard.publish(command_channel(scope.identity_sub), encode(message))
        except TransientError as error:
            log.debug("a command was not published", command=command.id, error=str(error))


def _sound_id(command_id: str | None) -> str:
    """Return an id as it is stored, and a new one for what is none."""
    try:
        return check_id(command_id) if command_id is not None else new_id()
    except InvalidError:
        return new_id()


def _is_sound(payload: Any) -> bool:
    """Say whether a payload can be written down, though it may not fit."""
    try:
        check_payload(payload)
    except InvalidError:
        return False
    return isinstance(payload, dict)
