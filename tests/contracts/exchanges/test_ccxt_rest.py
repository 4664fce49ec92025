"""The adapter through ccxt, asked over REST."""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable

import numpy as np
import pytest
from aiohttp import web

from livermore.adapters.exchanges.simulated import SimulatedExchange
from livermore.adapters.exchanges.through_ccxt import ThroughCcxt, row_of
from livermore.kernel.clock import ManualClock, SystemClock
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
from livermore.market.exchange import ExchangeInfo
from livermore.market.symbol import Ticker
from tests.contracts.exchanges.ccxt_support import of, through
from tests.contracts.exchanges.support import MINUTE, T0, recorded, running, serving

Handler = Callable[[web.Request], Awaitable[web.Response]]


async def test_history_is_the_source_page_by_page() -> None:
    source = recorded(2, 2300)
    async with running(SimulatedExchange(source, position=T0 + 2300 * MINUTE)) as server:
        exchange = of(server)
        told = await exchange.history("C1USDT", Timeframe.M1, T0 + MINUTE, T0 + 2299 * MINUTE)
        assert exchange.pages(2298) == [1, 1, 1]
        await exchange.close()
        assert server.counters.requests["/api/v3/klines"] == 3
        assert server.counters.requests["/api/v3/exchangeInfo"] == 1
    rows = source.bars("C1USDT", Timeframe.M1, T0 + MINUTE, T0 + 2299 * MINUTE)
    for column in ("time", "open", "high", "low", "close", "volume"):
        np.testing.assert_array_equal(getattr(told, column), getattr(rows, column))


async def test_names_in_small_letters_are_ours_in_capitals() -> None:
    klines = answering(200, f'[[{T0}, "1", "2", "1", "2", "3"]]')
    async with serving(*binance_routes(klines, "btcusdt")) as address:
        exchange = through(f"http://{address}")
        assert [symbol.name for symbol in await exchange.listing()] == ["BTCUSDT"]
        told = await exchange.history("BTCUSDT", Timeframe.M1, T0, T0 + MINUTE)
        await exchange.close()
    assert told.time.tolist() == [T0]


async def test_history_goes_on_behind_a_stretch_without_trades() -> None:
    asked: list[int] = []

    async def klines(request: web.Request) -> web.Response:
        start, limit = int(request.query["startTime"]), int(request.query["limit"])
        asked.append(start)
        times = [time for time in (T0, T0 + 2999 * MINUTE) if start <= time < start + limit * MINUTE]
        return web.json_response([[time, "1", "2", "1", "2", "3"] for time in times])

    async with serving(*binance_routes(klines)) as address:
        exchange = through(f"http://{address}")
        told = await exchange.history("BTCUSDT", Timeframe.M1, T0, T0 + 3000 * MINUTE)
        await exchange.close()
    assert told.time.tolist() == [T0, T0 + 2999 * MINUTE]
    assert asked == sorted(set(asked))


async def test_rows_that_are_none_and_buckets_not_asked_for_are_left_out() -> None:
    rows = [
        [T0 - MINUTE, "9", "9", "9", "9", "1"],
        [T0, "1", "1", "1", "1", "1"],
        [T0 + MINUTE, None, None, None, None, None],
        [T0 + MINUTE + 1, "5", "5", "5", "5", "1"],
        [T0 + 2 * MINUTE, "3", "3", "3", "3", "1"],
        [T0 + 4 * MINUTE, "4", "4", "4", "4", "1"],
    ]

    async def klines(_: web.Request) -> web.Response:
        return web.json_response(rows)

    async with serving(*binance_routes(klines)) as address:
        exchange = through(f"http://{address}")
        told = await exchange.history("BTCUSDT", Timeframe.M1, T0, T0 + 4 * MINUTE)
        await exchange.close()
    assert told.time.tolist() == [T0, T0 + 2 * MINUTE]


async def test_it_refuses_a_timeframe_that_ccxt_does_not_offer() -> None:
    async with serving(*binance_routes(answering(200, "[]"))) as address:
        exchange = through(f"http://{address}")
        await exchange.listing()
        exchange._library.loaded.timeframes.pop("4h")
        with pytest.raises(InvalidError) as refused:
            await exchange.history("BTCUSDT", Timeframe.H4, T0, T0 + 4 * 60 * MINUTE)
        await exchange.close()
    assert "4h" in str(refused.value)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, '{"code":-1003,"msg":"Too much request weight used."}', RateLimitedError),
        (418, '{"code":-1003,"msg":"Way too much request weight used."}', RateLimitedError),
        (400, '{"code":-1121,"msg":"Invalid symbol."}', NotFoundError),
        (401, '{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}', ExchangeRefusedError),
        (403, "<html>The request is blocked from your country", ExchangeRefusedError),
        (451, '{"code":0,"msg":"Service unavailable from a restricted location"}', BlockedError),
        (502, "<html>Bad Gateway</html>", ExchangeUnreachableError),
        (200, '{"rows": 1}', ExchangeUnreachableError),
        (200, "[[1", ExchangeUnreachableError),
    ],
)
async def test_every_failure_is_one_of_ours(status: int, body: str, kind: type[LivermoreError]) -> None:
    async with serving(*binance_routes(answering(status, body))) as address:
        exchange = through(f"http://{address}")
        with pytest.raises(kind) as failed:
            await exchange.history("BTCUSDT", Timeframe.M1, T0, T0 + MINUTE)
        await exchange.close()
    assert failed.value.where == "elsewhere"


async def test_being_told_to_slow_down_keeps_us_from_asking() -> None:
    clock = ManualClock(T0)
    async with serving(*binance_routes(answering(429, "{}", {"Retry-After": "7"}))) as address:
        exchange = through(f"http://{address}", clock=clock)
        with pytest.raises(RateLimitedError) as failed:
            await exchange.history("BTCUSDT", Timeframe.M1, T0, T0 + MINUTE)
        assert exchange.budget.forecast([1]).seconds >= 7
        await exchange.close()
    assert failed.value.retry_after == 7


async def test_a_limit_told_without_its_status_keeps_us_from_asking_too() -> None:
    async with serving(
        *binance_routes(answering(200, '{"code":-1003,"msg":"Too many requests"}'))
    ) as address:
        exchange = through(f"http://{address}", clock=ManualClock(T0))
        with pytest.raises(RateLimitedError):
            await exchange.history("BTCUSDT", Timeframe.M1, T0, T0 + MINUTE)
        assert exchange.budget.forecast([1]).seconds >= 60
        await exchange.close()


async def test_a_server_that_is_down_is_unreachable() -> None:
    exchange = through("http://127.0.0.1:1")
    with pytest.raises(ExchangeUnreachableError):
        await exchange.listing()
    with pytest.raises(ExchangeUnreachableError):
        await exchange.connect()
    await exchange.close()


async def test_every_request_goes_through_the_budget() -> None:
    async with running(SimulatedExchange(recorded(2, 10), position=T0 + 10 * MINUTE)) as server:
        exchange = of(server)
        await exchange.listing()
        await exchange.server_time()
        await exchange.history("C0USDT", Timeframe.M1, T0, T0 + 5 * MINUTE)
        asked = sum(server.counters.requests.values())
        used, limit = exchange.budget.usage()
        await exchange.close()
    assert asked == 3
    assert used == 4 + 1 + 1  # ccxt's own costs, rounded up
    assert limit == 960  # of the 1,200 units a minute that ccxt knows


async def test_tickers_one_by_one_where_they_cannot_be_had_together() -> None:
    async with running(SimulatedExchange(recorded(2, 10), position=T0 + 10 * MINUTE)) as server:
        exchange = of(server, has={"fetchTickers": False})
        told = await exchange.tickers(["C0USDT", "NONE", "C1USDT"])
        together = await of_same(server, ["C0USDT", "C1USDT"])
        await exchange.close()
    assert [(day.symbol, day.price) for day in told] == [(day.symbol, day.price) for day in together]
    assert len(told) == 2


async def of_same(server: SimulatedExchange, symbols: list[str]) -> list[Ticker]:
    exchange = of(server)
    try:
        return await exchange.tickers(symbols)
    finally:
        await exchange.close()


async def test_without_a_clock_of_its_own_the_dates_of_its_answers_tell_the_time() -> None:
    async with serving(*binance_routes(answering(200, "[]"))) as address:
        exchange = through(f"http://{address}", clock=ManualClock(T0), has={"fetchTime": False})
        told, now = await exchange.server_time(), SystemClock().now()
        await exchange.close()
    assert now - 60_000 < told <= now


async def test_nothing_is_opened_after_the_end() -> None:
    async with running(SimulatedExchange(recorded(1, 10))) as server:
        exchange = of(server)
        await exchange.listing()
        for _ in range(2):
            await exchange.close()
        for ask in (exchange.listing, exchange.days, exchange.server_time, exchange.connect):
            with pytest.raises(ExchangeUnreachableError, match="has been closed"):
                await ask()
    assert exchange._library.loaded is None


async def test_who_waits_for_the_opening_of_what_is_closed_meanwhile_gets_nothing() -> None:
    exchange = through("http://127.0.0.1:1")
    first, second = asyncio.create_task(exchange.listing()), asyncio.create_task(exchange.listing())
    await asyncio.sleep(0)
    await exchange.close()
    told = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(one) for one in told] == [ExchangeUnreachableError] * 2
    assert "has been closed" in str(told[1])
    assert exchange._library.loaded is None


def test_without_the_extra_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(InvalidError) as refused:
        ThroughCcxt(ExchangeInfo(name="kraken", display_name="Kraken"), ManualClock())
    assert "livermore[ccxt]" in (refused.value.hint or "")


async def test_an_exchange_that_ccxt_does_not_know_is_refused() -> None:
    exchange = through(None, ccxt_id="Exchange")
    with pytest.raises(InvalidError, match="Exchange"):
        await exchange.listing()
    await exchange.close()


def test_the_library_is_not_imported_before_it_is_needed() -> None:
    code = "import sys, livermore.adapters.exchanges.through_ccxt; sys.exit('ccxt' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_ccxt_describes_the_row_of_an_exchange() -> None:
    row = row_of("mine", ccxt_id="coinbaseexchange")
    assert (row.name, row.display_name, row.api_limits) == (
        "mine", "Coinbase Exchange", {"ccxt": "coinbaseexchange"},
    )  # fmt: skip
    assert row.supported_timeframes == ("1m", "5m", "15m", "1h", "6h", "1d")
    assert row_of("kraken").api_limits is None


def binance_routes(klines: Handler, name: str = "BTCUSDT") -> list[web.RouteDef]:
    """Binance's REST interface with one market, whose candles are answered as told."""
    market = {
        "symbol": name, "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT",
        "isSpotTradingAllowed": True, "permissions": [], "permissionSets": [["SPOT"]], "filters": [],
        "orderTypes": [],
    }  # fmt: skip
    info = {"timezone": "UTC", "serverTime": T0, "rateLimits": [], "exchangeFilters": [], "symbols": [market]}

    async def listing(_: web.Request) -> web.Response:
        return web.json_response(info)

    return [web.get("/api/v3/exchangeInfo", listing), web.get("/api/v3/klines", klines)]


def answering(status: int, body: str, headers: dict[str, str] | None = None) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body, content_type="application/json", headers=headers)

    return handler
