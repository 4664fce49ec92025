"""One channel as the dispatcher sees it: its counters, what holds its alerts up, and what is under way."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import msgspec

from livermore.signals.alert import Alert
from livermore.signals.ports import Channel

GRACE = 2.0
"""So many seconds are given to a delivery to finish when nobody waits for it any more."""


class Counts(msgspec.Struct):
    """What has become of a channel's alerts."""

    sent: int = 0
    failed: int = 0
    retried: int = 0
    last_sent_at: str | None = None
    last_error: str | None = None


class Lane:
    """A channel, and at most one delivery under way."""

    def __init__(self, name: str, channel: Channel, earlier: Lane | None = None) -> None:
        """Go on counting where an `earlier` channel of the same name is."""
        self.name = name
        self.channel = channel
        self.stirred = asyncio.Event()
        self.failures = 0
        self.blocked = False
        self._counts: Counts = Counts() if earlier is None else earlier._counts
        self._under_way: asyncio.Task[float] | None = None

    @property
    def is_degraded(self) -> bool:
        """Say whether alerts of this channel are held up."""
        return self.failures > 0 or self.blocked

    @property
    def is_delivering(self) -> bool:
        """Say whether a delivery is under way."""
        return self._under_way is not None and not self._under_way.done()

    async def carry_out(self, delivery: Coroutine[Any, Any, float]) -> float:
        """Make a delivery and return what it returns; it goes on when whoever waits for it is cancelled."""
        self._under_way = asyncio.create_task(delivery)
        return await asyncio.shield(self._under_way)

    async def part(self) -> None:
        """Give the delivery under way a moment to finish, then close the channel.

        One that does not finish is cut off: it stands in the outbox as before, to be made again. Raises what
        it has met with.
        """
        under_way, self._under_way = self._under_way, None
        try:
            if under_way is not None:
                await _ended(under_way)
        finally:
            await self.channel.close()

    def note(self, alert: Alert) -> None:
        """Count the outcome of an attempt."""
        counts = self._counts
        if alert.state == "sent":
            counts.sent += 1
            self.failures = 0
            counts.last_sent_at = alert.sent_at
        else:
            counts.failed += alert.state == "failed"
            counts.retried += alert.state == "pending"
            self.failures += 1
            counts.last_error = alert.error

    def shape(self) -> dict[str, Any]:
        """Return what users see."""
        counts = self._counts
        return {
            "channel": self.name,
            "state": "degraded" if self.is_degraded else "healthy",
            "sent": counts.sent,
            "failed": counts.failed,
            "retried": counts.retried,
            "failures_in_a_row": self.failures,
            "last_sent_at": counts.last_sent_at,
            "last_error": counts.last_error,
        }


async def _ended(delivery: asyncio.Task[float]) -> None:
    """Wait until a delivery has ended, by itself or not; raise what it has met with."""
    await asyncio.wait({delivery}, timeout=GRACE)
    delivery.cancel()
    (met,) = await asyncio.gather(delivery, return_exceptions=True)
    if isinstance(met, Exception):
        raise met
