"""Services that run together: in order, in reverse, and again when one has failed."""

from __future__ import annotations

import pytest

from livermore.kernel.clock import ManualClock
from livermore.kernel.service import Health
from livermore.runtime.supervisor import LOOK, Rests, Supervisor


class Part:
    """A service that writes down what is asked of it."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name, self.log = name, log
        self.state = Health()
        self.refuses_start = self.refuses_stop = False

    async def start(self) -> None:
        self.log.append(f"start {self.name}")
        if self.refuses_start:
            raise OSError("no")

    async def stop(self) -> None:
        self.log.append(f"stop {self.name}")
        if self.refuses_stop:
            raise OSError("no")

    def health(self) -> Health:
        return self.state


class Hall:
    """A supervisor over three parts."""

    def __init__(self) -> None:
        self.clock, self.log, self.told = ManualClock(0), list[str](), 0
        self.parts = [Part(name, self.log) for name in "abc"]
        self.supervisor = Supervisor(self.parts, self.clock, self.tell)

    def tell(self) -> None:
        self.told += 1

    async def pass_time(self, seconds: float) -> None:
        await self.clock.advance(0)
        await self.clock.advance(seconds)


async def test_they_start_in_order_and_stop_in_reverse_whatever_one_does() -> None:
    hall = Hall()
    hall.parts[1].refuses_stop = True
    await hall.supervisor.start()
    await hall.supervisor.stop()
    assert hall.log == ["start a", "start b", "start c", "stop c", "stop b", "stop a"]


async def test_one_that_will_not_start_stops_those_before_it() -> None:
    hall = Hall()
    hall.parts[1].refuses_start = True
    with pytest.raises(OSError, match="no"):
        await hall.supervisor.start()
    assert hall.log == ["start a", "start b", "stop a"]


async def test_one_that_fails_is_started_again_with_longer_and_longer_rests() -> None:
    hall = Hall()
    await hall.supervisor.start()
    hall.log.clear()
    hall.parts[1].state = Health(state="failed", detail="broken")
    await hall.pass_time(20)
    assert hall.log == ["stop b", "start b"] * 4
    assert (hall.told, hall.supervisor.health()) == (1, hall.parts[1].state)
    hall.parts[1].state = Health()
    await hall.pass_time(1)
    hall.parts[1].state = Health(state="failed")
    await hall.pass_time(3 * LOOK + 1)
    assert hall.log == ["stop b", "start b"] * 5
    await hall.supervisor.stop()


async def test_what_fails_for_a_moment_is_left_alone() -> None:
    hall = Hall()
    await hall.supervisor.start()
    hall.log.clear()
    hall.parts[0].state = Health(state="failed")
    await hall.pass_time(LOOK)
    hall.parts[0].state = Health()
    await hall.pass_time(10)
    assert hall.log == []
    await hall.supervisor.stop()


async def test_one_that_cannot_be_started_again_is_tried_on() -> None:
    hall = Hall()
    await hall.supervisor.start()
    hall.log.clear()
    hall.parts[2].state, hall.parts[2].refuses_start = Health(state="failed"), True
    await hall.pass_time(5)
    assert hall.log == ["stop c", "start c"] * 2
    await hall.supervisor.stop()


async def test_one_more_is_stopped_with_the_others_and_one_less_is_not() -> None:
    hall = Hall()
    await hall.supervisor.start()
    more = Part("d", hall.log)
    await hall.supervisor.add(more)
    await hall.supervisor.drop(hall.parts[0])
    assert [service.name for service in hall.supervisor.services()] == ["b", "c", "d"]
    await hall.supervisor.stop()
    assert hall.log[3:] == ["start d", "stop a", "stop d", "stop c", "stop b"]


async def test_rests_grow_and_are_forgotten() -> None:
    clock = ManualClock(0)
    rests = Rests(clock, 1.0)
    tried = []
    for second in range(20):
        if rests.is_due("it"):
            tried.append(second)
        await clock.advance(1)
    assert tried == [1, 3, 7, 15]
    rests.keep([])
    assert not rests.is_due("it")
