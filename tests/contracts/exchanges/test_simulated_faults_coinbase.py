"""Faults in Coinbase's protocol: what is lost leaves a gap in the numbers, what is silent does not."""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType

from livermore.adapters.exchanges.simulated import RecordedSource, SimulatedExchange
from livermore.adapters.exchanges.simulated.faults import (
    Corrupt,
    Cut,
    Drop,
    Duplicate,
    FaultScript,
    Gap,
    HalfOpen,
    Hole,
    LateBucket,
    Refuse,
    Reorder,
    Silence,
    Skew,
    Truncate,
)
from livermore.adapters.exchanges.simulated.faults.kinds import AnyFault
from livermore.kernel.clock import parse_time
from livermore.kernel.timeframe import Timeframe
from tests.contracts.exchanges.support import MINUTE, T0, candles, running, until

PRODUCTS = ["BTC-USD", "ETH-USD"]
CHANNELS = ["heartbeats", "ticker", "candles", "market_trades"]
API = "/api/v3/brokerage/"
BARS = 60
OVER = {WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR}


class Market:
    """Two products, held until a client is subscribed to everything."""

    def __init__(self, *faults: AnyFault, bars: int = BARS, **more: Any) -> None:
        self.gate = asyncio.Event()
        series = {product: candles(bars, seed=seed) for seed, product in enumerate(PRODUCTS)}
        more = {"speed": None, "pace": self._pace} | more
        self.server = SimulatedExchange(
            RecordedSource(series, Timeframe.M1),
            protocol="coinbase",
            faults=FaultScript.of(*faults),
            **more,
        )
        self.counts = self.server.counters.faults

    async def _pace(self) -> None:
        await self.gate.wait()


async def subscribed(socket: aiohttp.ClientWebSocketResponse) -> None:
    for channel in CHANNELS:
        await socket.send_json({"type": "subscribe", "product_ids": PRODUCTS, "channel": channel})


async def heard(market: Market) -> list[str]:
    """Return everything that one connection hears of a whole market."""
    server = market.server
    async with running(server), client(server) as session, session.ws_connect("/", max_msg_size=0) as socket:
        await subscribed(socket)
        await until(lambda: server.counters.messages == len(CHANNELS))
        market.gate.set()
        ending = asyncio.create_task(_stop_at_the_end(server))
        texts = [message.data async for message in socket]
        await ending
        return texts


async def _stop_at_the_end(server: SimulatedExchange) -> None:
    await until(lambda: server.finished, 30)
    await server.stop()


@contextlib.asynccontextmanager
async def client(server: SimulatedExchange) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(server.rest_url) as session:
        yield session


def numbers(frames: list[Any]) -> list[int]:
    return [frame["sequence_num"] for frame in frames]


def traded(frames: list[Any], product: str) -> list[int]:
    """Return the ids of the trades of a product that were told as updates, in order of arrival."""
    events = [event for frame in frames if frame["channel"] == "market_trades" for event in frame["events"]]
    updates = [event for event in events if event["type"] == "update"]
    return [int(trade["trade_id"]) for event in updates for trade in event["trades"]
            if trade["product_id"] == product]  # fmt: skip


def moment(frame: Any) -> int:
    return parse_time(frame["timestamp"][:26]) - T0


async def test_without_faults_nothing_is_missing() -> None:
    frames = [json.loads(text) for text in await heard(Market())]
    assert numbers(frames) == list(range(len(frames)))
    ids = traded(frames, "BTC-USD")
    assert ids == list(range(ids[0], ids[-1] + 1))


async def test_a_dropped_frame_leaves_a_gap_in_the_numbers() -> None:
    market = Market(Drop(share=0.05))
    found = numbers([json.loads(text) for text in await heard(market)])
    assert found == sorted(set(found))
    missing = set(range(max(found) + 1)) - set(found)
    assert 0 < len(missing) <= market.counts["drop"] <= len(missing) + 5  # the last ones leave no gap


async def test_numbers_are_skipped_though_nothing_is_missing() -> None:
    market = Market(Gap(share=0.05, count=3))
    frames = [json.loads(text) for text in await heard(market)]
    skips = [later - earlier - 1 for earlier, later in pairwise([-1, *numbers(frames)])]
    assert sum(skips) == 3 * market.counts["gap"] > 0
    assert {skip % 3 for skip in skips} == {0}
    ids = traded(frames, "ETH-USD")
    assert ids == list(range(ids[0], ids[-1] + 1))


async def test_a_silent_product_is_not_numbered_and_the_rest_goes_on() -> None:
    start, end = 20 * MINUTE, 40 * MINUTE
    market = Market(Silence(symbols=("BTC-USD",), from_=start, to=end))
    frames = [json.loads(text) for text in await heard(market)]
    assert numbers(frames) == list(range(len(frames)))
    inside = [frame for frame in frames if start <= moment(frame) < end]
    assert traded(inside, "BTC-USD") == []
    assert traded(inside, "ETH-USD")
    said = Counter(frame["channel"] for frame in inside if "BTC-USD" in json.dumps(frame))
    assert set(said) == {"ticker"}
    assert "heartbeats" in {frame["channel"] for frame in inside}
    assert traded(frames, "BTC-USD")
    assert market.counts["silence"] > 0


async def test_frames_come_twice_and_out_of_order_by_their_numbers() -> None:
    market = Market(Duplicate(share=0.05), Reorder(share=0.05))
    found = numbers([json.loads(text) for text in await heard(market)])
    assert len(found) - len(set(found)) == market.counts["duplicate"] > 0
    assert found != sorted(found)
    assert max(place - number for place, number in enumerate(dict.fromkeys(found))) <= 2 * 3


async def test_corrupt_frames_can_be_told_from_good_ones() -> None:
    market = Market(Corrupt(share=0.2, from_=MINUTE))
    texts = await heard(market)
    broken = [text for text in texts if "#" in text or not text.endswith("]}")]
    assert len(broken) == market.counts["corrupt"] > 20
    sound = [json.loads(text)["sequence_num"] for text in texts if text not in broken]
    assert set(sound) == set(range(len(texts))) - {
        place for place, text in enumerate(texts) if text in broken
    }


async def test_the_envelope_s_time_may_be_wrong_and_trades_are_not() -> None:
    markets = Market(), Market(Skew(milliseconds=-1500))
    told, skewed = [
        [frame for frame in map(json.loads, await heard(market)) if frame["channel"] != "heartbeats"]
        for market in markets
    ]
    assert [moment(frame) for frame in skewed] == [moment(frame) - 1500 for frame in told]
    trades = [[frame["events"] for frame in frames if frame["channel"] == "market_trades"]
              for frames in (told, skewed)]  # fmt: skip
    assert trades[0] == trades[1]


async def test_a_half_open_connection_gets_no_heartbeat_either() -> None:
    market = Market(bars=20_000, speed=600)
    market.gate.set()
    server = market.server
    async with running(server), client(server) as session, session.ws_connect("/") as first:
        await subscribed(first)
        await first.receive_json()
        server.faults.begin(HalfOpen())
        server.faults.end()
        assert server.counters.subscriptions == set()
        async with session.ws_connect("/") as second:
            await subscribed(second)
            while (fresh := await second.receive_json())["channel"] != "heartbeats" or moment(fresh) < MINUTE:
                pass
        while True:  # what was in flight
            try:
                text = (await asyncio.wait_for(first.receive(), 0.1)).data
            except TimeoutError:
                break
            assert moment(json.loads(text)) < moment(fresh)
        closing = asyncio.create_task(server.stop())
        assert (await first.receive()).type in OVER
        await closing


async def test_a_connection_is_cut_at_its_moment() -> None:
    market = Market(Cut(at=(30 * MINUTE,)))
    server = market.server
    async with running(server), client(server) as session, session.ws_connect("/", max_msg_size=0) as socket:
        await subscribed(socket)
        await until(lambda: server.counters.messages == len(CHANNELS))
        market.gate.set()
        with contextlib.suppress(ConnectionError, aiohttp.ClientError):
            texts = [message.data async for message in socket]
    assert market.counts == {"cut": 1}
    assert max(moment(json.loads(text)) for text in texts) <= 31 * MINUTE
    assert server.counters.cut == 0


# ---------------------------------------------------------------- REST


@pytest.mark.parametrize(("status", "text"), [(401, "Unauthorized"), (429, "Too Many Requests")])
async def test_injected_refusals_look_like_coinbase_s(status: int, text: str) -> None:
    server = Market(Refuse(status=status)).server
    bodies: Counter[str] = Counter()
    async with running(server), client(server) as session:
        for _ in range(9):
            async with session.get(f"{API}time") as response:
                assert response.status == status
                assert response.headers["x-ratelimit-limit"] == "10"
                assert "Retry-After" not in response.headers
                bodies[await response.text()] += 1
    assert len(bodies) == 2
    assert text in bodies
    document = json.loads(next(body for body in bodies if body != text))
    assert "error" in document or document["errors"][0]["id"] == "rate_limit_exceeded"
    assert (server.counters.faults, server.counters.over_limit) == ({"refuse": 9}, 0)


async def test_a_failing_server_and_json_cut_short() -> None:
    server = Market(Refuse(status=503, paths=("time",)), Truncate(paths=("products",))).server
    async with running(server), client(server) as session:
        async with session.get(f"{API}time") as response:
            assert (response.status, (await response.json())["error"]) == (503, "INTERNAL")
        async with session.get(f"{API}market/products") as response:
            text = await response.text()
            assert response.status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)


async def test_the_server_s_time_may_be_wrong() -> None:
    server = Market(Skew(milliseconds=61_000)).server
    async with running(server), client(server) as session, session.get(f"{API}time") as response:
        told = await response.json()
    assert int(told["epochMillis"]) == T0 + 61_000
    assert int(told["epochSeconds"]) == (T0 + 61_000) // 1000
    assert parse_time(told["iso"]) == T0 + 61_000


@pytest.mark.parametrize(
    ("fault", "hidden"),
    [
        (Hole(from_=-10 * MINUTE, to=-8 * MINUTE, symbols=("BTC-USD",)), {-10, -9}),
        (LateBucket(seconds=180, timeframes=("1m",)), {-3, -2, -1}),
        (LateBucket(seconds=180, timeframes=("5m",)), set()),
    ],
)
async def test_candles_may_be_missing_over_rest(fault: AnyFault, hidden: set[int]) -> None:
    now = T0 + 30 * MINUTE + 1
    server = Market(fault, position=now).server
    query: dict[str, str | int] = {
        "granularity": "ONE_MINUTE", "start": T0 // 1000, "end": (T0 + 30 * MINUTE) // 1000 - 1,
    }  # fmt: skip
    async with (
        running(server),
        client(server) as session,
        session.get(f"{API}market/products/BTC-USD/candles", params=query) as response,
    ):
        rows = (await response.json())["candles"]
    opens = {(int(row["start"]) * 1000 - T0) // MINUTE - 30 for row in rows}
    assert opens == set(range(-30, 0)) - hidden
