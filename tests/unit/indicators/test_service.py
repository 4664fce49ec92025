"""Indicators beside the market: checkpointed as they go, continued from there, never seeded again."""

import pytest

from livermore.indicators.history import derive
from livermore.indicators.macdv import MacdvState, thaw
from livermore.indicators.service import CHECKPOINT_EVERY, History, Indicators
from livermore.kernel.clock import ManualClock
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles
from livermore.market.listener import Times, onwards
from livermore.market.ports import Series
from livermore.market.recorder import Recorder
from tests.reference.series import START
from tests.unit.market.factories import M5, MINUTE, close_all, generated, same, table_of
from tests.unit.market.memory import MemoryStore

from .factories import rolled, states_equal, values_equal

TIMEFRAMES = (Timeframe.M1, M5)
BASE = generated("thin", 4, 2_500)
MINUTES, FIVES = (Series("test", "A", timeframe) for timeframe in TIMEFRAMES)


class Listener:
    """Write down what indicators tell; `seen` is how far it has come with the minutes."""

    def __init__(self, seen: int | None = None) -> None:
        self.seen = seen
        self.histories: dict[Timeframe, History] = {}
        self.moments = 0
        self.revisions: list[int] = []
        self.drops: list[str] = []

    def evaluated_to(self, series: Series) -> int | None:
        return self.seen if series.timeframe is Timeframe.M1 else None

    def loaded(self, symbol: str, histories: dict[Timeframe, History], market_time: int) -> None:
        self.histories = histories

    async def revised(self, symbol: str, times: Times) -> None:
        self.revisions.append(times[Timeframe.M1])

    async def dropped(self, symbol: str) -> None:
        self.drops.append(symbol)

    def moment(self, moment: object) -> None:
        self.moments += 1


class Kept:
    """Indicators of one symbol over a store."""

    def __init__(self, store: MemoryStore, seen: int | None = None) -> None:
        self.store, self.listener = store, Listener(seen)
        self.table = table_of(["A"], TIMEFRAMES)
        self.recorder = Recorder(store, ManualClock())
        self.indicators = Indicators(self.table, store, self.recorder, [self.listener])

    async def load(self) -> None:
        histories: dict[Timeframe, Candles] = {}
        for series in (MINUTES, FIVES):
            span = await self.store.span(series)
            start = await self.indicators.since(series, span[1]) if span else None
            histories[series.timeframe] = await self.store.load(series, start)
        await self.indicators.loaded("A", histories, 0)
        await self.recorder.flush()


async def filled(count: int = len(BASE)) -> MemoryStore:
    store = MemoryStore()
    for timeframe, candles in rolled(BASE[:count], TIMEFRAMES).items():
        await store.save([(Series("test", "A", timeframe), candles)])
    return store


async def test_every_64th_bar_of_a_series_is_checkpointed_live_and_loaded_alike() -> None:
    loaded, live = Kept(await filled()), Kept(MemoryStore())
    await loaded.load()
    await live.load()
    for bars in close_all(live.table, {"A": BASE}):
        live.indicators.closed(bars)
    await live.recorder.flush()
    for series in (MINUTES, FIVES):
        kept = loaded.store.checkpoints[series]
        assert list(kept) == list(live.store.checkpoints[series])
        # In front of them stands where the series was seeded.
        assert not thaw(kept.pop(START - series.timeframe.milliseconds)).bars
        assert len(kept) == pytest.approx(
            len(rolled(BASE, [series.timeframe])[series.timeframe]) / CHECKPOINT_EVERY, abs=1
        )
        for time, frozen in kept.items():
            assert states_equal(thaw(frozen), thaw(live.store.checkpoints[series][time]))
    assert live.listener.moments == len(BASE)


async def test_a_restart_loads_no_more_than_it_needs_and_goes_on_to_the_same_bits() -> None:
    store = await filled()
    first, again = Kept(store), Kept(store)
    await first.load()
    await again.load()
    whole, part = first.listener.histories[Timeframe.M1], again.listener.histories[Timeframe.M1]
    assert len(whole.candles) == len(BASE)
    assert 1_024 <= len(part.candles) <= 1_024 + CHECKPOINT_EVERY
    assert values_equal(part.values, whole.values[-len(part.values) :])
    assert part.seed_time == whole.seed_time == START
    assert states_equal(again.indicators.bank.state(0), first.indicators.bank.state(0))


async def test_what_a_listener_has_not_seen_yet_is_loaded_too() -> None:
    store = await filled()
    await Kept(store).load()
    again = Kept(store, seen=START + 300 * MINUTE)
    await again.load()
    history = again.listener.histories[Timeframe.M1]
    assert START + (300 - CHECKPOINT_EVERY) * MINUTE <= history.values.time[0] <= START + 301 * MINUTE
    values = derive(MacdvState(), BASE)
    assert values_equal(history.values, values[-len(history.values) :])


async def test_pruned_candles_do_not_move_the_seed() -> None:
    store = await filled()
    await Kept(store).load()
    await store.prune(Timeframe.M1, START + 1_000 * MINUTE)
    again = Kept(store)
    await again.load()
    history = again.listener.histories[Timeframe.M1]
    assert history.seed_time == START
    values = derive(MacdvState(), BASE)
    assert values_equal(history.values, values[-len(history.values) :])


async def test_a_revision_forgets_the_checkpoints_from_its_bar_on_in_every_timeframe() -> None:
    kept = Kept(await filled())
    await kept.load()
    time = START + 1_203 * MINUTE
    await kept.indicators.revised("A", onwards(TIMEFRAMES, time))
    for series in (MINUTES, FIVES):
        left = list(kept.store.checkpoints[series])
        assert max(left) < series.timeframe.bucket(time)
        assert series.timeframe.bucket(time) - max(left) <= CHECKPOINT_EVERY * series.timeframe.milliseconds
    assert kept.listener.revisions == [time]


async def test_a_symbol_without_history_is_loaded_empty() -> None:
    kept = Kept(MemoryStore())
    await kept.load()
    for history in kept.listener.histories.values():
        assert len(history.candles) == len(history.values) == len(history.previous) == 0
    assert kept.indicators.bank.newest(0) is None


async def test_history_hands_over_the_candles_that_the_values_belong_to() -> None:
    kept = Kept(await filled(300))
    await kept.load()
    for timeframe, candles in rolled(BASE[:300], TIMEFRAMES).items():
        assert same(kept.listener.histories[timeframe].candles, candles)
        assert kept.listener.histories[timeframe].values.time.tolist() == candles.time.tolist()
