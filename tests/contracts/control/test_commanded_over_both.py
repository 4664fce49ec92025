"""Commands from door to outcome over [in-process, SQLite] and [Redis, PostgreSQL]."""

import json
from collections.abc import AsyncIterator

import pytest
import redis.asyncio

from livermore.adapters.redis.command_bus import RedisCommandBus
from livermore.adapters.sql import SqlJournal
from livermore.control.lifecycle import Status
from livermore.control.ports import CommandBus
from livermore.control.wire import command_channel
from livermore.kernel.clock import SystemClock
from livermore.kernel.scope import Scope
from tests.unit.control.room import Room, buses, until


def ends(request: pytest.FixtureRequest, url: str) -> tuple[CommandBus, CommandBus]:
    """Return two ends of the bus that goes with a database."""
    if url.startswith("sqlite"):
        return buses()
    address = request.getfixturevalue("redis_url")
    return RedisCommandBus(address, SystemClock()), RedisCommandBus(address, SystemClock())


@pytest.fixture
async def room(
    request: pytest.FixtureRequest, url: str, journal: SqlJournal, jesse: Scope
) -> AsyncIterator[Room]:
    """A room over one of both."""
    async with Room(journal, SystemClock(), jesse, *ends(request, url)) as room:
        yield room


async def test_submitted_acknowledged_carried_out_and_answered(room: Room) -> None:
    done = await room.ask(mark="one")
    assert (done.status, done.result) == (Status.SUCCEEDED, {"noted": "one"})
    assert done.acknowledged_at is not None
    await room.answer(done.id, "success")
    assert room.said(done.id) == ["ack", "progress", "success"]
    assert await room.submit(mark="one", command_id=done.id) == done


async def test_the_urgent_overtake_what_waits(room: Room) -> None:
    await room.submit(mark="held", behind="gate")
    await until(lambda: room.deeds.begun == ["held"])
    for name, mark in [("note", "b"), ("job", "c"), ("soon", "a"), ("pause", None)]:
        await room.submit(name, mark=mark)
    await until(lambda: room.receiver.depth(room.scope) == 4)
    room.deeds.gate("gate").set()
    await until(lambda: len(room.deeds.done) == 5)
    assert room.deeds.done == ["held", "pause", "a", "b", "c"]


async def test_a_job_tells_its_progress_and_is_cancelled(room: Room) -> None:
    job = await room.submit("job", mark="loading", behind="market")
    assert (await room.answer(job.id, "progress"))["message"] == "running"
    await until(lambda: "loading" in room.deeds.begun)
    assert (await room.ask("pause")).status is Status.SUCCEEDED
    room.receiver.cancel_jobs(room.scope, "it is paused")
    assert (await room.channel.wait(room.scope, job.id, 20)).status is Status.CANCELLED
    assert (await room.answer(job.id, "error"))["error"]["code"] == "cancelled"


async def test_anybody_may_publish_and_is_answered(room: Room) -> None:
    good, bad = room.message("note"), room.message("note", payload={"mark": "nul \x00", "more": 1})
    old = room.message("note", timestamp=room.clock.now() - 31_000)
    for message in (good, bad, old):
        await room.publish(message)
    assert (await room.answer(good["correlationId"], "success"))["data"] == {"noted": "raw"}
    assert (await room.answer(bad["correlationId"], "error"))["error"]["code"] == "invalid_payload"
    assert (await room.answer(old["correlationId"], "error"))["error"]["code"] == "expired"
    assert [(await room.stands(one["correlationId"])).status for one in (good, bad, old)] == [
        Status.SUCCEEDED, Status.REJECTED, Status.EXPIRED,
    ]  # fmt: skip


async def test_garbage_is_answered(room: Room) -> None:
    await room.publish(b"\xff\x00 garbage")
    await until(lambda: len(room.heard) == 1)
    assert room.heard[0]["error"]["code"] == "invalid_payload"
    assert (await room.stands(room.heard[0]["correlationId"])).status is Status.REJECTED


async def test_of_two_users_neither_hears_of_the_other_s_commands(room: Room, edwin: Scope) -> None:
    await room.receiver.host([edwin])
    theirs = room.message("note", payload={"mark": "theirs"})
    await room.publish(theirs, scope=edwin)
    await until(lambda: room.deeds.done == ["theirs"])
    mine = await room.ask(mark="mine", command_id=theirs["correlationId"])
    await room.answer(mine.id, "success")
    assert [(call.scope, call.payload.mark) for call in room.deeds.calls] == [
        (edwin, "theirs"), (room.scope, "mine"),
    ]  # fmt: skip
    assert {str(answer.get("data")) for answer in room.heard} == {"None", "{'noted': 'mine'}"}
    assert room.said(mine.id) == ["ack", "progress", "success"]


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
async def test_what_a_plain_client_of_redis_publishes_is_carried_out(
    journal: SqlJournal, jesse: Scope, redis_url: str
) -> None:
    bus, ear = (RedisCommandBus(redis_url, SystemClock()) for _ in range(2))
    async with Room(journal, SystemClock(), jesse, bus, ear) as room:
        message = room.message("note")
        client = redis.asyncio.from_url(redis_url)
        assert await client.publish(command_channel(jesse.identity_sub), json.dumps(message)) == 1
        await client.aclose()
        await room.answer(message["correlationId"], "success")
        assert room.said(message["correlationId"]) == ["ack", "progress", "success"]
