"""How far the loading of a command's symbols is, as it is told: it ends where the result says."""

from __future__ import annotations

from collections.abc import Callable

from livermore.control.command import Progress
from livermore.kernel.clock import Clock
from livermore.market.arrivals import Arrival
from livermore.market.pace import Estimate
from livermore.settings.plan import Cost


class Headway:
    """Tell how many of some symbols are live, and when all of them will be."""

    def __init__(self, report: Callable[[Progress], None], total: int, cost: Cost, clock: Clock) -> None:
        self.done = 0
        self._report = report
        self._total = total
        self._cost = cost
        self._clock = clock
        self._began = clock.monotonic()
        self._estimate = Estimate(total, cost.seconds)
        self._said: Progress | None = None

    def begin(self) -> None:
        """Tell what it was foreseen to cost."""
        self._began = self._clock.monotonic()
        self.tell(0, "")

    def tell(self, done: int, what: str) -> None:
        """Tell how many are live, which is next, and when all will be where anybody knows."""
        self.done = done
        left = self._estimate.left(done, self._clock.monotonic() - self._began)
        eta = None if left is None else max(round(left), 1)
        message = what if done else self._foreseen()
        self._say(Progress(done=done, total=self._total, message=message, eta_seconds=eta))

    def end(self, arrival: Arrival) -> Arrival:
        """Tell, and return, with what the waiting has ended: all are live, or others wait for something."""
        self.done = arrival.loaded
        message = arrival.waits_for or "live"
        self._say(Progress(done=self.done, total=self._total, message=message))
        return arrival

    def _foreseen(self) -> str:
        about = f", about {self._cost.seconds:g} s" if self._cost.seconds else ""
        return f"{self._cost.requests} requests{about}"

    def _say(self, progress: Progress) -> None:
        """Say what has not been said already."""
        if progress != self._said:
            self._said = progress
            self._report(progress)
