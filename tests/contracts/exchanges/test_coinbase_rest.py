"""Coinbase's REST interface, against a real server: what is asked, what is read, and what can go wrong."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Coroutine
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from livermore.adapters.exchanges.coinbase import Coinbase, Timing
from livermore.adapters.exchanges.coinbase.web import MOST_UNANSWERED
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
from livermore.market.budget import Budget
from livermore.market.candle import CandleSource
from livermore.market.exchange import COINBASE
from tests.contracts.exchanges.coinbase_support import PRODUCT, PRODUCTS, REST, Server, coinbase
from tests.contracts.exchanges.support import MINUTE, T0, serving, until

HTML = "<html><body>Just a moment</body></html>"
BAR = {"start": str(T0 // 1000), "low": "1", "high": "4", "open": "2", "close": "3", "volume": "5"}
PATH = f"{REST}/market/products/BTC-USD/candles"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def answer(status: int, body: object = "", **headers: str) -> Handler:
    text = body if isinstance(body, str) else json.dumps(body)

    async def handler(_: web.Request) -> web.StreamResponse:
        told = {"-".join(name.split("_")): headers[name] for name in headers}
        return web.Response(status=status, text=text, headers=told)

    return handler


async def hang(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(5)
    return web.Response()


async def truncate(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"candles":[')
    assert request.transport is not None
    request.transport.abort()
    return response


async def ask(handler: Handler) -> LivermoreError:
    """Ask a misbehaving server for candles and return the error."""
    async with serving(web.get(PATH, handler)) as address:
        exchange = coinbase(f"http://{address}", timing=Timing(request=0.2))
        try:
            with pytest.raises(LivermoreError) as caught:
                await exchange.history("BTC-USD", Timeframe.M1, T0, T0 + 10 * MINUTE)
            return caught.value
        finally:
            await exchange.close()


GRPC = {"error": "UNAUTHORIZED", "code": 16, "message": "Unauthorized", "details": []}


@pytest.mark.parametrize(
    ("handler", "kind", "words"),
    [
        (answer(500), ExchangeUnreachableError, "HTTP 500"),
        (answer(503, HTML), ExchangeUnreachableError, "HTTP 503"),
        (answer(200, HTML), ExchangeUnreachableError, "could not be read"),
        (answer(200), ExchangeUnreachableError, "could not be read"),
        (answer(200, '{"candles":[{"start":"17'), ExchangeUnreachableError, "could not be read"),
        (answer(200, "[" * 100_000), ExchangeUnreachableError, "could not be read"),
        (answer(200, {"candles": [{**BAR, "open": "NaN"}]}), ExchangeUnreachableError, "could not be read"),
        (answer(200, {"candles": [{**BAR, "start": "7"}]}), ExchangeUnreachableError, "not those asked for"),
        (hang, ExchangeUnreachableError, "in time"),
        (truncate, ExchangeUnreachableError, "could not be reached"),
        (answer(404, {"error": "NOT_FOUND", "error_details": "no such product"}), NotFoundError,
         "no such product"),
        (answer(404, {"errors": [{"id": "not_found", "message": "Not found"}]}), NotFoundError, "Not found"),
        (answer(400, {"error": "INVALID_ARGUMENT", "message": "bad range"}), InvalidError, "bad range"),
        (answer(403, HTML), ExchangeRefusedError, "HTTP 403"),
        (answer(451), BlockedError, "HTTP 451"),
        (answer(429, "Too Many Requests"), RateLimitedError, "slow down"),
        (answer(429, {"errors": [{"id": "rate_limit_exceeded", "message": "Too many requests"}]}),
         RateLimitedError, "Too many requests"),
        (answer(401, "Unauthorized"), RateLimitedError, "slow down"),
        (answer(401, GRPC), RateLimitedError, "Unauthorized"),
    ],
)  # fmt: skip
async def test_an_error_says_what_to_do(handler: Handler, kind: type[LivermoreError], words: str) -> None:
    error = await ask(handler)
    assert type(error) is kind
    assert words in error.what
    assert re.search(r"http://127.0.0.1:\d+/api/v3/brokerage|BTC-USD", error.where or "")


async def test_nobody_there() -> None:
    exchange = coinbase("http://127.0.0.1:1", "ws://127.0.0.1:1")
    with pytest.raises(ExchangeUnreachableError):
        await exchange.server_time()
    with pytest.raises(ExchangeUnreachableError):
        await exchange.connect()
    await exchange.close()


@pytest.mark.parametrize("field", ["rest_url", "ws_url"])
async def test_a_row_without_an_address(field: str) -> None:
    exchange = Coinbase(type(COINBASE)(name="coinbase", display_name="Coinbase"), ManualClock())
    with pytest.raises(InvalidError) as caught:
        await (exchange.server_time() if field == "rest_url" else exchange.connect())
    assert caught.value.where == field
    await exchange.close()


# -- asked to slow down ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "seconds"), [({"Retry_After": "7"}, 7.0), ({}, 2.0), ({"Retry_After": "soon"}, 2.0)]
)
async def test_a_rate_limit_says_how_long(told: dict[str, str], seconds: float) -> None:
    error = await ask(answer(429, **told))
    assert isinstance(error, RateLimitedError)
    assert error.retry_after == pytest.approx(seconds, abs=0.1)


async def settled(clock: ManualClock, *asked: Coroutine[Any, Any, int]) -> list[int | BaseException]:
    """Let time pass until everything is answered."""
    asking = asyncio.gather(*asked, return_exceptions=True)
    while not asking.done():
        await clock.advance(1)
        await asyncio.sleep(0.001)
    return asking.result()


async def test_one_401_is_throttling_and_five_in_a_row_are_none() -> None:
    clock = ManualClock(T0)
    async with serving(web.get(f"{REST}/time", answer(401, "Unauthorized"))) as address:
        exchange = coinbase(f"http://{address}", clock=clock)
        outcomes = [(await settled(clock, exchange.server_time()))[0] for _ in range(5)]
        assert [type(outcome) for outcome in outcomes] == [RateLimitedError] * 4 + [ExchangeRefusedError]
        await exchange.close()


async def test_a_burst_of_401_counts_once() -> None:
    clock, seen = ManualClock(T0), 0
    together = asyncio.Event()

    async def refuse(_: web.Request) -> web.StreamResponse:
        nonlocal seen
        seen += 1
        if seen % MOST_UNANSWERED == 0:
            together.set()
        await together.wait()
        return web.Response(status=401)

    async with serving(web.get(f"{REST}/time", refuse)) as address:
        exchange = coinbase(f"http://{address}", clock=clock)
        for _ in range(2):
            together.clear()
            outcomes = await settled(clock, *(exchange.server_time() for _ in range(MOST_UNANSWERED)))
            assert [type(outcome) for outcome in outcomes] == [RateLimitedError] * MOST_UNANSWERED
        assert seen > 5, "more refusals than end a row"
        await exchange.close()


async def test_an_answer_ends_the_row() -> None:
    clock, statuses = ManualClock(T0), iter([401, 401, 401, 401, 200, 401])

    async def time(_: web.Request) -> web.StreamResponse:
        return web.json_response({"epochMillis": str(T0)}, status=next(statuses))

    async with serving(web.get(f"{REST}/time", time)) as address:
        exchange = coinbase(f"http://{address}", clock=clock)
        outcomes = [(await settled(clock, exchange.server_time()))[0] for _ in range(6)]
        assert outcomes[4] == T0
        assert {type(outcome) for outcome in (*outcomes[:4], outcomes[5])} == {RateLimitedError}
        await exchange.close()


async def test_after_a_rate_limit_every_request_waits() -> None:
    asked: list[int] = []

    async def limited_once(_: web.Request) -> web.StreamResponse:
        asked.append(clock.now())
        if len(asked) == 1:
            return web.Response(status=429, headers={"Retry-After": "30"})
        return web.json_response({"epochMillis": str(T0)})

    clock = ManualClock(T0)
    async with serving(web.get(f"{REST}/time", limited_once)) as address:
        exchange = coinbase(f"http://{address}", clock=clock)
        with pytest.raises(RateLimitedError):
            await exchange.server_time()
        later = asyncio.create_task(exchange.server_time())
        await clock.advance(29)
        assert len(asked) == 1
        await clock.advance(31)
        assert await later == T0
        await exchange.close()


class ToldBudget:
    """A budget that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, float]] = []

    async def spend(self, weight: int = 1) -> None:
        self.told.append(("spend", weight))

    def __getattr__(self, name: str) -> Callable[[float], None]:
        return lambda number: self.told.append((name, number))


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({}, []),
        ({"x_ratelimit_limit": "8", "x_ratelimit_remaining": "3"}, [("told_limit", 8), ("told_used", 5)]),
        ({"x_ratelimit_limit": "10000", "x_ratelimit_remaining": "1"}, [("told_limit", 10000)]),
        ({"x_ratelimit_limit": "0", "x_ratelimit_remaining": "many"}, []),
    ],
)
async def test_the_budget_is_told_what_coinbase_counts(headers: dict[str, str], told: list[Any]) -> None:
    async with serving(web.get(f"{REST}/time", answer(200, {"epochMillis": "5"}, **headers))) as address:
        budget: Any = ToldBudget()
        info = type(COINBASE)(name="coinbase", display_name="Coinbase", rest_url=f"http://{address}")
        exchange = Coinbase(info, ManualClock(), budget=budget)
        await exchange.server_time()
        assert budget.told == [("spend", 1), *told]
        await exchange.close()


# -- history ---------------------------------------------------------------------------------------------


class Candles:
    """Candles of every minute but some, as Coinbase serves them: newest first, both ends included."""

    def __init__(self, absent: AbstractSet[int] = frozenset()) -> None:
        self.absent = absent
        self.asked: list[tuple[int, int]] = []
        self.headers: list[str] = []

    async def serve(self, request: web.Request) -> web.StreamResponse:
        start, end = int(request.query["start"]), int(request.query["end"])
        assert request.query["granularity"] == "ONE_MINUTE"
        self.asked.append((start, end))
        self.headers.append(request.headers["Cache-Control"])
        if (end - start) // 60 + 1 > 350:
            return web.json_response({"error": "INVALID_ARGUMENT"}, status=400)
        # One more on each side than was asked for: what it really does is not told.
        starts = range(end // 60 * 60 + 60, start // 60 * 60 - 120, -60)
        bars = [{**BAR, "start": str(one), "volume": str(one % 977 + 1)} for one in starts]
        return web.json_response(
            {"candles": [bar for bar in bars if int(str(bar["start"])) not in self.absent]}
        )


@pytest.mark.parametrize(("count", "pages"), [(0, 0), (1, 1), (300, 1), (301, 2), (1000, 4)])
async def test_history_is_exactly_the_range_and_comes_newest_page_first(count: int, pages: int) -> None:
    server, end = Candles(), T0 + count * MINUTE
    async with serving(web.get(PATH, server.serve)) as address:
        exchange = coinbase(f"http://{address}")
        candles = await exchange.history("BTC-USD", Timeframe.M1, T0, end)
        assert candles.time.tolist() == list(range(T0, end, MINUTE))
        assert candles.volume.tolist() == [time // 1000 % 977 + 1 for time in candles.time.tolist()]
        assert (candles.source == CandleSource.REST).all()
        assert len(server.asked) == pages
        assert exchange.pages(count) == [1] * pages
        assert server.asked == sorted(server.asked, reverse=True)
        assert all(last - first <= 300 * 60 - 1 for first, last in server.asked)
        assert set(server.headers) <= {"no-cache"}
        await exchange.close()


async def test_absent_minutes_stay_absent_and_ends_need_not_be_aligned() -> None:
    absent = {T0 // 1000 + 60 * place for place in (3, 4, 350)}
    async with serving(web.get(PATH, Candles(absent).serve)) as address:
        exchange = coinbase(f"http://{address}")
        candles = await exchange.history("BTC-USD", Timeframe.M1, T0 - 1, T0 + 400 * MINUTE + 1)
        expected = set(range(T0, T0 + 401 * MINUTE, MINUTE)) - {1000 * time for time in absent}
        assert candles.time.tolist() == sorted(expected)
        await exchange.close()


async def test_recorded_candles(shared_data: Path) -> None:
    body = (shared_data / "rest_samples" / "coinbase_http_candles.json").read_text()
    async with serving(web.get(PATH, answer(200, body))) as address:
        exchange = coinbase(f"http://{address}")
        candles = await exchange.history("BTC-USD", Timeframe.H1, 1712188800_000, 1712196000_000)
        assert candles.time.tolist() == [1712188800_000, 1712192400_000]
        assert candles.close.tolist() == [66314.59, 66181.6]
        assert candles.volume.tolist() == [358.74851052, 355.82896243]
        running_excluded = await exchange.history("BTC-USD", Timeframe.H1, 1712188800_000, 1712192400_000)
        assert running_excluded.time.tolist() == [1712188800_000]
        await exchange.close()


# -- listing and tickers ---------------------------------------------------------------------------------


async def test_the_recorded_listing(shared_data: Path) -> None:
    samples = shared_data / "rest_samples"
    body, time = (samples / "coinbase_http_products.json", samples / "coinbase_advanced_time_20260930.json")
    routes = [
        web.get(f"{REST}/market/products", answer(200, body.read_text())),
        web.get(f"{REST}/time", answer(200, time.read_text())),
    ]
    async with serving(*routes) as address:
        exchange = coinbase(f"http://{address}")
        symbols = {symbol.name: symbol for symbol in await exchange.listing()}
        products = json.loads(body.read_text())["products"]
        assert set(symbols) == {product["product_id"] for product in products}
        bitcoin = symbols["BTC-USD"]
        assert (bitcoin.base, bitcoin.quote, bitcoin.trading, bitcoin.status) == (
            "BTC",
            "USD",
            True,
            "online",
        )
        [ticker] = await exchange.tickers(["BTC-USD", "NOSUCH-USD"])
        assert (ticker.symbol, ticker.price, ticker.time) == ("BTC-USD", 68925.98, 1790735849298)
        assert ticker.change_24h_percent == pytest.approx(-0.28225832119521)
        assert ticker.quote_volume_24h == float(products[0]["approximate_quote_24h_volume"])
        assert await exchange.server_time() == 1790735849298
        await exchange.close()


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("status", "delisted", "delisted"),
        ("is_disabled", True, "disabled"),
        ("trading_disabled", True, "trading disabled"),
        ("view_only", True, "view only"),
        ("auction_mode", True, "auction mode"),
    ],
)
async def test_what_is_not_open(field: str, value: object, told: str) -> None:
    body = {"products": [{**PRODUCT, field: value}], "pagination": None}
    async with serving(web.get(f"{REST}/market/products", answer(200, body))) as address:
        exchange = coinbase(f"http://{address}")
        [symbol] = await exchange.listing()
        assert (symbol.trading, symbol.status) == (False, told)
        await exchange.close()


async def test_a_listing_in_pages() -> None:
    async def paged(request: web.Request) -> web.StreamResponse:
        place = int(request.query.get("cursor", "0"))
        following = {"next_cursor": str(place + 1), "has_next": place < len(PRODUCTS) - 1}
        return web.json_response({"products": [PRODUCTS[place]], "pagination": following})

    async with serving(web.get(f"{REST}/market/products", paged)) as address:
        exchange = coinbase(f"http://{address}")
        listed = await exchange.listing()
        assert [(symbol.name, symbol.alias) for symbol in listed] == [
            (product["product_id"], product["alias"]) for product in PRODUCTS
        ]
        await exchange.close()


@pytest.mark.parametrize("picky", [False, True])
async def test_tickers_of_those_that_are_known_and_have_a_price(picky: bool) -> None:
    async def some(request: web.Request) -> web.StreamResponse:
        names = request.query.getall("product_ids", [])
        if picky and "NOSUCH-USD" in names:
            return web.json_response({"error": "NOT_FOUND"}, status=404)
        return web.json_response(
            {"products": [one for one in PRODUCTS if one["product_id"] in names or not names]}
        )

    time = web.get(f"{REST}/time", answer(200, {"epochMillis": str(T0)}))
    async with serving(web.get(f"{REST}/market/products", some), time) as address:
        exchange = coinbase(f"http://{address}")
        asked = ["ETH-USD", "NOSUCH-USD", "OLD-USD", "BTC-USDC"]
        assert [ticker.symbol for ticker in await exchange.tickers(asked)] == ["ETH-USD", "BTC-USDC"]
        many = [*asked, *(f"X{number}-USD" for number in range(200))]
        assert [ticker.symbol for ticker in await exchange.tickers(many)] == ["ETH-USD", "BTC-USDC"]
        assert await exchange.tickers([]) == []
        await exchange.close()


async def test_a_full_stream_server_is_also_an_exchange() -> None:
    async with Server().running() as server:
        exchange = server.adapter()
        assert len(await exchange.listing()) == len(PRODUCTS)
        await exchange.close()


async def test_requests_do_not_pile_up_while_nobody_answers() -> None:
    """All would be counted in the second in which Coinbase comes back, and be too many."""
    unanswered, most, back = 0, 0, asyncio.Event()

    async def stuck(_: web.Request) -> web.Response:
        nonlocal unanswered, most
        unanswered += 1
        most = max(most, unanswered)
        await back.wait()
        unanswered -= 1
        return web.json_response({"iso": "", "epochSeconds": "1", "epochMillis": "1790735849298"})

    async with serving(web.get(f"{REST}/time", stuck)) as address:
        info = msgspec.structs.replace(COINBASE, rest_url=f"http://{address}")
        exchange = Coinbase(info, SystemClock(), budget=Budget(SystemClock(), limit=1_000))
        asking = [asyncio.create_task(exchange.server_time()) for _ in range(30)]
        await until(lambda: most == MOST_UNANSWERED)
        back.set()
        assert await asyncio.gather(*asking) == [1790735849298] * 30
        await exchange.close()
    assert most == MOST_UNANSWERED
