"""What is tried out with the scanner keeps nobody waiting for long, and goes when whoever asked goes."""

from __future__ import annotations

import asyncio

import pytest

from livermore.kernel.errors import ConflictError, ExchangeUnreachableError, InvalidError
from livermore.kernel.scope import Scope
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles
from livermore.market.scanner import Filters, Proposal
from livermore.market.trials import LONGEST
from tests.unit.control.room import until
from tests.unit.settings.standin import JESSE

from .listed import listing, market
from .scanned import AgedExchange, Office

MARKETS = listing(market("A"), market("B"))
OLD = {"A-USD": 1_000, "B-USD": 1_000}
EDWIN = Scope(user_id=2, identity_sub="edwin")
AGED = Filters(exchange="coinbase", minimum_age_days=30)


class SlowExchange(AgedExchange):
    """Tell of nothing before the gate is opened."""

    def __init__(self) -> None:
        super().__init__(OLD)
        self.gate = asyncio.Event()
        self.waiting = 0

    async def history(self, symbol: str, timeframe: Timeframe, start: int, end: int) -> Candles:
        self.waiting += 1
        try:
            await self.gate.wait()
        finally:
            self.waiting -= 1
        return await super().history(symbol, timeframe, start, end)


class SlowOffice(Office):
    """Join it over a slow exchange."""

    def __init__(self) -> None:
        self.slow = SlowExchange()
        super().__init__(MARKETS, exchange=self.slow)

    async def trying(self, scope: Scope = JESSE) -> asyncio.Task[Proposal]:
        """Try the filters, and return once the exchange is asked."""
        before = self.slow.waiting
        task = asyncio.create_task(self.scanner.tried(scope, AGED))
        await until(lambda: self.slow.waiting > before)
        return task


async def test_each_user_tries_one_at_a_time() -> None:
    office = SlowOffice()
    first, other = await office.trying(), await office.trying(EDWIN)
    for _ in range(2):
        with pytest.raises(ConflictError) as refused:
            await office.scanner.tried(JESSE, AGED)
        assert refused.value.hint
    assert office.slow.waiting == 2
    other.cancel()
    office.slow.gate.set()
    assert [one.symbol for one in (await first).candidates] == ["A-USD", "B-USD"]
    assert (await office.scanner.tried(JESSE, AGED)).candidates == (await first).candidates


async def test_what_takes_too_long_ends_and_names_the_remedy() -> None:
    office = SlowOffice()
    trying = await office.trying()
    await office.clock.advance(LONGEST - 0.1)
    assert not trying.done()
    await office.clock.advance(0.2)
    with pytest.raises(ExchangeUnreachableError) as ended:
        await trying
    assert "scan-symbols" in (ended.value.hint or "")
    assert (office.slow.waiting, office.slow.closed) == (0, 1)
    office.slow.gate.set()
    assert len((await office.scanner.tried(JESSE, AGED)).candidates) == 2


async def test_whoever_leaves_takes_the_scan_along() -> None:
    office = SlowOffice()
    trying = await office.trying()
    trying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trying
    assert (office.slow.waiting, office.slow.closed) == (0, 1)
    office.slow.gate.set()
    assert len((await office.scanner.tried(JESSE, AGED)).candidates) == 2


async def test_what_cannot_be_tried_keeps_nothing_from_being_tried_next() -> None:
    office = SlowOffice()
    for _ in range(2):
        with pytest.raises(InvalidError, match="limit"):
            await office.scanner.tried(JESSE, Filters(exchange="coinbase", limit=0))
