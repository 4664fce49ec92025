"""What the row of an exchange says is what its adapter does: changing the row changes behaviour."""

import asyncio
from typing import Any, Literal

import pytest
from msgspec.structs import replace

from livermore.adapters.exchanges.binance import Binance, Timing
from livermore.adapters.exchanges.coinbase import Coinbase
from livermore.adapters.exchanges.coinbase import Timing as CoinbaseTiming
from livermore.adapters.exchanges.simulated import SimulatedExchange
from livermore.bootstrap.exchanges import adapter_of
from livermore.kernel.clock import ManualClock, SystemClock
from livermore.kernel.errors import RateLimitedError
from livermore.kernel.timeframe import Timeframe
from livermore.market.budget import Budgets
from livermore.market.connections import Connections, spacing_of
from livermore.market.exchange import BINANCE, COINBASE, ExchangeInfo
from tests.contracts.exchanges.support import RecordingSink, recorded, running, until

Name = Literal["binance", "coinbase"]
ROWS = {"binance": BINANCE, "coinbase": COINBASE}


def row(exchange: Name, server: SimulatedExchange | None = None, **limits: Any) -> ExchangeInfo:
    base = ROWS[exchange]
    urls = {"rest_url": server.rest_url, "ws_url": server.ws_url} if server else {}
    return replace(base, api_limits={**(base.api_limits or {}), **limits}, **urls)


def adapter(exchange: Name, info: ExchangeInfo, clock: SystemClock | None = None) -> Binance | Coinbase:
    clock = clock or SystemClock()
    if exchange == "binance":
        return Binance(info, clock, timing=Timing(spacing=0.0))
    return Coinbase(info, clock, timing=CoinbaseTiming(spacing=0.0))


@pytest.mark.parametrize("exchange", ROWS)
async def test_the_weight_of_the_row_is_a_ceiling(exchange: Name) -> None:
    made = adapter(exchange, row(exchange, rest_weight_limit=5))
    usual = adapter(exchange, row(exchange))
    assert (made.budget.usage().limit, usual.budget.usage().limit > 4) == (4, True)
    generous = adapter(exchange, row(exchange, rest_weight_limit=10**9))
    assert generous.budget.usage().limit <= 6000


@pytest.mark.parametrize("exchange", ROWS)
async def test_no_more_connections_are_open_than_the_row_allows(exchange: Name) -> None:
    async with running(SimulatedExchange(recorded(1, 10), protocol=exchange)) as server:
        made = adapter(exchange, row(exchange, server, ws_connections_per_ip=1))
        first = await made.connect()
        with pytest.raises(RateLimitedError, match="as many connections are open as may be") as caught:
            await made.connect()
        assert f"livermore exchanges edit {exchange} --limit ws_connections_per_ip" in str(caught.value.hint)
        await first.close()
        second = await made.connect()
        await second.close()
        await made.close()
        assert server.counters.connections == 2


class Sleeps(SystemClock):
    """A clock that remembers how long somebody wanted to wait."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def sleep(self, seconds: float) -> None:
        self.longest = max(self.longest, seconds)
        await super().sleep(seconds)


@pytest.mark.parametrize("exchange", ROWS)
@pytest.mark.parametrize(("limit", "waits"), [(1000, False), (2, True)])
async def test_messages_are_as_far_apart_as_the_row_wants(exchange: Name, limit: int, waits: bool) -> None:
    async with running(SimulatedExchange(recorded(2, 10), protocol=exchange)) as server:
        clock = Sleeps()
        made = adapter(exchange, row(exchange, server, ws_messages_per_second=limit), clock)
        stream = await made.connect()
        asked = server.counters.messages
        await stream.subscribe(["C0USDT"])
        await stream.subscribe(["C1USDT"])
        await until(lambda: server.counters.messages >= asked + 2)
        assert (clock.longest > 1 / 1000) is waits
        await stream.close()
        await made.close()


def test_spacing_is_ours_unless_the_row_wants_more() -> None:
    assert spacing_of(row("coinbase"), 0.15) == 0.15
    assert spacing_of(row("coinbase", ws_messages_per_second=2), 0.15) == 0.5
    for nonsense in (0, -1, True, "2", None):
        assert spacing_of(row("coinbase", ws_messages_per_second=nonsense), 0.15) == 0.15


@pytest.mark.parametrize("exchange", ROWS)
async def test_the_shortest_timeframe_of_the_row_is_what_is_streamed(exchange: Name) -> None:
    """Binance is asked for its candles; of Coinbase's trades bars of that length are made."""
    async with running(
        SimulatedExchange(recorded(1, 30, Timeframe.M5), protocol=exchange, speed=600)
    ) as server:
        clock = SystemClock()
        info = replace(row(exchange, server), supported_timeframes=("1h", "5m", "3m"))
        made = adapter_of(info, clock, Budgets(clock))
        stream, sink = await made.connect(), RecordingSink()
        run = asyncio.create_task(stream.run(sink))
        await stream.subscribe(["C0USDT"])
        await until(lambda: len({bar.time for bar, _ in sink.bars}) >= 2)
        await stream.close()
        await run
        await made.close()
    assert {bar.time % Timeframe.M5.milliseconds for bar, _ in sink.bars} == {0}


async def test_attempts_wait_for_their_turn_within_five_minutes() -> None:
    clock = ManualClock()
    connections = Connections(row("binance", ws_connections_per_5min=5), clock, tried=300)
    for _ in range(4):
        await connections.admit()
    fifth = asyncio.create_task(connections.admit())
    await clock.advance(299)
    assert not fifth.done()
    await clock.advance(2)
    await fifth


async def test_without_limits_nothing_is_held_back() -> None:
    connections = Connections(replace(COINBASE, api_limits=None), ManualClock())
    for _ in range(1000):
        await connections.admit()
