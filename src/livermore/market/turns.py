"""Who asks next: the more urgent purpose first, users in turn, and nobody passed over for ever."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

EVERY = 8  # so many grants in a row, the last of them goes to a less urgent purpose that waits


class Purpose(IntEnum):
    """What a request is for, the most urgent first."""

    REPAIR = 0
    LOOKUP = 1
    WARM_UP = 2


class Asker(NamedTuple):
    """Who asks an exchange, and what for: `whose` is a user's identity_sub, or empty for the plane."""

    purpose: Purpose
    whose: str


_PLANE = Asker(Purpose.LOOKUP, "")
_ASKER = ContextVar("asker", default=_PLANE)


@contextmanager
def asking(purpose: Purpose, whose: str = "") -> Iterator[None]:
    """Say what for, and for whom, everything inside asks; tasks that are started inside inherit it."""
    token = _ASKER.set(Asker(purpose, whose))
    try:
        yield
    finally:
        _ASKER.reset(token)


def asker() -> Asker:
    """Return who asks in this task: a look-up of the plane's own unless `asking` says otherwise."""
    return _ASKER.get()


class Booking(NamedTuple):
    """Weight that was granted at a time (seconds); `place` is where books that others share keep it."""

    at: float
    weight: int
    place: int = 0


def _turn() -> asyncio.Future[Booking | Exception]:
    return asyncio.get_running_loop().create_future()


@dataclass(slots=True, eq=False)
class Waiter:
    """One request that waits; `turn` becomes what was booked for it, or why it was sent away."""

    weight: int
    asker: Asker
    deadline: float
    turn: asyncio.Future[Booking | Exception] = field(default_factory=_turn)


class Turns:
    """Requests that wait, all equally patient, so that the first to come is the first to give up."""

    def __init__(self) -> None:
        self._all: dict[Waiter, None] = {}
        self._lines: dict[Purpose, OrderedDict[str, deque[Waiter]]] = {
            purpose: OrderedDict() for purpose in Purpose
        }
        self._passed_over = 0

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._all)

    def __iter__(self) -> Iterator[Waiter]:
        """Yield those who wait, the longest waiting first."""
        return iter(self._all)

    def __contains__(self, waiter: object) -> bool:
        """Say whether one still waits."""
        return waiter in self._all

    def join(self, waiter: Waiter) -> None:
        """Stand behind the same user's earlier requests for the same purpose."""
        self._all[waiter] = None
        self._lines[waiter.asker.purpose].setdefault(waiter.asker.whose, deque()).append(waiter)

    def next(self) -> Waiter | None:
        """Return whose turn it is."""
        waited_for = [purpose for purpose in Purpose if self._lines[purpose]]
        if not waited_for:
            return None
        urgent, *others = waited_for
        if others and self._passed_over >= EVERY - 1:
            return next(waiter for waiter in self._all if waiter.asker.purpose > urgent)
        return next(iter(self._lines[urgent].values()))[0]

    def take(self, waiter: Waiter) -> None:
        """Let one have its turn; its user's other requests stand behind those of other users."""
        purposes = [purpose for purpose in Purpose if self._lines[purpose]]
        overtakes = waiter.asker.purpose == purposes[0] and len(purposes) > 1
        self._passed_over = self._passed_over + 1 if overtakes else 0
        self.leave(waiter)
        line = self._lines[waiter.asker.purpose]
        if waiter.asker.whose in line:
            line.move_to_end(waiter.asker.whose)

    def leave(self, waiter: Waiter) -> None:
        """Forget one, as if it had never come."""
        del self._all[waiter]
        line = self._lines[waiter.asker.purpose]
        own = line[waiter.asker.whose]
        own.remove(waiter)
        if not own:
            del line[waiter.asker.whose]

    def others_of(self, waiter: Waiter) -> bool:
        """Say whether more than this one wait for the same purpose."""
        line = self._lines[waiter.asker.purpose]
        return len(line) > 1 or any(len(own) > 1 for own in line.values())
