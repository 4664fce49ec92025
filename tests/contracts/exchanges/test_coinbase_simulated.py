"""A whole simulated market through the adapter: a bar told whole is the exchange's own, whatever happens."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from livermore.adapters.exchanges.coinbase import Coinbase, Timing
from livermore.adapters.exchanges.simulated import CoinbaseRules, RecordedSource, SimulatedExchange
from livermore.adapters.exchanges.simulated.faults import (
    Corrupt,
    Cut,
    Drop,
    Duplicate,
    FaultScript,
    Gap,
    Reorder,
)
from livermore.adapters.exchanges.simulated.faults.kinds import AnyFault
from livermore.kernel.errors import TransientError
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import BarUpdate
from tests.contracts.exchanges.coinbase_support import coinbase, values
from tests.contracts.exchanges.support import MINUTE, T0, RecordingSink, candles, running

PRODUCTS = ("BTC-USD", "ETH-USD")
BARS = 200


class Market:
    """Two products that begin to trade when they are subscribed to."""

    def __init__(self, *faults: AnyFault) -> None:
        self.candles = {product: candles(BARS, seed=seed) for seed, product in enumerate(PRODUCTS)}
        self.server = SimulatedExchange(
            RecordedSource(self.candles, Timeframe.M1),
            protocol="coinbase",
            speed=None,
            coinbase_rules=CoinbaseRules(requests_per_second=1000, messages_per_second=1000),
            faults=FaultScript.of(*faults),
        )

    def own(self, product: str) -> dict[int, tuple[float, ...]]:
        """The exchange's own bars."""
        return {
            bar.time: (bar.open, bar.high, bar.low, bar.close, bar.volume)
            for bar in self.candles[product].rows()
        }

    async def heard(self) -> RecordingSink:
        """Listen to all of it, connecting again whenever that ends."""
        sink = RecordingSink()
        async with running(self.server):
            exchange = coinbase(self.server.rest_url, self.server.ws_url, timing=Timing(spacing=0.0))
            try:
                async with asyncio.timeout(30):
                    while not self.server.finished:
                        await _session(exchange, sink, lambda: self.server.finished)
            finally:
                await exchange.close()
        return sink


async def _session(exchange: Coinbase, sink: RecordingSink, is_over: Callable[[], bool]) -> None:
    stream = await exchange.connect()
    run = asyncio.create_task(stream.run(sink))
    try:
        await stream.subscribe(PRODUCTS)
        while not is_over() and not run.done():
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
    except TransientError:
        pass
    finally:
        await stream.close()
        await asyncio.gather(run, return_exceptions=True)


def last_told(sink: RecordingSink, product: str) -> dict[int, BarUpdate]:
    return {bar.time: bar for bar in sink.of(product)}


async def test_every_bar_is_the_exchanges_own() -> None:
    market = Market()
    sink = await market.heard()
    for product in PRODUCTS:
        told, own = last_told(sink, product), market.own(product)
        assert {time: values(bar) for time, bar in told.items()} == own
        assert [bar.whole for bar in told.values()] == [False] + [True] * (BARS - 1)
        assert max(bar.last_id for bar in told.values()) > 5 * BARS
    assert sink.gaps == 0
    assert not sink.notes
    assert sink.beats
    assert {timeframe for timeframe, _ in sink.longer_bars} == {Timeframe.M5}


FAULTS: dict[str, Any] = {
    "dropped": (Drop(share=0.02),),
    "twice": (Duplicate(share=0.05),),
    "out of order": (Reorder(share=0.05),),
    "skipped numbers": (Gap(share=0.05, count=3),),
    "corrupted": (Corrupt(share=0.02),),
    "everything": (Drop(share=0.01), Duplicate(share=0.02), Reorder(share=0.02), Corrupt(share=0.01)),
    "cut": (Cut(at=(50 * MINUTE, 120 * MINUTE)),),
}


@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS)
async def test_under_faults_no_bar_that_is_told_whole_is_wrong(faults: tuple[AnyFault, ...]) -> None:
    market = Market(*faults)
    sink = await market.heard()
    assert sum(market.server.counters.faults.values()) > 0
    for product in PRODUCTS:
        told, own = last_told(sink, product), market.own(product)
        newest = max(told)
        right = [time for time, bar in told.items() if bar.whole and values(bar) == own[time]]
        wrong = [
            time for time, bar in told.items() if bar.whole and time < newest and values(bar) != own[time]
        ]
        assert wrong == []
        assert len(right) > BARS // 4
        assert all(T0 <= time < T0 + BARS * MINUTE for time in told)


@pytest.mark.parametrize("name", ["twice", "out of order", "skipped numbers"])
async def test_what_is_only_shuffled_costs_no_bar(name: str) -> None:
    market = Market(*FAULTS[name])
    sink = await market.heard()
    for product in PRODUCTS:
        told = last_told(sink, product)
        assert {time: values(bar) for time, bar in told.items()} == market.own(product)
        assert [bar.whole for bar in told.values()] == [False] + [True] * (BARS - 1)
