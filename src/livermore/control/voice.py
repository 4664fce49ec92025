"""What is said of commands: answers on the user's channel, and events inside this process."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable
from typing import Any, Protocol

import msgspec

from livermore.control.command import Command, Failure, Progress
from livermore.control.rest import within
from livermore.control.shape import shape_of
from livermore.control.wire import LARGEST, SAID, Response, encode, response_channel
from livermore.kernel.clock import Clock
from livermore.kernel.errors import TransientError
from livermore.kernel.events import Event, EventBus
from livermore.kernel.log import logger
from livermore.kernel.scope import Scope

UNSAID = 10_000
"""So many commands have answers under way at most; what would come on top is not sent."""
SHORTEST = "it is too long for a message; the journal has it"
log = logger("control")


class Sender(Protocol):
    """Send messages."""

    def publish(self, channel: str, message: bytes) -> Awaitable[None]:
        """Send one; raise TransientError when it did not go out."""
        ...


class Voice:
    """Answer and tell without waiting; the answers to one command are sent one behind the other.

    An answer that cannot be sent is dropped: the journal holds what it would have said.
    """

    def __init__(self, sender: Sender, events: EventBus, clock: Clock) -> None:
        self._sender = sender
        self._events = events
        self._clock = clock
        self._unsent: dict[str, deque[tuple[str, bytes]]] = {}
        self._sending: set[asyncio.Task[None]] = set()

    def acknowledge(self, scope: Scope, command_id: str) -> None:
        """Answer that a command has arrived."""
        self._say(scope, Response(correlation_id=command_id, status="ack", timestamp=self._clock.now()))

    def refuse(self, scope: Scope, command_id: str, failure: Failure) -> None:
        """Answer that nothing becomes of a message."""
        self._say(scope, self._response(command_id, "error", failure.detail, error=failure))

    def answer(self, scope: Scope, command: Command) -> None:
        """Answer where a command stands, and tell it here."""
        said = command.error.detail if command.error else command.status.value
        status = SAID[command.status]
        response = self._response(command.id, status, said, data=command.result, error=command.error)
        self._say(scope, response)
        self.tell(scope, command)

    def progress(self, scope: Scope, command: Command, progress: Progress) -> None:
        """Answer and tell how far a command is."""
        data = msgspec.to_builtins(progress)
        self._say(scope, self._response(command.id, "progress", progress.message, data=data))
        self.tell(scope, msgspec.structs.replace(command, progress=progress), passing=True)

    def tell(self, scope: Scope, command: Command, *, passing: bool = False) -> None:
        """Tell in this process where a command stands; who listens now sees a `passing` one, nobody later."""
        if passing and not self._events.heard("command"):
            return
        self._events.publish(
            Event(
                topic="command", time=self._clock.now(), data=shape_of(command), whose=scope.identity_sub,
                passing=passing,
            )
        )  # fmt: skip

    async def finish(self, seconds: float) -> None:
        """Wait until everything has been sent, but no longer than so many seconds."""
        if self._sending:
            await within(self._clock, seconds, asyncio.wait(set(self._sending)))
        for sending in self._sending:
            sending.cancel()

    def _response(
        self, command_id: str, status: Any, message: str, *, data: Any = None, error: Failure | None = None
    ) -> Response:
        return Response(
            correlation_id=command_id, status=status, timestamp=self._clock.now(), message=message,
            data=data, error=None if error is None else {"code": error.code, "detail": error.detail},
        )  # fmt: skip

    def _say(self, scope: Scope, response: Response) -> None:
        message = encode(response)
        if len(message) > LARGEST:
            message = encode(msgspec.structs.replace(response, data=None, message=SHORTEST))
        letter = (response_channel(scope.identity_sub), message)
        unsent = self._unsent.get(response.correlation_id)
        if unsent is not None:
            unsent.append(letter)
        elif len(self._unsent) < UNSAID:
            self._begin(response.correlation_id, deque([letter]))

    def _begin(self, command_id: str, unsent: deque[tuple[str, bytes]]) -> None:
        self._unsent[command_id] = unsent
        sending = asyncio.create_task(self._send(command_id, unsent))
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)

    async def _send(self, command_id: str, unsent: deque[tuple[str, bytes]]) -> None:
        """Send the answers to one command in their order; those to others need not wait for them."""
        try:
            while unsent:
                await self._deliver(*unsent.popleft())
        finally:
            del self._unsent[command_id]

    async def _deliver(self, channel: str, message: bytes) -> None:
        try:
            await self._sender.publish(channel, message)
        except TransientError as error:
            log.debug("an answer did not go out", error=str(error))
        except Exception:
            log.exception("an answer could not be sent")
