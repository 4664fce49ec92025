"""What happens when two troubles meet: a gap at a boundary, a hole within a hole, a revision that fails."""

from __future__ import annotations

import numpy as np

from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import StorageUnavailableError
from livermore.kernel.timeframe import Timeframe
from livermore.market.backfill import WARM_UP, Amendment, Backfill
from livermore.market.candle import CandleState
from livermore.market.ports import Cause, Exchange, Series
from tests.reference.series import START

from .factories import D1, H1, M5, MINUTE, generated, same
from .memory import MemoryStore
from .office import busy, correction, opened
from .talking import BAR, Market, minute
from .tape import Trade
from .test_backfill import Rest, at
from .test_repairs import AWAY, CUT, told_longer


async def test_frames_lost_around_a_boundary_make_nothing_quiet_in_the_bucket_behind_it() -> None:
    market = Market()
    market.tell(0, (1, 9), at=58.0)
    market.feed.gap()  # seen at the next frame, which comes three seconds into the next bucket
    market.beat(63.0)
    market.beat(65.5)
    await market.wait(0.5)
    market.rest(0, 1, (0, *BAR))
    market.beat(125.5)
    await market.wait(0.5)
    assert market.take() == [(0, "t!")]
    assert market.owner.wanted == [("A", 0, 1), ("A", 1, 2)]


async def test_a_hole_that_grows_while_it_is_asked_for_is_mended_in_full() -> None:
    async with opened(busy(symbols=1), cuts=CUT) as office:
        await office.until(41)
        for number in range(42, 47):
            office.tape._buckets["S0"].pop(START + number * MINUTE)
        told = [frame for frame in office.exchange.frames if minute(frame.update.time) not in range(42, 47)]
        office.exchange.frames = told
        office.exchange.failing += AWAY * 900
        await office.until(44.5)
        # A late word about an earlier bar derives the series again, and the lane asks for its hole anew.
        office.desk.repairs.correction("S0", correction(office, "S0", 38, 77.0))
        await office.until(51)
        base = office.table.candles(0)
        holes = office.desk.ledger.open_holes("S0")
        lacking = sum(hole.end - hole.start for hole in holes)
        assert (base.state == CandleState.MISSING).sum() * MINUTE == lacking > 2 * MINUTE
        office.exchange.failing.clear()
        await office.until(55)
        assert office.desk.ledger.open_holes("S0") == []
        assert not (office.table.candles(0).state == CandleState.MISSING).any()
        await office.check(54)


async def test_a_longer_bar_over_a_hole_does_not_leave_it_half_mended() -> None:
    async with opened(busy(symbols=1), cuts=CUT) as office:
        await office.until(40.9)
        # Nothing was traded in the hole's second minute, so that REST does not tell of it.
        office.tape._buckets["S0"].pop(START + 41 * MINUTE)
        office.exchange.failing += AWAY * 900
        await office.until(49)
        while office.desk.changing["S0"].locked():
            await office.clock.advance(0.2)
        assert len(office.desk.ledger.open_holes("S0")) == 1
        office.exchange.failing.clear()
        for start in (40, 45):
            office.desk.repairs.longer(M5, told_longer(office, START + start * MINUTE))
        await office.until(54)
        assert not (office.table.candles(0).state == CandleState.MISSING).any()
        assert office.desk.ledger.open_holes("S0") == []
        await office.check(53)


def backfill(rest: Rest, store: MemoryStore, *timeframes: Timeframe) -> Backfill:
    exchange: Exchange = rest  # type: ignore[assignment]
    return Backfill(exchange, store, ManualClock(), timeframes)


async def test_a_correction_of_the_minute_before_midnight_leaves_the_day_whole() -> None:
    """At midnight the base series reaches back 450 minutes, of which no day can be made."""
    base, store = generated("volatile", 1, 3_000), MemoryStore()
    rest = Rest(base)
    filler, midnight = backfill(rest, store, Timeframe.M1, H1, D1), at(2_880)
    await filler.fill("A", midnight)
    base.close[2_879] = base.high[2_879]
    await filler.revise("A", Amendment({Timeframe.M1: base[2_879:2_880]}), midnight)
    day = await store.load(Series("test", "A", D1), midnight - D1.milliseconds)
    assert same(day, await rest.history("A", D1, midnight - D1.milliseconds, midnight))
    assert day.close[0] == base.high[2_879]
    hour = await store.load(Series("test", "A", H1), at(2_820))
    assert hour.close[0] == base.high[2_879]


async def test_a_market_that_sleeps_for_longer_than_the_warm_up_keeps_its_longer_series_whole() -> None:
    base, store = generated("volatile", 1, 3_000), MemoryStore()
    asleep = slice(2_000, 2_950)
    base.state[asleep], base.volume[asleep] = CandleState.QUIET, 0.0
    for prices in (base.open, base.high, base.low, base.close):
        prices[asleep] = base.close[1_999]
    filler = backfill(Rest(base), store, Timeframe.M1, M5, H1)
    await filler.fill("A", at(2_880))
    minutes = await store.load(Series("test", "A", Timeframe.M1))
    assert minutes.time.tolist() == [at(2_880 - WARM_UP + number) for number in range(WARM_UP)]
    assert set(minutes.close.tolist()) == {base.close[1_999]}
    await filler.fill("A", at(2_995))
    for timeframe in (Timeframe.M1, M5, H1):
        series = await store.load(Series("test", "A", timeframe))
        assert (np.diff(series.time) == timeframe.milliseconds).all()
        assert series.time[-1] == timeframe.bucket(at(2_995)) - timeframe.milliseconds


async def test_a_revision_that_fails_leaves_no_lane_waiting() -> None:
    async with opened(busy(symbols=1)) as office:
        await office.until(45)
        trades = office.tape._buckets["S0"][at(43)]
        good = list(trades)
        # REST is wrong for a moment, and the store is away just when that would be written.
        trades.append(Trade(trades[-1].time, 500.0, 9.0, trades[-1].id))
        office.desk.repairs.doubted("S0", at(43), at(44), Cause.LATE)
        office.store.failing += [StorageUnavailableError()] * 12
        await office.until(45.2)
        trades[:] = good
        await office.until(49)
        assert office.desk.feed.waiting() == []
        await office.check(48)


async def test_rest_that_lags_while_the_line_is_dead_is_asked_with_patience() -> None:
    async with opened(busy(symbols=1), cuts=[(42 * 60, 52 * 60)]) as office:
        await office.until(41.2)
        # REST does not know what was told; market time stands still while the line is dead.
        office.exchange.unknown[at(41)] = at(51)
        office.desk.feed.lanes["S0"].partial[at(41)] = 5.0
        await office.until(41.9)
        office.desk.feed.lanes["S0"].running = None
        office.desk.repairs.repair_wanted("S0", at(41), at(42), Cause.SEQUENCE_GAP)
        asked = len(office.exchange.asked)
        await office.until(51)
        assert 3 < len(office.exchange.asked) - asked < 60
