"""Both command buses keep one contract: what is published is heard at once by all who listen, or never."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import pytest

from livermore.adapters.memory.command_bus import MemoryCommandBus, Wire
from livermore.adapters.redis.command_bus import RedisCommandBus
from livermore.control.ports import CommandBus
from livermore.kernel.clock import SystemClock
from livermore.kernel.errors import TransientError
from livermore.kernel.service import Health
from tests.contracts.control.listener import Listener

NAMES = ["local", "", " ", "a,b{c}*?[x]\r\n", "Grüße 日本語 🐂", "\x00\x7f", "\udc80", "e" * 5_000]
MESSAGES = [b"", b"{}", b"\xff\xfe\x00", b"$3\r\nfoo\r\n", b"x" * 10_000_000]


Make = Callable[[], CommandBus]
Open = Callable[[], Awaitable[tuple[CommandBus, Listener]]]


@pytest.fixture(params=["memory", "redis"])
def make(request: pytest.FixtureRequest) -> Make:
    """Make buses that hear each other."""
    if request.param == "memory":
        wire = Wire()
        return lambda: MemoryCommandBus(wire)
    url: str = request.getfixturevalue("redis_url")
    return lambda: RedisCommandBus(url, SystemClock())


@pytest.fixture
async def open_bus(make: Make) -> AsyncIterator[Open]:
    """Start buses, each with a listener, and stop them afterwards."""
    opened: list[CommandBus] = []

    async def open_one() -> tuple[CommandBus, Listener]:
        bus, listener = make(), Listener()
        opened.append(bus)
        await bus.start(listener.hear, listener.regain)
        return bus, listener

    yield open_one
    for bus in opened:
        await bus.stop()


@pytest.fixture
def channel() -> str:
    return f"livermore:commands:{uuid4()}"


async def test_what_is_published_is_heard_in_order(open_bus: Open, channel: str) -> None:
    (door, _), (runtime, listener) = await open_bus(), await open_bus()
    await runtime.join([channel])
    sent = [str(number).encode() for number in range(500)]
    for message in sent:
        await door.publish(channel, message)
    assert await listener.messages(500) == sent
    assert {heard for heard, _ in listener.heard} == {channel}
    assert listener.regained == 0


async def test_messages_published_at_once_arrive_each_once(open_bus: Open, channel: str) -> None:
    (door, _), (runtime, listener) = await open_bus(), await open_bus()
    await runtime.join([channel])
    sent = [str(number).encode() for number in range(1_000)]
    await asyncio.gather(*(door.publish(channel, message) for message in sent))
    assert await listener.messages(1_000) == sent


async def test_everybody_who_listens_hears(open_bus: Open, channel: str) -> None:
    opened = [await open_bus() for _ in range(3)]
    for bus, _ in opened:
        await bus.join([channel])
    await opened[0][0].publish(channel, b"to all")
    for _, listener in opened:
        assert await listener.messages(1) == [b"to all"]


async def test_what_nobody_hears_is_gone(open_bus: Open, channel: str) -> None:
    bus, listener = await open_bus()
    await bus.publish(channel, b"to nobody")
    await bus.join([channel])
    await bus.publish(channel, b"to us")
    assert await listener.messages(1) == [b"to us"]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
async def test_a_channel_may_have_any_name(open_bus: Open, channel: str, name: str) -> None:
    bus, listener = await open_bus()
    await bus.join([channel + name])
    await bus.publish(channel + name + "?", b"elsewhere")
    await bus.publish(channel + name, b"here")
    await listener.messages(1)
    assert listener.heard == [(channel + name, b"here")]


async def test_messages_are_handed_on_as_they_are(open_bus: Open, channel: str) -> None:
    bus, listener = await open_bus()
    await bus.join([channel])
    for message in MESSAGES:
        await bus.publish(channel, message)
    assert await listener.messages(len(MESSAGES)) == MESSAGES


async def test_ten_thousand_channels_are_joined_at_once(open_bus: Open, channel: str) -> None:
    bus, listener = await open_bus()
    channels = [f"{channel}:{number}" for number in range(10_000)]
    await bus.join(channels)
    await bus.publish(channels[-1], b"last")
    await bus.publish(channels[0], b"first")
    await listener.messages(2)
    assert listener.heard == [(channels[-1], b"last"), (channels[0], b"first")]
    await bus.leave(channels)
    await bus.join([channel])
    await bus.publish(channels[0], b"left")
    await bus.publish(channel, b"joined")
    assert (await listener.messages(3))[2:] == [b"joined"]


async def test_a_channel_that_is_left_is_silent_and_others_are_not(open_bus: Open, channel: str) -> None:
    bus, listener = await open_bus()
    await bus.join([channel, channel + ":other"])
    await bus.publish(channel, b"under way")
    await bus.leave([channel, "never joined"])
    before = len(listener.heard)
    await bus.publish(channel, b"too late")
    await bus.publish(channel + ":other", b"still here")
    await listener.until(lambda: (channel + ":other", b"still here") in listener.heard)
    assert len(listener.heard) == before + 1


async def test_joining_twice_hears_once_and_leaving_once_leaves(open_bus: Open, channel: str) -> None:
    bus, listener = await open_bus()
    await bus.join([channel, channel])
    await bus.join([channel])
    await bus.publish(channel, b"one")
    assert await listener.messages(1) == [b"one"]
    await bus.leave([channel])
    await bus.join([channel + ":other"])
    await bus.publish(channel, b"gone")
    await bus.publish(channel + ":other", b"two")
    assert await listener.messages(2) == [b"one", b"two"]


async def test_joining_and_leaving_nothing_changes_nothing(open_bus: Open, channel: str) -> None:
    bus, listener = await open_bus()
    await bus.join([channel])
    await bus.join([])
    await bus.leave([])
    await bus.publish(channel, b"still")
    assert await listener.messages(1) == [b"still"]


async def test_joining_and_leaving_a_thousand_times_leaves_the_last_word(
    open_bus: Open, channel: str
) -> None:
    bus, listener = await open_bus()
    for _ in range(1_000):
        await bus.join([channel])
        await bus.leave([channel])
    await bus.join([channel])
    await bus.publish(channel, b"here")
    assert await listener.messages(1) == [b"here"]


async def test_a_listener_that_publishes_is_not_called_from_within(make: Make, channel: str) -> None:
    bus, depth, depths = make(), 0, list[int]()
    answers = Listener()
    publishing = set[asyncio.Task[None]]()

    def hear(heard: str, message: bytes) -> None:
        nonlocal depth
        depth += 1
        depths.append(depth)
        if len(message) < 5:
            publishing.add(asyncio.create_task(bus.publish(heard, message + b".")))
        depth -= 1
        answers.hear(heard, message)

    await bus.start(hear, answers.regain)
    await bus.join([channel])
    await bus.publish(channel, b"")
    assert await answers.messages(6) == [b"." * length for length in range(6)]
    assert depths == [1] * 6
    await asyncio.gather(*publishing)
    await bus.stop()


async def test_a_listener_that_breaks_hears_the_next_message(make: Make, channel: str) -> None:
    bus, listener = make(), Listener()

    def hear(heard: str, message: bytes) -> None:
        listener.hear(heard, message)
        raise RuntimeError("a fault of the listener")

    await bus.start(hear, listener.regain)
    await bus.join([channel])
    await bus.publish(channel, b"one")
    await bus.publish(channel, b"two")
    assert await listener.messages(2) == [b"one", b"two"]
    await bus.stop()


async def test_a_stopped_bus_hears_nothing_and_says_so(make: Make, channel: str) -> None:
    bus, other = make(), make()
    listener, witness = Listener(), Listener()
    await bus.start(listener.hear, listener.regain)
    await other.start(witness.hear, witness.regain)
    for one in (bus, other):
        await one.join([channel])
    await bus.stop()
    await other.publish(channel, b"to who is left")
    assert await witness.messages(1) == [b"to who is left"]
    assert listener.heard == []
    with pytest.raises(TransientError, match="stopped"):
        await bus.publish(channel, b"from nowhere")
    with pytest.raises(TransientError, match="stopped"):
        await bus.join([channel])
    await bus.leave([channel])
    await bus.stop()
    await other.stop()


async def test_a_bus_that_is_started_again_has_forgotten_its_channels(make: Make, channel: str) -> None:
    bus, before, after = make(), Listener(), Listener()
    await bus.start(before.hear, before.regain)
    await bus.join([channel])
    await bus.stop()
    await bus.start(after.hear, after.regain)
    await bus.join([channel + ":new"])
    await bus.publish(channel, b"old")
    await bus.publish(channel + ":new", b"new")
    assert await after.messages(1) == [b"new"]
    assert (before.heard, after.regained) == ([], 0)
    await bus.stop()


async def test_a_bus_that_works_is_healthy(open_bus: Open) -> None:
    bus, _ = await open_bus()
    assert bus.health() == Health()
