"""The command bus over Redis: one connection that hears all channels, and one that speaks."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from livermore.adapters.redis.line import LOST, Line, batches
from livermore.control.ports import Heard
from livermore.kernel.clock import Clock
from livermore.kernel.errors import TransientError
from livermore.kernel.log import logger
from livermore.kernel.service import Health

ANSWER = 1.0
HEARTBEAT = 5.0
log = logger("control")


class RedisCommandBus:
    """Carry messages between processes through the Pub/Sub of one Redis.

    Raises ValueError for what is no URL of a Redis. While Redis is away nothing is sent and nothing heard.
    """

    def __init__(self, url: str, clock: Clock, *, heartbeat: float = HEARTBEAT) -> None:
        self._hearing = _Hearing()
        self._speaking = _Speaking()
        self._hearing.line = Line(url, "livermore-hearing", self._hearing, clock, heartbeat)
        self._speaking.line = Line(url, "livermore-speaking", self._speaking, clock, heartbeat)
        self._running = False

    async def start(self, heard: Heard, regained: Callable[[], None]) -> None:
        """Hand every message to `heard`; return after a first attempt to reach Redis, and keep trying."""
        self._hearing.heard, self._hearing.regained = heard, regained
        self._running = True
        await asyncio.gather(self._hearing.line.start(), self._speaking.line.start())

    async def stop(self) -> None:
        """Hear nothing more, and forget the channels; whoever still waits gets a TransientError."""
        self._running = False
        await asyncio.gather(self._hearing.line.stop(), self._speaking.line.stop())
        self._hearing.forget()

    async def join(self, channels: Collection[str]) -> None:
        """Hear these channels too; return once they are heard, which may be when Redis is back."""
        self._need_running()
        if channels:
            await self._hearing.join(channels)

    async def leave(self, channels: Collection[str]) -> None:
        """Hear these channels no more."""
        if channels:
            await self._hearing.leave(channels)

    async def publish(self, channel: str, message: bytes) -> None:
        """Send a message once; raise TransientError when Redis is away, or has not answered in a second."""
        self._need_running()
        await self._speaking.publish(_name(channel), message)

    def health(self) -> Health:
        """Say whether Redis can be heard and spoken to."""
        lines = {"hearing": self._hearing.line, "speaking": self._speaking.line}
        troubles = [f"{name}: {line.trouble}" for name, line in lines.items() if line.trouble is not None]
        if not troubles:
            return Health()
        return Health(state="degraded", detail=f"Redis does not carry commands: {'; '.join(troubles)}")

    def _need_running(self) -> None:
        if not self._running:
            raise TransientError("the command bus is stopped")


class _Hearing:
    """Subscribe to channels and hand on their messages.

    Every subscription is followed by a PING with a number: Redis answers in order, so that its answer says
    that all which was asked for before is in force.
    """

    line: Line
    heard: Heard
    regained: Callable[[], None]

    def __init__(self) -> None:
        self._channels: dict[bytes, str] = {}
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._number = 0
        self._lost_until: int | None = None
        self._is_away = False

    async def join(self, channels: Collection[str]) -> None:
        """Subscribe, and wait until that is in force."""
        names = {_name(channel): channel for channel in channels}
        self._channels |= names
        self._number += 1
        in_force = asyncio.get_running_loop().create_future()
        self._waiting.append((self._number, in_force))
        with suppress(*LOST):  # then all is subscribed to when the line is open again
            await self.line.send(*batches("SUBSCRIBE", list(names)), _ping(self._number))
        await in_force

    async def leave(self, channels: Collection[str]) -> None:
        """Unsubscribe; what is still on its way will not be handed on."""
        names = [_name(channel) for channel in channels]
        for name in names:
            self._channels.pop(name, None)
        with suppress(*LOST):
            await self.line.send(*batches("UNSUBSCRIBE", names))

    def forget(self) -> None:
        """Begin anew."""
        self._channels.clear()
        self._is_away = False
        self._lost_until = None
        while self._waiting:
            _, in_force = self._waiting.popleft()
            if not in_force.done():
                in_force.set_exception(TransientError("the command bus is stopped"))

    async def opened(self) -> None:
        """Subscribe to everything."""
        self._number += 1
        if self._is_away:
            self._lost_until = self._number
        await self.line.send(*batches("SUBSCRIBE", list(self._channels)), _ping(self._number))

    def answered(self, reply: Any) -> None:
        """Hand a message on, or note what is in force."""
        match reply:
            case [b"message", name, message]:
                if (channel := self._channels.get(name)) is not None:
                    self._guarded(self.heard, channel, message)
            case [b"pong", number] | bytes(number):
                self._in_force(int(number))
            case ResponseError():
                raise reply

    def lost(self, error: Exception | None) -> None:
        """Remember that messages are lost from now on."""
        if error is not None and not self._is_away:
            self._is_away = True
            log.error("Redis does not carry commands: they are found in the journal", error=str(error))

    async def beat(self) -> None:
        """Ask for an answer."""
        with suppress(*LOST):
            await self.line.send(_ping(0))

    def _in_force(self, number: int) -> None:
        while self._waiting and self._waiting[0][0] <= number:
            _, in_force = self._waiting.popleft()
            if not in_force.done():
                in_force.set_result(None)
        if self._lost_until is not None and number >= self._lost_until:
            self._is_away, self._lost_until = False, None
            log.info("Redis carries commands again")
            self._guarded(self.regained)

    def _guarded(self, told: Callable[..., None], *facts: object) -> None:
        """Call a listener; no fault of it ends the hearing."""
        try:
            told(*facts)
        except Exception:
            log.exception("a message could not be taken")


class _Speaking:
    """Publish messages, many at a time: replies come in the order of the questions."""

    line: Line

    def __init__(self) -> None:
        self._answers: deque[asyncio.Future[Any]] = deque()

    async def publish(self, name: bytes, message: bytes) -> None:
        """Publish a message and wait until Redis has it."""
        if not self.line.is_open:
            raise TransientError("Redis is away")
        try:
            async with asyncio.timeout(ANSWER):
                reply = await self._ask("PUBLISH", name, message)
        except LOST as error:
            self.line.cut()
            raise TransientError("Redis did not take a message in time") from error
        if isinstance(reply, Exception):
            raise TransientError(f"Redis did not take a message: {reply}") from reply

    async def _ask(self, *words: str | bytes) -> Any:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._answers.append(answer)
        await self.line.send(words)
        return await answer

    async def opened(self) -> None:
        """Say nothing at first."""

    def answered(self, reply: Any) -> None:
        """Give a reply to who has asked for it, if that one still waits."""
        answer = self._answers.popleft()
        if not answer.done():
            answer.set_result(reply)

    def lost(self, error: Exception | None) -> None:
        """Tell everybody who waits."""
        while self._answers:
            answer = self._answers.popleft()
            if not answer.done():
                answer.set_result(RedisConnectionError("the line was lost"))

    async def beat(self) -> None:
        """Ask for an answer that nobody reads."""
        self._answers.append(asyncio.get_running_loop().create_future())
        with suppress(*LOST):
            await self.line.send(("PING",))


def _ping(number: int) -> tuple[str, str]:
    return "PING", str(number)


def _name(channel: str) -> bytes:
    """Write a channel's name; a name may hold halves of letters, which the other twin takes too."""
    return channel.encode("utf-8", "surrogatepass")
