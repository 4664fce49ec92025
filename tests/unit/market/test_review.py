"""What happens when two troubles meet: a gap at a boundary, a hole within a hole, a revision that fails."""

from __future__ import annotations

from livermore.market.candle import CandleState
from tests.reference.series import START

from .factories import M5, MINUTE
from .office import busy, correction, opened
from .talking import BAR, Market, minute
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
        (hole,) = office.desk.ledger.open_holes("S0")
        assert (base.state == CandleState.MISSING).sum() * MINUTE == hole.end - hole.start > 2 * MINUTE
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
