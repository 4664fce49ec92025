"""What is saved is brought about: the newest, one at a time, whoever wrote it, and why not if not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from livermore.adapters.memory.bus import MemoryBus
from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import ExchangeRefusedError, StorageUnavailableError
from livermore.kernel.events import Event
from livermore.kernel.scope import Scope
from livermore.runtime.applier import LONGEST_REST, PATIENCE, POLL, Applier
from livermore.settings.document import SettingsDocument
from livermore.settings.plan import Verdict
from livermore.settings.service import Current

JESSE = Scope(user_id=1, identity_sub="local")
OTHER = Scope(user_id=2, identity_sub="other")


class Stored:
    """The newest revision, which can be moved; `broken` is why it cannot be read, or looked at at all."""

    def __init__(self) -> None:
        self.revision = 1
        self.broken: Exception | None = None
        self.away: Exception | None = None

    async def newest_revision(self, scope: Scope) -> int:
        if self.away is not None:
            raise self.away
        return self.revision

    async def current(self, scope: Scope) -> Current:
        if self.broken is not None:
            raise self.broken
        return Current(document=SettingsDocument(), revision=self.revision, updated_at="")


class Following:
    """A runtime that takes `seconds` for each revision, refuses some, and may rest."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock, self.seconds = clock, 0.0
        self.holding, self.newest = 1, 1
        self.tried: list[int] = []
        self.refusing: Exception | None = None
        self.resting: str | None = None
        self.at_once = 0

    async def apply(self, current: Current) -> None:
        self.at_once += 1
        assert self.at_once == 1, "one at a time"
        self.tried.append(current.revision)
        try:
            await self.clock.sleep(self.seconds)
            if self.refusing is not None:
                raise self.refusing
            if self.resting is None:
                self.holding = current.revision
        finally:
            self.at_once -= 1

    def saved(self, revision: int) -> None:
        self.newest = revision

    def applied(self) -> int:
        return self.holding

    def waits_for(self) -> str | None:
        return None if self.holding == self.newest else self.resting


class Room:
    """An applier that runs, and everything around it."""

    def __init__(self) -> None:
        self.clock, self.bus, self.stored = ManualClock(), MemoryBus(), Stored()
        self.runtime = Following(self.clock)
        self.applier = Applier(JESSE, self.runtime, self.stored, self.bus, self.clock)
        self.heard = self.bus.subscribe("local", ["settings"])

    async def write(self, revision: int, *, told: bool = True) -> None:
        self.stored.revision = revision
        if told:
            self.applier.written(JESSE)
        await self.clock.advance(0)

    async def told(self) -> list[Any]:
        """Return what was told so far."""
        self.bus.publish(Event(topic="settings", time=0, data="end"))
        told = []
        async for event in self.heard:
            if event.data == "end":
                break
            told.append(event.data)
        return told


@pytest.fixture
async def room() -> Any:
    room = Room()
    await room.applier.start()
    await room.clock.advance(0)
    yield room
    await room.applier.stop()


async def test_what_is_written_holds_at_once_and_is_told(room: Room) -> None:
    await room.write(2)
    assert room.applier.verdict == Verdict(saved=2, applied=2)
    assert await room.told() == [
        {"revision": 1, "applied": 1, "error": None},
        {"revision": 2, "applied": 2, "error": None},
    ]
    assert room.runtime.tried == [2]


async def test_what_another_process_writes_is_noticed_soon(room: Room) -> None:
    await room.write(2, told=False)
    assert room.applier.verdict.saved == 1
    await room.clock.advance(POLL)
    assert room.applier.verdict == Verdict(saved=2, applied=2)


async def test_writes_that_come_while_one_is_brought_about_end_in_the_newest(room: Room) -> None:
    room.runtime.seconds = 1.0
    for revision in range(2, 30):
        await room.write(revision)
    await room.clock.advance(3)
    assert room.runtime.tried == [2, 29]
    assert room.applier.verdict == Verdict(saved=29, applied=29)


async def test_who_waits_is_told_when_it_holds(room: Room) -> None:
    room.runtime.seconds = 1.0
    room.stored.revision = 2
    waiting = asyncio.create_task(room.applier.bring_about(JESSE, 2))
    await room.clock.advance(0.5)
    assert not waiting.done()
    await room.clock.advance(1)
    assert (await waiting).holds


async def test_who_has_waited_long_is_told_that_it_goes_on(room: Room) -> None:
    room.runtime.seconds = 2 * PATIENCE
    room.stored.revision = 2
    waiting = asyncio.create_task(room.applier.bring_about(JESSE, 2))
    await room.clock.advance(0)
    await room.clock.advance(PATIENCE)
    verdict = await waiting
    assert (verdict.holds, verdict.applied) == (False, 1)
    assert verdict.error == "it is still being brought about"
    await room.clock.advance(PATIENCE)
    assert room.applier.verdict.holds


async def test_what_cannot_hold_leaves_the_old_and_says_why_until_the_next_write(room: Room) -> None:
    room.runtime.refusing = ExchangeRefusedError("no such place")
    await room.write(2)
    assert room.applier.verdict == Verdict(saved=2, applied=1, error="no such place")
    assert (room.applier.health().state, room.runtime.newest) == ("degraded", 2)
    room.runtime.refusing = None
    await room.write(3)
    assert room.applier.verdict == Verdict(saved=3, applied=3)
    assert room.applier.health().state == "healthy"


async def test_what_cannot_hold_is_tried_again_less_and_less_often_and_told_once(room: Room) -> None:
    room.runtime.refusing = ExchangeRefusedError("no such place")
    await room.write(2)
    for _ in range(10):
        await room.clock.advance(LONGEST_REST)
    assert 10 <= len(room.runtime.tried) <= 15
    assert len(await room.told()) == 2
    room.runtime.refusing = None
    await room.clock.advance(LONGEST_REST)
    assert room.applier.verdict == Verdict(saved=2, applied=2)


async def test_a_fault_of_ours_ends_nothing(room: Room) -> None:
    room.runtime.refusing = ZeroDivisionError("oh")
    await room.write(2)
    assert room.applier.verdict.error == "a fault of Livermore: ZeroDivisionError('oh')"
    room.runtime.refusing = None
    await room.write(3)
    assert room.applier.verdict.holds


async def test_settings_that_cannot_be_read_show_as_saved_and_not_as_applied(room: Room) -> None:
    room.stored.broken = ExchangeRefusedError("not readable")
    await room.write(2)
    assert (room.runtime.newest, room.runtime.tried) == (2, [])
    assert room.applier.verdict == Verdict(saved=2, applied=1, error="not readable")


async def test_a_database_that_is_away_is_asked_again(room: Room) -> None:
    room.stored.away = StorageUnavailableError()
    await room.write(2)
    assert room.applier.verdict.saved == 1
    room.stored.away = None
    await room.clock.advance(POLL)
    assert room.applier.verdict == Verdict(saved=2, applied=2)


async def test_a_runtime_that_rests_keeps_the_newest_for_later(room: Room) -> None:
    room.runtime.resting = "the runtime is paused"
    await room.write(2)
    assert room.applier.verdict == Verdict(saved=2, applied=1, error="the runtime is paused")
    await room.clock.advance(10 * LONGEST_REST)
    assert room.runtime.tried == [2]
    room.runtime.resting, room.runtime.holding = None, 2
    await room.clock.advance(LONGEST_REST)
    assert room.applier.verdict == Verdict(saved=2, applied=2)


async def test_nothing_holds_for_a_user_who_does_not_run_here_or_after_the_end(room: Room) -> None:
    assert (await room.applier.bring_about(OTHER, 7)).applied is None
    room.applier.written(OTHER)
    await room.clock.advance(0)
    assert room.runtime.tried == []
    await room.applier.stop()
    assert (await room.applier.bring_about(JESSE, 2)).error == "nothing runs here that it could hold for"


async def test_who_waits_is_let_go_at_the_end(room: Room) -> None:
    room.runtime.seconds = 1.0
    room.stored.revision = 2
    waiting = asyncio.create_task(room.applier.bring_about(JESSE, 2))
    await room.clock.advance(0)
    await room.applier.stop()
    assert not (await waiting).holds


async def test_a_fault_of_ours_does_not_end_the_following(room: Room) -> None:
    room.stored.away = RuntimeError("a fault of ours")
    await room.write(2)
    room.stored.away = None
    await room.clock.advance(POLL)
    assert room.runtime.holding == 2
    assert room.applier.health().state == "healthy"
