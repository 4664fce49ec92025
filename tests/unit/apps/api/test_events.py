"""The stream resumes, says what it lost, keeps alive, and ends."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from httpx import AsyncClient

from livermore.adapters.memory.bus import MemoryBus
from livermore.apps.api import events
from livermore.apps.api.events import KEEP_ALIVE, OPENING, Streams
from livermore.kernel.events import TOPICS, Event
from tests.unit.apps.standin import StandIn

WAIT = 1.0


def fields(frame: bytes) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in frame.decode().strip().split("\n"))


async def following(frames: AsyncIterator[bytes]) -> bytes:
    return await asyncio.wait_for(anext(frames), WAIT)


async def opened(streams: Streams, after: int | None = None) -> AsyncIterator[bytes]:
    frames = streams.frames("local", TOPICS, after)
    assert await following(frames) == OPENING
    return frames


async def test_an_event_is_sent_as_it_happens(system: StandIn, streams: Streams) -> None:
    frames = await opened(streams)
    system.publish("runtime", {"state": "running", "price": 0.1})
    frame = await following(frames)
    assert frame.endswith(b"\n\n")
    sent = fields(frame)
    assert sent["event"] == "runtime"
    assert msgspec.json.decode(sent["data"]) == {"state": "running", "price": 0.1}


async def test_a_stream_resumes_behind_the_last_id(system: StandIn, streams: Streams) -> None:
    frames = await opened(streams)
    for number in range(3):
        system.publish("runtime", number)
    first = fields(await following(frames))
    again = await opened(streams, after=int(first["id"]))
    assert [fields(await following(again))["data"] for _ in range(2)] == ["1", "2"]


@pytest.mark.parametrize("after", [5, 99_999_999])
async def test_a_stream_that_cannot_resume_says_so(system: StandIn, streams: Streams, after: int) -> None:
    frames = await opened(streams, after=after)
    assert fields(await following(frames))["event"] == "resync"
    system.publish("runtime", 1)
    assert fields(await following(frames))["event"] == "runtime"


async def test_a_slow_client_is_told_what_it_lost_and_slows_nobody() -> None:
    bus = MemoryBus(queued=3)
    streams = Streams(bus)
    slow, quick = await opened(streams), await opened(streams)
    reading = asyncio.create_task(following(slow))
    await asyncio.sleep(0)
    seen = []
    for number in range(10):
        bus.publish(Event(topic="runtime", time=0, data=number))
        seen.append(fields(await following(quick))["data"])
    assert seen == [str(number) for number in range(10)]
    assert fields(await reading)["data"] == "0"
    assert fields(await following(slow))["event"] == "resync"
    assert fields(await following(slow))["data"] == "7"


async def test_other_peoples_events_stay_theirs(system: StandIn, streams: Streams) -> None:
    frames = await opened(streams)
    system.bus.publish(Event(topic="alert", time=0, data="theirs", whose="somebody"))
    system.publish("alert", "ours")
    assert fields(await following(frames))["data"] == '"ours"'


async def test_silence_is_kept_alive(
    system: StandIn, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "KEEP_ALIVE_SECONDS", 0.02)
    frames = await opened(streams)
    assert await following(frames) == KEEP_ALIVE
    assert await following(frames) == KEEP_ALIVE
    system.publish("runtime", 1)
    assert fields(await following(frames))["event"] == "runtime"


async def test_closing_ends_every_stream(system: StandIn, streams: Streams) -> None:
    frames = await opened(streams)
    streams.close()
    with pytest.raises(StopAsyncIteration):
        await following(frames)
    assert not system.bus._subscriptions


async def test_leaving_forgets_the_subscription(system: StandIn, streams: Streams) -> None:
    for _ in range(50):
        frames = await opened(streams)
        await frames.aclose()  # type: ignore[attr-defined]
    assert not system.bus._subscriptions


@pytest.mark.parametrize("given", ["x", "-1", "1.5", "²", "9" * 5000])
async def test_a_strange_id_is_refused(client: AsyncClient, given: str) -> None:
    answer = await client.get("/api/v1/events", headers={b"last-event-id": given.encode()})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == "Last-Event-ID"
