"""The runtimes of a process: claimed, kept, mended, and let go of when they are another's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Any

import pytest

from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import InvalidError, LivermoreError, StorageUnavailableError
from livermore.kernel.scope import Scope
from livermore.runtime.host import LEASE, LOOK, RENEWAL, Host
from livermore.runtime.ports import Hosted, Lease, StoredRuntime
from livermore.runtime.status import STOPPED, Pause
from livermore.runtime.supervisor import Supervisor
from livermore.settings.document import SettingsDocument


class Book:
    """Lease to one runner whoever is free."""

    def __init__(self, *users: int) -> None:
        self.free = set(users)
        self.error: LivermoreError | None = None
        self.released = False

    async def claim(self, runner: str, until: int, known: Collection[int], *, alone: bool) -> Lease:
        if self.error is not None:
            raise self.error
        new = tuple(hosted(user) for user in sorted(self.free.difference(known)))
        return Lease(frozenset(self.free), new)

    async def release(self, runner: str) -> None:
        self.released = True


class Running:
    """All that a host asks of a runtime."""

    def __init__(self, hosted: Hosted) -> None:
        self.scope, self.parts = hosted.scope, None
        self.error: LivermoreError | None = None
        self.trouble: LivermoreError | None = None
        self.log: list[str] = []
        self.pausing: Pause | None = None
        self.due = False

    async def start(self) -> None:
        self.log.append("start")
        self.trouble = self.error
        if self.error is not None:
            raise self.error

    async def stop(self) -> None:
        self.log.append("stop")

    async def abandon(self) -> None:
        self.log.append("abandon")

    async def parted(self) -> None:
        assert self.log[-1] in {"stop", "abandon"}
        self.log.append("parted")

    async def look_up(self) -> None:
        self.log.append("look up")

    def idles(self) -> str:
        return "the runtime is paused"

    @property
    def is_broken(self) -> bool:
        return self.trouble is not None

    def pause_is_over(self, now: int) -> bool:
        over, self.due = self.due, False
        return over


class Floor:
    """Have posts that fail."""

    def __init__(self) -> None:
        self.bad: list[str] = []
        self.renewed: list[str] = []

    def failed(self) -> list[str]:
        return self.bad

    async def renew(self, name: str) -> None:
        self.renewed.append(name)


class Commanded:
    """Take note of whose commands are taken."""

    def __init__(self) -> None:
        self.hosted: set[Scope] = set()
        self.until: int | None = None

    async def host(self, scopes: Collection[Scope]) -> None:
        self.hosted.update(scopes)

    async def release(self, scopes: Collection[Scope]) -> None:
        self.hosted.difference_update(scopes)

    def leased(self, until: int | None) -> None:
        self.until = until


def hosted(user: int) -> Hosted:
    stored = StoredRuntime(desired_state="running", state="stopped", mode="scalper-macdv")
    return Hosted(scope=scope(user), username=str(user), role="operator", runtime=stored, settings_revision=1)


def scope(user: int) -> Scope:
    return Scope(user_id=user, identity_sub=f"user {user}")


class House:
    """A host over all of these."""

    def __init__(self, *users: int, alone: bool = False) -> None:
        self.clock, self.book, self.floor = ManualClock(1_000_000), Book(*users), Floor()
        self.commanded, self.resumed = Commanded(), list[Scope]()
        self.made: dict[int, Running] = {}
        self.first_error: LivermoreError | None = None
        anything: Any = self
        self.host = Host(
            "me", anything.book, anything.make, self.commanded, self.resume, Supervisor([], self.clock),
            anything.floor, self.clock, alone=alone,
        )  # fmt: skip

    def make(self, hosted: Hosted) -> Running:
        running = self.made[hosted.scope.user_id] = Running(hosted)
        running.error, self.first_error = self.first_error, None
        return running

    async def resume(self, scope: Scope) -> None:
        self.resumed.append(scope)

    async def pass_time(self, seconds: float) -> None:
        await self.clock.advance(0)
        await self.clock.advance(seconds)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House(1, 2)
    await house.host.start(scope(1))
    yield house
    await house.host.stop()


async def test_who_is_free_is_run_and_heard_and_let_go_at_the_end() -> None:
    house = House(1, 2)
    await house.host.start(scope(1))
    assert {user: one.log for user, one in house.made.items()} == {1: ["start"], 2: ["start"]}
    assert house.commanded.hosted == {scope(1), scope(2)}
    await house.host.stop()
    assert {user: one.log[1:] for user, one in house.made.items()} == {
        1: ["stop", "parted"],
        2: ["stop", "parted"],
    }
    assert (house.commanded.hosted, house.book.released) == (set(), True)


async def test_a_user_who_comes_later_is_run_too(house: House) -> None:
    house.book.free.add(3)
    await house.pass_time(RENEWAL + LOOK)
    assert house.made[3].log == ["start"]
    assert scope(3) in house.commanded.hosted
    assert house.made[1].log == ["start"]


async def test_a_user_who_is_anothers_now_is_let_go_of(house: House) -> None:
    house.book.free.discard(2)
    await house.pass_time(RENEWAL + LOOK)
    assert house.made[2].log == ["start", "abandon", "parted"]
    assert house.commanded.hosted == {scope(1)}
    assert house.host.status(scope(2)) is STOPPED


async def test_who_cannot_renew_lets_go_before_others_may_take_them(house: House) -> None:
    house.book.error = StorageUnavailableError()
    await house.pass_time(LEASE / 1000 - 2 * LOOK)
    assert house.made[1].log == ["start"]
    await house.pass_time(RENEWAL + 3 * LOOK)
    assert house.made[1].log == ["start", "abandon", "parted"]
    house.book.error = None
    await house.pass_time(RENEWAL + LOOK)
    assert house.made[1].log == ["start"]


async def test_who_is_alone_keeps_them() -> None:
    house = House(1, alone=True)
    await house.host.start(scope(1))
    house.book.error = StorageUnavailableError()
    await house.pass_time(10 * LEASE / 1000)
    assert house.made[1].log == ["start"]
    house.book.error = None
    await house.host.stop()


async def test_the_first_user_must_run_and_others_are_tried_again() -> None:
    house = House(1, 2)
    house.first_error = InvalidError("no")
    with pytest.raises(InvalidError):
        await house.host.start(scope(1))
    assert house.book.released
    house = House(1, 2)
    house.first_error = InvalidError("no")
    await house.host.start(scope(2))
    house.made[1].error = None
    await house.pass_time(5 * LOOK)
    assert house.made[1].log == ["start", "start"]
    await house.pass_time(60)
    assert house.made[1].log == ["start", "start"]
    await house.host.stop()


async def test_a_failed_post_is_opened_anew_unless_it_mends_itself(house: House) -> None:
    house.floor.bad = ["binance"]
    await house.pass_time(20)
    house.floor.bad = []
    await house.pass_time(2)
    house.floor.bad = ["binance"]
    await house.pass_time(20)
    assert house.floor.renewed == []
    await house.pass_time(12)
    assert house.floor.renewed == ["binance"]


async def test_a_pause_that_is_over_is_ended_by_a_command(house: House) -> None:
    house.made[2].due = True
    await house.pass_time(3 * LOOK)
    assert house.resumed == [scope(2)]


async def test_what_idles_or_is_not_here_says_so(house: House) -> None:
    before, after = SettingsDocument(), SettingsDocument.model_validate({"timeframes": ["1m"]})
    elsewhere = await house.host.bring_about(scope(9), 4)
    assert (elsewhere.saved, elsewhere.applied) == (4, None)
    assert elsewhere.error is not None
    assert elsewhere.error.startswith("nothing runs here")
    idle = await house.host.bring_about(scope(1), 4)
    assert idle.error == "the runtime is paused"
    outlook = await house.host.outlook(scope(1), before, after)
    assert [effect.kind for effect in outlook.effects] == ["wait"]
    assert not (await house.host.outlook(scope(1), before, before)).effects
    house.host.written(scope(1))
    await house.clock.advance(0)
    assert house.made[1].log == ["start", "look up"]


async def test_nobody_has_anothers_runtime(house: House) -> None:
    assert house.host.of(Scope(user_id=1, identity_sub="user 2")) is None
