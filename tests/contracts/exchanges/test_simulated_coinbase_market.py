"""The market that the simulated Coinbase tells: trades that make exactly the candles."""

import asyncio
import itertools
import random
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple

import aiohttp
import pytest

from livermore.adapters.exchanges.simulated import (
    EPOCH,
    WELL_KNOWN_AT_COINBASE,
    Bars,
    CoinbaseRules,
    GeneratedSource,
    RecordedSource,
    SimulatedExchange,
)
from livermore.kernel.clock import parse_time
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles
from tests.contracts.exchanges.support import MINUTE, T0, candles, running, until

FIVE = 5 * MINUTE
Json = dict[str, Any]


class Trade(NamedTuple):
    number: int
    price: Decimal
    size: Decimal
    time: int


class Made(NamedTuple):
    """A candle as the trades make it."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


class Recording:
    """Everything that one connection was sent."""

    def __init__(self) -> None:
        self.frames: list[Json] = []

    def trades(self, product: str) -> list[Trade]:
        """The trades of all updates, as they came."""
        return [
            Trade(int(one["trade_id"]), Decimal(one["price"]), Decimal(one["size"]), moment(one["time"]))
            for event in self.events("market_trades", "update")
            for one in event["trades"]
            if one["product_id"] == product
        ]

    def candles(self, product: str) -> list[Json]:
        """The candles of all updates, as they came."""
        found = (one for event in self.events("candles", "update") for one in event["candles"])
        return [one for one in found if one["product_id"] == product]

    def events(self, channel: str, kind: str) -> Iterable[Json]:
        mine = (frame["events"] for frame in self.frames if frame["channel"] == channel)
        return (event for events in mine for event in events if event["type"] == kind)


def moment(text: str) -> int:
    """A time in ms, rounded down."""
    return parse_time(text[:23] + "Z")


def served(source: RecordedSource | GeneratedSource, **options: Any) -> SimulatedExchange:
    rules = CoinbaseRules(requests_per_second=1000)
    return SimulatedExchange(source, protocol="coinbase", coinbase_rules=rules, **options)


async def listen(server: SimulatedExchange, end: str, *channels: str) -> Recording:
    """Listen to everything until a heartbeat of a moment."""
    recording = Recording()
    products = [market.symbol for market in server.source.markets]
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(server.ws_url, max_msg_size=0) as socket,
        asyncio.timeout(60),
    ):
        for channel in ("heartbeats", *channels):
            await socket.send_json({"type": "subscribe", "channel": channel, "product_ids": products})
        while True:
            recording.frames.append(frame := await socket.receive_json())
            if frame["channel"] == "heartbeats" and frame["timestamp"] >= end:
                return recording


async def rest(server: SimulatedExchange, product: str, granularity: str, start: int, end: int) -> list[Json]:
    """The candles that open in [start, end), oldest first."""
    query = {"granularity": granularity, "start": str(start // 1000), "end": str(end // 1000 - 1)}
    path = f"/api/v3/brokerage/market/products/{product}/candles"
    async with aiohttp.ClientSession(server.rest_url) as session, session.get(path, params=query) as answer:
        told = await answer.json()
    return list(reversed(told["candles"]))


def made(trades: Iterable[Trade], length: int) -> dict[int, Made]:
    """The candles that trades make, in exact decimals."""
    buckets: dict[int, list[Trade]] = defaultdict(list)
    for trade in trades:
        buckets[trade.time - trade.time % length].append(trade)
    return {
        start: Made(
            found[0].price,
            max(trade.price for trade in found),
            min(trade.price for trade in found),
            found[-1].price,
            sum((trade.size for trade in found), Decimal(0)),
        )
        for start, found in buckets.items()
    }


def told(rows: Iterable[Json]) -> dict[int, Made]:
    """The candles of an answer, or of frames, the newest word of each."""
    names = Made._fields
    return {int(row["start"]) * 1000: Made(*(Decimal(row[name]) for name in names)) for row in rows}


def whole(bars: Bars) -> dict[int, Made]:
    """The traded bars of a source in the shortest decimals that mean their floats."""
    columns = zip(*(getattr(bars, name).tolist() for name in Made._fields), strict=True)
    rows = zip(bars.time.tolist(), columns, strict=True)
    return {time: Made(*map(Decimal, map(repr, row))) for time, row in rows if row[-1]}


def assert_consecutive(trades: list[Trade], first: int | None = None) -> None:
    numbers = [trade.number for trade in trades]
    start = numbers[0] if first is None else first
    assert numbers == list(range(start, start + len(numbers)))
    assert all(one.time <= other.time for one, other in itertools.pairwise(trades))
    assert all(trade.size > 0 for trade in trades)


# ---------------------------------------------------------------- trades


async def test_generated_trades_make_the_bars_digit_by_digit() -> None:
    source = GeneratedSource(["BTC-USD", "ATOM-USD", "XRP-USD", "NOBODY-USD"], past_days=2)
    async with running(served(source, speed=None)) as server:
        recording = await listen(server, "2025-01-01T03:20:00", "market_trades")
        for product in server.source.markets:
            trades = recording.trades(product.symbol)
            end = EPOCH + 200 * MINUTE
            minutes = source.bars(product.symbol, Timeframe.M1, EPOCH, end)
            trades = [trade for trade in trades if trade.time < end]
            assert_consecutive(trades)
            assert made(trades, MINUTE) == whole(minutes)
            assert {
                len(list(group)) for _, group in itertools.groupby(trade.time // MINUTE for trade in trades)
            } == {12}
            for name, length in {"ONE_MINUTE": MINUTE, "FIVE_MINUTE": FIVE, "ONE_HOUR": 60 * MINUTE}.items():
                whole_until = end - end % length
                rows = await rest(server, product.symbol, name, EPOCH, whole_until)
                trades = [trade for trade in trades if trade.time < whole_until]
                assert told(rows) == made(trades, length)


async def test_a_recorded_candle_is_four_trades_and_comes_back_verbatim() -> None:
    series = {"C0-USD": candles(50, seed=3), "C1-USD": candles(50, seed=4)}
    async with running(served(RecordedSource(series, Timeframe.M1), speed=None)) as server:
        recording = await listen(server, "2023-11-15T00:50:03", "market_trades")
        assert server.finished
        for symbol, recorded in series.items():
            trades = recording.trades(symbol)
            assert_consecutive(trades, first=1_000_000)
            assert len(trades) == 4 * len(recorded)
            for place, four in enumerate(zip(*[iter(trades)] * 4, strict=True)):
                opened, near, far, closed = (float(trade.price) for trade in four)
                assert (opened, closed) == (recorded.open[place], recorded.close[place])
                lower_first = recorded.close[place] >= recorded.open[place]
                extremes = (recorded.low[place], recorded.high[place])
                assert (near, far) == (extremes if lower_first else extremes[::-1])
                assert sum(trade.size for trade in four) == Decimal(repr(float(recorded.volume[place])))
            rows = await rest(server, symbol, "ONE_MINUTE", T0, T0 + 50 * MINUTE)
            assert len(rows) == 50
            for name in Made._fields:
                assert [float(row[name]) for row in rows] == getattr(recorded, name).tolist()


def odd_candles(count: int) -> Candles:
    """Candles of every kind of volume, from none to a huge one; some flat, some one-sided."""
    chance = random.Random(5)
    volumes = [0.0, 1e-8, 2e-8, 3e-8, 5e-8, 0.1, 1.0, 355.82896243, 0.30000000000000004, 123456789.5, 3e-11]
    rows = []
    for place in range(count):
        open_, close = (round(100 + chance.random(), 2) for _ in range(2))
        kind = place % 4
        close = open_ if kind == 0 else close
        high = max(open_, close) + (kind == 3) * 0.25
        low = min(open_, close) - (kind >= 2) * 0.5
        rows.append((T0 + place * MINUTE, open_, high, low, close, volumes[place % len(volumes)]))
    return Candles.of(*map(list, zip(*rows, strict=True)))


async def test_candles_with_hardly_any_volume_have_fewer_trades_and_stay_exact() -> None:
    odd = odd_candles(88)
    source = RecordedSource({"ODD-USD": odd}, Timeframe.M1)
    async with running(served(source, speed=None)) as server:
        recording = await listen(server, "2023-11-15T01:28:03", "market_trades")
    trades = recording.trades("ODD-USD")
    assert_consecutive(trades)
    assert made(trades, MINUTE) == whole(source.bars("ODD-USD", Timeframe.M1, T0, T0 + 88 * MINUTE))
    counts = {
        minute: len(list(group))
        for minute, group in itertools.groupby((trade.time - T0) // MINUTE for trade in trades)
    }
    assert {count for minute, count in counts.items() if odd.volume[minute] >= 4e-8} == {4}
    assert {count for minute, count in counts.items() if odd.volume[minute] == 1e-8} == {1, 2, 3, 4}
    assert not any(minute % 11 == 0 for minute in counts)


async def test_ids_go_on_over_the_whole_run_wherever_it_begins() -> None:
    source = RecordedSource({"C0-USD": odd_candles(60)}, Timeframe.M1)
    async with running(served(source, speed=None, position=T0 + 30 * MINUTE)) as server:
        recording = await listen(server, "2023-11-15T01:00:03", "market_trades")
    (snapshot,) = recording.events("market_trades", "snapshot")
    before = [int(trade["trade_id"]) for trade in snapshot["trades"]]
    assert before == sorted(before, reverse=True)
    assert before[-1] == 1_000_000 or len(before) == 100
    assert_consecutive(recording.trades("C0-USD"), first=before[0] + 1)


async def test_a_coarse_recording_tells_its_own_length_and_longer() -> None:
    source = RecordedSource({"C0-USD": candles(12, length=4 * 60 * MINUTE)}, Timeframe.H4)
    async with running(served(source, speed=None)) as server:
        recording = await listen(server, "2023-11-17T00:00:03", "market_trades", "candles")
        days = await rest(server, "C0-USD", "ONE_DAY", T0, T0 + 2 * 24 * 60 * MINUTE)
    trades = recording.trades("C0-USD")
    assert made(trades, 4 * 60 * MINUTE) == whole(source.bars("C0-USD", Timeframe.H4, T0, T0 + 10**9))
    assert told(days) == made(trades, 24 * 60 * MINUTE)
    assert not recording.candles("C0-USD")


async def test_a_frame_is_never_before_its_trades_nor_a_heartbeat_before_the_frames() -> None:
    source = GeneratedSource(["BTC-USD", "ETH-USD"], past_days=1)
    async with running(served(source, speed=1200)) as server:
        recording = await listen(server, "2025-01-01T00:10:00", "market_trades")
    newest = ""
    for frame in recording.frames:
        assert frame["timestamp"] >= newest
        newest = frame["timestamp"]
        for event in frame["events"]:
            assert all(trade["time"][:26] <= newest[:26] for trade in event.get("trades", ()))


# ---------------------------------------------------------------- candles of five minutes


@pytest.mark.parametrize("speed", [None, 6000.0])
async def test_the_candles_channel_ends_each_candle_as_its_trades_make_it(speed: float | None) -> None:
    source = GeneratedSource(["BTC-USD", "ATOM-USD"], past_days=2)
    start = EPOCH - 300 * MINUTE + 2 * MINUTE  # in the middle of five minutes
    async with running(served(source, speed=speed, position=start)) as server:
        recording = await listen(server, "2025-01-01T00:06:00", "market_trades", "candles")
        for symbol in ("BTC-USD", "ATOM-USD"):
            wanted = told(await rest(server, symbol, "FIVE_MINUTE", start - start % FIVE, EPOCH))
            found = told(recording.candles(symbol))
            assert {start: found[start] for start in wanted} == wanted


async def test_now_and_then_a_candle_is_corrected_after_the_next_has_begun() -> None:
    source = GeneratedSource(["BTC-USD"], past_days=1)
    async with running(served(source, speed=None)) as server:
        recording = await listen(server, "2025-01-01T03:01:00", "market_trades", "candles")
    starts = [int(candle["start"]) for candle in recording.candles("BTC-USD")]
    late = [(one, other) for one, other in itertools.pairwise(starts) if other < one]
    assert 3 <= len(late) <= 36 // 5
    assert {one - other for one, other in late} == {300}
    five = made(recording.trades("BTC-USD"), FIVE)
    corrected = {other * 1000 for _, other in late}
    final = told(recording.candles("BTC-USD"))
    assert all(final[start] == five[start] for start in corrected)


def play(turns: asyncio.Semaphore, bars: int) -> None:
    """Let a held market go on for so many bars."""
    for _ in range(bars):
        turns.release()


async def test_a_correction_is_owed_only_to_who_still_listens() -> None:
    turns = asyncio.Semaphore(11)  # to begin, and ten bars: the end of the second candle is withheld

    async def pace() -> None:
        await turns.acquire()

    async with (
        running(served(GeneratedSource(["BTC-USD"], past_days=1), speed=None, pace=pace)) as server,
        aiohttp.ClientSession() as session,
        session.ws_connect(server.ws_url) as socket,
    ):

        async def ask(kind: str, *channels: str) -> None:
            for channel in channels:
                await socket.send_json({"type": kind, "channel": channel, "product_ids": ["BTC-USD"]})
            wanted = kind == "subscribe"
            await until(lambda: ("candles:BTC-USD" in server.counters.subscriptions) is wanted)

        async def heard(minute: str) -> Recording:
            recording = Recording()
            while not recording.frames or recording.frames[-1]["channel"] != "heartbeats":
                frame = await socket.receive_json(timeout=10)
                if frame["channel"] != "heartbeats" or frame["timestamp"][14:16] == minute:
                    recording.frames.append(frame)
            return recording

        await ask("subscribe", "heartbeats", "market_trades", "candles")
        assert len(told((await heard("09")).candles("BTC-USD"))) == 2
        await ask("unsubscribe", "candles")
        play(turns, 5)
        await heard("14")
        await ask("subscribe", "candles")
        play(turns, 5)
        later = await heard("19")
    assert {one["start"] for one in later.candles("BTC-USD")} == {str(EPOCH // 1000 + 900)}


# ---------------------------------------------------------------- the same world


def test_names_of_coinbase_have_the_characters_of_their_bases() -> None:
    binance, coinbase = GeneratedSource().markets, GeneratedSource(WELL_KNOWN_AT_COINBASE).markets
    assert [market.symbol for market in coinbase] == [f"{market.base}-USD" for market in binance]
    assert [market.price_decimals for market in coinbase] == [market.price_decimals for market in binance]


async def test_a_seed_makes_one_world_trade_by_trade() -> None:
    told_twice = []
    for _ in range(2):
        source = GeneratedSource(["BTC-USD"], past_days=1, seed=3)
        source.bars("BTC-USD", Timeframe.H1, EPOCH, EPOCH + 1)  # what was drawn before does not matter
        async with running(served(source, speed=None)) as server:
            recording = await listen(server, "2025-01-01T00:30:00", "market_trades")
            told_twice.append(
                [trade for trade in recording.trades("BTC-USD") if trade.time < EPOCH + 30 * MINUTE]
            )
    assert told_twice[0] == told_twice[1]
    assert len(told_twice[0]) == 12 * 30
