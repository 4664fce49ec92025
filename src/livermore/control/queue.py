"""One user's waiting commands: what is more urgent first, and of equals what came first."""

from __future__ import annotations

import heapq
from itertools import count
from typing import NamedTuple

LAST = 2**63
"""The place of a command whose number is not known."""


class Turn(NamedTuple):
    """A waiting command: how urgent (lower is sooner), its place in arrival order, its id.

    `acknowledged_at` (ms UTC) says when it was acknowledged.
    """

    priority: int
    number: int
    id: str
    acknowledged_at: int | None = None


Place = tuple[int, int, int, Turn]


class Queue:
    """Hand out turns by priority, then arrival; no command waits in it twice."""

    def __init__(self) -> None:
        self._places: list[Place] = []
        self._waiting: dict[str, Turn] = {}
        self._order = count()

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, command_id: object) -> bool:
        return command_id in self._waiting

    def put(self, turn: Turn) -> bool:
        """Add a turn; say whether its command was not waiting already."""
        if turn.id in self._waiting:
            return False
        self._waiting[turn.id] = turn
        heapq.heappush(self._places, (turn.priority, turn.number, next(self._order), turn))
        return True

    def take(self) -> Turn | None:
        """Remove and return the turn that comes first."""
        while self._places:
            turn = heapq.heappop(self._places)[-1]
            if self._waiting.get(turn.id) is turn:
                del self._waiting[turn.id]
                return turn
        return None

    def discard(self, command_id: str) -> None:
        """Forget a command; one that does not wait is nothing."""
        if self._waiting.pop(command_id, None) is not None and len(self._places) > 2 * len(self._waiting):
            self._places = [place for place in self._places if self._waiting.get(place[-1].id) is place[-1]]
            heapq.heapify(self._places)

    def waiting(self) -> list[Turn]:
        """Return the turns that wait, in no order."""
        return list(self._waiting.values())
