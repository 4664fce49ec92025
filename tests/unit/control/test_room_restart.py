"""A control room that is started again, because a part of it failed, hears those whom it heard before."""

import msgspec
import pytest

from livermore.adapters.memory.bus import MemoryBus
from livermore.adapters.memory.command_bus import MemoryCommandBus
from livermore.adapters.sql import SqlJournal
from livermore.control.intake import Author
from livermore.control.lifecycle import Status
from livermore.control.ports import Waiting
from livermore.control.room import ControlRoom
from livermore.control.sealer import INTERVAL, Sealer
from livermore.kernel.clock import ManualClock, SystemClock
from livermore.kernel.scope import Scope
from livermore.kernel.service import Health
from tests.unit.apps.commanded import JournalTwin, TrailTwin

from .room import Deeds, Room, buses


class FaultyTrail(TrailTwin):
    """A trail with a fault of ours in it."""

    trouble: Exception | None = RuntimeError("a fault of ours")

    async def unsealed(self) -> list[Scope]:
        if self.trouble is not None:
            raise self.trouble
        return []


async def test_who_was_hosted_is_heard_again_after_a_restart(journal: SqlJournal, scope: Scope) -> None:
    async def author(_: Scope) -> Author:
        return Author("Jesse", "operator")

    deeds = Deeds()
    room = ControlRoom(
        MemoryCommandBus(), journal, TrailTwin(JournalTwin()), deeds.registry(), author,
        events=MemoryBus(), clock=SystemClock(), runner="here",
    )  # fmt: skip
    await room.start()
    await room.receiver.host([scope])
    await room.stop()
    await room.start()
    command = await room.channel.submit(
        scope, "note", {"mark": "one"}, author="Jesse", role="operator", source="api"
    )
    ended = await room.channel.wait(scope, command.id, 20)
    assert (ended.status, deeds.done) == (Status.SUCCEEDED, ["one"])
    await room.receiver.release([scope])
    await room.stop()


async def test_a_fault_of_ours_does_not_end_the_sealing() -> None:
    clock, trail = ManualClock(0), FaultyTrail(JournalTwin())
    sealer = Sealer(JournalTwin(), trail, clock)
    await sealer.start()
    await clock.advance(0)
    await clock.advance(INTERVAL + 0.1)
    assert sealer.health() == Health(state="degraded", detail="RuntimeError('a fault of ours')")
    trail.trouble = None
    await clock.advance(INTERVAL)
    assert sealer.health() == Health()
    await sealer.stop()


async def test_a_command_that_cannot_be_read_leaves_nobody_unheard(
    monkeypatch: pytest.MonkeyPatch, journal: SqlJournal, scope: Scope
) -> None:
    async def unreadable() -> list[Waiting]:
        raise msgspec.ValidationError("no such role")

    monkeypatch.setattr(journal, "open", unreadable)
    async with Room(journal, SystemClock(), scope, *buses()) as room:
        assert (await room.ask(mark="one")).status is Status.SUCCEEDED
