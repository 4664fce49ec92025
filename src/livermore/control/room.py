"""The control room of a process: all that stands between a command that is asked for and its outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from livermore.control.channel import Channel
from livermore.control.ports import CommandBus, Journal, Trail
from livermore.control.receiver import Authors, Receiver
from livermore.control.registry import Registry
from livermore.control.sealer import Sealer
from livermore.control.switchboard import Switchboard
from livermore.control.traces import NO_REVISIONS, Revisions
from livermore.kernel.clock import Clock
from livermore.kernel.events import EventBus
from livermore.kernel.service import Health


class _Part(Protocol):
    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class ControlRoom:
    """Hold the channel that doors submit to, and the receiver that carries out what comes in.

    Its parts end in reverse: nothing more is received before the line is let go of and the journal closed.
    """

    name = "commands"

    def __init__(
        self, bus: CommandBus, journal: Journal, trail: Trail, registry: Registry, authors: Authors,
        *, events: EventBus, clock: Clock, runner: str, revisions: Revisions = NO_REVISIONS,
    ) -> None:  # fmt: skip
        switchboard = Switchboard(bus)
        self.journal = journal
        self.trail = trail
        self.registry = registry
        self.channel = Channel(switchboard, journal, registry, events=events, clock=clock)
        self.receiver = Receiver(
            switchboard, journal, registry, authors,
            events=events, clock=clock, runner=runner, revisions=revisions,
        )  # fmt: skip
        self._sealer = Sealer(journal, trail, clock)
        self._switchboard = switchboard
        self._parts: Sequence[_Part] = (switchboard, self._sealer, self.receiver)
        self._running: list[_Part] = []

    async def start(self) -> None:
        """Begin to hear, to seal and to receive."""
        for part in self._parts:
            await part.start()
            self._running.append(part)

    async def stop(self) -> None:
        """End all of it."""
        while self._running:
            await self._running.pop().stop()

    def health(self) -> Health:
        """Be as well as the receiver, the sealer and the bus."""
        healths = [self.receiver.health(), self._sealer.health(), self._switchboard.health()]
        return next((health for health in healths if health.state != "healthy"), Health())
