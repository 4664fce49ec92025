"""A clock of the whole world, faster than the wall's: the same one for the exchange and for the product."""

import asyncio
import time


class FastClock:
    """Tell a time that passed `origin` (ms UTC) at a moment of the machine and runs `rate` times as fast."""

    def __init__(self, origin: float, rate: float, began: float | None = None) -> None:
        self.origin = origin
        self.rate = rate
        # The machine's monotonic seconds are the same in all of its processes.
        self.began = time.monotonic() if began is None else began

    def now(self) -> int:
        """Return the time in integer milliseconds UTC."""
        return int(self.origin + self.monotonic() * 1000)

    def monotonic(self) -> float:
        """Return the seconds that have passed since it began."""
        return (time.monotonic() - self.began) * self.rate

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds of this clock."""
        await asyncio.sleep(seconds / self.rate)
