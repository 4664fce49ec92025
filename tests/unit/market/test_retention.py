"""Old candles go, counted in market time; what is to stay stays."""

from typing import cast

from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import StorageUnavailableError
from livermore.kernel.timeframe import Timeframe
from livermore.market.desk import Desk
from livermore.market.plane import MarketPlane
from livermore.market.ports import Checkpoint, Series
from livermore.market.retention import DAY, INTERVAL, Retention
from tests.reference.series import START

from .factories import H1, drawn
from .memory import MemoryStore

MINUTES, HOURS = Series("test", "A", Timeframe.M1), Series("test", "A", H1)


class Feedless:
    """A desk of which only the market time is asked."""

    def __init__(self, market_time: int) -> None:
        self.feed = self
        self.market_time = market_time


async def filled() -> MemoryStore:
    """Return a store of ten minutes and three hours, with a checkpoint at the oldest minute."""
    store = MemoryStore()
    checkpoint = Checkpoint(MINUTES, START, b"state")
    await store.save([(MINUTES, drawn("t" * 10)), (HOURS, drawn("ttt", timeframe=H1))], [checkpoint])
    return store


def retention(
    store: MemoryStore, clock: ManualClock, keep: dict[Timeframe, int | None], *times: int
) -> Retention:
    desks = {str(place): cast(Desk, Feedless(time)) for place, time in enumerate(times)}
    retention = Retention(store, MarketPlane(desks, clock), clock)
    retention.keep(1, keep)
    return retention


async def test_what_is_older_than_the_settings_keep_it_goes_and_checkpoints_stay() -> None:
    store = await filled()
    pruning = retention(store, ManualClock(), {Timeframe.M1: 2, H1: None})
    assert await pruning.prune(START + 2 * DAY + 4 * 60_000) == 4
    assert (await store.load(MINUTES)).time.tolist() == [START + number * 60_000 for number in range(4, 10)]
    assert len(await store.load(HOURS)) == 3
    assert store.checkpoints[MINUTES] == {START: b"state"}


async def test_it_prunes_once_an_hour_by_the_slowest_exchange_and_outlives_a_failing_store() -> None:
    store, clock = await filled(), ManualClock()
    pruning = retention(store, clock, {Timeframe.M1: 1}, START + 9 * DAY, START + DAY + 3 * 60_000, 0)
    await pruning.start()
    await clock.advance(0)
    store.failing.append(StorageUnavailableError())
    await clock.advance(INTERVAL)
    assert len(await store.load(MINUTES)) == 10
    await clock.advance(INTERVAL)
    assert len(await store.load(MINUTES)) == 7
    assert pruning.health().state == "healthy"
    await pruning.stop()


async def test_without_a_market_time_nothing_goes() -> None:
    store, clock = await filled(), ManualClock(START + 900 * DAY)
    pruning = retention(store, clock, {Timeframe.M1: 1}, 0)
    await pruning.start()
    await clock.advance(2 * INTERVAL)
    assert len(await store.load(MINUTES)) == 10
    await pruning.stop()
