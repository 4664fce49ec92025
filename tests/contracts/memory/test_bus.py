"""What every event bus promises, asked of the one in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from livermore.adapters.memory.bus import MemoryBus
from livermore.kernel.events import Event, EventBus, Subscription, Topic

BusFactory = Callable[[int, int], EventBus]


def memory_bus(remembered: int, queued: int) -> EventBus:
    return MemoryBus(start=100, remembered=remembered, queued=queued)


@pytest.fixture(params=[memory_bus])
def factory(request: pytest.FixtureRequest) -> BusFactory:
    made: BusFactory = request.param
    return made


@pytest.fixture
def bus(factory: BusFactory) -> EventBus:
    return factory(1000, 1000)


def event(number: int, whose: str | None = None, topic: Topic = "candle") -> Event:
    return Event(topic=topic, time=0, data=number, whose=whose)


async def take(subscription: Subscription, count: int) -> list[Event]:
    """Return the next events, failing when they do not come."""
    events: AsyncIterator[Event] = aiter(subscription)
    async with asyncio.timeout(2):
        return [await anext(events) for _ in range(count)]


async def test_a_listener_gets_what_comes_after_it_in_order(bus: EventBus) -> None:
    bus.publish(event(0))
    subscription = bus.subscribe("me")
    for number in (1, 2, 3):
        bus.publish(event(number))
    got = await take(subscription, 3)
    assert [each.data for each in got] == [1, 2, 3]
    assert [each.id - got[0].id for each in got] == [0, 1, 2]


async def test_a_waiting_listener_is_woken(bus: EventBus) -> None:
    subscription = bus.subscribe("me")
    waiting = asyncio.create_task(take(subscription, 1))
    await asyncio.sleep(0)
    bus.publish(event(7))
    assert [each.data for each in await waiting] == [7]


async def test_events_of_one_user_never_reach_another(bus: EventBus) -> None:
    mine, theirs = bus.subscribe("me"), bus.subscribe("them")
    for number, whose in enumerate(["me", "them", None]):
        bus.publish(event(number, whose))
    assert [each.data for each in await take(mine, 2)] == [0, 2]
    assert [each.data for each in await take(theirs, 2)] == [1, 2]


async def test_remembered_events_of_another_user_are_not_replayed(bus: EventBus) -> None:
    bus.publish(event(0))
    first = (await take(bus.subscribe("me", after=100), 1))[0].id
    for number, whose in enumerate(["them", "me", None], start=1):
        bus.publish(event(number, whose))
    assert [each.data for each in await take(bus.subscribe("me", after=first), 2)] == [2, 3]


async def test_only_the_wanted_topics_come(bus: EventBus) -> None:
    subscription = bus.subscribe("me", ["alert"])
    bus.publish(event(1, topic="candle"))
    bus.publish(event(2, topic="alert"))
    assert [each.data for each in await take(subscription, 1)] == [2]


async def test_a_slow_listener_loses_the_oldest_and_delays_nobody(factory: BusFactory) -> None:
    bus = factory(1000, 3)
    slow, quick = bus.subscribe("me"), bus.subscribe("me")
    for number in range(5):
        bus.publish(event(number))
        assert [each.data for each in await take(quick, 1)] == [number]
    assert slow.missed == 2
    assert quick.missed == 0
    assert [each.data for each in await take(slow, 3)] == [2, 3, 4]


async def test_a_listener_resumes_behind_an_event_without_loss_or_repetition(factory: BusFactory) -> None:
    bus = factory(1000, 3)  # what is replayed may be more than the queue holds
    first = bus.subscribe("me")
    for number in range(10):
        bus.publish(event(number))
    newest = (await take(first, 3))[-1].id
    resumed = bus.subscribe("me", after=newest - 8)
    bus.publish(event(10))
    assert [each.data for each in await take(resumed, 9)] == list(range(2, 11))
    assert resumed.missed == 0


async def test_resuming_behind_the_newest_event_waits_for_the_next(bus: EventBus) -> None:
    subscription = bus.subscribe("me")
    bus.publish(event(1))
    newest = (await take(subscription, 1))[0].id
    resumed = bus.subscribe("me", after=newest)
    bus.publish(event(2))
    assert [each.data for each in await take(resumed, 1)] == [2]


async def test_forgotten_events_are_said_to_be_forgotten(factory: BusFactory) -> None:
    bus = factory(5, 1000)
    subscription = bus.subscribe("me")
    for number in range(8):
        bus.publish(event(number))
    first = (await take(subscription, 1))[0].id
    with pytest.raises(LookupError):
        bus.subscribe("me", after=first)
    assert [each.data for each in await take(bus.subscribe("me", after=first + 2), 5)] == [3, 4, 5, 6, 7]
    for strange in (first + 100, 0):  # of a later and of an earlier process
        with pytest.raises(LookupError):
            bus.subscribe("me", after=strange)


async def test_a_closed_subscription_ends_and_gets_nothing_more(bus: EventBus) -> None:
    subscription = bus.subscribe("me")
    collected: list[Event] = []

    async def collect() -> None:
        collected.extend([each async for each in subscription])

    collecting = asyncio.create_task(collect())
    await asyncio.sleep(0)
    subscription.close()
    subscription.close()
    bus.publish(event(1))
    async with asyncio.timeout(2):
        await collecting
    assert collected == []


async def test_a_passing_event_reaches_who_listens_and_is_not_remembered() -> None:
    bus = MemoryBus()
    listener = bus.subscribe("me", ["candle"])
    bus.publish(Event(topic="candle", time=1, data={}, passing=True))
    assert (await anext(aiter(listener))).topic == "candle"
    bus.publish(Event(topic="signal", time=2, data={}))
    resumed = bus.subscribe("me", ["candle", "signal"], after=0)
    assert resumed.passed
    assert (await anext(aiter(resumed))).topic == "signal"
    assert not bus.subscribe("me", ["signal"], after=0).passed
    assert not bus.subscribe("me", ["candle"], after=2).passed


async def test_the_bus_knows_whether_a_topic_is_heard() -> None:
    bus = MemoryBus()
    listener = bus.subscribe("me", ["candle"])
    assert bus.heard("candle")
    assert not bus.heard("signal")
    listener.close()
    assert not bus.heard("candle")
