"""The event bus inside one process."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from typing import NamedTuple

from msgspec.structs import replace

from livermore.kernel.events import TOPICS, Event, Topic

REMEMBERED = 2_000
QUEUED = 1_000


class Interest(NamedTuple):
    """What one subscriber may and wants to see."""

    whose: str
    topics: frozenset[Topic]

    def includes(self, event: Event) -> bool:
        """Say whether an event is public or this user's, and of a wanted topic."""
        return event.topic in self.topics and event.whose in {None, self.whose}


class MemorySubscription:
    """Receive events through a bounded queue: a slow listener loses the oldest, and `missed` counts them."""

    def __init__(
        self,
        interest: Interest,
        earlier: Iterable[Event],
        capacity: int,
        leave: Callable[[MemorySubscription], None],
        *,
        passed: bool = False,
    ) -> None:
        self.missed = 0
        self.passed = passed
        self.interest = interest
        self._earlier = deque(earlier)
        self._queue: deque[Event] = deque()
        self._capacity = capacity
        self._leave = leave
        self._closed = False
        self._stirred = asyncio.Event()

    def offer(self, event: Event) -> None:
        """Queue an event."""
        if len(self._queue) >= self._capacity:
            self._queue.popleft()
            self.missed += 1
        self._queue.append(event)
        self._stirred.set()

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Yield events as they come, until closed."""
        while not self._closed:
            waiting = self._earlier or self._queue
            if waiting:
                yield waiting.popleft()
            else:
                self._stirred.clear()
                await self._stirred.wait()

    def close(self) -> None:
        """Stop receiving."""
        self._closed = True
        self._stirred.set()
        self._leave(self)


class MemoryBus:
    """Carry events between parts of this process, on its one event loop.

    Ids count up from `start`: give one that is higher in each process, so that a listener which comes back
    with an id of an earlier process is told that its events are gone.
    """

    def __init__(self, *, start: int = 0, remembered: int = REMEMBERED, queued: int = QUEUED) -> None:
        self._newest = start
        self._remembered: deque[Event] = deque(maxlen=remembered)
        self._last_passing: dict[Topic, int] = {}
        self._forgotten = start
        self._queued = queued
        self._subscriptions: dict[MemorySubscription, None] = {}

    def publish(self, event: Event) -> None:
        """Number an event and hand it to every listener that may see it, without waiting."""
        self._newest += 1
        numbered = replace(event, id=self._newest)
        if event.passing:
            self._last_passing[event.topic] = self._newest
        else:
            self._remember(numbered)
        for subscription in self._subscriptions:
            if subscription.interest.includes(numbered):
                subscription.offer(numbered)

    def heard(self, topic: Topic) -> bool:
        """Say whether anybody listens to a topic."""
        return any(topic in subscription.interest.topics for subscription in self._subscriptions)

    def subscribe(
        self, whose: str, topics: Collection[Topic] = TOPICS, *, after: int | None = None
    ) -> MemorySubscription:
        """Listen to public events and one user's; raise LookupError if those behind `after` are forgotten."""
        interest = Interest(whose, frozenset(topics))
        earlier = [] if after is None else self._behind(after, interest)
        passed = after is not None and any(self._last_passing.get(topic, 0) > after for topic in topics)
        subscription = MemorySubscription(interest, earlier, self._queued, self._forget, passed=passed)
        self._subscriptions[subscription] = None
        return subscription

    def _behind(self, after: int, interest: Interest) -> list[Event]:
        if not self._forgotten <= after <= self._newest:
            raise LookupError(f"the events behind {after} are no longer remembered")
        return [event for event in self._remembered if event.id > after and interest.includes(event)]

    def _remember(self, event: Event) -> None:
        if len(self._remembered) == self._remembered.maxlen:
            self._forgotten = self._remembered[0].id
        self._remembered.append(event)

    def _forget(self, subscription: MemorySubscription) -> None:
        self._subscriptions.pop(subscription, None)
