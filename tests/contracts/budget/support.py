"""What the budget tests share: who was let through in which order, and a count that knows nothing of ours."""

import asyncio
from collections.abc import Iterable

from livermore.kernel.clock import Clock, ManualClock
from livermore.market.budget import Purpose, asking
from livermore.market.ports import RequestBudget


class Queue:
    """Ask a budget by many tasks and write down who had a turn, and when."""

    def __init__(self, budget: RequestBudget, clock: Clock) -> None:
        self.budget = budget
        self.clock = clock
        self.served: list[str] = []
        self.times: list[tuple[float, int]] = []
        self.tasks: list[asyncio.Task[None]] = []

    def ask(
        self, name: str, *, purpose: Purpose = Purpose.LOOKUP, whose: str = "", weight: int = 1
    ) -> "asyncio.Task[None]":
        with asking(purpose, whose):
            task = asyncio.create_task(self._ask(name, weight))
        self.tasks.append(task)
        return task

    async def all(self) -> list[str]:
        """Wait for everybody, and say in which order they were served."""
        await asyncio.gather(*self.tasks)
        return self.served

    async def _ask(self, name: str, weight: int) -> None:
        await self.budget.spend(weight)
        self.served.append(name)
        self.times.append((self.clock.monotonic(), weight))


def busiest(deliveries: Iterable[tuple[float, int]], seconds: float) -> int:
    """The most weight in any [t, t + seconds): none of a fixed minute holds more, whatever its phase."""
    listed = sorted(deliveries)
    sums = [
        sum(weight for time, weight in listed[place:] if time < start + seconds)
        for place, (start, _) in enumerate(listed)
    ]
    return max(sums, default=0)


async def settled(clock: ManualClock) -> None:
    """Let tasks run as far as they can while no time passes."""
    await clock.advance(0)
