"""Connections: how many, how they are asked, how they are renewed, how they end."""

import asyncio
import itertools

import pytest
from aiohttp import WSMsgType, web

from livermore.adapters.exchanges.binance import Timing
from livermore.adapters.exchanges.simulated import SimulatedExchange
from livermore.kernel.errors import TransientError
from livermore.kernel.timeframe import Timeframe
from tests.contracts.exchanges.support import (
    MINUTE,
    RecordingSink,
    binance,
    connected,
    recorded,
    running,
    serving,
    until,
)

SYMBOLS = ["C0USDT", "C1USDT", "C2USDT"]


def assert_nothing_lost_or_told_twice(sink: RecordingSink, bars: int) -> None:
    """The recorded source gives every frame of a symbol one trade more than the one before."""
    for symbol in SYMBOLS:
        ids = [bar.last_id for bar in sink.of(symbol)]
        assert ids == list(range(ids[0], ids[0] + 5 * bars))
        times = [bar.time for bar in sink.closed(symbol)]
        assert times == list(range(times[0], times[0] + bars * MINUTE, MINUTE))


async def test_a_connection_is_renewed_without_a_seam() -> None:
    source, bars = recorded(3, 1000), 1000
    timing = Timing(renewal=0.15, spacing=0.01)
    async with (
        running(SimulatedExchange(source, speed=60_000)) as server,
        connected(server, SYMBOLS, timing=timing) as (sink, _),
    ):
        await until(lambda: all(len(sink.closed(symbol)) == bars for symbol in SYMBOLS))
        assert server.counters.connections > 3
        assert_nothing_lost_or_told_twice(sink, bars)
        times = [ticker.time for ticker in sink.tickers if ticker.symbol == "C0USDT"]
        assert times == sorted(set(times))


async def test_renewal_at_full_speed() -> None:
    source, bars = recorded(3, 1500), 1500
    async with (
        running(SimulatedExchange(source, speed=None)) as server,
        connected(server, SYMBOLS, timing=Timing(renewal=0.1, spacing=0.01)) as (sink, _),
    ):
        await until(lambda: all(len(sink.closed(symbol)) == bars for symbol in SYMBOLS))
        assert server.counters.connections > 1
        assert_nothing_lost_or_told_twice(sink, bars)


async def test_a_server_that_will_go_is_left_in_time() -> None:
    source, bars = recorded(3, 600), 600
    async with (
        running(SimulatedExchange(source, speed=60_000)) as server,
        connected(server, SYMBOLS, timing=Timing(spacing=0.01)) as (sink, _),
    ):
        await until(lambda: len(sink.bars) > 100)
        await server.announce_shutdown()
        await until(lambda: all(len(sink.closed(symbol)) == bars for symbol in SYMBOLS))
        assert server.counters.connections == 2
        assert_nothing_lost_or_told_twice(sink, bars)


async def test_a_failed_renewal_keeps_the_old_connection() -> None:
    opened = itertools.count()

    async def first_only(request: web.Request) -> web.StreamResponse:
        if next(opened):
            return web.Response(status=503)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_json({"result": None, "id": message.json()["id"]})
            await socket.send_str('{"e":"serverShutdown","E":1770123456789}')
        return socket

    async with serving(web.get("/stream", first_only)) as address:
        exchange = binance(f"http://{address}", f"ws://{address}", timing=Timing(renewal_retry=0.01))
        stream, sink = await exchange.connect(), RecordingSink()
        run = asyncio.create_task(stream.run(sink))
        await stream.subscribe(["BTCUSDT"])
        await until(lambda: next(opened) > 3)
        assert not run.done()
        await stream.close()
        await run
        await exchange.close()


@pytest.mark.parametrize("shape", ["flat", "wrapped"])
@pytest.mark.parametrize("renewing", [False, True], ids=["first", "renewal"])
async def test_a_refused_subscription_is_never_taken_for_a_quiet_market(shape: str, renewing: bool) -> None:
    opened = itertools.count()

    async def refusing(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        accepts = renewing and not next(opened)
        async for message in socket:
            number, fault = message.json()["id"], {"code": 2, "msg": "Invalid request"}
            refused = {**fault, "id": number} if shape == "flat" else {"error": fault, "id": number}
            await socket.send_json({"result": None, "id": number} if accepts else refused)
            if accepts:
                await socket.send_str('{"e":"serverShutdown","E":1770123456789}')
        return socket

    async with serving(web.get("/stream", refusing)) as address:
        exchange = binance(f"http://{address}", f"ws://{address}", timing=Timing(renewal_retry=0.01))
        stream = await exchange.connect()
        run = asyncio.create_task(stream.run(RecordingSink()))
        await stream.subscribe(["BTCUSDT"])
        if renewing:
            await until(lambda: next(opened) > 5)
            assert not run.done()
            await stream.close()
            await run
        else:
            with pytest.raises(TransientError, match="refused a subscription: Invalid request"):
                await asyncio.wait_for(run, 3)
        await exchange.close()


async def test_three_hundred_symbols_at_the_pace_allowed() -> None:
    source = recorded(300, 1)
    names = [market.symbol for market in source.markets]
    async with running(SimulatedExchange(source, speed=1.0)) as server, connected(server, names) as (_, run):
        await until(lambda: len(server.counters.subscriptions) == 600)
        assert server.counters.connections == 1
        assert server.counters.cut == 0
        assert not run.done()


async def test_more_streams_than_one_connection_takes() -> None:
    source = recorded(520, 2)
    names = [market.symbol for market in source.markets]
    async with (
        running(SimulatedExchange(source, speed=None)) as server,
        connected(server, names, timing=Timing(spacing=0.21)) as (sink, _),
    ):
        await until(lambda: all(sink.closed(name) for name in (names[0], names[-1])))
        assert server.counters.connections == 2
        assert server.counters.cut == 0


async def test_unsubscribing_and_subscribing_again() -> None:
    async with running(SimulatedExchange(recorded(2, 5000), speed=600)) as server:
        exchange = binance(server.rest_url, server.ws_url, timing=Timing(spacing=0.05))
        stream, sink = await exchange.connect(), RecordingSink()
        run = asyncio.create_task(stream.run(sink))
        await stream.subscribe(["C0USDT", "C1USDT"])
        await stream.subscribe(["C0USDT"])
        await until(lambda: sink.of("C0USDT") and sink.of("C1USDT"))
        await stream.unsubscribe(["C1USDT", "C1USDT", "NEVERUSDT"])
        await until(lambda: server.counters.subscriptions == {"c0usdt@kline_1m", "c0usdt@miniTicker"})
        await stream.subscribe(["C1USDT"])
        await until(lambda: len(server.counters.subscriptions) == 4)
        await stream.close()
        await run
        await exchange.close()


async def test_a_cut_wire_ends_the_run() -> None:
    async with running(SimulatedExchange(recorded(3, 100))) as server, connected(server, SYMBOLS) as (_, run):
        await until(lambda: server.counters.subscriptions)
        server.cut_connections()
        with pytest.raises(TransientError):
            await run


async def test_a_server_that_closes_ends_the_run() -> None:
    async with running(SimulatedExchange(recorded(3, 100))) as server, connected(server, SYMBOLS) as (_, run):
        await until(lambda: server.counters.subscriptions)
        await server.stop()
        with pytest.raises(TransientError):
            await run


async def test_silence_ends_the_run() -> None:
    async def mute(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            assert message.type is WSMsgType.TEXT
        return socket

    async with serving(web.get("/stream", mute)) as address:
        exchange = binance(f"http://{address}", f"ws://{address}", timing=Timing(silence=0.3))
        stream = await exchange.connect()
        await stream.subscribe(["BTCUSDT"])
        with pytest.raises(TransientError, match="sent nothing"):
            await asyncio.wait_for(stream.run(RecordingSink()), 3)
        await exchange.close()


async def test_a_malformed_frame_does_not_end_the_run() -> None:
    async def sloppy(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str('{"stream":"btcusdt@kline_1m","data":{"e":"kline","E":1')
        await socket.send_bytes(b"\xff\xfe")
        await socket.send_str(
            '{"stream":"x@miniTicker","data":{"e":"24hrMiniTicker","E":1700000000000,"s":"X","c":"1"}}'
        )
        await socket.receive()
        return socket

    async with serving(web.get("/stream", sloppy)) as address:
        exchange = binance(f"http://{address}", f"ws://{address}")
        stream, sink = await exchange.connect(), RecordingSink()
        run = asyncio.create_task(stream.run(sink))
        await until(lambda: sink.tickers)
        assert [kind for kind, _ in sink.notes] == ["malformed", "malformed"]
        await stream.close()
        await run
        await exchange.close()


async def test_a_coarser_base() -> None:
    async with (
        running(SimulatedExchange(recorded(3, 20, Timeframe.H4), speed=None)) as server,
        connected(server, SYMBOLS, base=Timeframe.H4) as (sink, _),
    ):
        await until(lambda: server.finished and len(sink.closed("C2USDT")) == 20)
