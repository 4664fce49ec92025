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
    """Delete candles older than anybody's settings keep them, counted in market time.

    Candles are shared: each timeframe is kept for as long as the one who keeps it longest says.
    """

    name = "retention"

    def __init__(self, store: CandleStore, plane: MarketPlane, clock: Clock) -> None:
        self._store = store
        self._plane = plane
        self._kept: dict[int, Mapping[Timeframe, int | None]] = {}
        self._clock = clock
        self._background = Background(self._run)

    def keep(self, user_id: int, days: Mapping[Timeframe, int | None]) -> None:
        """Take note of how many days a user keeps each timeframe; None is for ever."""
        self._kept[user_id] = days

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
        for timeframe, days in self._longest().items():
            if days is not None:
                gone += await self._store.prune(timeframe, market_time - days * DAY)
        return gone

    def _longest(self) -> dict[Timeframe, int | None]:
        """Return for how many days each timeframe is kept that anybody has spoken of."""
        found: dict[Timeframe, list[int | None]] = {}
        for days in self._kept.values():
            for timeframe, kept in days.items():
                found.setdefault(timeframe, []).append(kept)
        return {timeframe: _longer(kept) for timeframe, kept in found.items()}

    async def _run(self) -> None:
        while True:
            await self._clock.sleep(INTERVAL)
            times = [desk.feed.market_time for desk in self._plane.desks.values() if desk.feed.market_time]
            try:
                gone = await self.prune(min(times)) if times else 0
                log.info("pruned", candles=gone)
            except LivermoreError as error:
                log.warning("candles could not be pruned", error=str(error))


def _longer(days: list[int | None]) -> int | None:
    counted = [one for one in days if one is not None]
    return max(counted) if len(counted) == len(days) else None
