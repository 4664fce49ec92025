"""A control room whose bus is away says so; it has not failed: the journal still finds what is asked."""

from livermore.adapters.memory.bus import MemoryBus
from livermore.adapters.memory.command_bus import MemoryCommandBus
from livermore.adapters.sql import SqlJournal
from livermore.control.intake import Author
from livermore.control.registry import Registry
from livermore.control.room import ControlRoom
from livermore.kernel.clock import SystemClock
from livermore.kernel.scope import Scope
from livermore.kernel.service import Health
from tests.unit.apps.commanded import JournalTwin, TrailTwin

AWAY = Health(state="degraded", detail="Redis does not carry commands: hearing: it does not answer")


class LimpingBus(MemoryCommandBus):
    """A bus that is as well as it is told to be."""

    state = Health()

    def health(self) -> Health:
        return self.state


async def test_a_room_is_as_well_as_its_bus(journal: SqlJournal) -> None:
    async def author(_: Scope) -> Author:
        return Author("Jesse", "operator")

    bus, clock = LimpingBus(), SystemClock()
    room = ControlRoom(
        bus, journal, TrailTwin(JournalTwin()), Registry().seal(), author,
        events=MemoryBus(), clock=clock, runner="here",
    )  # fmt: skip
    await room.start()
    assert room.health() == Health()
    bus.state = AWAY
    assert room.health() == AWAY
    await room.stop()
