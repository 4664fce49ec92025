"""The adapter through ccxt, streaming: candles, trades, and polling where there is no stream."""

import asyncio
import gc
import json
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from livermore.adapters.exchanges.simulated import RecordedSource, SimulatedExchange
from livermore.adapters.exchanges.simulated.binance.listing import exchange_info
from livermore.adapters.exchanges.simulated.source import Market
from livermore.adapters.exchanges.through_ccxt import Timing
from livermore.kernel.clock import ManualClock, ScaledClock, SystemClock
from livermore.kernel.errors import ExchangeUnreachableError
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import BarUpdate
from tests.contracts.exchanges.ccxt_support import of, through, watched
from tests.contracts.exchanges.support import MINUTE, T0, RecordingSink, recorded, running, serving, until

BOTH = ["C0USDT", "C1USDT"]
GRACE = 2000  # ms that the market room waits for the last trades of a bar
NO_STREAM = {"watchOHLCV": False, "watchTrades": False}


async def test_the_last_that_is_told_of_each_bar_is_the_source() -> None:
    source = recorded(2, 30)
    async with running(SimulatedExchange(source, speed=600)) as server:
        async with watched(of(server), BOTH) as (sink, _, _):
            await until(lambda: all(ends(sink, symbol) == rows(source, symbol, 30) for symbol in BOTH))
        assert server.counters.cut == 0
    assert not sink.notes
    assert not any(bar.closed or bar.first_id != -1 for bar, _ in sink.bars)
    assert all(bar.whole and bar.time <= moment for bar, moment in sink.bars)
    moments = [moment for _, moment in sink.bars]
    assert moments == sorted(moments)
    assert moments[-1] > T0 + 30 * MINUTE - 1000  # the times are those that the frames tell


async def test_with_the_bars_come_the_prices_and_the_rolling_day() -> None:
    async with (
        running(SimulatedExchange(recorded(2, 1500), speed=600, position=T0 + 1450 * MINUTE)) as server,
        watched(of(server), ["C0USDT"]) as (sink, _, _),
    ):
        await until(lambda: sink.tickers and sink.tickers[-1].open_24h)
        bar, moment = sink.bars[len(sink.tickers) - 1]
        assert (bar.close, moment) == (sink.tickers[-1].price, sink.tickers[-1].time)
        assert (sink.tickers[-1].quote_volume_24h or 0) > 0
        assert sink.beats


@pytest.mark.parametrize("can_say_so", [True, False])
async def test_who_is_unsubscribed_is_heard_no_more(can_say_so: bool) -> None:
    async with (
        running(SimulatedExchange(recorded(2, 500), speed=600)) as server,
        watched(of(server, has={"unWatchOHLCV": can_say_so}), BOTH) as (sink, stream, _),
    ):
        await until(lambda: all(sink.of(symbol) for symbol in BOTH))
        await stream.unsubscribe(["C0USDT", "NEVERUSDT"])
        assert ("c0usdt@kline_1m" in server.counters.subscriptions) is not can_say_so
        heard, others = len(sink.of("C0USDT")), len(sink.of("C1USDT"))
        await until(lambda: len(sink.of("C1USDT")) > others + 5)
        assert len(sink.of("C0USDT")) == heard
        await stream.subscribe(["C0USDT"])
        await until(lambda: len(sink.of("C0USDT")) > heard)


async def test_a_cut_wire_ends_the_stream_and_the_next_knows_nothing_old() -> None:
    async with running(SimulatedExchange(recorded(1, 500), speed=600, hold=False)) as server:
        exchange = of(server)
        async with watched(exchange, ["C0USDT"]) as (sink, stream, run):
            await until(lambda: sink.bars)
            server.cut_connections()
            with pytest.raises(ExchangeUnreachableError):
                await run
            await stream.close()
            last = sink.bars[-1][0].time
            await until(lambda: server.market_time() > last + 5 * MINUTE)
            async with watched(exchange, ["C0USDT"]) as (again, _, _):
                await until(lambda: again.bars)
                assert again.bars[0][0].time > last


async def test_a_symbol_that_is_not_listed_does_not_keep_the_others_waiting() -> None:
    async with (
        running(SimulatedExchange(recorded(1, 500), speed=600)) as server,
        watched(of(server), ["GONEUSDT", "C0USDT"]) as (sink, _, _),
    ):
        await until(lambda: sink.of("C0USDT"))


async def test_a_subscription_that_ccxt_gives_up_ends_the_stream() -> None:
    async with running(SimulatedExchange(recorded(2, 500), speed=600)) as server:
        exchange = of(server)
        async with watched(exchange, BOTH) as (sink, _, run):
            await until(lambda: all(sink.of(symbol) for symbol in BOTH))
            [client] = exchange._library.loaded.clients.values()
            for answer in client.futures.values():
                answer.cancel()
            with pytest.raises(ExchangeUnreachableError):
                await run


async def test_a_stream_that_cannot_be_reached_says_so() -> None:
    async with running(SimulatedExchange(recorded(1, 10))) as server:
        exchange = through(server.rest_url, "ws://127.0.0.1:1")
        async with watched(exchange, ["C0USDT"]) as (_, _, run):
            with pytest.raises(ExchangeUnreachableError):
                await run


async def test_nothing_is_left_behind() -> None:
    before = asyncio.all_tasks()
    async with (
        running(SimulatedExchange(recorded(2, 500), speed=600)) as server,
        watched(of(server), BOTH) as (sink, _, _),
    ):
        await until(lambda: sink.bars)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
    gc.collect()  # what was not closed would warn now


async def test_without_a_stream_rest_is_polled_and_no_bar_ends_before_its_last_trade() -> None:
    source, speed = recorded(2, 5), 30
    async with running(SimulatedExchange(source, speed=speed, hold=False)) as server:
        clock = ScaledClock(SystemClock(), origin=T0, rate=speed)
        sink = ClosingSink()
        async with watched(of(server, has=NO_STREAM, clock=clock), BOTH, sink) as (_, stream, _):
            await until(lambda: all(len(ends(sink, symbol)) == 4 for symbol in BOTH), 40)
            await stream.unsubscribe(["C1USDT"])
            heard, ended = len(sink.of("C1USDT")), list(sink.ended["C1USDT"])
            await until(lambda: len(ends(sink, "C0USDT")) == 5, 40)
            assert len(sink.of("C1USDT")) == heard
    assert sink.ended["C0USDT"] == rows(source, "C0USDT", len(sink.ended["C0USDT"]))
    assert ended == rows(source, "C1USDT", len(ended))
    assert len(sink.ended["C0USDT"]) >= 4


async def test_polling_that_fails_ends_the_stream() -> None:
    async with running(SimulatedExchange(recorded(1, 100), speed=600, hold=False)) as server:
        clock = ScaledClock(SystemClock(), origin=T0, rate=600)
        async with watched(of(server, has=NO_STREAM, clock=clock), ["C0USDT"]) as (sink, _, run):
            await until(lambda: sink.bars)
            await server.stop()
            with pytest.raises(ExchangeUnreachableError):
                await run


async def test_bars_are_made_of_trades_where_no_candles_are_streamed() -> None:
    trades = [
        (1, 10.0, 1.0, T0 + 30_000),
        (2, 12.0, 1.0, T0 + 59_000),
        (3, 11.0, 2.0, T0 + 60_000),
        (4, 15.0, 1.0, T0 + 70_000),
        (4, 15.0, 1.0, T0 + 70_000),
        (5, 9.0, 0.5, T0 + 119_999),
        (6, 10.0, 1.0, T0 + 180_001),
    ]
    async with serving(*trade_routes([trades])) as address:
        exchange = through(f"http://{address}", f"ws://{address}", has={"watchOHLCV": False})
        async with watched(exchange, ["BTCUSDT"]) as (sink, _, _):
            await until(lambda: any(bar.time == T0 + 180_000 for bar in sink.of("BTCUSDT")))
    last = {bar.time: bar for bar in sink.of("BTCUSDT")}
    assert last[T0 + MINUTE] == bar_of(T0 + MINUTE, 11.0, 15.0, 9.0, 9.0, 3.5, whole=True)
    assert last[T0] == bar_of(T0, 10.0, 12.0, 10.0, 12.0, 2.0, whole=False)
    assert sink.gaps == 0


async def test_more_trades_than_ccxt_keeps_are_a_gap() -> None:
    burst = [(number, 10.0, 1.0, T0 + 61_000) for number in range(20)]
    async with serving(*trade_routes([burst])) as address:
        exchange = through(
            f"http://{address}", f"ws://{address}", has={"watchOHLCV": False}, options={"tradesLimit": 5}
        )
        async with watched(exchange, ["BTCUSDT"]) as (sink, _, _):
            await until(lambda: sink.gaps)


async def test_where_frames_do_not_tell_the_time_the_exchange_s_clock_does() -> None:
    clock = ManualClock(T0)
    timing = Timing(lag=1.0, pulse=0.25)
    trade = [(1, 10.0, 1.0, T0 + 61_000)]
    async with serving(*trade_routes([trade], stamped=False)) as address:
        has = {"watchOHLCV": False, "fetchTickers": False}
        exchange = through(f"http://{address}", f"ws://{address}", has=has, clock=clock, timing=timing)
        stream, sink = await exchange.connect(), RecordingSink()
        run = asyncio.create_task(stream.run(sink))
        asking = asyncio.create_task(stream.subscribe(["BTCUSDT"]))
        while not sink.beats or not asking.done():
            await clock.advance(0.05)
            await asyncio.sleep(0.005)
        assert sink.bars[0][1] == T0 + MINUTE  # no earlier than its bucket
        assert T0 + 29_000 <= sink.beats[-1] <= clock.now() + 30_000 - 1000
        await stream.close()
        await run
        await exchange.close()


class ClosingSink(RecordingSink):
    """Close each bar by the clock as the market room does, and keep what it was then."""

    def __init__(self) -> None:
        super().__init__()
        self.ended: dict[str, list[tuple[float, ...]]] = {symbol: [] for symbol in BOTH}
        self._running: dict[str, BarUpdate] = {}

    def bar(self, update: BarUpdate, event_time: int) -> None:
        super().bar(update, event_time)
        running = self._running.get(update.symbol)
        if running is not None and running.time < update.time:
            self._end(running)
        if running is None or running.time <= update.time:
            self._running[update.symbol] = update
        self.beat(event_time)

    def beat(self, event_time: int) -> None:
        super().beat(event_time)
        for bar in self._running.values():
            if bar.time + MINUTE + GRACE <= event_time:
                self._end(bar)

    def _end(self, bar: BarUpdate) -> None:
        ended = self.ended[bar.symbol]
        if not ended or ended[-1][0] < bar.time:
            ended.append(row_of(bar))


def row_of(bar: BarUpdate) -> tuple[float, ...]:
    return bar.time, bar.open, bar.high, bar.low, bar.close, bar.volume


def ends(sink: RecordingSink, symbol: str) -> list[tuple[float, ...]]:
    """What was told last of each bar."""
    last = {bar.time: row_of(bar) for bar in sink.of(symbol)}
    return [last[time] for time in sorted(last)]


def rows(source: RecordedSource, symbol: str, count: int) -> list[tuple[float, ...]]:
    """The first bars of a source."""
    bars = source.bars(symbol, Timeframe.M1, T0, T0 + count * MINUTE)
    columns = (bars.time, bars.open, bars.high, bars.low, bars.close, bars.volume)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def bar_of(time: int, *numbers: float, whole: bool) -> BarUpdate:
    open_, high, low, close, volume = numbers
    return BarUpdate(
        symbol="BTCUSDT", time=time, open=open_, high=high, low=low, close=close, volume=volume, whole=whole
    )


def trade_routes(bursts: list[list[tuple[int, float, float, int]]], *, stamped: bool = True) -> list[Any]:
    """Binance with one market and its clock at 00:00:30; some trades follow upon every subscription."""
    market = Market(symbol="BTCUSDT", base="BTC", quote="USDT", price_decimals=2, amount_decimals=3)

    async def listing(_: web.Request) -> web.Response:
        return web.json_response(exchange_info([market], T0, 6000))

    async def time(_: web.Request) -> web.Response:
        return web.json_response({"serverTime": T0 + 30_000})

    async def days(_: web.Request) -> web.Response:
        return web.json_response([])

    async def socket(request: web.Request) -> web.WebSocketResponse:
        answer = web.WebSocketResponse()
        await answer.prepare(request)
        async for message in answer:
            if message.type is WSMsgType.TEXT:
                await answer.send_json({"result": None, "id": json.loads(message.data)["id"]})
                for trade in bursts.pop(0) if bursts else []:
                    await answer.send_json(frame(*trade))
        return answer

    def frame(number: int, price: float, amount: float, moment: int) -> dict[str, Any]:
        told = {"e": "trade", "s": "BTCUSDT", "t": number, "p": str(price), "q": str(amount), "T": moment}
        return {**told, "E": moment + 5} if stamped else told

    return [
        web.get("/api/v3/exchangeInfo", listing),
        web.get("/api/v3/time", time),
        web.get("/api/v3/ticker/24hr", days),
        web.get("/ws/{stream}", socket),
    ]
