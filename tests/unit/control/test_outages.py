"""The journal away, messages lost, processes gone: nothing is lost, done twice, or done too late."""

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator, Collection
from uuid import uuid4

import pytest

from livermore.adapters.memory.command_bus import MemoryCommandBus, Wire
from livermore.adapters.sql import SqlJournal
from livermore.control.command import LIFETIME, Command
from livermore.control.lifecycle import Status, Step
from livermore.control.ports import Facts
from livermore.kernel.clock import ManualClock, SystemClock
from livermore.kernel.errors import StorageUnavailableError, TransientError
from livermore.kernel.scope import Scope

from .faulty import FaultyJournal, Lapse
from .room import Deeds, Room, buses, until

NOON = 1_750_000_000_123


@pytest.fixture
def faulty(journal: SqlJournal) -> FaultyJournal:
    return FaultyJournal(journal)


@pytest.fixture
async def shaky(faulty: FaultyJournal, scope: Scope) -> AsyncIterator[Room]:
    """A room whose journal is away when a test wants it."""
    async with Room(faulty, SystemClock(), scope, *buses()) as room:
        yield room


async def advance(room: Room, seconds: float) -> None:
    """Let time pass, with turns for those who have yet to begin to wait."""
    assert isinstance(room.clock, ManualClock)
    await room.clock.advance(seconds)


# ---------------------------------------------------------------- the journal away


@pytest.mark.parametrize("lapse", ["before", "after"])
@pytest.mark.parametrize("step", ["start", "succeed", "get"])
async def test_a_lapse_of_the_journal_has_nothing_done_twice(
    shaky: Room, faulty: FaultyJournal, step: str, lapse: Lapse
) -> None:
    faulty.lapses[step] = [lapse, lapse]
    done = await shaky.ask(mark="once")
    assert (done.status, done.result) == (Status.SUCCEEDED, {"noted": "once"})
    assert shaky.deeds.done == ["once"]
    await shaky.answer(done.id, "success")


async def test_nothing_is_done_that_is_not_claimed(shaky: Room, faulty: FaultyJournal) -> None:
    faulty.lapses["start"] = ["before"] * 3
    command = await shaky.submit(mark="one")
    await shaky.answer(command.id, "ack")
    await until(lambda: faulty.calls["start"] == 2)
    assert shaky.deeds.begun == []
    urgent = await shaky.submit("pause")
    await shaky.answer(urgent.id, "success")
    await shaky.answer(command.id, "success")
    assert shaky.deeds.done == ["pause", "one"]


async def test_a_claim_that_fails_otherwise_is_tried_again_later(shaky: Room, faulty: FaultyJournal) -> None:
    faulty.lapses["start"] = ["before"]
    reached = asyncio.Event()

    async def broken(*_: object) -> None:
        reached.set()
        faulty.step = type(faulty).step.__get__(faulty)  # type: ignore[method-assign]
        raise RuntimeError("a fault of ours")

    faulty.step = broken  # type: ignore[assignment, method-assign]
    command = await shaky.submit(mark="one")
    await reached.wait()
    await shaky.answer(command.id, "success")
    assert shaky.deeds.done == ["one"]


async def test_an_outcome_that_cannot_be_written_ends_as_a_failure(shaky: Room, journal: SqlJournal) -> None:
    class Picky(FaultyJournal):
        async def step(self, scope: Scope, command_id: str, step: Step, facts: Facts) -> Command | None:
            if step is Step.SUCCEED:
                raise ValueError("this cannot be stored")
            return await super().step(scope, command_id, step, facts)

    async with Room(Picky(journal), SystemClock(), shaky.scope, *buses()) as room:
        failed = await room.ask(mark="one")
        assert failed.status is Status.FAILED
        assert failed.error is not None
        assert failed.error.code == "internal"


async def test_while_the_journal_is_away_nothing_is_accepted(shaky: Room, faulty: FaultyJournal) -> None:
    faulty.away = True
    with pytest.raises(StorageUnavailableError) as refused:
        await shaky.submit(mark="one")
    faulty.away = False
    done = await shaky.ask(mark="one", command_id=refused.value.command_id)
    assert done.status is Status.SUCCEEDED
    assert shaky.deeds.done == ["one"]


async def test_a_raw_message_waits_for_the_journal_unacknowledged(shaky: Room, faulty: FaultyJournal) -> None:
    faulty.lapses["accept"] = ["before", "after", "before"]
    message = shaky.message("note")
    await shaky.publish(message)
    await until(lambda: faulty.calls["accept"] == 2)
    assert shaky.heard == []
    await shaky.answer(message["correlationId"], "success")
    assert shaky.deeds.done == ["raw"]


async def test_waiting_outlasts_the_journal_but_not_the_time_asked(
    shaky: Room, faulty: FaultyJournal
) -> None:
    command = await shaky.submit(mark="one", behind="gate")
    faulty.lapses["get"] = ["before"]
    waiting = asyncio.create_task(shaky.channel.wait(shaky.scope, command.id, 20))
    shaky.deeds.gate("gate").set()
    assert (await waiting).status is Status.SUCCEEDED
    faulty.away = True
    with pytest.raises(StorageUnavailableError):
        await shaky.channel.wait(shaky.scope, command.id, 0.1)
    faulty.away = False
    faulty.lapses["get"] = ["never"]
    with pytest.raises(StorageUnavailableError):
        await shaky.channel.wait(shaky.scope, command.id, 0.1)


async def test_progress_that_is_not_written_is_said_all_the_same(shaky: Room, faulty: FaultyJournal) -> None:
    faulty.lapses["progress"] = ["before", "before"]
    done = await shaky.ask("job", mark="loading")
    assert (done.status, done.progress) == (Status.SUCCEEDED, None)
    await shaky.answer(done.id, "success")
    assert shaky.said(done.id).count("progress") >= 2


# ---------------------------------------------------------------- messages lost


class DeafBus(MemoryCommandBus):
    """A bus on which nothing goes out."""

    async def publish(self, channel: str, message: bytes) -> None:
        raise TransientError("the bus is away")


async def test_a_command_whose_message_was_lost_is_found_and_done_once(
    journal: SqlJournal, scope: Scope
) -> None:
    clock = ManualClock(NOON)
    async with Room(journal, clock, scope, DeafBus(), MemoryCommandBus()) as room:
        command = await room.submit(mark="lost")
        while (await room.stands(command.id)).status is Status.ACCEPTED:
            await clock.advance(0.1)  # the journal may still be asked for what came before
        done = await room.reaches(command.id, Status.SUCCEEDED)
        assert NOON + 500 <= (done.acknowledged_at or 0) <= clock.now()
        await clock.advance(3.0)
        assert room.deeds.done == ["lost"]


class ShutBus(MemoryCommandBus):
    """A bus that is away: what is to be joined is joined when it is back."""

    async def join(self, channels: Collection[str]) -> None:
        await asyncio.Event().wait()


async def test_a_bus_that_is_away_holds_up_nobody(
    journal: SqlJournal, scope: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livermore.control.receiver.JOINING", 0.01)
    monkeypatch.setattr("livermore.control.receiver.APART", 0.01)
    monkeypatch.setattr("livermore.control.receiver.YOUNG", 0)
    async with Room(journal, SystemClock(), scope, ShutBus(), MemoryCommandBus()) as room:
        done = await room.ask(mark="found")
        assert done.status is Status.SUCCEEDED


async def test_what_was_left_is_done_before_what_comes_next(still: Room) -> None:
    await still.receiver.release([still.scope])
    for number in range(5):
        await still.submit(mark=f"later {number}")
    await still.submit("soon", mark="sooner")
    hosting = asyncio.create_task(still.receiver.host([still.scope]))
    await still.publish(still.message("note", payload={"mark": "new"}))
    await hosting
    await until(lambda: len(still.deeds.done) >= 6)
    assert still.deeds.done[:6] == ["sooner", *(f"later {number}" for number in range(5))]


async def test_a_message_that_comes_late_does_nothing_again(still: Room) -> None:
    found = await still.submit(mark="slow")
    late = still.message("note", correlationId=found.id, payload={"mark": "slow"}, journalled=True)
    await still.reaches(found.id, Status.SUCCEEDED)
    still.heard.clear()
    await still.publish(late)
    await still.answer(found.id, "success")
    assert still.deeds.done == ["slow"]


async def test_what_was_missed_is_looked_for_at_once_when_the_bus_is_back(
    journal: SqlJournal, scope: Scope
) -> None:
    clock = ManualClock(NOON)
    async with Room(journal, clock, scope, DeafBus(), MemoryCommandBus()) as room:
        await asyncio.sleep(0.02)
        command = await room.submit(mark="lost")
        await clock.advance(0.6)
        assert room.deeds.done == []
        room.switchboard._regained()
        await room.reaches(command.id, Status.SUCCEEDED)


# ---------------------------------------------------------------- too late


@pytest.mark.parametrize(("late", "status"), [(0, Status.SUCCEEDED), (1, Status.EXPIRED)])
async def test_what_waits_too_long_never_starts(still: Room, late: int, status: Status) -> None:
    await still.submit(mark="long", behind="gate")
    await until(lambda: still.deeds.begun == ["long"])
    waiting = await still.submit(mark="late")
    await still.answer(waiting.id, "ack")
    await advance(still, (LIFETIME + late) / 1000)
    still.deeds.gate("gate").set()
    ended = await still.reaches(waiting.id, status)
    if late:
        assert ended.error is not None
        assert ended.error.code == "expired"
        assert (await still.answer(waiting.id, "error"))["error"]["code"] == "expired"
    await until(lambda: still.receiver.depth(still.scope) == 0)
    assert ("late" in still.deeds.done) is not bool(late)


async def test_what_nobody_hosted_expires_when_somebody_does(journal: SqlJournal, scope: Scope) -> None:
    clock = ManualClock(NOON)
    async with Room(journal, clock, scope, *buses()) as room:
        await room.receiver.release([scope])
        command = await room.submit(mark="one")
        await clock.advance(31)
        await room.receiver.host([scope])
        answer = await room.answer(command.id, "error")
        assert answer["error"]["code"] == "expired"
        assert "ack" not in room.said(command.id)
        assert room.deeds.done == []


# ---------------------------------------------------------------- processes gone


async def test_what_another_process_left_running_is_ended_and_not_done_again(
    journal: SqlJournal, scope: Scope
) -> None:
    clock = ManualClock(NOON)
    async with Room(journal, clock, scope, *buses()) as gone:
        await gone.receiver.release([scope])
        orphan, waiting = await gone.submit(mark="orphan"), await gone.submit(mark="waiting")
    assert await journal.step(scope, orphan.id, Step.START, Facts(at=NOON, runner="a process that is gone"))
    await clock.advance(1)
    async with Room(journal, clock, scope, *buses()) as room:
        ended = await room.reaches(orphan.id, Status.FAILED)
        assert ended.error is not None
        assert (ended.error.code, ended.error.detail) == ("internal", "the process that ran it has ended")
        await room.answer(orphan.id, "error")
        await room.reaches(waiting.id, Status.SUCCEEDED)
        assert room.deeds.done == ["waiting"]


async def test_two_who_host_one_user_by_mistake_do_nothing_twice(journal: SqlJournal, scope: Scope) -> None:
    wire, deeds = Wire(), Deeds()
    bus = [MemoryCommandBus(wire) for _ in range(4)]
    clock = ManualClock(NOON)
    async with (
        Room(journal, clock, scope, bus[0], bus[1], deeds=deeds) as one,
        Room(journal, clock, scope, bus[2], bus[3], deeds=deeds),
    ):
        commands = [await one.submit(mark=str(number)) for number in range(20)]
        for command in commands:
            await one.reaches(command.id, Status.SUCCEEDED)
        assert sorted(deeds.done, key=int) == [str(number) for number in range(20)]


async def test_at_the_end_what_waits_is_kept_and_jobs_are_cancelled(
    journal: SqlJournal, scope: Scope
) -> None:
    deeds = Deeds()
    async with Room(journal, SystemClock(), scope, *buses(), deeds=deeds) as room:
        job = await room.submit("job", mark="job", behind="never")
        await until(lambda: deeds.begun == ["job"])
        held = await room.submit(mark="held", behind="gate")
        await until(lambda: "held" in deeds.begun)
        waiting = await room.submit(mark="waiting")
        await until(lambda: room.receiver.depth(scope) == 1)
        ending = asyncio.create_task(room.receiver.release([scope]))
        await room.reaches(job.id, Status.CANCELLED)
        assert not ending.done()
        deeds.gate("gate").set()
        await ending
        assert (await room.stands(held.id)).status is Status.SUCCEEDED
        assert (await room.stands(waiting.id)).is_open
        assert deeds.done == ["held"]
    async with Room(journal, SystemClock(), scope, *buses(), deeds=deeds) as room:
        await room.reaches(waiting.id, Status.SUCCEEDED)


async def test_at_the_end_patience_with_a_handler_is_limited(still: Room) -> None:
    held = await still.submit(mark="held", behind="never")
    await until(lambda: still.deeds.begun == ["held"])
    ending = asyncio.create_task(still.receiver.release([still.scope]))
    await advance(still, 0)
    await advance(still, 4.9)
    assert (await still.stands(held.id)).status is Status.RUNNING
    await advance(still, 0.2)
    await ending
    ended = await still.stands(held.id)
    assert (ended.status, ended.error and ended.error.code) == (Status.FAILED, "internal")


async def test_the_end_does_not_wait_for_a_journal_that_is_away(shaky: Room, faulty: FaultyJournal) -> None:
    held = await shaky.submit(mark="held", behind="gate")
    await until(lambda: shaky.deeds.begun == ["held"])
    ending = asyncio.create_task(shaky.receiver.release([shaky.scope]))
    await asyncio.sleep(0)
    faulty.away = True
    shaky.deeds.gate("gate").set()
    await ending
    faulty.away = False
    assert (await shaky.stands(held.id)).status is Status.RUNNING
    await shaky.receiver.host([shaky.scope])
    await shaky.reaches(held.id, Status.FAILED)
    assert shaky.deeds.done == ["held"]


# ---------------------------------------------------------------- many users


async def test_ten_thousand_users_who_ask_for_nothing_cost_next_to_nothing(room: Room) -> None:
    users = [Scope(user_id=number, identity_sub=str(uuid4())) for number in range(10_000)]
    before_tasks = len(asyncio.all_tasks())
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    await room.receiver.host(users)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (after - before) / len(users) < 1_024
    assert len(asyncio.all_tasks()) < before_tasks + 10
    await room.receiver.release(users)
    assert (await room.ask(mark="one")).status is Status.SUCCEEDED


async def test_nothing_is_left_of_a_user_whose_commands_have_ended(room: Room) -> None:
    for number in range(3):
        await room.ask(mark=str(number))
    await until(lambda: not room.receiver._desks)
    assert not room.receiver._voice._unsent
