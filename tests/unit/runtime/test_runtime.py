"""One user's runtime: it starts as it should be, rests and goes on, and outlives what cannot be stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from typing import Any

import pytest

from livermore.adapters.memory.bus import MemoryBus
from livermore.kernel.errors import ConflictError, InvalidError, LivermoreError, StorageUnavailableError
from livermore.kernel.scope import Scope
from livermore.market.plane import MarketPlane
from livermore.runtime.applier import Applier
from livermore.runtime.parts import Parts, Surroundings
from livermore.runtime.ports import Hosted, StoredRuntime
from livermore.runtime.runtime import LOOK, Runtime
from livermore.runtime.status import Pause
from livermore.runtime.supervisor import Supervisor
from livermore.settings.service import Current
from tests.reference.series import START
from tests.unit.market.factories import MINUTE
from tests.unit.runtime.hall import Hall, User, opened

SCOPE = Scope(user_id=1, identity_sub="user 1")


class Book:
    """Keep the newest state; of the states in `failing` each is refused once."""

    def __init__(self) -> None:
        self.failing: list[str] = []
        self.states: list[str] = []
        self.newest: StoredRuntime | None = None

    async def put(self, scope: Scope, runtime: StoredRuntime) -> None:
        if runtime.state in self.failing:
            self.failing.remove(runtime.state)
            raise StorageUnavailableError
        if not self.states or self.states[-1] != runtime.state:
            self.states.append(runtime.state)
        self.newest = runtime


class Settings:
    """Have one revision, which can be made unreadable."""

    def __init__(self, user: User) -> None:
        self.error: LivermoreError | None = None
        self.document = user.document("S0", "S1", "S2")
        self.revision = 1

    async def newest_revision(self, scope: Scope) -> int:
        return self.revision

    async def current(self, scope: Scope) -> Current:
        if self.error is not None:
            raise self.error
        return Current(document=self.document, revision=self.revision, updated_at="")


class Room:
    """A hall, and one runtime in it, of whom and by which settings is said here."""

    def __init__(self, hall: Hall, scope: Scope = SCOPE, settings: Any = None) -> None:
        self.hall, self.user, self.book, self.scope = hall, User(hall), Book(), scope
        chosen: Any = Settings(self.user) if settings is None else settings
        self.settings = chosen
        self.services = Supervisor([], hall.clock)
        plane = MarketPlane(hall.floor._desks, hall.clock)
        book: Any = self.book
        self.around = Surroundings(
            plane, hall.floor, self.settings, book, MemoryBus(), hall.clock, self.services, lambda _: 0
        )

    def runtime(self, desired: str = "running", **more: Any) -> Runtime:
        stored = StoredRuntime(desired_state=desired, state="stopped", mode="scalper-macdv", **more)
        hosted = Hosted(scope=self.scope, username="one", role="admin", runtime=stored, settings_revision=1)
        return Runtime(hosted, self.around, self.parts)

    def parts(self, runtime: Runtime) -> Parts:
        user, clock = self.user, self.hall.clock
        applier = Applier(self.scope, runtime, self.settings, self.around.bus, clock)
        nothing: Any = None
        return Parts(user.watch, user.signals, user.dispatcher, applier, nothing)

    async def pass_time(self, seconds: float) -> None:
        await self.hall.clock.advance(0)
        await self.hall.clock.advance(seconds)


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with opened() as hall:
        yield Room(hall)


@pytest.mark.parametrize("refused", ["warming", "running"])
async def test_a_state_that_cannot_be_stored_is_stored_the_next_time(room: Room, refused: str) -> None:
    room.book.failing.append(refused)
    runtime = room.runtime()
    await runtime.start()
    await room.pass_time(40 * LOOK)
    assert room.book.states == ["starting", "warming", "running"]
    assert runtime.ready.is_set()
    assert runtime.status().symbols == {"active": 3, "total": 3}
    await runtime.stop()
    assert room.book.states[3:] == ["stopping", "stopped"]


async def test_what_runs_is_let_go_of_also_when_that_cannot_be_stored(room: Room) -> None:
    runtime = room.runtime()
    await runtime.start()
    await room.pass_time(40 * LOOK)
    assert room.hall.floor.posts
    room.book.failing.append("stopping")
    with pytest.raises(StorageUnavailableError):
        await runtime.stop()
    assert not room.hall.floor.posts


async def test_one_that_is_to_be_paused_is_made_of_nothing(room: Room) -> None:
    runtime = room.runtime("paused")
    await runtime.start()
    assert runtime.parts is None
    assert (runtime.status().state, runtime.status().pause) == ("paused", Pause(level="data"))
    assert runtime.idles() == "the runtime is paused"
    await runtime.stop()


async def test_a_pause_lets_go_of_everything_and_a_resume_repairs_the_gap(room: Room) -> None:
    runtime = room.runtime()
    await runtime.start()
    await room.hall.until(80)
    await runtime.pause(Pause(level="data", reason="lunch", by="me"))
    assert not room.hall.floor.posts
    assert [exchange.closed for exchange in room.hall.exchanges] == [True]
    stored = room.book.newest
    assert stored is not None
    assert (stored.desired_state, stored.state, stored.pause_reason, stored.pause_by) == (
        "paused", "paused", "lunch", "me"
    )  # fmt: skip
    await room.hall.until(100)
    assert (len(room.hall.exchanges), room.hall.floor.posts) == (1, {}), "somebody connected meanwhile"
    await runtime.resume()
    await room.hall.until(121)
    assert (runtime.status().state, runtime.status().pause) == ("running", None)
    for symbol in ("S0", "S1", "S2"):
        await room.hall.stored(symbol, 120)
    await runtime.stop()


async def test_a_pause_that_comes_while_it_starts_waits_for_its_turn(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime, begun, go_on, read = room.runtime(), asyncio.Event(), asyncio.Event(), room.settings.current

    async def slowly(scope: Scope) -> Current:
        begun.set()
        await go_on.wait()
        current: Current = await read(scope)
        return current

    monkeypatch.setattr(room.settings, "current", slowly)
    starting = asyncio.create_task(runtime.start())
    await begun.wait()
    pausing = asyncio.create_task(runtime.pause(Pause(level="data")))
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(starting, pausing)
    await room.pass_time(40 * LOOK)
    assert room.book.states == ["starting", "paused"]
    assert (runtime.state, room.hall.floor.posts) == ("paused", {})
    await runtime.stop()


async def test_a_pause_that_is_cut_off_lets_go_of_everything_all_the_same(room: Room) -> None:
    runtime = room.runtime()
    await runtime.start()
    await room.pass_time(40 * LOOK)
    async with room.hall.floor._changing:
        pausing = asyncio.create_task(runtime.pause(Pause(level="data")))
        while runtime.state != "paused":
            await asyncio.sleep(0)
        pausing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pausing
    assert (runtime.state, room.hall.floor.posts, room.user.dispatcher._tasks) == ("paused", {}, [])
    await runtime.resume()
    assert room.hall.floor.posts
    await runtime.stop()


async def test_one_that_is_started_again_watches_what_is_chosen_now(room: Room) -> None:
    runtime = room.runtime()
    await runtime.start()
    await room.hall.until(80)
    await runtime.stop()
    room.settings.document, room.settings.revision = room.user.document("other:S1"), 2
    await runtime.start()
    await room.hall.until(90)
    posts = room.hall.floor.posts
    assert {name: post.desk.symbols for name, post in posts.items()} == {"other": ["S1"]}
    assert max(one.time for one in await room.user.said() if one.exchange == "test") < START + 80 * MINUTE
    await runtime.stop()


async def test_nothing_is_sent_before_it_is_known_where_to(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    order, apply, start = [], room.user.watch.apply, room.user.dispatcher.start

    async def slowly(current: Current, anew: Collection[tuple[str, str]]) -> None:
        await room.pass_time(30)
        await apply(current, anew)
        order.append("applied")

    async def begin() -> None:
        order.append("sending")
        await start()

    monkeypatch.setattr(room.user.watch, "apply", slowly)
    monkeypatch.setattr(room.user.dispatcher, "start", begin)
    runtime = room.runtime()
    await runtime.start()
    assert order == ["applied", "sending"]
    await runtime.pause(Pause(level="alerts"))
    await runtime.resume()
    assert order == ["applied", "sending", "sending"]
    await runtime.stop()


async def test_a_pause_can_be_changed_and_ends_once(room: Room) -> None:
    runtime = room.runtime()
    await runtime.start()
    await runtime.pause(Pause(level="data", reason="one"))
    now = room.hall.clock.now()
    await runtime.pause(Pause(level="data", reason="two", until=now + 1_000))
    assert runtime.status().pause == Pause(level="data", reason="two", until=now + 1_000)
    assert [runtime.pause_is_over(now + after) for after in (0, 1_000, 2_000)] == [False, True, False]
    await runtime.resume()
    with pytest.raises(ConflictError, match="resume is not possible while"):
        await runtime.resume()
    await runtime.stop()


async def test_a_pause_leaves_no_task_behind(room: Room) -> None:
    runtime = room.runtime()
    await runtime.start()
    await room.pass_time(20)
    before = len(asyncio.all_tasks())
    for _ in range(5):
        await runtime.pause(Pause(level="data"))
        await room.pass_time(3)
        await runtime.resume()
        await room.pass_time(20)
    assert len(asyncio.all_tasks()) == before
    await runtime.stop()


async def test_only_alerts_can_rest(room: Room) -> None:
    runtime = room.runtime()
    await runtime.start()
    await room.hall.until(80)
    await runtime.pause(Pause(level="alerts"))
    status = runtime.status()
    assert (status.state, status.desired_state, status.pause) == ("running", "running", Pause(level="alerts"))
    assert room.hall.floor.posts
    assert not room.user.dispatcher._tasks
    await runtime.resume()
    assert room.user.dispatcher._tasks
    assert runtime.status().pause is None
    await runtime.stop()


async def test_a_pause_of_everything_becomes_one_of_alerts(room: Room) -> None:
    runtime = room.runtime("paused", pause_level="data")
    await runtime.start()
    await runtime.pause(Pause(level="alerts"))
    await room.pass_time(20)
    assert (runtime.status().state, room.book.newest.pause_level) == ("running", "alerts")  # type: ignore[union-attr]
    assert not room.user.dispatcher._tasks
    await runtime.pause(Pause(level="data"))
    assert not room.hall.floor.posts
    await runtime.stop()


async def test_a_pause_is_remembered_with_what_was_said_of_it(room: Room) -> None:
    until = "2030-01-01T00:00:00.000Z"
    runtime = room.runtime("paused", pause_level="data", pause_reason="why", pause_until=until, pause_by="me")
    assert runtime.pausing == Pause(level="data", reason="why", until=1_893_456_000_000, by="me")
    runtime = room.runtime("running", pause_level="alerts")
    await runtime.start()
    assert not room.user.dispatcher._tasks
    await runtime.stop()


async def test_one_that_cannot_go_live_has_failed_and_can_be_started_again(room: Room) -> None:
    runtime = room.runtime()
    room.settings.error = InvalidError("unreadable")
    with pytest.raises(InvalidError):
        await runtime.start()
    assert runtime.is_broken
    assert runtime.status().state == "failed"
    room.settings.error = None
    await runtime.start()
    await room.pass_time(20)
    assert runtime.status().state == "running"
    await runtime.stop()


async def test_a_revision_that_comes_during_a_pause_holds_after_it(room: Room) -> None:
    runtime = room.runtime()
    await runtime.start()
    await runtime.pause(Pause(level="data"))
    room.settings.revision = 2
    await room.pass_time(3)
    assert runtime.status().settings == {"saved": 2, "applied": 1}
    assert runtime.waits_for() == "the runtime is paused"
    await runtime.resume()
    assert runtime.status().settings == {"saved": 2, "applied": 2}
    await runtime.stop()


async def test_who_loses_a_user_writes_nothing_down(room: Room) -> None:
    runtime = room.runtime()
    await runtime.start()
    before = list(room.book.states)
    await runtime.abandon()
    assert room.book.states == before
    assert not room.hall.floor.posts
