"""The command bus inside one process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from livermore.control.ports import Heard
from livermore.kernel.errors import TransientError
from livermore.kernel.log import logger
from livermore.kernel.service import Health

log = logger("control")


class Wire:
    """Know which buses have joined a channel: all on one wire hear each other, on one event loop."""

    def __init__(self) -> None:
        self.joined: dict[str, dict[MemoryCommandBus, None]] = {}

    def join(self, bus: MemoryCommandBus, channel: str) -> None:
        """Have a bus hear a channel."""
        self.joined.setdefault(channel, {})[bus] = None

    def leave(self, bus: MemoryCommandBus, channel: str) -> None:
        """Have it hear the channel no more."""
        buses = self.joined.get(channel, {})
        buses.pop(bus, None)
        if not buses:
            self.joined.pop(channel, None)


class MemoryCommandBus:
    """Carry messages between parts of this process, in the order in which they were published.

    A message is heard in a later turn of the event loop, as from a server: whoever publishes while it handles
    a message is never called again from within.
    """

    def __init__(self, wire: Wire | None = None) -> None:
        self._wire = wire or Wire()
        self._channels: set[str] = set()
        self._heard: Heard | None = None

    async def start(self, heard: Heard, regained: Callable[[], None]) -> None:
        """Hand every message of the joined channels to `heard`; nothing is ever lost, so nothing regained."""
        self._heard = heard

    async def stop(self) -> None:
        """Hear nothing more, and forget the channels."""
        self._heard = None
        await self.leave(self._channels)

    async def join(self, channels: Collection[str]) -> None:
        """Hear these channels too; raise TransientError when stopped."""
        self._need_running()
        self._channels.update(channels)
        for channel in channels:
            self._wire.join(self, channel)

    async def leave(self, channels: Collection[str]) -> None:
        """Hear these channels no more."""
        for channel in tuple(channels):
            self._channels.discard(channel)
            self._wire.leave(self, channel)

    async def publish(self, channel: str, message: bytes) -> None:
        """Send a message; raise TransientError when stopped."""
        self._need_running()
        for bus in self._wire.joined.get(channel, ()):
            asyncio.get_running_loop().call_soon(bus._deliver, channel, message)

    def health(self) -> Health:
        """Say that it is well."""
        return Health()

    def _deliver(self, channel: str, message: bytes) -> None:
        """Hand a message on unless the channel was left meanwhile; no fault of a listener ends hearing."""
        if self._heard is None or channel not in self._channels:
            return
        try:
            self._heard(channel, message)
        except Exception:
            log.exception("a message could not be taken", channel=channel)

    def _need_running(self) -> None:
        if self._heard is None:
            raise TransientError("the command bus is stopped")
