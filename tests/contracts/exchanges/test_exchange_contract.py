"""One suite for the Exchange port: whatever is behind it, this is what the market room relies on."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from livermore.adapters.exchanges.simulated import CoinbaseRules, GeneratedSource, SimulatedExchange
from livermore.kernel.errors import NotFoundError
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import CandleSource
from livermore.market.ports import Exchange
from tests.contracts.exchanges.ccxt_support import of
from tests.contracts.exchanges.coinbase_support import coinbase
from tests.contracts.exchanges.support import T0, RecordingSink, binance, recorded, replaying, running, until

MINUTE = Timeframe.M1.milliseconds


@dataclass(frozen=True)
class Given:
    """An exchange, one of its symbols, a range for which it has every minute, and what it streams."""

    exchange: Exchange
    symbol: str
    base: str
    start: int
    minutes: int
    streamed: list[str]
    quote: str = "USDT"


async def generated(_: pytest.FixtureRequest) -> AsyncIterator[Given]:
    source = GeneratedSource(["BTCUSDT", "ETHUSDT"])
    async with running(SimulatedExchange(source, speed=600)) as server:
        exchange = binance(server.rest_url, server.ws_url)
        start = source.start - 2500 * MINUTE
        yield Given(exchange, "BTCUSDT", "BTC", start, 2500, ["BTCUSDT", "ETHUSDT"])
        await exchange.close()


async def from_file(_: pytest.FixtureRequest) -> AsyncIterator[Given]:
    position = T0 + 1500 * MINUTE
    async with running(SimulatedExchange(recorded(2, 2000), speed=600, position=position)) as server:
        exchange = binance(server.rest_url, server.ws_url)
        yield Given(exchange, "C0USDT", "C0", T0, 1500, ["C0USDT", "C1USDT"])
        await exchange.close()


async def replayed(request: pytest.FixtureRequest) -> AsyncIterator[Given]:
    shared_data: Path = request.getfixturevalue("shared_data")
    async with replaying(shared_data) as address:
        exchange = binance(f"http://{address}", f"ws://{address}")
        yield Given(exchange, "BTCUSDT", "BTC", 1634943780000, 10, ["NKNUSDT", "LRCBTC"])
        await exchange.close()


async def through_ccxt(_: pytest.FixtureRequest) -> AsyncIterator[Given]:
    source = GeneratedSource(["BTCUSDT", "ETHUSDT"])
    async with running(SimulatedExchange(source, speed=600)) as server:
        exchange = of(server)
        start = source.start - 2500 * MINUTE
        yield Given(exchange, "BTCUSDT", "BTC", start, 2500, ["BTCUSDT", "ETHUSDT"])
        await exchange.close()


async def of_coinbase(_: pytest.FixtureRequest) -> AsyncIterator[Given]:
    source = GeneratedSource(["BTC-USD", "ETH-USD"])
    rules = CoinbaseRules(requests_per_second=1000)
    async with running(
        SimulatedExchange(source, protocol="coinbase", speed=600, coinbase_rules=rules)
    ) as server:
        exchange = coinbase(server.rest_url, server.ws_url)
        start = source.start - 700 * MINUTE
        yield Given(exchange, "BTC-USD", "BTC", start, 700, ["BTC-USD", "ETH-USD"], "USD")
        await exchange.close()


@pytest.fixture(
    params=[generated, from_file, replayed, through_ccxt, of_coinbase],
    ids=["generated", "recorded file", "recorded frames", "through ccxt", "Coinbase"],
)
async def given(request: pytest.FixtureRequest) -> AsyncIterator[Given]:
    async for setup in request.param(request):
        yield setup


async def test_it_lists_its_markets(given: Given) -> None:
    symbols = {symbol.name: symbol for symbol in await given.exchange.listing()}
    assert symbols[given.symbol].base == given.base
    assert symbols[given.symbol].quote == given.quote
    assert symbols[given.symbol].trading
    steps = (symbols[given.symbol].price_step, symbols[given.symbol].amount_step)
    assert all(step is not None and 0 < step <= 1 for step in steps)
    assert symbols[given.symbol].minimum_value


async def test_history_is_exactly_the_range_asked_for(given: Given) -> None:
    start, end = given.start + MINUTE, given.start + (given.minutes - 1) * MINUTE
    candles = await given.exchange.history(given.symbol, Timeframe.M1, start, end)
    assert candles.time.tolist() == list(range(start, end, MINUTE))
    assert (candles.low <= np.minimum(candles.open, candles.close)).all()
    assert (candles.high >= np.maximum(candles.open, candles.close)).all()
    assert (candles.source == CandleSource.REST).all()
    assert candles.confirmed.all()


async def test_an_empty_range_has_no_history(given: Given) -> None:
    assert not len(await given.exchange.history(given.symbol, Timeframe.M1, given.start, given.start))
    before = given.start - 400 * Timeframe.D1.milliseconds
    assert not len(await given.exchange.history(given.symbol, Timeframe.M1, before, before + 10 * MINUTE))


async def test_an_unknown_symbol_is_not_found(given: Given) -> None:
    with pytest.raises(NotFoundError):
        await given.exchange.history("NOSUCHUSDT", Timeframe.M1, given.start, given.start + MINUTE)


async def test_tickers_of_the_symbols_it_knows(given: Given) -> None:
    [ticker] = await given.exchange.tickers([given.symbol, "NOSUCHUSDT"])
    assert ticker.symbol == given.symbol
    assert ticker.price > 0
    assert ticker.open_24h is not None
    assert ticker.quote_volume_24h is not None
    assert ticker.time > 1_600_000_000_000


async def test_the_days_of_all_say_what_a_quote_says_of_one(given: Given) -> None:
    quote, days = await given.exchange.quote(given.symbol), await given.exchange.days()
    [day] = [day for day in days if day.symbol == given.symbol]
    assert len({day.symbol for day in days}) == len(days)
    assert (quote.symbol, quote.price, quote.open_24h) == (day.symbol, day.price, day.open_24h)
    assert quote.quote_volume_24h == pytest.approx(day.quote_volume_24h)
    assert (quote.quote_volume_24h or 0) > 100 * quote.price  # few units, had it counted the base asset
    assert quote.bid is not None
    assert quote.ask is not None
    assert quote.bid < quote.price < quote.ask
    assert 0 < (quote.spread_percent or 0) < 5
    assert quote.time > 1_600_000_000_000


async def test_there_is_no_quote_of_what_is_not_listed(given: Given) -> None:
    for symbol in ("NOSUCHUSDT", "", "../../time", "a'; drop--", "BTCUSD\u0422", "X" * 500):
        with pytest.raises(NotFoundError):
            await given.exchange.quote(symbol)


async def test_it_tells_the_time(given: Given) -> None:
    assert await given.exchange.server_time() > 1_600_000_000_000


async def test_it_streams_bars_until_closed(given: Given) -> None:
    stream, sink = await given.exchange.connect(), RecordingSink()
    run = asyncio.create_task(stream.run(sink))
    await stream.subscribe(given.streamed)
    await until(lambda: all(sink.of(symbol) for symbol in given.streamed))
    bar, event_time = sink.bars[0]
    assert bar.low <= bar.open <= bar.high
    assert bar.time % MINUTE == 0
    assert bar.time <= event_time
    assert bar.first_id <= bar.last_id
    assert {bar.symbol for bar, _ in sink.bars} <= set(given.streamed)
    assert not sink.notes
    await stream.close()
    await run
