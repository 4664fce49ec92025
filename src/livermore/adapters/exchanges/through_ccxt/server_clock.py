"""The exchange's clock, as far as we know it: told by itself, or bounded by the dates of its answers."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

from livermore.kernel.clock import EPOCH, Clock


class ServerClock:
    """Estimate an exchange's time (ms) from our own clock and what it has told."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset: int | None = None
        self._exact = False

    def now(self) -> int:
        """Return the exchange's time, or our own before it has told anything."""
        return self._clock.now() + (self._offset or 0)

    def told(self, time: int) -> None:
        """Take its own word, just received: what it took to travel makes ours late, and never early."""
        self._offset = time - self._clock.now()
        self._exact = True

    def dated(self, header: str) -> None:
        """Take the date of an answer: it is no later than that, and never counts against its own word."""
        if self._exact:
            return
        try:
            moment = parsedate_to_datetime(header)
            offset = int((moment - EPOCH).total_seconds() * 1000) - self._clock.now()
        except (TypeError, ValueError):
            return
        self._offset = offset if self._offset is None else max(self._offset, offset)
