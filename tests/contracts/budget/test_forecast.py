"""A forecast is kept: what it says is never much less than it takes, nor much more."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from livermore.adapters.exchanges.binance import Binance
from livermore.kernel.clock import ManualClock
from livermore.market.budget import Budget, Purpose, asking, forecast_histories
from livermore.market.exchange import BINANCE
from tests.contracts.budget.support import Queue, settled

HOSTS = [(10, 1.0), (50, 10.0), (100, 60.0), (6000, 60.0)]
TWENTIETHS = st.lists(st.integers(1, 5), max_size=4)


async def forecast_and_actual(
    limit: int, seconds: float, loads: tuple[list[int], list[int], list[int]], later: float, stay: float
) -> tuple[float, float]:
    """Spend some, let time pass, let some wait, and ask for the rest one after the other."""
    clock = ManualClock()
    budget = Budget(clock, limit=limit, seconds=seconds)
    before, waiting, asked = ([max(1, share * limit // 20) for share in load] for load in loads)
    first = [asyncio.create_task(budget.spend(weight)) for weight in before]
    await settled(clock)
    await clock.advance(later * seconds)
    if stay:
        budget.hold_off(stay * seconds)
    queue = Queue(budget, clock)
    for weight in waiting:
        queue.ask("waiting", weight=weight)
    await settled(clock)
    began, forecast = clock.monotonic(), budget.forecast(asked).seconds

    async def warm_up() -> float:
        with asking(Purpose.WARM_UP):
            for weight in asked:
                await budget.spend(weight)
        return clock.monotonic() - began

    task = asyncio.create_task(warm_up())
    await settled(clock)
    await clock.advance(3600)
    await asyncio.gather(*first, *queue.tasks)
    return forecast, await task


@settings(max_examples=150, deadline=None)
@given(
    host=st.sampled_from(HOSTS),
    loads=st.tuples(TWENTIETHS, TWENTIETHS, st.lists(st.integers(1, 5), min_size=1, max_size=60)),
    later=st.floats(0, 1.5),
    stay=st.sampled_from([0.0, 0.0, 0.3]),
)
def test_a_forecast_is_kept(
    host: tuple[int, float], loads: tuple[list[int], list[int], list[int]], later: float, stay: float
) -> None:
    forecast, actual = asyncio.run(forecast_and_actual(*host, loads, later, stay))
    assert forecast * 1.2 + 0.01 >= actual
    assert actual * 1.2 + 0.01 >= forecast


async def test_thirty_more_symbols() -> None:
    """Six timeframes of 1,500 buckets take two pages each, of weight 2."""
    clock = ManualClock()
    exchange = Binance(replace(BINANCE, api_limits={"rest_weight_limit": 600}), clock)
    assert forecast_histories(exchange, 30, [1500] * 6).requests == 360
    assert forecast_histories(exchange, 0, [1500] * 6) == (0, 0.0)
    seconds = forecast_histories(exchange, 30, [1500] * 6).seconds
    for weight in [2] * 240:
        await exchange.budget.spend(weight)
    assert 60 < seconds < forecast_histories(exchange, 30, [1500] * 6).seconds < 125
    await exchange.close()
