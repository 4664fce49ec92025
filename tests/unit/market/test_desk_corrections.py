"""Corrections at the desk: of several bars at once, told again and again, or told too early."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from livermore.market.candle import Candles, CandleSource
from livermore.market.ports import Cause, Checkpoint, Hole, Series
from tests.reference.series import START

from .factories import MINUTE
from .memory import MemoryStore
from .office import TIMEFRAMES, busy, correction, opened


class WritingDown(MemoryStore):
    """Remember which series were saved together."""

    def __init__(self) -> None:
        super().__init__()
        self.together: list[set[Series]] = []

    async def save(
        self, batch: Sequence[tuple[Series, Candles]], checkpoints: Sequence[Checkpoint] = (),
        holes: Sequence[Hole] = (),
    ) -> None:  # fmt: skip
        self.together.append({series for series, _ in batch})
        await super().save(batch, checkpoints, holes)


async def test_what_a_comparison_finds_is_corrected_all_at_once() -> None:
    """Bar by bar, each step would be judged: alerts that were never true, true ones withdrawn."""
    store = WritingDown()
    async with opened(busy(), store=store) as office:
        await office.until(44.5)
        for minute in (38, 41, 43):
            correction(office, "S0", minute, float(minute))
        office.desk.repairs.doubted("S0", START + 38 * MINUTE, START + 44 * MINUTE, Cause.SEQUENCE_GAP)
        await office.until(44.9)
        assert office.listener.revisions == [("S0", START + 38 * MINUTE)]
        assert {Series("test", "S0", timeframe) for timeframe in TIMEFRAMES[:2]} in store.together
        revised = office.table.candles(0).between(START + 38 * MINUTE, START + 44 * MINUTE)
        from_rest = np.flatnonzero(revised.source == CandleSource.REST)
        assert from_rest.tolist() == [0, 3, 5]
        await office.until(50)
        await office.check(49)


async def test_a_comparison_that_finds_nothing_changes_nothing() -> None:
    async with opened(busy()) as office:
        await office.until(44.5)
        office.desk.repairs.doubted("S0", START + 38 * MINUTE, START + 44 * MINUTE, Cause.SEQUENCE_GAP)
        await office.until(45.5)
        assert office.listener.revisions == []


@pytest.mark.parametrize("closed", [False, True])
async def test_a_correction_that_is_told_several_times_is_made_once(closed: bool) -> None:
    async with opened(busy()) as office:
        await office.until(44.01)
        update = correction(office, "S0", 41, 1.0)
        update.closed = closed
        for _ in range(3):
            office.desk.repairs.correction("S0", update)
        await office.until(50)
        assert len(office.listener.revisions) == 1
        await office.check(49)


async def test_what_was_told_before_the_last_trade_of_a_closed_bar_corrects_nothing() -> None:
    """After a repair no trade id is known; what the line still carried must not undo what REST said."""
    async with opened(busy()) as office:
        await office.until(44.01)
        whole = office.tape.bar("S0", START + 41 * MINUTE)
        assert whole is not None
        whole.volume /= 2
        whole.close = whole.low
        office.desk.repairs.correction("S0", whole)
        await office.until(50)
        assert office.listener.revisions == []
        await office.check(49)
