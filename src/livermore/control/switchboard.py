"""One subscription of the command bus, shared by those in this process who hear different channels."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

from livermore.control.ports import CommandBus, Heard
from livermore.kernel.service import Health


class Line(NamedTuple):
    """Who hears the channels that begin with a prefix, and who is told that some may have been missed."""

    prefix: str
    heard: Heard
    regained: Callable[[], None]


class Switchboard:
    """Hand each message to whoever asked for channels of its kind."""

    def __init__(self, bus: CommandBus) -> None:
        self._bus = bus
        self._lines: list[Line] = []

    def connect(self, line: Line) -> None:
        """Let somebody hear; the prefixes of two never overlap."""
        self._lines.append(line)

    def disconnect(self, line: Line) -> None:
        """Let somebody hear no more."""
        self._lines.remove(line)

    async def start(self) -> None:
        """Begin to listen."""
        await self._bus.start(self._heard, self._regained)

    async def stop(self) -> None:
        """Hear nothing more."""
        await self._bus.stop()

    async def join(self, channels: Collection[str]) -> None:
        """Hear these channels too; return once they are heard. While the bus is away: when it is back."""
        await self._bus.join(channels)

    async def leave(self, channels: Collection[str]) -> None:
        """Hear these channels no more."""
        await self._bus.leave(channels)

    async def publish(self, channel: str, message: bytes) -> None:
        """Send a message; raise TransientError when it did not go out."""
        await self._bus.publish(channel, message)

    def health(self) -> Health:
        """Say how the bus is."""
        return self._bus.health()

    def _heard(self, channel: str, message: bytes) -> None:
        for line in self._lines:
            if channel.startswith(line.prefix):
                line.heard(channel, message)

    def _regained(self) -> None:
        for line in self._lines:
            line.regained()
