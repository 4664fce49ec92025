"""The simulated exchange speaks Binance's protocol, also to clients that are not ours."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType

from livermore.adapters.exchanges.simulated import GeneratedSource, SimulatedExchange, SocketRules
from livermore.kernel.clock import ManualClock
from tests.contracts.exchanges.support import MINUTE, T0, recorded, running, until

NAMES = ["c0usdt@kline_1m", "c0usdt@miniTicker"]


@contextlib.asynccontextmanager
async def client(server: SimulatedExchange) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(server.rest_url) as session:
        yield session


@pytest.fixture
async def server() -> AsyncIterator[SimulatedExchange]:
    async with running(SimulatedExchange(recorded(2, 2000), position=T0 + 1500 * MINUTE)) as started:
        yield started


async def get(session: aiohttp.ClientSession, path: str, **query: str | int) -> tuple[int, Any]:
    async with session.get(f"/api/v3/{path}", params=query) as response:
        assert int(response.headers["X-MBX-USED-WEIGHT-1M"]) > 0
        return response.status, await response.json()


# ---------------------------------------------------------------- REST


async def test_ping_and_time(server: SimulatedExchange) -> None:
    async with client(server) as session:
        assert await get(session, "ping") == (200, {})
        assert await get(session, "time") == (200, {"serverTime": T0 + 1500 * MINUTE})


async def test_exchange_info(server: SimulatedExchange) -> None:
    async with client(server) as session:
        _, info = await get(session, "exchangeInfo")
        assert [symbol["symbol"] for symbol in info["symbols"]] == ["C0USDT", "C1USDT"]
        assert info["rateLimits"][0] == {
            "rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000,
        }  # fmt: skip
        symbol = info["symbols"][0]
        assert (symbol["status"], symbol["baseAsset"], symbol["quoteAsset"]) == ("TRADING", "C0", "USDT")
        filters = {one["filterType"]: one for one in symbol["filters"]}
        assert filters["PRICE_FILTER"]["tickSize"] == "0.01000000"
        assert filters["LOT_SIZE"]["stepSize"] == "0.00100000"
        _, one = await get(session, "exchangeInfo", symbol="C1USDT")
        assert [symbol["symbol"] for symbol in one["symbols"]] == ["C1USDT"]


async def test_klines(server: SimulatedExchange) -> None:
    async with client(server) as session:
        _, newest = await get(session, "klines", symbol="C0USDT", interval="1m")
        assert len(newest) == 500
        assert newest[-1][0] == T0 + 1499 * MINUTE
        assert [type(cell) for cell in newest[0]] == [int, *[str] * 5, int, str, int, str, str, str]
        assert newest[0][6] == newest[0][0] + MINUTE - 1
        _, first = await get(session, "klines", symbol="C0USDT", interval="1m", startTime=T0, limit=3)
        assert [row[0] for row in first] == [T0, T0 + MINUTE, T0 + 2 * MINUTE]
        _, both = await get(
            session, "klines", symbol="C0USDT", interval="1m", startTime=T0 + MINUTE, endTime=T0 + 2 * MINUTE
        )
        assert [row[0] for row in both] == [T0 + MINUTE, T0 + 2 * MINUTE]
        _, last = await get(
            session, "klines", symbol="C0USDT", interval="1m", endTime=T0 + 9 * MINUTE, limit=2
        )
        assert [row[0] for row in last] == [T0 + 8 * MINUTE, T0 + 9 * MINUTE]
        _, many = await get(session, "klines", symbol="C0USDT", interval="1m", startTime=T0, limit=5000)
        assert len(many) == 1000
        _, hours = await get(session, "klines", symbol="C0USDT", interval="1h", startTime=T0, limit=2)
        assert float(hours[0][2]) == max(float(row[2]) for row in many[:60])


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"interval": "1m"}, -1102),
        ({"symbol": "C0USDT"}, -1102),
        ({"symbol": "NOPE", "interval": "1m"}, -1121),
        ({"symbol": "c0usdt", "interval": "1m"}, -1100),
        ({"symbol": "C0USDT", "interval": "7m"}, -1120),
        ({"symbol": "C0USDT", "interval": "1M"}, -1120),
        ({"symbol": "C0USDT", "interval": "1m", "startTime": "yesterday"}, -1100),
        ({"symbol": "C0USDT", "interval": "1m", "limit": "-1"}, -1100),
    ],
)
async def test_refused_klines(server: SimulatedExchange, query: dict[str, str], code: int) -> None:
    async with client(server) as session:
        status, body = await get(session, "klines", **query)
        assert (status, body["code"]) == (400, code)
        assert body["msg"]


async def test_days(server: SimulatedExchange) -> None:
    async with client(server) as session:
        _, full = await get(session, "ticker/24hr", symbol="C0USDT")
        assert float(full["priceChange"]) == pytest.approx(
            float(full["lastPrice"]) - float(full["openPrice"])
        )
        assert full["closeTime"] == T0 + 1500 * MINUTE
        _, short = await get(session, "ticker/24hr", symbols='["C1USDT"]', type="MINI")
        assert "priceChange" not in short[0]
        _, all_ = await get(session, "ticker/24hr")
        assert len(all_) == 2
        status, body = await get(session, "ticker/24hr", symbols='["C1USDT","NOPE"]')
        assert (status, body["code"]) == (400, -1121)
        status, body = await get(session, "ticker/24hr", symbols="C1USDT")
        assert (status, body["code"]) == (400, -1100)


async def test_too_much_weight_is_refused_and_then_banned() -> None:
    clock = ManualClock(T0)
    async with (
        running(SimulatedExchange(recorded(1, 5), weight_limit=50, clock=clock)) as server,
        client(server) as session,
    ):
        for _ in range(2):
            assert (await get(session, "exchangeInfo"))[0] == 200
        async with session.get("/api/v3/exchangeInfo") as response:
            assert response.status == 429
            assert response.headers["Retry-After"] == "61"
            assert response.headers["X-MBX-USED-WEIGHT-1M"] == "60"
        statuses = [(await get(session, "ping"))[0] for _ in range(8)]
        assert statuses[0] == 429
        assert statuses[-1] == 418
        await clock.advance(61)
        assert (await get(session, "ping"))[0] == 418
        await clock.advance(61)
        assert (await get(session, "ping"))[0] == 200
        assert server.counters.over_limit > 0
        assert server.counters.banned > 0


# ---------------------------------------------------------------- WebSocket


async def talk(socket: aiohttp.ClientWebSocketResponse, request: object) -> Any:
    await socket.send_json(request)
    while "id" not in (answer := await socket.receive_json()):
        pass
    return answer


async def test_requests_over_the_socket(server: SimulatedExchange) -> None:
    async with client(server) as session, session.ws_connect("/stream") as socket:
        assert await talk(socket, {"method": "SUBSCRIBE", "params": NAMES, "id": 1}) == {
            "result": None,
            "id": 1,
        }
        assert await talk(socket, {"method": "LIST_SUBSCRIPTIONS", "id": "a"}) == {"result": NAMES, "id": "a"}
        assert server.counters.subscriptions == set(NAMES)
        gone = {"method": "UNSUBSCRIBE", "params": NAMES[:1], "id": 2}
        assert await talk(socket, gone) == {"result": None, "id": 2}
        assert await talk(socket, {"method": "LIST_SUBSCRIPTIONS", "id": 3}) == {"result": NAMES[1:], "id": 3}
    await until(lambda: not server.counters.subscriptions)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ('{"method":"SET_PROPERTY","params":["colour",true],"id":1}', 0),
        ('{"method":"SET_PROPERTY","params":["combined","yes"],"id":1}', 1),
        ('{"method":"DANCE","params":[],"id":1}', 2),
        ('{"method":"SUBSCRIBE","params":"btcusdt@kline_1m","id":1}', 2),
        ('{"id":1}', 2),
        ("{", 3),
    ],
)
async def test_refused_requests(server: SimulatedExchange, request_: str, code: int) -> None:
    async with client(server) as session, session.ws_connect("/ws") as socket:
        await socket.send_str(request_)
        answer = await socket.receive_json()
        assert answer["code"] == code
        assert answer["msg"]
        assert answer["id"] == (1 if code != 3 else None)


async def test_raw_and_combined_frames() -> None:
    async with running(SimulatedExchange(recorded(1, 5000), speed=600)) as server, client(server) as session:
        async with session.ws_connect(f"/ws/{NAMES[0]}") as socket:
            frame = await socket.receive_json()
            assert (frame["e"], frame["s"], frame["k"]["i"]) == ("kline", "C0USDT", "1m")
            assert set(frame["k"]) == set("tTsifLohlcvnxqVQB") | {"c"}
            await talk(socket, {"method": "SET_PROPERTY", "params": ["combined", True], "id": 1})
            assert set(await socket.receive_json()) == {"stream", "data"}
        async with session.ws_connect(f"/stream?streams={NAMES[0]}/{NAMES[1]}") as socket:
            streams = {(await socket.receive_json())["stream"] for _ in range(40)}
            assert streams == set(NAMES)
        async with session.ws_connect(f"/stream?streams={NAMES[1]}") as socket:
            frame = await socket.receive_json()
            assert set(frame["data"]) == set("eEscohlvq")
            await server.announce_shutdown()
            while (frame := await socket.receive_json())["stream"] == NAMES[1]:
                pass
            assert (frame["stream"], frame["data"]["e"]) == ("!serverShutdown", "serverShutdown")


async def test_an_unknown_stream_is_acknowledged_and_silent(server: SimulatedExchange) -> None:
    async with client(server) as session, session.ws_connect("/stream") as socket:
        wanted = {"method": "SUBSCRIBE", "params": ["nopeusdt@kline_1m"], "id": 1}
        assert await talk(socket, wanted) == {"result": None, "id": 1}
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.receive(), 0.1)


async def test_a_hasty_client_is_cut(server: SimulatedExchange) -> None:
    async with client(server) as session, session.ws_connect("/stream", autoclose=False) as socket:
        for number in range(6):
            await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": number})
        answers = [await socket.receive() for _ in range(6)]
        assert [answer.type for answer in answers] == [*[WSMsgType.TEXT] * 5, WSMsgType.CLOSE]
        assert answers[-1].data == 1008
    assert server.counters.cut == 1


async def test_a_client_with_too_many_streams_is_cut(server: SimulatedExchange) -> None:
    async with client(server) as session, session.ws_connect("/stream", autoclose=False) as socket:
        names = [f"c{number}usdt@kline_1m" for number in range(1025)]
        await socket.send_json({"method": "SUBSCRIBE", "params": names, "id": 1})
        kinds = [(await socket.receive()).type for _ in range(2)]
        assert kinds[-1] is WSMsgType.CLOSE


async def test_pings_and_who_does_not_answer_them() -> None:
    clock = ManualClock(T0)
    rules = SocketRules(ping_every=20, pong_within=60)
    async with (
        running(SimulatedExchange(recorded(1, 5), clock=clock, rules=rules)) as server,
        client(server) as session,
        session.ws_connect("/stream", autoping=False) as socket,
    ):
        await until(lambda: server.counters.connections)
        await asyncio.sleep(0.01)
        await clock.advance(20)
        ping = await socket.receive()
        assert ping.type is WSMsgType.PING
        await socket.pong(ping.data)
        await until(lambda: server.counters.messages == 1)
        for _ in range(4):
            assert server.counters.cut == 0
            await clock.advance(20)
        await until(lambda: server.counters.cut == 1)


async def test_a_connection_has_a_lifetime() -> None:
    clock = ManualClock(T0)
    rules = SocketRules(lifetime=30, ping_every=20)
    async with (
        running(SimulatedExchange(recorded(1, 5), clock=clock, rules=rules)) as server,
        client(server) as session,
        session.ws_connect("/stream") as socket,
    ):
        await until(lambda: server.counters.connections)
        await asyncio.sleep(0.01)
        await clock.advance(40)
        with contextlib.suppress(ConnectionError):  # or the answer to the ping finds the wire cut
            assert (await socket.receive()).type in {WSMsgType.CLOSED, WSMsgType.ERROR}


async def test_a_reader_that_is_far_too_slow_is_cut() -> None:
    rules = SocketRules(most_unread=100_000)
    source = GeneratedSource()
    names = "/".join(f"{market.symbol.lower()}@kline_1m" for market in source.markets)
    async with (
        running(SimulatedExchange(source, speed=100_000, rules=rules)) as server,
        client(server) as session,
        session.ws_connect(f"/stream?streams={names}") as socket,
    ):
        await until(lambda: not server.counters.subscriptions and server.counters.frames)
        await socket.close()
