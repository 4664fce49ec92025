"""Pages of candles and of values: which bars a limit keeps, and how much is read for them."""

from __future__ import annotations

from typing import cast

import pytest

from livermore.indicators.bank import Bank
from livermore.indicators.history import derive
from livermore.indicators.macdv import MacdvState
from livermore.indicators.service import Indicators, IndicatorService
from livermore.kernel.clock import ManualClock
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles
from livermore.market.desk import Desk
from livermore.market.plane import MarketPlane
from livermore.market.ports import ExchangeBook, Series
from livermore.market.service import MarketService
from tests.reference.series import START

from .factories import MINUTE, generated, table_of
from .memory import MemoryStore

SERIES = Series("test", "A", Timeframe.M1)
BASE = generated("thin", 1, 1_000)


class Counting(MemoryStore):
    """Count what is read."""

    read = 0

    async def load(
        self, series: Series, start: int | None = None, end: int | None = None, *, newest: int | None = None
    ) -> Candles:
        found = await super().load(series, start, end, newest=newest)
        self.read += len(found)
        return found


class Book:
    """Know every exchange."""

    async def get(self, name: str) -> str:
        return name


async def service(*parts: Candles) -> tuple[MarketService, Counting]:
    store = Counting()
    for part in parts:
        await store.save([(SERIES, part)])
    plane = MarketPlane({}, ManualClock())
    return MarketService(plane, store, cast("ExchangeBook", Book())), store


@pytest.mark.parametrize("start", [0, START + 10 * MINUTE, START + 10 * MINUTE + 1, START + 990 * MINUTE])
async def test_a_page_forward_reads_what_it_returns(start: int) -> None:
    market, store = await service(BASE)
    page = await market.candles(*SERIES, start=start, limit=50)
    assert [one.time for one in page.candles] == [time for time in BASE.time.tolist() if time >= start][:50]
    assert store.read <= 50


async def test_a_page_forward_goes_on_behind_a_hole() -> None:
    market, _ = await service(BASE[:20], BASE[700:])
    page = await market.candles(*SERIES, start=0, limit=50)
    assert [one.time for one in page.candles] == [*BASE.time[:20].tolist(), *BASE.time[700:730].tolist()]
    assert (await market.candles(*SERIES, start=START + 5_000 * MINUTE)).candles == []


class Held:
    """A desk, as far as values are asked for."""

    def __init__(self) -> None:
        self.table = table_of("A")


async def test_values_are_paged_as_candles_are() -> None:
    desk = Held()
    plane = MarketPlane({"test": cast("Desk", desk)}, ManualClock())
    bank, state = Bank(desk.table), MacdvState()
    bank.restore(0, state, derive(state, BASE[:400]))
    indicators = cast("Indicators", type("One", (), {"bank": bank}))
    market = MarketService(plane, MemoryStore(), cast("ExchangeBook", Book()))
    asked = IndicatorService(plane, {"test": indicators}, market)
    times = BASE.time[:400].tolist()
    for start, end, expected in (
        (None, None, times[-10:]),
        (times[100], None, times[100:110]),
        (times[100], times[200], times[190:200]),
        (None, times[200], times[190:200]),
    ):
        page = await asked.values(*SERIES, start=start, end=end, limit=10)
        assert [value.time for value in page.values] == expected
