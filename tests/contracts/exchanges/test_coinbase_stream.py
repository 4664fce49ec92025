"""The connection: what it asks, at what pace, under which names it delivers, and how it ends."""

import asyncio

import pytest
from aiohttp import web

from livermore.adapters.exchanges.coinbase import Timing
from livermore.adapters.exchanges.coinbase.connection import CHANNELS
from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import (
    ExchangeRefusedError,
    ExchangeUnreachableError,
    LivermoreError,
    RateLimitedError,
)
from tests.contracts.exchanges.coinbase_support import (
    PRODUCTS,
    Server,
    Sold,
    bars_of,
    coinbase,
    frame,
    trades_frame,
    values,
)
from tests.contracts.exchanges.support import MINUTE, T0, RecordingSink, serving, until

FAST = Timing(spacing=0.0)


def walk(first: int, count: int, step: int = 10_000) -> list[Sold]:
    """Trades every so many ms."""
    return [
        Sold(first + place, f"{100 + place}", f"0.{first + place}", T0 + place * step)
        for place in range(count)
    ]


def beat(number: int, moment: int = T0) -> bytes:
    return frame("heartbeats", number, {"heartbeat_counter": number}, time=moment)


async def test_each_channel_is_asked_for_once_and_heartbeats_at_once() -> None:
    async with Server().running() as server:
        exchange = server.adapter(timing=FAST)
        stream = await exchange.connect()
        await until(
            lambda: server.of("heartbeats") == [[]]
        )  # before anybody subscribes: Coinbase waits for 5 s
        await stream.subscribe(["BTC-USD", "ETH-USD"])
        await until(lambda: all(server.of(channel) for channel in CHANNELS))
        for channel in ("market_trades", "ticker_batch", "candles"):
            assert server.of(channel) == [["BTC-USD", "ETH-USD"]]
        assert all("jwt" not in one for one in server.asked)
        await stream.subscribe(["BTC-USD"])
        await stream.unsubscribe(["ETH-USD"])
        await until(lambda: server.of("candles", "unsubscribe") == [["ETH-USD"]])
        assert len(server.of("market_trades")) == 1
        await stream.close()
        await exchange.close()


async def test_messages_keep_their_distance() -> None:
    clock = ManualClock()
    async with Server().running() as server:
        exchange = server.adapter(clock=clock)
        listed, _ = await asyncio.gather(exchange.listing(), clock.advance(0))
        exchange.learn(listed)
        stream = await exchange.connect()
        subscribing = asyncio.create_task(stream.subscribe(["BTC-USD"]))
        await until(lambda: len(server.asked) == 1)
        for count in (2, 3, 4):
            await clock.advance(0.10)
            assert len(server.asked) == count - 1
            await clock.advance(0.06)
            await until(lambda count=count: len(server.asked) == count)  # type: ignore[misc]
        await subscribing
        await stream.close()
        await exchange.close()


async def test_an_alias_is_asked_for_as_what_it_stands_for_and_delivered_as_asked() -> None:
    async with Server().running() as server:
        exchange = server.adapter(timing=FAST)
        async with server.streaming(["BTC-USDC"], exchange) as (sink, _):
            await until(lambda: server.of("candles"))
            assert server.of("market_trades") == [["BTC-USD"]]
            await server.socket.send_str(trades_frame(0, walk(1, 1)).decode())
            await until(lambda: sink.bars)
            day = {"product_id": "BTC-USD", "price": "5", "volume_24_h": "2"}
            await server.socket.send_str(frame("ticker_batch", 1, {"tickers": [day]}).decode())
            bar = {
                "start": str(T0 // 1000),
                "open": "1",
                "high": "1",
                "low": "1",
                "close": "1",
                "volume": "1",
            }
            candles = {"type": "update", "candles": [{**bar, "product_id": "BTC-USD"}]}
            await server.socket.send_str(frame("candles", 2, candles).decode())
            await until(lambda: sink.longer_bars)
            assert {bar.symbol for bar, _ in sink.bars} == {"BTC-USDC"}
            assert [ticker.symbol for ticker in sink.tickers] == ["BTC-USDC"]
            assert [bar.symbol for _, bar in sink.longer_bars] == ["BTC-USDC"]
        await exchange.close()


async def test_both_names_of_a_book_are_delivered_and_each_can_be_dropped() -> None:
    async with Server().running() as server:
        exchange = server.adapter(timing=FAST)
        stream, sink = await exchange.connect(), RecordingSink()
        run = asyncio.create_task(stream.run(sink))
        await stream.subscribe(["BTC-USDC", "BTC-USD"])
        await until(lambda: server.of("candles"))
        assert server.of("market_trades") == [["BTC-USD"]]
        await server.socket.send_str(trades_frame(0, walk(1, 1)).decode())
        await until(lambda: len(sink.bars) == 2)
        assert {bar.symbol for bar, _ in sink.bars} == {"BTC-USD", "BTC-USDC"}
        await stream.unsubscribe(["BTC-USD"])
        await server.socket.send_str(trades_frame(1, walk(2, 1)).decode())
        await until(lambda: len(sink.bars) == 3)
        assert sink.bars[-1][0].symbol == "BTC-USDC"
        assert not server.of("market_trades", "unsubscribe")
        await stream.unsubscribe(["BTC-USDC"])
        await until(lambda: server.of("candles", "unsubscribe") == [["BTC-USD"]])
        await server.socket.send_str(trades_frame(2, walk(3, 1)).decode())
        await server.socket.send_str(beat(3).decode())
        await until(lambda: sink.beats)
        assert len(sink.bars) == 3
        await stream.close()
        await run
        await exchange.close()


async def test_an_alias_that_is_listed_no_more_is_let_go_of_as_it_was_asked_for() -> None:
    async with Server().running() as server:
        exchange = server.adapter(timing=FAST)
        stream = await exchange.connect()
        await stream.subscribe(["BTC-USDC"])
        exchange.learn([])
        await stream.unsubscribe(["BTC-USDC", "ETH-USD"])
        await until(lambda: server.of("candles", "unsubscribe") == [["BTC-USD"]])
        await stream.close()
        await exchange.close()


async def test_what_is_only_asked_and_not_believed_makes_no_alias_and_takes_none() -> None:
    async with Server().running() as server:
        exchange = server.adapter(timing=FAST)
        stream = await exchange.connect()
        server.listed = []
        await stream.subscribe(["ETH-USD"])
        server.listed = PRODUCTS
        await stream.subscribe(["BTC-USDC"])
        for listed in ([], PRODUCTS[:1]):
            server.listed = listed
            await exchange.listing()
        await stream.unsubscribe(["BTC-USDC"])
        await stream.subscribe(["BTC-USDC"])
        await until(lambda: len(server.of("candles")) == 3)
        assert server.of("candles") == [["ETH-USD"], ["BTC-USD"], ["BTC-USD"]]
        await stream.close()
        await exchange.close()


async def test_what_nobody_asked_for_is_not_delivered() -> None:
    async with Server().running() as server:
        exchange = server.adapter(timing=FAST)
        async with server.streaming(["BTC-USD"], exchange) as (sink, _):
            await until(lambda: server.of("candles"))
            await server.socket.send_str(trades_frame(0, walk(1, 3), product="DOGE-USD").decode())
            await server.socket.send_str(trades_frame(1, walk(1, 3)).decode())
            await until(lambda: sink.bars)
            assert {bar.symbol for bar, _ in sink.bars} == {"BTC-USD"}
        await exchange.close()


async def test_data_may_come_before_it_is_acknowledged() -> None:
    async with Server().running() as server:
        exchange = server.adapter(timing=FAST)
        async with server.streaming(["BTC-USD"], exchange) as (sink, _):
            await until(lambda: server.of("candles"))
            snapshot = trades_frame(0, reversed(walk(1, 20)), kind="snapshot")
            ack = frame("subscriptions", 1, {"subscriptions": {"market_trades": ["BTC-USD"]}})
            for raw in (snapshot, ack, beat(2)):
                await server.socket.send_bytes(raw)
            await until(lambda: sink.beats)
            assert sink.gaps == 0
            assert [values(bar) for bar, _ in sink.bars] == list(bars_of(walk(1, 20)).values())[-3:]
        await exchange.close()


async def test_bars_go_on_whole_over_a_reconnection() -> None:
    tape = walk(1, 30, step=4_000)
    async with Server().running() as server:
        exchange = server.adapter(timing=FAST)
        async with server.streaming(["BTC-USD"], exchange) as (sink, _):
            await until(lambda: server.of("candles"))
            await server.socket.send_bytes(trades_frame(0, tape[:20]))
            await until(lambda: sink.bars)
        async with server.streaming(["BTC-USD"], exchange) as (sink, _):
            await until(lambda: len(server.of("candles")) == 2)
            await server.socket.send_bytes(trades_frame(0, reversed(tape[10:25]), kind="snapshot"))
            await server.socket.send_bytes(trades_frame(1, tape[25:]))
            await until(lambda: len(sink.bars) == 2)
            assert [bar.whole for bar, _ in sink.bars] == [True, True]
            assert values(sink.bars[-1][0]) == bars_of(tape)[T0 + MINUTE]
        await exchange.close()


class Wires(RecordingSink):
    """A sink that hands out another for each connection."""

    def __init__(self) -> None:
        super().__init__()
        self.handed: list[RecordingSink] = []

    def wire(self) -> RecordingSink:
        self.handed.append(RecordingSink())
        return self.handed[-1]


async def test_a_connection_has_a_sink_of_its_own() -> None:
    async with Server().running() as server:
        exchange = server.adapter(timing=FAST)
        stream, sink = await exchange.connect(), Wires()
        run = asyncio.create_task(stream.run(sink))
        await stream.subscribe(["BTC-USD"])
        await server.socket.send_bytes(beat(0))
        await until(lambda: sink.handed and sink.handed[0].beats)
        assert (len(sink.handed), sink.beats) == (1, [])
        await stream.close()
        await run
        await exchange.close()


# -- how it ends -----------------------------------------------------------------------------------------


async def test_silence_ends_the_connection() -> None:
    clock = ManualClock(T0)
    async with Server().running() as server:
        exchange = server.adapter(clock=clock, timing=Timing(spacing=0.0, farewell=0.05))
        stream, sink = await exchange.connect(), RecordingSink()
        run = asyncio.create_task(stream.run(sink))
        await until(lambda: server.asked)
        for number in range(8):
            await server.socket.send_bytes(beat(number))
            await until(lambda number=number: len(sink.beats) == number + 1)  # type: ignore[misc]
            await clock.advance(20)
        assert not run.done()
        await clock.advance(31)
        with pytest.raises(ExchangeUnreachableError, match="nothing for 30 s"):
            await run
        await stream.close()
        await exchange.close()


async def test_an_error_ends_the_connection_and_says_so() -> None:
    async with Server().running() as server:
        exchange = server.adapter(timing=FAST)
        async with server.streaming(["BTC-USD"], exchange) as (sink, run):
            await server.socket.send_str('{"type":"error","message":"failure to subscribe"}')
            with pytest.raises(ExchangeUnreachableError, match="failure to subscribe"):
                await run
            assert sink.notes == [("error", "failure to subscribe")]
        await exchange.close()


async def test_a_connection_that_is_cut_is_unreachable() -> None:
    async with Server().running() as server:
        exchange = server.adapter(timing=FAST)
        async with server.streaming(["BTC-USD"], exchange) as (_, run):
            await until(lambda: server.of("candles"))
            await server.socket.close()
            with pytest.raises(ExchangeUnreachableError, match="closed the connection"):
                await run
        await exchange.close()


async def test_asking_on_a_lost_connection_fails() -> None:
    async with Server().running() as server:
        exchange = server.adapter(timing=FAST)
        stream = await exchange.connect()
        await stream.close()
        with pytest.raises(ExchangeUnreachableError):
            await stream.subscribe(["BTC-USD"])
        await exchange.close()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (403, ExchangeRefusedError),
        (429, RateLimitedError),
        (401, ExchangeUnreachableError),
        (502, ExchangeUnreachableError),
    ],
)
async def test_a_refused_socket(status: int, kind: type[LivermoreError]) -> None:
    async def refuse(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status)

    async with serving(web.get("/", refuse)) as address:
        exchange = coinbase(f"http://{address}", f"ws://{address}")
        with pytest.raises(kind):
            await exchange.connect()
        await exchange.close()
