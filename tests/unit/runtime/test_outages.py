"""A runtime whose state cannot be written down is what it was before, or is known to have failed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from livermore.kernel.errors import InvalidError, StorageUnavailableError
from livermore.kernel.scope import Scope
from livermore.runtime.ports import StoredRuntime
from livermore.runtime.runtime import AGAIN, LOOK
from livermore.runtime.status import Pause
from tests.unit.runtime.hall import opened
from tests.unit.runtime.test_runtime import Room


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with opened() as hall:
        yield Room(hall)


@pytest.mark.parametrize(("level", "refused"), [("data", "paused"), ("alerts", "running")])
async def test_a_pause_that_cannot_be_written_down_is_none(room: Room, level: str, refused: str) -> None:
    runtime = room.runtime()
    await runtime.start()
    await room.pass_time(40 * LOOK)
    room.book.failing.append(refused)
    with pytest.raises(StorageUnavailableError):
        await runtime.pause(Pause(level="alerts" if level == "alerts" else "data"))
    status = runtime.status()
    assert (status.state, status.desired_state, status.pause) == ("running", "running", None)
    assert room.user.dispatcher._tasks
    await runtime.stop()
    assert room.book.newest is not None
    assert room.book.newest.desired_state == "running"


async def test_a_resume_that_cannot_be_written_down_leaves_the_pause(room: Room) -> None:
    runtime = room.runtime("paused", pause_level="data", pause_reason="lunch")
    await runtime.start()
    room.book.failing.append("warming")
    with pytest.raises(StorageUnavailableError):
        await runtime.resume()
    status = runtime.status()
    assert (status.state, status.desired_state) == ("paused", "paused")
    assert status.pause == Pause(level="data", reason="lunch")
    await runtime.resume()
    assert runtime.status().pause is None
    await runtime.stop()


async def test_one_that_fails_while_nothing_can_be_written_down_is_started_again(room: Room) -> None:
    runtime = room.runtime("paused")
    await runtime.start()
    room.settings.error = StorageUnavailableError("away")
    room.book.failing.append("failed")
    with pytest.raises(StorageUnavailableError):
        await runtime.resume()
    assert (runtime.state, runtime.is_broken) == ("failed", True)
    room.settings.error = None
    await runtime.start()
    await room.pass_time(40 * LOOK)
    assert runtime.status().state == "running"
    await runtime.stop()


@pytest.mark.parametrize(("desired", "refused"), [("running", "starting"), ("paused", "paused")])
async def test_one_whose_start_cannot_be_written_down_is_started_again(
    room: Room, desired: str, refused: str
) -> None:
    runtime = room.runtime(desired)
    room.book.failing.append(refused)
    with pytest.raises(StorageUnavailableError):
        await runtime.start()
    assert runtime.is_broken
    await runtime.start()
    await room.pass_time(40 * LOOK)
    assert runtime.status().state == desired
    await runtime.stop()


async def test_one_that_has_failed_can_rest_and_be_muted(room: Room) -> None:
    runtime = room.runtime()
    room.settings.error = InvalidError("unreadable")
    with pytest.raises(InvalidError):
        await runtime.start()
    await runtime.pause(Pause(level="alerts"))
    assert (runtime.state, runtime.pausing) == ("failed", Pause(level="alerts"))
    await runtime.pause(Pause(level="data"))
    assert (runtime.state, runtime.is_broken) == ("paused", False)
    room.settings.error = None
    await runtime.resume()
    assert runtime.pausing is None
    assert room.user.dispatcher._tasks
    await runtime.stop()


async def test_the_end_of_a_pause_is_asked_for_until_it_has_come(room: Room) -> None:
    runtime = room.runtime("paused", pause_level="data", pause_until="2020-01-01T00:00:00Z")
    await runtime.start()
    now = room.hall.clock.now()
    assert [runtime.pause_is_over(now + after) for after in (0, 1_000, AGAIN, AGAIN + 1_000)] == [
        True, False, True, False
    ]  # fmt: skip
    await runtime.resume()
    assert not runtime.pause_is_over(now + 2 * AGAIN)
    await runtime.stop()


async def test_what_is_written_down_last_is_what_was_wanted_last(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = room.runtime()
    await runtime.start()
    await room.pass_time(40 * LOOK)
    put, may_write, writing = room.book.put, asyncio.Event(), asyncio.Event()

    async def first_slowly(scope: Scope, stored: StoredRuntime) -> None:
        monkeypatch.setattr(room.book, "put", put)
        writing.set()
        await may_write.wait()
        await put(scope, stored)

    monkeypatch.setattr(room.book, "put", first_slowly)
    applying = asyncio.create_task(runtime.apply(await room.settings.current(runtime.scope)))
    await writing.wait()
    pausing = asyncio.create_task(runtime.pause(Pause(level="data")))
    for _ in range(10):
        await asyncio.sleep(0)
    may_write.set()
    await asyncio.gather(applying, pausing)
    assert room.book.newest is not None
    assert (room.book.newest.desired_state, room.book.newest.state) == ("paused", "paused")
    await runtime.stop()


async def test_a_fault_of_ours_does_not_keep_it_from_running(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime, put = room.runtime(), room.book.put

    async def faulty(scope: Scope, stored: StoredRuntime) -> None:
        if stored.state == "running":
            monkeypatch.setattr(room.book, "put", put)
            raise RuntimeError("a fault of ours")
        await put(scope, stored)

    monkeypatch.setattr(room.book, "put", faulty)
    await runtime.start()
    await room.pass_time(40 * LOOK)
    assert runtime.status().state == "running"
    await runtime.stop()
