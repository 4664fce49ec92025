"""The simulated Coinbase, by the letter of its protocol: what a client may rely on, and what it must bear."""

import asyncio
import contextlib
import json
import re
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import numpy as np
import pytest
from aiohttp import WSMsgType

from livermore.adapters.exchanges.simulated import (
    EPOCH,
    CoinbaseRules,
    GeneratedSource,
    RecordedSource,
    SimulatedExchange,
)
from livermore.adapters.exchanges.simulated.faults import FaultScript, Gap, HalfOpen, Silence
from livermore.kernel.clock import ManualClock
from livermore.kernel.timeframe import Timeframe
from tests.contracts.exchanges.keys import CURVE, EDWARDS, given, token
from tests.contracts.exchanges.support import MINUTE, T0, candles, running, until

API = "/api/v3/brokerage"
PAIRS = ("C0-USD", "C1-USD")
NAME = "organizations/o/apiKeys/k"
PATIENCE = aiohttp.ClientWSTimeout(ws_close=0.2)  # with a server that never answers a goodbye
FRESH = {"Cache-Control": "no-cache"}
Json = dict[str, Any]


def pairs(count: int, bars: int, timeframe: Timeframe = Timeframe.M1) -> RecordedSource:
    series = {
        f"C{number}-USD": candles(bars, seed=number, length=timeframe.milliseconds) for number in range(count)
    }
    return RecordedSource(series, timeframe)


def coinbase(source: RecordedSource | GeneratedSource, **options: Any) -> SimulatedExchange:
    rules = options.pop("rules", CoinbaseRules(requests_per_second=1000))
    return SimulatedExchange(source, protocol="coinbase", coinbase_rules=rules, **options)


@pytest.fixture
async def server() -> AsyncIterator[SimulatedExchange]:
    options = {"position": T0 + 1500 * MINUTE, "keys": [given(NAME, CURVE)]}
    async with running(coinbase(pairs(2, 2000), **options)) as started:
        yield started


@contextlib.asynccontextmanager
async def client(server: SimulatedExchange) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(server.rest_url) as session:
        yield session


@contextlib.asynccontextmanager
async def listening(server: SimulatedExchange) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(server.ws_url, max_msg_size=0, timeout=PATIENCE) as socket,
    ):
        yield socket


async def subscribe(
    socket: aiohttp.ClientWebSocketResponse,
    channel: str,
    *products: str,
    kind: str = "subscribe",
    **more: Any,
) -> None:
    message = (
        {"type": kind, "channel": channel} | ({"product_ids": list(products)} if products else {}) | more
    )
    await socket.send_json(message)


async def frames(socket: aiohttp.ClientWebSocketResponse, count: int) -> list[Json]:
    return [await socket.receive_json(timeout=10) for _ in range(count)]


async def frames_until(
    socket: aiohttp.ClientWebSocketResponse, channel: str, kind: str | None = None
) -> list[Json]:
    """Every frame up to the first of a channel, and of a kind of event."""
    found: list[Json] = []
    while not found or found[-1].get("channel") != channel or kind not in {None, kind_of(found[-1])}:
        found += await frames(socket, 1)
    return found


def kind_of(frame: Json) -> str:
    return str(frame["events"][0].get("type"))


async def get(session: aiohttp.ClientSession, path: str, **options: Any) -> tuple[int, Any]:
    async with session.get(API + path, **options) as answer:
        return answer.status, json.loads(await answer.text())


# ---------------------------------------------------------------- the envelope


async def test_one_sequence_for_all_channels_and_nine_digits(server: SimulatedExchange) -> None:
    async with listening(server) as socket:
        for channel in ("heartbeats", "market_trades", "candles", "ticker", "ticker_batch", "status"):
            await subscribe(socket, channel, *PAIRS)
        found = await frames_until(socket, "status")
        found += await frames(socket, 1)
    assert [frame["sequence_num"] for frame in found] == list(range(len(found)))
    assert not any("client_id" in frame for frame in found)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", frame["timestamp"]) for frame in found)
    assert {frame["channel"] for frame in found} == {
        "heartbeats", "market_trades", "candles", "ticker", "ticker_batch", "status", "subscriptions",
    }  # fmt: skip


async def test_each_connection_counts_for_itself(server: SimulatedExchange) -> None:
    async with listening(server) as one, listening(server) as other:
        await subscribe(one, "market_trades", *PAIRS)
        await subscribe(other, "candles", PAIRS[0])
        assert [frame["sequence_num"] for frame in await frames(one, 3)] == [0, 1, 2]
        assert [frame["sequence_num"] for frame in await frames(other, 2)] == [0, 1]


async def test_the_acknowledgement_comes_after_data_with_the_whole_state(server: SimulatedExchange) -> None:
    async with listening(server) as socket:
        await subscribe(socket, "market_trades", "C1-USD")
        data, acknowledged = await frames(socket, 2)
        assert (data["channel"], acknowledged["channel"]) == ("market_trades", "subscriptions")
        await subscribe(socket, "candles", *PAIRS)
        state = (await frames_until(socket, "subscriptions"))[-1]["events"]
        assert state == [{"subscriptions": {"market_trades": ["C1-USD"], "candles": list(PAIRS)}}]
        await subscribe(socket, "candles", "C0-USD", kind="unsubscribe")
        state = (await frames_until(socket, "subscriptions"))[-1]["events"]
        assert state == [{"subscriptions": {"market_trades": ["C1-USD"], "candles": ["C1-USD"]}}]
        await until(lambda: server.counters.subscriptions == {"market_trades:C1-USD", "candles:C1-USD"})


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("{", "JSON"),
        ("[]", "JSON"),
        ('{"type":"dance","channel":"candles"}', "type"),
        ('{"type":"subscribe","channel":"candles","product_ids":["NOPE-USD"]}', "failure to subscribe"),
        ('{"type":"subscribe","channel":"candles","product_ids":[7]}', "failure to subscribe"),
        ('{"type":"subscribe","channel":"candles"}', "failure to subscribe"),
        ('{"type":"subscribe","channel":"level3","product_ids":["C0-USD"]}', "failure to subscribe"),
        ('{"type":"subscribe","channel":"heartbeats","jwt":"secret"}', "authentication failure"),
    ],
)
async def test_refused_messages(server: SimulatedExchange, message: str, words: str) -> None:
    async with listening(server) as socket:
        await socket.send_str(message)
        answer = await socket.receive_json()
        assert answer["type"] == "error"
        assert words in answer["message"]
        assert "channel" not in answer
        await subscribe(socket, "market_trades", PAIRS[0], jwt=token(NAME, server.market_time()))
        assert (await frames(socket, 1))[0]["sequence_num"] == 0


async def test_an_alias_is_told_under_the_canonical_name(server: SimulatedExchange) -> None:
    async with listening(server) as socket:
        await subscribe(socket, "market_trades", "C0-USDC", "C0-USD")
        snapshot, acknowledged = await frames(socket, 2)
    assert {trade["product_id"] for trade in snapshot["events"][0]["trades"]} == {"C0-USD"}
    assert acknowledged["events"] == [{"subscriptions": {"market_trades": ["C0-USD"]}}]


# ---------------------------------------------------------------- heartbeats and manners


async def test_heartbeats_tell_the_market_time_every_second() -> None:
    clock = ManualClock()
    async with running(coinbase(pairs(1, 10), clock=clock)) as server, listening(server) as socket:
        await subscribe(socket, "heartbeats")
        (first,) = await frames(socket, 1)
        assert first["events"][0]["heartbeat_counter"] == 0
        assert "+0000 UTC m=+" in first["events"][0]["current_time"]
        await frames_until(socket, "subscriptions")
        await clock.advance(2)  # nobody asks for a product: the market begins
        for _ in range(5):
            await clock.advance(1)
        beats = [frame for frame in await frames(socket, 7) if frame["channel"] == "heartbeats"]
    assert [beat["events"][0]["heartbeat_counter"] for beat in beats] == list(range(1, 8))
    assert [beat["timestamp"] for beat in beats] == sorted(beat["timestamp"] for beat in beats)
    assert beats[-1]["timestamp"] > "2023-11-15T00:00:04"


@pytest.mark.parametrize(("speed", "between"), [(4.0, 0.25), (600.0, 0.05)])
async def test_heartbeats_of_a_fast_market(speed: float, between: float) -> None:
    clock = ManualClock()
    async with (
        running(coinbase(pairs(1, 10), clock=clock, speed=speed)) as server,
        listening(server) as socket,
    ):
        await subscribe(socket, "heartbeats")
        await frames(socket, 2)
        for _ in range(3):
            await clock.advance(between)
        counters = [beat["events"][0]["heartbeat_counter"] for beat in await frames(socket, 3)]
    assert counters == [1, 2, 3]


async def test_at_full_speed_every_bucket_ends_with_a_heartbeat() -> None:
    async with running(coinbase(pairs(1, 20), speed=None)) as server, listening(server) as socket:
        await subscribe(socket, "heartbeats")
        await subscribe(socket, "market_trades", "C0-USD")
        await until(lambda: server.finished)
        found = await frames_until(socket, "heartbeats")
        while found[-1]["channel"] != "heartbeats" or found[-1]["timestamp"] < "2023-11-15T00:20:00":
            found += await frames(socket, 1)
    beats = [frame["timestamp"][11:23] for frame in found if frame["channel"] == "heartbeats"][1:]
    assert beats == [*(f"00:{minute:02d}:59.999" for minute in range(20)), "00:20:03.000"]


async def closed(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    """The code with which a connection is closed."""
    async with asyncio.timeout(10):
        while (message := await socket.receive()).type not in {WSMsgType.CLOSE, WSMsgType.CLOSED}:
            pass
    return int(message.data) if message.type is WSMsgType.CLOSE else socket.close_code


async def test_who_asks_for_nothing_within_five_seconds_is_closed() -> None:
    clock = ManualClock()
    async with running(coinbase(pairs(1, 5), clock=clock)) as server, listening(server) as socket:
        await until(lambda: server.counters.connections)
        await asyncio.sleep(0.01)
        await clock.advance(4)
        assert not socket.closed
        await clock.advance(2)
        assert await closed(socket) == 1008
    assert server.counters.cut == 1


async def test_silence_ends_a_connection_without_heartbeats() -> None:
    clock = ManualClock()
    async with (
        running(coinbase(pairs(1, 5), clock=clock, speed=0.001)) as server,
        listening(server) as quiet,
        listening(server) as beating,
    ):
        await subscribe(beating, "heartbeats")
        await subscribe(beating, "status")
        await subscribe(quiet, "status")
        await frames_until(quiet, "subscriptions")
        await frames_until(beating, "status")
        await clock.advance(2000)
        assert await closed(quiet) == 1008
        await subscribe(beating, "status")
        await frames_until(beating, "status")
    assert server.counters.cut == 1


async def test_a_hasty_client_is_closed(server: SimulatedExchange) -> None:
    async with listening(server) as socket:
        for _ in range(9):
            await subscribe(socket, "status", "C0-USD")
        assert await closed(socket) == 1008
    assert server.counters.cut == 1
    assert server.counters.messages == 9


async def test_a_reader_that_is_far_too_slow_is_cut() -> None:
    rules = CoinbaseRules(most_unread=100_000)
    async with (
        running(coinbase(GeneratedSource(["BTC-USD"], past_days=1), speed=100_000, rules=rules)) as server,
        listening(server) as socket,
    ):
        await subscribe(socket, "market_trades", "BTC-USD")
        await until(lambda: server.counters.frames and not server.counters.subscriptions)


async def test_the_server_says_goodbye_and_cuts(server: SimulatedExchange) -> None:
    async with listening(server) as one, listening(server) as other:
        await subscribe(one, "status")
        await frames(one, 1)
        await server.announce_shutdown()
        assert await closed(one) == 1001
        assert await closed(other) == 1001
        async with listening(server) as third:
            await subscribe(third, "status")
            await frames(third, 2)
            server.cut_connections()
            assert await closed(third) == 1006


# ---------------------------------------------------------------- snapshots and tickers


async def test_the_snapshot_of_trades_is_newest_first_and_reaches_up_to_the_stream() -> None:
    source = pairs(1, 400)
    async with (
        running(coinbase(source, position=T0 + 100 * MINUTE, speed=6000)) as server,
        listening(server) as socket,
    ):
        await subscribe(socket, "market_trades", "C0-USD")
        snapshot, _, *updates = await frames(socket, 12)
    past = [int(trade["trade_id"]) for trade in snapshot["events"][0]["trades"]]
    assert kind_of(snapshot) == "snapshot"
    assert len(past) == 100
    assert past == sorted(past, reverse=True)
    later = [int(trade["trade_id"]) for frame in updates for trade in frame["events"][0]["trades"]]
    assert later == list(range(past[0] + 1, past[0] + 1 + len(later)))
    assert {len(frame["events"][0]["trades"]) for frame in updates} == {1, 2}


async def test_the_snapshot_of_candles_has_holes_and_no_order(server: SimulatedExchange) -> None:
    async with listening(server) as socket, client(server) as session:
        await subscribe(socket, "candles", "C0-USD")
        snapshot = (await frames(socket, 1))[0]["events"][0]
        start = T0 // 1000 + 1500 * 60 - 161 * 300
        _, rows = await get(
            session,
            "/market/products/C0-USD/candles",
            params={"granularity": "FIVE_MINUTE", "start": start, "end": start + 161 * 300},
        )
    starts = [int(row["start"]) for row in snapshot["candles"]]
    assert starts != sorted(starts)
    assert starts != sorted(starts, reverse=True)
    assert 60 < len(starts) <= 100
    assert np.diff(sorted(starts)).max() > 300
    known = {row["start"]: row for row in rows["candles"]}
    assert max(known) in map(str, starts)
    for row in snapshot["candles"]:
        assert row == known[row["start"]] | {"product_id": "C0-USD"}


async def test_tickers_and_the_batch_without_offers() -> None:
    async with (
        running(coinbase(pairs(1, 5000), position=T0 + MINUTE * 1500, speed=60)) as server,
        listening(server) as socket,
    ):
        await subscribe(socket, "ticker", "C0-USD")
        await subscribe(socket, "ticker_batch", "C0-USD")
        await subscribe(socket, "market_trades", "C0-USD")
        found = await frames_until(socket, "ticker_batch", "update")
    tickers = {
        frame["channel"]: frame["events"][0]["tickers"][0] for frame in found if "ticker" in frame["channel"]
    }
    assert set(tickers["ticker"]) - set(tickers["ticker_batch"]) == {
        "best_bid", "best_bid_quantity", "best_ask", "best_ask_quantity",
    }  # fmt: skip
    assert tickers["ticker_batch"]["type"] == "ticker"
    trades = [
        trade
        for frame in found
        if frame["channel"] == "market_trades" and kind_of(frame) == "update"
        for trade in frame["events"][0]["trades"]
    ]
    assert tickers["ticker_batch"]["price"] == trades[-1]["price"]


async def test_a_batch_tells_only_what_has_changed() -> None:
    clock = ManualClock()
    async with running(coinbase(pairs(1, 5), clock=clock)) as server, listening(server) as socket:
        await subscribe(socket, "heartbeats")
        await subscribe(socket, "ticker_batch", "C0-USD")
        await until(lambda: server.counters.subscriptions)
        await asyncio.sleep(0.02)
        for _ in range(70):
            await clock.advance(1)
        found: list[Json] = []
        while not found or found[-1]["timestamp"] < "2023-11-15T00:01:02":
            found += await frames(socket, 1)
    batches = [frame for frame in found if frame["channel"] == "ticker_batch"]
    assert len(batches) == 3  # of twelve: the three moments at which there were trades


async def test_status_lists_what_is_asked_for(server: SimulatedExchange) -> None:
    async with listening(server) as socket:
        await subscribe(socket, "status")
        (status,) = await frames(socket, 1)
    products = status["events"][0]["products"]
    assert [product["id"] for product in products] == list(PAIRS)
    assert {product["status"] for product in products} == {"online"}


# ---------------------------------------------------------------- over REST


async def test_time_is_the_market_s(server: SimulatedExchange) -> None:
    async with client(server) as session:
        status, told = await get(session, "/time")
    assert status == 200
    assert told["epochMillis"] == str(T0 + 1500 * MINUTE)
    assert told["epochSeconds"] == str((T0 + 1500 * MINUTE) // 1000)
    assert told["iso"] == "2023-11-16T01:00:00Z"


async def test_products_with_their_aliases() -> None:
    series = {name: candles(3) for name in ("BTC-USD", "USDT-USD", "ETH-USD", "ETH-USDC", "LTC-BTC")}
    source = RecordedSource(series, Timeframe.M1)
    async with running(coinbase(source, position=T0 + 3 * MINUTE)) as server, client(server) as session:
        _, listed = await get(session, "/market/products")
        _, some = await get(session, "/market/products?product_ids=BTC-USDC&product_ids=LTC-BTC")
        _, page = await get(session, "/market/products?limit=2&offset=1")
        _, futures = await get(session, "/market/products?product_type=FUTURE")
        status, one = await get(session, "/market/products/BTC-USD")
        unknown, error = await get(session, "/market/products/NOPE-USD")
    names = [product["product_id"] for product in listed["products"]]
    assert names == [*series, "BTC-USDC"]  # the others have a book of their own, or no such name
    assert listed["num_products"] == 6
    assert [product["product_id"] for product in some["products"]] == ["LTC-BTC", "BTC-USDC"]
    assert [product["product_id"] for product in page["products"]] == names[1:3]
    assert futures["products"] == []
    assert (one["alias"], one["alias_to"]) == ("", ["BTC-USDC"])
    twin = listed["products"][-1]
    assert (twin["alias"], twin["alias_to"], twin["quote_currency_id"]) == ("BTC-USD", [], "USDC")
    assert twin["price"] == one["price"] == f"{candles(3).close[-1]:.2f}".rstrip("0").rstrip(".")
    assert one["status"] == "online"
    assert not any(one[flag] for flag in ("is_disabled", "trading_disabled", "view_only", "auction_mode"))
    assert (status, unknown, error["error"]) == (200, 404, "NOT_FOUND")


def span(first: int, last: int, granularity: str = "ONE_MINUTE") -> dict[str, str]:
    """The parameters that ask for the minutes from one to another."""
    return {
        "granularity": granularity, "start": str(T0 // 1000 + first * 60), "end": str(T0 // 1000 + last * 60),
    }  # fmt: skip


async def test_candles_are_newest_first_and_both_bounds_count(server: SimulatedExchange) -> None:
    async with client(server) as session:
        status, told = await get(session, "/market/products/C0-USD/candles", params=span(10, 12))
        _, twin = await get(session, "/market/products/C0-USDC/candles", params=span(10, 12))
        _, two = await get(session, "/market/products/C0-USD/candles", params=span(10, 12) | {"limit": "2"})
        _, most = await get(session, "/market/products/C0-USD/candles", params=span(10, 359))
    assert status == 200
    rows = told["candles"]
    assert [int(row["start"]) - T0 // 1000 for row in rows] == [720, 660, 600]
    wanted = candles(2000, seed=0)
    assert set(rows[0]) == {"start", "low", "high", "open", "close", "volume"}
    for name in ("open", "high", "low", "close", "volume"):
        assert [float(row[name]) for row in rows] == getattr(wanted, name)[10:13][::-1].tolist()
    assert twin["candles"] == rows
    assert two["candles"] == rows[:2]
    assert len(most["candles"]) == 350


@pytest.mark.parametrize(
    "query",
    [
        span(10, 360),
        span(12, 10),
        span(10, 12, "THREE_MINUTE"),
        span(10, 12) | {"start": "soon"},
        {"granularity": "ONE_MINUTE", "start": "1"},
        {"start": "1", "end": "2"},
    ],
)
async def test_refused_candles(server: SimulatedExchange, query: dict[str, str]) -> None:
    async with client(server) as session:
        status, error = await get(session, "/market/products/C0-USD/candles", params=query)
    assert (status, error["error"]) == (400, "INVALID_ARGUMENT")


async def test_a_source_of_hours_offers_no_minutes() -> None:
    source = pairs(1, 30, Timeframe.H1)
    async with running(coinbase(source, position=T0 + 1440 * MINUTE)) as server, client(server) as session:
        minutes, _ = await get(session, "/market/products/C0-USD/candles", params=span(0, 10))
        hours, told = await get(session, "/market/products/C0-USD/candles", params=span(0, 120, "ONE_HOUR"))
    assert (minutes, hours, len(told["candles"])) == (400, 200, 3)


async def test_an_interval_without_trades_has_no_candle() -> None:
    source = GeneratedSource(["ATOM-USD"], past_days=1)
    quiet = source.bars("ATOM-USD", Timeframe.M1, EPOCH - 300 * MINUTE, EPOCH)
    quiet = quiet[quiet.volume == 0]
    query = {"granularity": "ONE_MINUTE", "start": EPOCH // 1000 - 300 * 60, "end": EPOCH // 1000 - 60}
    async with running(coinbase(source)) as server, client(server) as session:
        _, told = await get(session, "/market/products/ATOM-USD/candles", params=query)
    assert len(quiet)
    assert len(told["candles"]) == 300 - len(quiet)
    assert not {int(row["start"]) * 1000 for row in told["candles"]} & set(quiet.time.tolist())


async def test_the_running_candle_is_born_late_and_grows() -> None:
    clock, source = ManualClock(), pairs(1, 100)
    seen: list[tuple[int, str | None]] = []
    async with (
        running(coinbase(source, clock=clock, hold=False)) as server,
        client(server) as session,
    ):
        await asyncio.sleep(0.01)
        for _ in range(66):
            await clock.advance(1)
            now = server.market_time() - T0
            _, told = await get(
                session,
                "/market/products/C0-USD/candles",
                params=span(0, 1),
                headers=FRESH,
            )
            seen.append((now, told["candles"][0]["volume"] if told["candles"] else None))
        whole = source.bars("C0-USD", Timeframe.M1, T0, T0 + 1).volume[0]
        _, told = await get(session, "/market/products/C0-USD/candles", params=span(0, 0), headers=FRESH)
    volumes = [float(volume or 0) for now, volume in seen if now < MINUTE]
    assert volumes == sorted(volumes)
    assert 3 <= len(set(volumes)) <= 4
    assert float(told["candles"][0]["volume"]) == whole


async def test_an_answer_is_kept_for_a_second_unless_the_client_wants_it_fresh() -> None:
    clock = ManualClock()
    async with (
        running(coinbase(pairs(1, 100), clock=clock, hold=False, speed=60)) as server,
        client(server) as session,
    ):
        path = "/market/products/C0-USD/candles"
        await asyncio.sleep(0.01)
        await clock.advance(3.5)
        first = await get(session, path, params=span(0, 20))
        await clock.advance(0.9)
        assert await get(session, path, params=span(0, 20)) == first
        fresh = await get(session, path, params=span(0, 20), headers=FRESH)
        assert fresh != first
        await clock.advance(1)
        assert await get(session, path, params=span(0, 20)) not in (first, fresh)


async def test_the_latest_trades_over_rest(server: SimulatedExchange) -> None:
    async with client(server) as session:
        _, told = await get(session, "/market/products/C0-USDC/ticker?limit=5")
        _, usual = await get(session, "/market/products/C0-USD/ticker")
        refused, _ = await get(session, "/market/products/C0-USD/ticker?limit=many")
    ids = [int(trade["trade_id"]) for trade in told["trades"]]
    assert ids == list(range(ids[0], ids[0] - 5, -1))
    assert {trade["product_id"] for trade in told["trades"]} == {"C0-USDC"}
    price = float(told["trades"][0]["price"])
    assert float(told["best_bid"]) < price < float(told["best_ask"])
    assert len(usual["trades"]) == 100
    assert refused == 400


async def test_over_the_limit_three_kinds_of_refusal() -> None:
    clock = ManualClock(T0)
    server = coinbase(pairs(1, 5), clock=clock, rules=CoinbaseRules())
    async with running(server), client(server) as session:

        async def ask() -> tuple[int, str, str]:
            async with session.get(f"{API}/time") as answer:
                return answer.status, await answer.text(), answer.headers["x-ratelimit-remaining"]

        served = [await ask() for _ in range(10)]
        assert [status for status, *_ in served] == [200] * 10
        assert [remaining for *_, remaining in served] == [str(left) for left in range(9, -1, -1)]
        refused = [await ask() for _ in range(4)]
        assert [status for status, *_ in refused] == [429, 429, 401, 429]
        assert json.loads(refused[0][1])["errors"][0]["id"] == "rate_limit_exceeded"
        assert [text for _, text, _ in refused[1:3]] == ["Too Many Requests", "Unauthorized"]
        assert server.counters.over_limit == 4
        await clock.advance(1)
        assert (await ask())[0] == 200
        assert server.counters.over_limit == 4
        assert server.counters.weight == server.counters.requests[f"{API}/time"] == 15


def uri(path: str) -> str:
    return f"GET api.coinbase.com{API}{path}"


@pytest.mark.parametrize("path", ["/key_permissions", "/accounts"])
async def test_what_needs_a_token(server: SimulatedExchange, path: str) -> None:
    now = server.market_time()
    good = token(NAME, now, uri=uri(path))
    bad = {
        "nothing": "",
        "no token": "Bearer",
        "no JSON": "Bearer a.b.c",
        "another scheme": f"Basic {good}",
        "another issuer": f"Bearer {token(NAME, now, uri=uri(path), iss='me')}",
        "another subject": f"Bearer {token(NAME, now, uri=uri(path), sub='me')}",
        "an unknown key": f"Bearer {token('organizations/o/apiKeys/x', now, uri=uri(path))}",
        "another's signature": f"Bearer {token(NAME, now, uri=uri(path), signer=EDWARDS)}",
        "no algorithm": f"Bearer {token(NAME, now, uri=uri(path), alg='none')}",
        "no signature": f"Bearer {good.rpartition('.')[0]}.",
        "a changed claim": f"Bearer {good.replace('.', '.e', 1)}",
        "made out to another path": f"Bearer {token(NAME, now, uri=uri('/orders'))}",
        "made out to nothing": f"Bearer {token(NAME, now)}",
        "too old": f"Bearer {token(NAME, now - 121_000, uri=uri(path))}",
        "not yet good": f"Bearer {token(NAME, now + 90_000, uri=uri(path))}",
        "good for too long": f"Bearer {token(NAME, now, uri=uri(path), exp=now // 1000 + 3600)}",
    }
    async with client(server) as session:
        for why, header in bad.items():
            status, error = await get(session, path, headers={"Authorization": header})
            assert (why, status, error["code"]) == (why, 401, 16)
        status, told = await get(session, path, headers={"Authorization": f"Bearer {good}"})
    assert status == 200
    assert told.get("can_view", True)
    assert not told.get("can_trade", False)
    assert all(account["available_balance"]["value"] for account in told.get("accounts", []))


async def test_what_a_key_may_not_do() -> None:
    keys = [given("blind", CURVE, "trade"), given("elsewhere", CURVE, addresses=("203.0.113.7",))]
    async with running(coinbase(pairs(1, 10), keys=keys)) as server, client(server) as session:
        for name, path, expected in (
            ("blind", "/accounts", (403, "Missing required scopes")),
            ("elsewhere", "/accounts", (401, "Unauthorized")),
            ("elsewhere", "/key_permissions", (401, "Unauthorized")),
        ):
            header = f"Bearer {token(name, server.market_time(), uri=uri(path))}"
            status, error = await get(session, path, headers={"Authorization": header})
            assert (status, error["message"]) == expected
        header = f"Bearer {token('blind', server.market_time(), uri=uri('/key_permissions'))}"
        _, told = await get(session, "/key_permissions", headers={"Authorization": header})
    assert (told["can_view"], told["can_trade"], told["can_transfer"]) == (False, True, False)


# ---------------------------------------------------------------- faults


async def test_lost_sequence_numbers_and_silent_products() -> None:
    faults = FaultScript.of(Gap(share=1.0, count=2), Silence(symbols=("C1-USD",)))
    async with (
        running(coinbase(pairs(2, 3000), position=T0 + 1500 * MINUTE, speed=600, faults=faults)) as server,
        listening(server) as socket,
    ):
        await subscribe(socket, "market_trades", *PAIRS)
        found = await frames(socket, 20)
    assert [frame["sequence_num"] for frame in found] == list(range(2, 62, 3))
    told = [frame["events"][0]["trades"] for frame in found if frame["channel"] == "market_trades"]
    assert {trade["product_id"] for trades in told for trade in trades} == {"C0-USD"}


async def test_a_half_open_connection_says_nothing_and_is_no_audience() -> None:
    async with running(coinbase(pairs(1, 3000), speed=600)) as server, listening(server) as socket:
        await subscribe(socket, "heartbeats")
        await subscribe(socket, "market_trades", "C0-USD")
        await frames(socket, 5)
        server.faults.begin(HalfOpen())
        await until(lambda: not server.counters.subscriptions)
        told = server.counters.frames
        await asyncio.sleep(0.2)
        assert server.counters.frames == told
        assert not socket.closed


# ---------------------------------------------------------------- by hand


async def test_it_can_be_started_by_hand() -> None:
    command = ["-m", "livermore", "simulate", "--exchange", "coinbase", "--symbol", "BTC-USD"]
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        said = b"".join([await asyncio.wait_for(process.stdout.readline(), 30) for _ in range(3)]).decode()
        addresses = dict(line.split() for line in said.splitlines()[1:])
        async with aiohttp.ClientSession(addresses["REST"]) as session:
            _, told = await get(session, "/market/products")
            async with session.ws_connect(addresses["stream"]) as socket:
                await subscribe(socket, "market_trades", "BTC-USDC")
                (snapshot,) = await frames(socket, 1)
    finally:
        process.terminate()
        await process.communicate()
    assert said.startswith("a simulated coinbase runs until Ctrl-C")
    assert [product["product_id"] for product in told["products"]] == ["BTC-USD", "BTC-USDC"]
    assert kind_of(snapshot) == "snapshot"
