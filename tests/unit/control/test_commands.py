"""From a click to its result: acknowledged, carried out one at a time, answered, told and kept."""

import asyncio
from typing import Any

import pytest

from livermore.control.command import Command, Failure
from livermore.control.lifecycle import Status
from livermore.control.outcome import UNFORESEEN
from livermore.kernel.errors import (
    ConflictError,
    InvalidError,
    LivermoreError,
    NotAllowedError,
    NotFoundError,
)

from .room import Room, until

HELD = "held"


async def hold(room: Room) -> str:
    """Have a command hold its turn until the gate is opened."""
    command = await room.submit(mark=HELD, behind=HELD)
    await until(lambda: HELD in room.deeds.begun)
    return command.id


async def test_a_command_is_acknowledged_carried_out_and_answered(room: Room) -> None:
    done = await room.ask("note", mark="one", author="Lauriston", role="admin", source="cli")
    assert (done.status, done.result, done.error) == (Status.SUCCEEDED, {"noted": "one"}, None)
    assert (done.author, done.role, done.source, done.priority) == ("Lauriston", "admin", "cli", 20)
    assert done.acknowledged_at is not None
    assert done.started_at is not None
    assert done.submitted_at <= done.acknowledged_at <= done.started_at <= (done.finished_at or 0)
    answer = await room.answer(done.id, "success")
    assert answer["data"] == {"noted": "one"}
    assert room.said(done.id) == ["ack", "progress", "success"]


async def test_every_step_is_told_in_this_process(room: Room) -> None:
    done = await room.ask("note", mark="one")
    events = room.events.subscribe("jesse", after=0)
    told = [await anext(aiter(events)) for _ in range(3)]
    assert {(event.topic, event.whose) for event in told} == {("command", "jesse")}
    assert [event.data["status"] for event in told] == ["accepted", "running", "succeeded"]
    assert told[-1].data["id"] == done.id
    assert told[-1].data["duration_ms"] == (done.finished_at or 0) - (done.started_at or 0)


async def test_never_two_at_a_time(room: Room) -> None:
    commands = [await room.submit(mark=str(number)) for number in range(30)]
    ended = await asyncio.gather(*(room.channel.wait(room.scope, one.id, 20) for one in commands))
    assert {one.status for one in ended} == {Status.SUCCEEDED}
    assert room.deeds.most_at_once == 1
    assert room.deeds.done == [str(number) for number in range(30)]


async def test_the_urgent_overtake_and_of_equals_the_first_comes_first(room: Room) -> None:
    await hold(room)
    for mark in ("b1", "b2"):
        await room.submit(mark=mark)
    await room.submit("soon", mark="a1")
    await room.submit(mark="c1", priority=100)
    await room.submit(mark="a2", priority=10)
    pause = await room.submit("pause")
    await until(lambda: room.receiver.depth(room.scope) == 6)
    room.deeds.gate(HELD).set()
    await until(lambda: len(room.deeds.done) == 7)
    assert room.deeds.done == [HELD, "pause", "a1", "a2", "b1", "b2", "c1"]
    assert (await room.stands(pause.id)).priority == 1


async def test_a_pause_overtakes_a_crowd_too(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livermore.control.executor.WAITING", 3)
    await hold(room)
    crowd = [await room.submit(mark=str(number)) for number in range(6)]
    pause = await room.submit("pause")
    await until(lambda: room.receiver.depth(room.scope) == 4)
    room.deeds.gate(HELD).set()
    await room.reaches(pause.id, Status.SUCCEEDED)
    assert room.deeds.done[:2] == [HELD, "pause"]
    for command in crowd:
        await room.reaches(command.id, Status.SUCCEEDED)


async def test_an_acknowledgement_waits_for_no_handler(room: Room) -> None:
    await hold(room)
    waiting = await room.submit(mark="two")
    await room.answer(waiting.id, "ack")
    acknowledged = await room.reaches(waiting.id, Status.ACKNOWLEDGED)
    assert acknowledged.acknowledged_at is not None
    room.deeds.gate(HELD).set()
    done = await room.reaches(waiting.id, Status.SUCCEEDED)
    assert done.acknowledged_at == acknowledged.acknowledged_at
    assert room.said(waiting.id).count("ack") == 1


async def test_a_refusal_is_answered_with_code_and_hint(room: Room) -> None:
    failed = await room.ask("refuse")
    assert failed.status is Status.FAILED
    assert failed.error == Failure(code="conflict", detail="it is paused (runtime); resume it")
    answer = await room.answer(failed.id, "error")
    assert answer["error"] == {"code": "conflict", "detail": "it is paused (runtime); resume it"}


async def test_a_fault_of_ours_leaks_nothing(room: Room) -> None:
    failed = await room.ask("break")
    assert failed.error is not None
    assert failed.error.code == "internal"
    assert "swordfish" not in str(failed)
    assert (await room.ask(mark="after")).status is Status.SUCCEEDED


# ---------------------------------------------------------------- jobs


async def test_a_job_holds_up_nobody_and_ends_the_same_command(room: Room) -> None:
    job = await room.submit("job", mark="loading", behind="market")
    await until(lambda: "loading" in room.deeds.begun)
    assert (await room.ask(mark="meanwhile")).status is Status.SUCCEEDED
    assert (await room.stands(job.id)).status is Status.RUNNING
    room.deeds.gate("market").set()
    done = await room.channel.wait(room.scope, job.id, 20)
    assert (done.status, done.result) == (Status.SUCCEEDED, {"noted": "loading"})
    assert done.progress is not None
    assert (done.progress.done, done.progress.message) == (1, "all but done")
    await room.answer(job.id, "success")
    assert room.said(job.id) == ["ack", "progress", "progress", "progress", "success"]


async def test_jobs_are_cancelled_without_waiting_for_them(room: Room) -> None:
    jobs = [await room.submit("job", mark=mark, behind="market") for mark in "ab"]
    await until(lambda: len(room.deeds.begun) == 2)
    assert room.receiver.cancel_jobs(room.scope, "it is paused") == 2
    for job in jobs:
        ended = await room.channel.wait(room.scope, job.id, 20)
        assert ended.status is Status.CANCELLED
        assert ended.error is not None
        assert ended.error.code == "cancelled"
        assert (await room.answer(job.id, "error"))["error"]["code"] == "cancelled"
    assert room.receiver.cancel_jobs(room.scope, "it is paused") == 0
    assert room.deeds.done == []


async def test_a_job_that_is_cut_off_says_what_stands_already(room: Room) -> None:
    job = await room.submit("standing-job", mark="a", behind="market")
    await until(lambda: room.deeds.begun == ["a"])
    assert room.receiver.cancel_jobs(room.scope, "it is paused") == 1
    ended = await room.channel.wait(room.scope, job.id, 20)
    assert (ended.status, ended.error) == (Status.SUCCEEDED, None)
    assert ended.result == {"noted": "a", "waits_for": "it is paused"}
    assert (await room.answer(job.id, "success"))["data"] == ended.result
    assert room.deeds.done == []


async def test_a_job_that_cannot_say_what_stands_ends_all_the_same(room: Room) -> None:
    job = await room.submit("mute-job", mark="a", behind="market")
    await until(lambda: room.deeds.begun == ["a"])
    room.receiver.cancel_jobs(room.scope, "it is paused")
    ended = await room.channel.wait(room.scope, job.id, 5)
    assert (ended.status, ended.error) == (Status.FAILED, UNFORESEEN)


async def test_what_stands_is_said_when_the_process_ends(room: Room) -> None:
    job = await room.submit("standing-job", mark="a", behind="market")
    await until(lambda: room.deeds.begun == ["a"])
    await room.receiver.release([room.scope])
    ended = await room.stands(job.id)
    assert ended.result == {"noted": "a", "waits_for": "the runtime does not run"}


async def test_there_are_only_so_many_jobs(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livermore.control.executor.JOBS", 2)
    jobs = [await room.submit("job", mark=mark, behind="market") for mark in "abc"]
    crowded = await room.channel.wait(room.scope, jobs[2].id, 20)
    assert crowded.status is Status.FAILED
    assert crowded.error is not None
    assert crowded.error.code == "rate_limited"
    noted = await room.channel.wait(room.scope, (await room.submit("note", mark="d")).id, 20)
    assert noted.status is Status.FAILED
    assert room.deeds.calls == [], "nothing is done of what is said to have failed"
    paused = await room.channel.wait(room.scope, (await room.submit("pause")).id, 20)
    assert paused.status is Status.SUCCEEDED
    room.deeds.gate("market").set()
    for job in jobs[:2]:
        assert (await room.channel.wait(room.scope, job.id, 20)).status is Status.SUCCEEDED


# ---------------------------------------------------------------- what hangs


def why_failed(command: Command) -> tuple[str, str]:
    assert command.status is Status.FAILED
    assert command.error is not None
    return command.error.code, command.error.detail


async def test_a_handler_that_hangs_is_cut_off_and_the_next_command_runs(room: Room) -> None:
    hanging = await room.submit("hang", mark="hanging", behind="never")
    following = await room.submit(mark="following")
    assert why_failed(await room.channel.wait(room.scope, hanging.id, 20)) == (
        "internal",
        "it was cut off after 0.02 s in which all others waited; what it has done stays",
    )
    assert (await room.channel.wait(room.scope, following.id, 20)).status is Status.SUCCEEDED
    assert (room.deeds.done, room.deeds.at_once) == (["following"], 0)
    assert (await room.answer(hanging.id, "error"))["error"]["code"] == "internal"


async def test_a_handler_that_cannot_be_cut_off_is_left_behind(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livermore.control.limits.GRACE", 0.02)
    hanging = await room.submit("hang-on", mark="hanging", behind="gate")
    following = await room.submit(mark="following")
    assert why_failed(await room.channel.wait(room.scope, hanging.id, 20))[0] == "internal"
    assert (await room.channel.wait(room.scope, following.id, 20)).status is Status.SUCCEEDED
    room.deeds.gate("gate").set()
    await until(lambda: room.deeds.done == ["following", "hanging"])
    assert (await room.stands(hanging.id)).status is Status.FAILED


async def test_a_job_that_gets_no_further_is_cut_off(room: Room) -> None:
    job = await room.submit("hanging-job", mark="loading", behind="never")
    assert why_failed(await room.channel.wait(room.scope, job.id, 20)) == (
        "internal",
        "it was cut off after 0.02 s without getting any further; what it has done stays",
    )
    assert room.receiver.cancel_jobs(room.scope, "it is paused") == 0


# ---------------------------------------------------------------- the door


async def test_a_repeated_id_returns_the_first_outcome(room: Room) -> None:
    first = await room.ask(mark="once")
    again = await room.submit(mark="once", command_id=first.id.upper())
    assert again == first
    assert room.deeds.done == ["once"]


async def test_a_repeated_id_with_another_payload_is_a_conflict(room: Room) -> None:
    first = await room.ask(mark="once")
    with pytest.raises(ConflictError) as refused:
        await room.submit(mark="twice", command_id=first.id)
    assert refused.value.command_id == first.id
    assert room.deeds.done == ["once"]


@pytest.mark.parametrize(
    ("name", "asked", "error", "where"),
    [
        ("unknown", {}, "unknown_type", "type"),
        ("note", {}, "invalid_payload", "payload"),
        ("note", {"payload": {"mark": 7}}, "invalid_payload", "payload.mark"),
        ("note", {"mark": "x", "priority": 9}, "invalid_payload", "priority"),
        ("note", {"mark": "x", "priority": 101}, "invalid_payload", "priority"),
        ("note", {"mark": "x", "command_id": "7"}, "invalid_payload", "correlationId"),
        ("note", {"payload": {"mark": "x" * 300_000}}, "invalid_payload", "payload"),
        ("note", {"payload": {"mark": "x", "more": 2**80}}, "invalid_payload", "payload"),
        ("note", {"payload": ["mark"]}, "invalid_payload", "payload"),
        ("note", {"mark": "x", "role": "viewer"}, "not_allowed", None),
        ("master", {}, "not_allowed", None),
        ("a" * 300 + "\0", {}, "unknown_type", "type"),
    ],
    ids=str,
)  # fmt: skip
async def test_what_cannot_be_done_is_kept_as_rejected(
    room: Room, name: str, asked: dict[str, Any], error: str, where: str | None
) -> None:
    with pytest.raises(LivermoreError) as refused:
        await room.submit(name, **asked)
    assert isinstance(refused.value, InvalidError | NotAllowedError)
    assert (refused.value.code, refused.value.where) == (error, where)
    (kept,) = await room.history()
    assert (kept.id, kept.status) == (refused.value.command_id, Status.REJECTED)
    assert kept.error is not None
    assert kept.error.code == error
    assert room.deeds.done == []


async def test_waiting_is_never_longer_than_asked(room: Room) -> None:
    held = await hold(room)
    for seconds in (-1, 0, 0.05):
        assert (await room.channel.wait(room.scope, held, seconds)).status is Status.RUNNING
    room.deeds.gate(HELD).set()


async def test_waiting_for_nothing_says_so(room: Room) -> None:
    with pytest.raises(NotFoundError):
        await room.channel.wait(room.scope, "00000000-0000-0000-0000-000000000000", 1)
    with pytest.raises(NotFoundError):
        await anext(room.channel.follow(room.scope, "00000000-0000-0000-0000-000000000000"))


async def test_following_shows_each_change_until_the_end(room: Room) -> None:
    job = await room.submit("job", mark="loading", behind="market")
    seen: list[tuple[Status, str | None]] = []
    async for command in room.channel.follow(room.scope, job.id):
        message = command.progress.message if command.progress else None
        seen.append((command.status, message))
        if message == "begun":
            room.deeds.gate("market").set()
    assert seen[-1] == (Status.SUCCEEDED, "all but done")
    assert (Status.RUNNING, "begun") in seen
    assert len(seen) == len(set(seen))


async def test_the_channel_of_answers_is_heard_only_while_somebody_waits(room: Room) -> None:
    listening = room.channel._listening
    held = await hold(room)
    waiting = [asyncio.create_task(room.channel.wait(room.scope, held, 20)) for _ in range(5)]
    await until(lambda: listening.hears(room.scope))
    room.deeds.gate(HELD).set()
    assert {one.id for one in await asyncio.gather(*waiting)} == {held}
    await until(lambda: not listening.hears(room.scope))
    assert not listening._waiting
