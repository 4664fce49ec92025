"""Old candles go, off the market path; checkpoints stay, so that nothing is ever seeded again."""

from __future__ import annotations

from collections.abc import Mapping

from livermore.kernel.clock import Clock
from livermore.kernel.errors import LivermoreError
from livermore.kernel.log import logger
from livermore.kernel.service import Background, Health
from livermore.kernel.timeframe import Timeframe
from livermore.market.plane import MarketPlane
from livermore.market.ports import CandleStore

INTERVAL = 3_600.0
DAY = 86_400_000
log = logger("market")


class Retention:
    """Delete candles older than the settings keep them, counted in market time."""

    name = "retention"

    def __init__(
        self, store: CandleStore, plane: MarketPlane, keep_days: Mapping[Timeframe, int | None], clock: Clock
    ) -> None:
        self._store = store
        self._plane = plane
        self.keep_days = keep_days
        self._clock = clock
        self._background = Background(self._run)

    async def start(self) -> None:
        """Begin to prune once an hour."""
        self._background.start()

    async def stop(self) -> None:
        """Prune no more."""
        await self._background.stop()

    def health(self) -> Health:
        """Say whether it still prunes; what could not be pruned now is pruned an hour later."""
        return self._background.health()

    async def prune(self, market_time: int) -> int:
        """Delete what is too old at a market time (ms); return how many candles."""
        gone = 0
        for timeframe, days in self.keep_days.items():
            if days is not None:
                gone += await self._store.prune(timeframe, market_time - days * DAY)
        return gone

    async def _run(self) -> None:
        while True:
            await self._clock.sleep(INTERVAL)
            times = [desk.feed.market_time for desk in self._plane.desks.values() if desk.feed.market_time]
            try:
                gone = await self.prune(min(times)) if times else 0
                log.info("pruned", candles=gone)
            except LivermoreError as error:
                log.warning("candles could not be pruned", error=str(error))
