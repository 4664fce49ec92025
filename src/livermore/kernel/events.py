"""What has happened, told to whoever listens in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Any, Literal, Protocol

import msgspec

Topic = Literal["runtime", "command", "settings", "symbol", "candle", "signal", "alert"]
TOPICS: tuple[Topic, ...] = ("runtime", "command", "settings", "symbol", "candle", "signal", "alert")


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Tell that something happened: `data` is JSON-ready; `whose` is an identity_sub, or None for public.

    A `passing` event is for those who listen now: it is not remembered.
    """

    topic: Topic
    time: int
    data: Any
    whose: str | None = None
    passing: bool = False
    id: int = 0


class Subscription(Protocol):
    """Receive events until closed; `missed` counts what a slow listener lost.

    `passed` says that passing events went by since the one from which the listener resumed.
    """

    missed: int
    passed: bool

    def __aiter__(self) -> AsyncIterator[Event]:
        """Yield events as they come."""
        ...

    def close(self) -> None:
        """Stop receiving."""
        ...


class EventBus(Protocol):
    """Carry events to listeners; publishing never waits."""

    def publish(self, event: Event) -> None:
        """Hand an event to every listener that may see it and number it."""
        ...

    def heard(self, topic: Topic) -> bool:
        """Say whether anybody listens to a topic, so that nothing is prepared for nobody."""
        ...

    def subscribe(
        self, whose: str, topics: Collection[Topic] = TOPICS, *, after: int | None = None
    ) -> Subscription:
        """Listen to public events and to one user's; `after` resumes behind a remembered event id.

        Raises LookupError when events behind `after` are no longer remembered.
        """
        ...
