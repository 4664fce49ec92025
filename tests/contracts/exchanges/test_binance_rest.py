"""Every way in which a REST answer can go wrong, against a real server; and how much we ask of it."""

import asyncio
import re
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from livermore.adapters.exchanges.binance import Timing
from livermore.adapters.exchanges.binance.refusals import NoInterfaceError
from livermore.adapters.exchanges.simulated import SimulatedExchange
from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import (
    BlockedError,
    ExchangeRefusedError,
    ExchangeUnreachableError,
    InvalidError,
    LivermoreError,
    NotFoundError,
    RateLimitedError,
)
from livermore.kernel.timeframe import Timeframe
from tests.contracts.exchanges.support import MINUTE, T0, binance, recorded, running, serving

HTML = "<html><body>Just a moment</body></html>"
ROW = [T0, "1", "2", "0.5", "1.5", "10", T0 + 59_999, "15", 3, "5", "7", "0"]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def answer(status: int, text: str = "", **headers: str) -> Handler:
    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(
            status=status, text=text, headers={"-".join(name.split("_")): headers[name] for name in headers}
        )

    return handler


async def hang(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(5)
    return web.Response()


async def cut(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def truncate(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'[[1499040000000,"0.01')
    assert request.transport is not None
    request.transport.abort()
    return response


async def ask(handler: Handler) -> LivermoreError:
    """Ask a misbehaving server for candles and return the error."""
    async with serving(web.get("/api/v3/klines", handler)) as address:
        exchange = binance(f"http://{address}", timing=Timing(request=0.2))
        try:
            with pytest.raises(LivermoreError) as caught:
                await exchange.history("BTCUSDT", Timeframe.M1, T0, T0 + 10 * MINUTE)
            return caught.value
        finally:
            await exchange.close()


@pytest.mark.parametrize(
    ("handler", "kind"),
    [
        (answer(500), ExchangeUnreachableError),
        (answer(503, HTML), ExchangeUnreachableError),
        (answer(200, HTML), ExchangeUnreachableError),
        (answer(200), ExchangeUnreachableError),
        (answer(200, "[[1700006400000,"), ExchangeUnreachableError),
        (answer(200, '{"code":0}'), ExchangeUnreachableError),
        (answer(200, '[[1700006400000,"1","2","0.5","1.5"]]'), ExchangeUnreachableError),
        (answer(200, '[[1700006400000,"NaN","2","0.5","1.5","1"]]'), ExchangeUnreachableError),
        (answer(200, '[[1500000000000,"1","2","0.5","1.5","1"]]'), ExchangeUnreachableError),
        (answer(404, HTML), NoInterfaceError),
        (hang, ExchangeUnreachableError),
        (cut, ExchangeUnreachableError),
        (truncate, ExchangeUnreachableError),
        (answer(400, '{"code":-1007,"msg":"Timeout waiting for backend."}'), ExchangeUnreachableError),
        (answer(400, '{"code":-1121,"msg":"Invalid symbol."}'), NotFoundError),
        (answer(400, '{"code":-1120,"msg":"Invalid interval."}'), InvalidError),
        (answer(403, HTML), ExchangeRefusedError),
        (answer(451, '{"code":0,"msg":"A restricted location"}'), BlockedError),
        (answer(429), RateLimitedError),
        (answer(418, '{"code":-1003,"msg":"Way too much request weight used."}'), RateLimitedError),
    ],
)  # fmt: skip
async def test_an_error_says_what_to_do(handler: Handler, kind: type[LivermoreError]) -> None:
    error = await ask(handler)
    assert type(error) is kind
    assert re.search(r"http://127.0.0.1:\d+/api/v3/klines|BTCUSDT", error.where or "")


async def test_nobody_there() -> None:
    exchange = binance("http://127.0.0.1:1", "ws://127.0.0.1:1")
    with pytest.raises(ExchangeUnreachableError):
        await exchange.server_time()
    with pytest.raises(ExchangeUnreachableError):
        await exchange.connect()
    await exchange.close()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (451, BlockedError),
        (403, ExchangeRefusedError),
        (429, RateLimitedError),
        (502, ExchangeUnreachableError),
    ],
)
async def test_a_refused_socket(status: int, kind: type[LivermoreError]) -> None:
    async with serving(web.get("/stream", answer(status))) as address:
        exchange = binance(f"http://{address}", f"ws://{address}")
        with pytest.raises(kind):
            await exchange.connect()
        await exchange.close()


async def test_a_refusal_by_place_has_a_hint() -> None:
    error = await ask(answer(451))
    assert "binance_us" in (error.hint or "")


@pytest.mark.parametrize(
    ("told", "seconds"), [({"Retry_After": "7"}, 7.0), ({}, 60.0), ({"Retry_After": "soon"}, 60.0)]
)
async def test_a_rate_limit_carries_retry_after(told: dict[str, str], seconds: float) -> None:
    error = await ask(answer(429, **told))
    assert isinstance(error, RateLimitedError)
    assert error.retry_after == seconds


@pytest.mark.parametrize("length", [6, 9, 12, 14])
async def test_rows_of_any_length(length: int) -> None:
    row = str([*ROW, "1", "2"][:length]).replace("'", '"')
    async with serving(web.get("/api/v3/klines", answer(200, f"[{row}]"))) as address:
        exchange = binance(f"http://{address}")
        candles = await exchange.history("BTCUSDT", Timeframe.M1, T0, T0 + MINUTE)
        assert (candles.time[0], candles.close[0], candles.volume[0]) == (T0, 1.5, 10.0)
        await exchange.close()


async def test_after_a_rate_limit_every_request_waits() -> None:
    asked: list[int] = []

    async def limited_once(_: web.Request) -> web.StreamResponse:
        asked.append(clock.now())
        if len(asked) == 1:
            return web.Response(status=429, headers={"Retry-After": "30"})
        return web.json_response({"serverTime": T0})

    clock = ManualClock(T0)
    async with serving(web.get("/api/v3/time", limited_once)) as address:
        exchange = binance(f"http://{address}", clock=clock)
        with pytest.raises(RateLimitedError):
            await exchange.server_time()
        later = asyncio.create_task(exchange.server_time())
        await clock.advance(29)
        assert len(asked) == 1
        await clock.advance(4)
        assert await later == T0
        assert T0 + 30_000 <= asked[1] <= T0 + 33_000
        await exchange.close()


async def test_a_long_ban_is_told_at_once() -> None:
    async with serving(web.get("/api/v3/time", answer(418, Retry_After="7200"))) as address:
        exchange = binance(f"http://{address}")
        for _ in range(2):
            with pytest.raises(RateLimitedError) as caught:
                await exchange.server_time()
            assert caught.value.retry_after == pytest.approx(7200, abs=5)
        await exchange.close()


async def test_the_limit_is_never_exceeded() -> None:
    clock = ManualClock(T0)
    async with running(SimulatedExchange(recorded(1, 10), weight_limit=100)) as server:
        exchange = binance(server.rest_url, clock=clock)
        await exchange.listing()
        assert exchange.budget.usage() == (20, 80)
        asked = [asyncio.create_task(exchange.server_time()) for _ in range(100)]
        async with asyncio.timeout(5):
            while server.counters.requests["/api/v3/time"] < 60:
                await asyncio.sleep(0.005)
        assert exchange.budget.usage() == (80, 80)
        assert server.counters.weight == 80
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        assert server.counters.over_limit == 0
        await exchange.close()


async def test_the_row_is_a_ceiling() -> None:
    async with running(SimulatedExchange(recorded(1, 10), weight_limit=6000)) as server:
        exchange = binance(server.rest_url, weight_limit=500)
        await exchange.listing()
        assert exchange.budget.usage().limit == 400
        await exchange.close()


async def test_the_days_of_all_cost_eighty_and_a_quote_two() -> None:
    async with running(SimulatedExchange(recorded(45, 30), position=T0 + 30 * MINUTE)) as server:
        exchange = binance(server.rest_url)
        assert len(await exchange.days()) == 45
        assert (exchange.budget.usage().used, server.counters.weight) == (80, 80)
        quote = await exchange.quote("C3USDT")
        assert (exchange.budget.usage().used, server.counters.weight) == (82, 82)
        assert quote.trades_24h == 5 * 30  # of a recorded bar each update is a trade
        await exchange.close()


async def test_twenty_tickers_cost_as_much_as_one() -> None:
    async with running(SimulatedExchange(recorded(45, 3), position=T0 + 3 * MINUTE)) as server:
        exchange = binance(server.rest_url)
        names = [market.symbol for market in server.source.markets]
        assert [ticker.symbol for ticker in await exchange.tickers(names)] == names
        assert server.counters.requests["/api/v3/ticker/24hr"] == 3
        assert server.counters.weight == 6
        await exchange.close()
