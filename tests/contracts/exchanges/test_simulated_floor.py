"""Markets of the simulated exchange that are halted, delisted and taken up again while it runs."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livermore.adapters.exchanges.simulated import (
    EPOCH,
    Bars,
    CoinbaseRules,
    GeneratedSource,
    Protocol,
    SimulatedExchange,
    SocketRules,
    Source,
)
from livermore.adapters.exchanges.simulated.binance.dialect import BinanceDialect
from livermore.adapters.exchanges.simulated.coinbase.bars import ToldBars
from livermore.adapters.exchanges.simulated.coinbase.dialect import CoinbaseDialect
from livermore.adapters.exchanges.simulated.doors import Dialect
from livermore.adapters.exchanges.simulated.faults import Empty, FaultScript, Refuse
from livermore.adapters.exchanges.simulated.path import State, Whole
from livermore.adapters.exchanges.simulated.traded import TradedSource
from livermore.adapters.exchanges.simulated.view import View
from livermore.kernel.errors import (
    BlockedError,
    ExchangeUnreachableError,
    LivermoreError,
    NotFoundError,
)
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import BarUpdate
from livermore.market.ports import Exchange, Stream
from tests.contracts.exchanges.coinbase_support import coinbase
from tests.contracts.exchanges.support import MINUTE, RecordingSink, binance, running, until

FIVE = Timeframe.M5
NAMES: dict[Protocol, tuple[str, str, str]] = {
    "binance": ("BTCUSDT", "ETHUSDT", "SOLUSDT"),
    "coinbase": ("BTC-USD", "ETH-USD", "SOL-USD"),
}
DIALECTS: dict[Protocol, Callable[[Source], Dialect]] = {
    "binance": lambda source: BinanceDialect(source, 600.0, 6000, SocketRules()),
    "coinbase": lambda source: CoinbaseDialect(source, 600.0, CoinbaseRules()),
}
LISTING: dict[Protocol, str] = {"binance": "exchangeInfo", "coinbase": "market/products$"}


@dataclass
class Venue:
    """A simulated exchange, the adapter that speaks to it, and what a stream of it has told."""

    protocol: Protocol
    server: SimulatedExchange
    exchange: Exchange
    stream: Stream
    sink: RecordingSink

    @property
    def names(self) -> tuple[str, str, str]:
        return NAMES[self.protocol]

    async def minutes(self, count: int) -> None:
        """Wait until so many more minutes were told of the first symbol, which nobody halts."""
        told = self.sink.bars[-1][0].time if self.sink.bars else self.server.market_time()
        await until(lambda: newest_of(self.sink, self.names[0]) >= told + count * MINUTE)

    async def rows(self, symbol: str, timeframe: Timeframe = Timeframe.M1) -> dict[int, tuple[float, ...]]:
        """Return the closed candles since the market began, those without trades left out."""
        end = timeframe.bucket(self.server.market_time())
        told = await self.exchange.history(symbol, timeframe, self.server.source.start, end)
        columns = (told.open, told.high, told.low, told.close, told.volume)
        rows = zip(
            told.time.tolist(), zip(*(column.tolist() for column in columns), strict=True), strict=True
        )
        return {time: row for time, row in rows if row[-1]}


@pytest.fixture(params=[*NAMES])
def protocol(request: pytest.FixtureRequest) -> Protocol:
    chosen: Protocol = request.param
    return chosen


@pytest.fixture
async def venue(protocol: Protocol) -> AsyncIterator[Venue]:
    async with (
        opened(protocol) as (server, exchange),
        streaming(exchange, NAMES[protocol]) as (stream, sink),
    ):
        found = Venue(protocol, server, exchange, stream, sink)
        await found.minutes(1)
        yield found


@contextlib.asynccontextmanager
async def opened(
    protocol: Protocol, symbols: Sequence[str] = (), *, speed: float = 1800, **more: Any
) -> AsyncIterator[tuple[SimulatedExchange, Exchange]]:
    source = GeneratedSource(symbols or NAMES[protocol], past_days=1)
    rules = CoinbaseRules(requests_per_second=1000)
    server = SimulatedExchange(source, protocol=protocol, speed=speed, coinbase_rules=rules, **more)
    async with running(server):
        adapter = binance if protocol == "binance" else coinbase
        exchange: Exchange = adapter(server.rest_url, server.ws_url)
        try:
            yield server, exchange
        finally:
            await exchange.close()


@contextlib.asynccontextmanager
async def streaming(
    exchange: Exchange, symbols: Sequence[str]
) -> AsyncIterator[tuple[Stream, RecordingSink]]:
    """Stream some symbols into a sink."""
    stream, sink = await exchange.connect(), RecordingSink()
    task = asyncio.create_task(stream.run(sink))
    try:
        await stream.subscribe(symbols)
        yield stream, sink
    finally:
        await stream.close()
        await asyncio.gather(task, return_exceptions=True)


def newest_of(sink: RecordingSink, symbol: str) -> int:
    """Return the open (ms) of the newest bar that was told."""
    return max((bar.time for bar in sink.of(symbol)), default=0)


def values(bar: BarUpdate) -> tuple[float, ...]:
    return bar.open, bar.high, bar.low, bar.close, bar.volume


def told_of(sink: RecordingSink, symbol: str) -> dict[int, tuple[float, ...]]:
    """Return the last state of every minute that was told."""
    return {bar.time: values(bar) for bar in sink.of(symbol)}


# ---------------------------------------------------------------- halted


async def test_a_halted_market_is_listed_and_silent(venue: Venue) -> None:
    _, halted, other = venue.names
    venue.server.halt(halted)
    moment = venue.server.market_time()
    await venue.minutes(3)
    assert all(event_time <= moment for bar, event_time in venue.sink.bars if bar.symbol == halted)
    assert newest_of(venue.sink, other) > moment

    listed = {symbol.name: symbol for symbol in await venue.exchange.listing()}
    assert {name: listed[name].trading for name in venue.names} == {
        name: name != halted for name in venue.names
    }
    quote = await venue.exchange.quote(halted)
    assert (quote.bid, quote.ask) == (None, None)
    assert quote.price == told_of(venue.sink, halted)[newest_of(venue.sink, halted)][3]
    assert max(await venue.rows(halted)) <= moment
    assert halted in venue.server.subscribed()


@pytest.mark.parametrize("lasting", [1, 2 * MINUTE])
async def test_what_was_told_until_a_halt_is_what_rest_tells_ever_after(venue: Venue, lasting: int) -> None:
    _, halted, _ = venue.names
    for _ in range(3):  # a short halt mostly ends within the minute in which it began
        venue.server.halt(halted)
        begin = venue.server.market_time()
        await until(lambda: venue.server.market_time() >= begin + lasting)  # noqa: B023 - called in this turn only
        venue.server.reopen(halted)
        end = venue.server.market_time()
        await until(lambda: newest_of(venue.sink, halted) > end + 2 * MINUTE)  # noqa: B023 - as above

    fives, told, rows = await venue.rows(halted, FIVE), told_of(venue.sink, halted), await venue.rows(halted)
    whole = [time for time in rows if min(told) < time < max(told)]
    assert {time: told[time] for time in whole} == {time: pytest.approx(rows[time]) for time in whole}
    assert not [time for time in {*told, *rows} if begin < time <= end]
    assert {time: row[4] for time, row in fives.items()} == {
        time: pytest.approx(sum(row[4] for minute, row in rows.items() if FIVE.bucket(minute) == time))
        for time in fives
    }
    assert (await venue.exchange.quote(halted)).bid


async def test_a_halt_that_ends_before_anything_happens_changes_nothing(protocol: Protocol) -> None:
    first, second, _ = NAMES[protocol]
    async with opened(protocol, [first, second]) as (server, exchange):
        before = await exchange.quote(second)
        server.halt(second)
        server.reopen(second)
        assert await exchange.quote(second) == before
        async with streaming(exchange, [first, second]) as (_, sink):
            await until(lambda: newest_of(sink, second) > server.source.start)
        assert server.source.start in {bar.time for bar in sink.of(second)}


# ---------------------------------------------------------------- delisted


async def test_a_delisted_market_is_unknown_until_it_is_listed_again(venue: Venue) -> None:
    _, gone, _ = venue.names
    venue.server.delist(gone)
    moment = venue.server.market_time()
    await venue.minutes(2)
    assert all(event_time <= moment for bar, event_time in venue.sink.bars if bar.symbol == gone)
    assert gone not in {symbol.name for symbol in await venue.exchange.listing()}
    assert gone not in {day.symbol for day in await venue.exchange.days()}
    assert await venue.exchange.tickers([gone]) == []
    with pytest.raises(NotFoundError):
        await venue.exchange.quote(gone)
    with pytest.raises(NotFoundError):
        await venue.rows(gone)

    venue.server.relist(gone)
    assert gone in {symbol.name for symbol in await venue.exchange.listing()}
    await until(lambda: newest_of(venue.sink, gone) > moment)
    assert (await venue.exchange.quote(gone)).price
    assert not venue.sink.notes


async def test_nobody_need_stay_subscribed_to_what_is_delisted(venue: Venue) -> None:
    _, gone, _ = venue.names
    venue.server.delist(gone)
    assert gone in venue.server.subscribed()
    await venue.stream.unsubscribe([gone])
    await until(lambda: gone not in venue.server.subscribed())
    await venue.minutes(1)
    assert not venue.sink.notes


async def test_what_is_delisted_while_it_is_halted_comes_back_halted(venue: Venue) -> None:
    _, other, _ = venue.names
    for change in (venue.server.halt, venue.server.delist, venue.server.relist):
        change(other)
    moment = venue.server.market_time()
    await venue.minutes(2)
    assert newest_of(venue.sink, other) <= moment
    [symbol] = [symbol for symbol in await venue.exchange.listing() if symbol.name == other]
    assert not symbol.trading
    venue.server.reopen(other)
    await until(lambda: newest_of(venue.sink, other) > moment)


async def test_an_alias_goes_with_its_market() -> None:
    async with opened("coinbase") as (server, exchange):
        assert (await exchange.quote("BTC-USDC")).bid
        server.halt("BTC-USD")
        listed = {symbol.name: symbol.trading for symbol in await exchange.listing()}
        assert (listed["BTC-USD"], listed["BTC-USDC"], listed["ETH-USDC"]) == (False, False, True)
        server.delist("BTC-USD")
        with pytest.raises(NotFoundError):
            await exchange.quote("BTC-USDC")
        with pytest.raises(NotFoundError, match="no market BTC-USDC"):
            server.delist("BTC-USDC")


async def test_coinbase_refuses_a_subscription_to_what_is_delisted() -> None:
    async with opened("coinbase") as (server, _), aiohttp.ClientSession() as session:
        server.delist("BTC-USD")
        async with session.ws_connect(server.ws_url) as socket:
            for name in ("BTC-USD", "ETH-USD"):
                await socket.send_json(
                    {"type": "subscribe", "channel": "market_trades", "product_ids": [name]}
                )
            error = json.loads((await socket.receive()).data)
            assert error == {"type": "error", "message": "failure to subscribe"}
            await until(lambda: server.subscribed() == {"ETH-USD"})
        await until(lambda: not server.subscribed())


# ---------------------------------------------------------------- who is subscribed to what


async def test_all_connections_count(venue: Venue) -> None:
    first, second, third = venue.names
    await until(lambda: venue.server.subscribed() == {*venue.names})
    async with streaming(venue.exchange, [second]):
        await venue.stream.unsubscribe([second, third])
        await until(lambda: venue.server.subscribed() == {first, second})
    await until(lambda: venue.server.subscribed() == {first})


# ---------------------------------------------------------------- a listing that cannot be had


@pytest.mark.parametrize(("status", "error"), [(503, ExchangeUnreachableError), (451, BlockedError)])
async def test_a_listing_that_is_down_by_script(
    protocol: Protocol, status: int, error: type[LivermoreError]
) -> None:
    script = FaultScript.of(Refuse(status=status, paths=(LISTING[protocol],)))
    async with opened(protocol, faults=script) as (server, exchange):
        with pytest.raises(error) as refused:
            await exchange.listing()
        assert type(refused.value) is error
        start = server.source.start - 10 * MINUTE
        assert len(await exchange.history(NAMES[protocol][0], Timeframe.M1, start, start + 5 * MINUTE)) == 5
        assert server.counters.faults["refuse"] == 1


async def test_a_listing_that_is_empty_for_a_while(protocol: Protocol) -> None:
    async with opened(protocol) as (server, exchange):
        server.faults.begin(Empty(paths=(LISTING[protocol],)))
        assert await exchange.listing() == []
        assert (await exchange.quote(NAMES[protocol][0])).price
        server.faults.begin(Empty())
        assert await exchange.days() == []
        server.faults.end()
        assert {symbol.name for symbol in await exchange.listing()} >= {*NAMES[protocol]}
        assert len(await exchange.days()) >= 3


# ---------------------------------------------------------------- many markets


async def test_a_look_at_many_markets_draws_none(protocol: Protocol) -> None:
    ending = "USDT" if protocol == "binance" else "-USD"
    names = [f"X{number}{ending}" for number in range(150)]
    async with opened(protocol, names, hold=False) as (server, exchange):
        source = server.source
        listed, days = await exchange.listing(), {day.symbol: day for day in await exchange.days()}
        assert {*names} <= {symbol.name for symbol in listed} & {*days}
        assert all(source.outline(name) for name in names)
        volumes = {day.quote_volume_24h for day in days.values()}
        assert len(volumes) > 100
        assert {(day.change_24h_percent or 0) > 0 for day in days.values()} == {True, False}

        quote = await exchange.quote(names[0])
        assert quote.price == days[names[0]].price
        assert quote.quote_volume_24h == pytest.approx(days[names[0]].quote_volume_24h)
        async with streaming(exchange, [names[7]]) as (_, sink):
            await until(lambda: sink.bars)
        assert source.outline(names[7]) is None
        assert sum(source.outline(name) is None for name in names) <= 2


def test_the_outline_of_a_market_is_near_what_is_drawn() -> None:
    source = GeneratedSource(["X1USDT", "X2USDT", "BTCUSDT"], past_days=1)
    for market in source.markets:
        outline = source.outline(market.symbol)
        assert outline is not None
        bars = source.bars(market.symbol, Timeframe.M1, EPOCH - 1440 * MINUTE, EPOCH)
        assert source.outline(market.symbol) is None
        assert outline.price == pytest.approx(float(bars.close[-1]), rel=0.3)
        assert outline.quote_volume == pytest.approx(float(np.dot(bars.close, bars.volume)), rel=0.5)
        assert outline.open != outline.price


# ---------------------------------------------------------------- the source alone


@pytest.mark.parametrize("offset", [0, 25_000, 50_000, MINUTE - 1])
def test_a_bar_that_is_cut_stays_as_it_stood(protocol: Protocol, offset: int) -> None:
    symbol = NAMES[protocol][0]
    source = GeneratedSource([symbol], past_days=1)
    dialect = DIALECTS[protocol](source)
    traded = TradedSource(source, dialect.told)
    view = View(traded, dialect)
    moments = [EPOCH + offset + later for later in (0, 1, 5_000, MINUTE, 3 * MINUTE)]

    def told(now: int) -> Bars:
        return view.bars(symbol, Timeframe.M1, EPOCH, EPOCH + 3 * MINUTE, now)

    stood, whole = told(moments[0]), traded.bars(symbol, Timeframe.M1, EPOCH, EPOCH + 1)
    traded.shut(symbol, moments[0])
    assert all(columns(told(now)) == columns(stood) for now in moments)
    assert len(stood) == (offset > 0)
    assert columns(stood) != columns(whole) or offset == MINUTE - 1


def test_the_trades_of_a_bar_that_is_cut_are_those_that_were_told() -> None:
    source = GeneratedSource(["BTC-USD"], past_days=1)
    dialect = CoinbaseDialect(source, 600.0, CoinbaseRules())
    traded = TradedSource(source, dialect.told)
    bars = ToldBars(traded, dialect.timetable)
    before = bars.tell(0, the_whole(traded)).written
    traded.shut("BTC-USD", EPOCH + 30_000)
    after = bars.tell(0, the_whole(traded)).written
    assert after == before[: len(after)]
    assert 0 < len(after) < len(before)


def the_whole(source: TradedSource) -> Whole:
    """Return the first bar behind the epoch."""
    bars = source.bars("BTC-USD", Timeframe.M1, EPOCH, EPOCH + 1)
    return Whole._make(getattr(bars, name)[0].item() for name in Whole._fields)


def columns(bars: Bars) -> list[list[float]]:
    return [getattr(bars, name).tolist() for name in Whole._fields]


LITECOIN = GeneratedSource(["LTCUSDT"], past_days=1)


def half(_: int, bar: Whole, offset: int) -> State | None:
    """Tell a bar whole from its middle on, and nothing of it before."""
    return State(bar.high, bar.low, bar.close, bar.volume, bar.last_id) if offset >= MINUTE // 2 else None


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 400 * MINUTE), st.integers(0, 90 * MINUTE)), max_size=4))
def test_longer_bars_are_made_of_what_was_traded(given_spans: list[tuple[int, int]]) -> None:
    source = TradedSource(LITECOIN, half)
    now, shut = EPOCH, []
    for pause, lasting in given_spans:
        source.shut("LTCUSDT", now + pause)
        source.open("LTCUSDT", now + pause + lasting)
        shut.append((now + pause, now + pause + lasting))
        now += pause + lasting + MINUTE
    end = EPOCH + 2 * 1440 * MINUTE
    minutes = source.bars("LTCUSDT", Timeframe.M1, EPOCH, end)
    assert not any(begin < time <= until_ for time in minutes.time.tolist() for begin, until_ in shut)
    for timeframe in (Timeframe.M5, Timeframe.H1, Timeframe.D1):
        longer = source.bars("LTCUSDT", timeframe, EPOCH, end)
        assert sums(longer, timeframe) == pytest.approx(sums(minutes, timeframe, before=longer))


def sums(bars: Bars, timeframe: Timeframe, *, before: Bars | None = None) -> dict[int, float]:
    """Return the volume of each longer bucket, of those that another has."""
    wanted = {*(bars if before is None else before).time.tolist()}
    found: dict[int, float] = {}
    for time, volume in zip(bars.time.tolist(), bars.volume.tolist(), strict=True):
        found[timeframe.bucket(time)] = found.get(timeframe.bucket(time), 0.0) + volume
    return {time: volume for time, volume in found.items() if time in wanted}


@pytest.mark.parametrize("verb", ["halt", "reopen", "delist", "relist"])
def test_a_market_that_there_is_not(verb: str) -> None:
    server = SimulatedExchange(GeneratedSource(["BTCUSDT"], past_days=1))
    with pytest.raises(NotFoundError, match="NOPE"):
        getattr(server, verb)("NOPE")
