"""What goes wrong at the simulated exchange goes wrong on the wire alone, by a seed, and is counted."""

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

from livermore.adapters.exchanges.simulated import SimulatedExchange
from livermore.adapters.exchanges.simulated.faults import (
    AbsentClose,
    Corrupt,
    Cut,
    Delay,
    Drop,
    Duplicate,
    Faults,
    FaultScript,
    HalfOpen,
    Hang,
    Hole,
    LateBucket,
    LateClose,
    Refuse,
    Reorder,
    Silence,
    Skew,
    Slow,
    Truncate,
)
from livermore.adapters.exchanges.simulated.faults.kinds import AnyFault
from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import InvalidError
from livermore.kernel.timeframe import Timeframe
from tests.contracts.exchanges.support import MINUTE, T0, connected, recorded, running, until

KLINES, TICKERS = ["c0usdt@kline_1m", "c1usdt@kline_1m"], ["c0usdt@miniTicker", "c1usdt@miniTicker"]
PATH = "/stream?streams=" + "/".join([*KLINES, *TICKERS])
BARS = 120
OVER = {WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR}


def served(*faults: AnyFault, seed: int = 1, bars: int = BARS, **more: Any) -> SimulatedExchange:
    """Two symbols as fast as they are read, with some faults."""
    more.setdefault("speed", None)
    return SimulatedExchange(recorded(2, bars), faults=FaultScript.of(*faults, seed=seed), **more)


async def heard(server: SimulatedExchange) -> list[str]:
    """Return everything that one connection hears of a whole market."""
    async with running(server), client(server) as session, session.ws_connect(PATH) as socket:
        ending = asyncio.create_task(_stop_at_the_end(server))
        texts = [message.data async for message in socket]
        await ending
        return texts


async def _stop_at_the_end(server: SimulatedExchange) -> None:
    await until(lambda: server.finished, 30)
    await server.stop()


async def truth(bars: int = BARS) -> list[str]:
    return await heard(served(bars=bars))


def data(text: str) -> Any:
    return json.loads(text)["data"]


def is_closing(text: str) -> bool:
    return '"x":true' in text


@contextlib.asynccontextmanager
async def client(server: SimulatedExchange) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(server.rest_url) as session:
        yield session


# ---------------------------------------------------------------- frames


async def test_dropped_frames_are_gone_and_the_others_in_order() -> None:
    server = served(Drop(share=0.1))
    told, left = await truth(), await heard(server)
    rest = iter(told)
    assert all(text in rest for text in left)
    assert len(told) - len(left) == server.counters.faults["drop"] > 0
    assert 0.05 < 1 - len(left) / len(told) < 0.2


async def test_only_frames_of_a_sort_and_a_symbol_are_dropped() -> None:
    left = await heard(served(Drop(symbols=("C0USDT",), frames=("tickers",))))
    gone = [text for text in await truth() if text not in left]
    assert {json.loads(text)["stream"] for text in gone} == {"c0usdt@miniTicker"}
    assert not any("c0usdt@miniTicker" in text for text in left)


async def test_duplicated_frames_come_twice_in_a_row() -> None:
    server = served(Duplicate(share=0.2))
    told, more = await truth(), await heard(server)
    twice = [one for one, other in pairwise(more) if one == other]
    assert len(twice) == server.counters.faults["duplicate"] == len(more) - len(told) > 0
    assert list(dict.fromkeys(more)) == told


async def test_reordered_frames_come_a_few_places_later() -> None:
    server = served(Reorder(share=0.05, within=3))
    told, mixed = await truth(), await heard(server)
    assert server.counters.faults["reorder"] > 0
    assert mixed != told
    places = {text: place for place, text in enumerate(told)}
    moved = [place - places[text] for place, text in enumerate(mixed)]
    assert 0 < max(moved) <= 2 * 3  # it may wait for another that was moved
    assert len(told) - len(mixed) <= 1  # one may still have been held at the end


async def test_delayed_frames_are_overtaken_by_what_happens_meanwhile() -> None:
    server = served(Delay(share=0.05, seconds=90, to=(BARS - 5) * MINUTE))
    told, mixed = await truth(), await heard(server)
    assert Counter(mixed) == Counter(told)
    moments = [data(text)["E"] for text in mixed]
    latest, late = 0, []
    for moment in moments:
        if moment < latest:
            late.append(latest - moment)
        latest = max(latest, moment)
    assert len(late) == server.counters.faults["delay"] > 0
    assert all(60_000 < by <= 90_000 for by in late)


async def test_corrupt_frames_can_be_told_from_good_ones() -> None:
    server = served(Corrupt(share=0.2))
    told, damaged = await truth(), await heard(server)
    broken = [(one, other) for one, other in zip(told, damaged, strict=True) if one != other]
    assert len(broken) == server.counters.faults["corrupt"] > 0
    assert all(len(other) < len(one) or "#" in other for one, other in broken)
    unreadable = [other for _, other in broken if not _is_json(other)]
    assert len(broken) / 2 < len(unreadable) < len(broken)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


async def test_our_adapter_takes_no_corrupt_frame_for_a_bar() -> None:
    server = served(Corrupt(share=0.3), Duplicate(share=0.1), Reorder(share=0.1))
    source = server.source
    async with running(server), connected(server, ["C0USDT", "C1USDT"]) as (sink, _):
        await until(lambda: server.finished)
        await until(lambda: len(sink.notes) > 50)
        closed = sink.closed("C0USDT")
    bars = source.bars("C0USDT", Timeframe.M1, T0, T0 + BARS * MINUTE)
    true = {row[0]: row[1:] for row in zip(*map(_column(bars), NAMES), strict=True)}
    assert 30 < len(closed) < 2 * BARS
    for bar in closed:
        assert tuple(getattr(bar, name) for name in NAMES[1:]) == true[bar.time]


NAMES = ("time", "open", "high", "low", "close", "volume")


def _column(bars: Any) -> Any:
    return lambda name: getattr(bars, name).tolist()


async def test_a_closing_frame_may_be_late() -> None:
    server = served(LateClose(seconds=30, to=(BARS - 2) * MINUTE))
    told, mixed = await truth(), await heard(server)
    assert Counter(mixed) == Counter(told)
    assert server.counters.faults["late_close"] == 2 * (BARS - 2) - 2
    after = {data(text)["E"]: data(before)["E"] for before, text in pairwise(mixed)}
    late = [after[data(text)["E"]] - data(text)["E"] for text in mixed if is_closing(text)]
    assert sum(28_000 < by <= 30_000 for by in late) >= server.counters.faults["late_close"] / 2


async def test_a_closing_frame_may_never_come() -> None:
    told, left = await truth(), await heard(served(AbsentClose()))
    assert any(map(is_closing, told))
    assert left == [text for text in told if not is_closing(text)]


async def test_a_silent_symbol_still_has_its_ticker() -> None:
    start, end = 30 * MINUTE, 60 * MINUTE
    server = served(Silence(symbols=("C0USDT",), from_=start, to=end))
    told, left = await truth(), await heard(server)
    gone = [text for text in told if text not in left]
    assert {json.loads(text)["stream"] for text in gone} == {KLINES[0]}
    inside = [text for text in told if KLINES[0] in text and start <= data(text)["E"] - T0 < end]
    assert gone == inside
    assert server.counters.faults["silence"] == len(gone)


async def test_silences_come_and_go_by_the_seed() -> None:
    script = Silence(every=1200, for_=300)
    told, left = await truth(), await heard(served(script))
    gone = [data(text)["E"] - T0 for text in told if text not in left]
    periods = Counter(moment // 1_200_000 for moment in gone)
    assert set(periods) == set(range(BARS // 20))
    for period in periods:
        moments = [moment for moment in gone if moment // 1_200_000 == period]
        assert max(moments) - min(moments) <= 300_000
    other = await heard(served(script, seed=2))
    assert other != left


async def test_event_times_may_be_wrong_and_bars_are_not() -> None:
    told, skewed = await truth(), await heard(served(Skew(milliseconds=-2500)))
    for one, other in zip(map(data, told), map(data, skewed), strict=True):
        assert other == one | {"E": one["E"] - 2500}


async def test_a_seed_makes_the_same_faults() -> None:
    faults = (Drop(share=0.05), Duplicate(share=0.05), Reorder(share=0.05), Corrupt(share=0.05))
    first, again, other = [await heard(served(*faults, seed=seed)) for seed in (1, 1, 2)]
    assert first == again
    assert first != other


async def test_a_seed_given_takes_the_place_of_the_script_s() -> None:
    script = FaultScript.of(Drop(share=0.05), seed=1)
    server = SimulatedExchange(recorded(2, BARS), speed=None, faults=Faults(script, seed=2))
    assert await heard(server) == await heard(served(Drop(share=0.05), seed=2))


# ---------------------------------------------------------------- connections


@pytest.fixture
async def lively() -> AsyncIterator[SimulatedExchange]:
    """A market of some minutes a second, nothing wrong with it yet."""
    async with running(SimulatedExchange(recorded(2, 20_000), speed=600)) as server:
        yield server


async def test_faults_begin_and_end_at_will(lively: SimulatedExchange) -> None:
    async with client(lively) as session, session.ws_connect(PATH) as socket:
        await socket.receive_json()
        fault = Corrupt()
        lively.faults.begin(fault)
        while _is_json(text := (await socket.receive()).data) and "#" not in text:
            pass
        lively.faults.end(fault)
        while not _is_json(text := (await socket.receive()).data) or "#" in text:
            pass
        assert lively.counters.faults["corrupt"] > 0
        count = lively.counters.faults["corrupt"]
        for _ in range(20):
            assert "#" not in (await socket.receive_str())
        assert lively.counters.faults["corrupt"] == count


async def test_a_half_open_connection_says_nothing_and_stays_open(lively: SimulatedExchange) -> None:
    async with client(lively) as session, session.ws_connect(PATH) as first:
        await first.receive_json()
        lively.faults.begin(HalfOpen())
        lively.faults.end()
        assert lively.counters.faults == {"half_open": 1}
        assert lively.counters.subscriptions == set()
        await first.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 1})
        await first.ping()
        async with session.ws_connect(PATH) as second:
            frames = [await second.receive_json() for _ in range(100)]
        await lively.announce_shutdown()
        while True:  # what was in flight
            try:
                text = (await asyncio.wait_for(first.receive(), 0.1)).data
            except TimeoutError:
                break
            assert data(text)["E"] < frames[0]["data"]["E"]
            assert "id" not in json.loads(text)
        assert not first.closed
        closing = asyncio.create_task(lively.stop())  # its client waits in vain for a goodbye
        assert (await first.receive()).type in OVER
        await closing


async def test_what_was_held_still_comes_when_the_fault_has_ended(lively: SimulatedExchange) -> None:
    async with client(lively) as session, session.ws_connect(PATH) as socket:
        delay = Delay(seconds=60)
        lively.faults.begin(delay)
        await until(lambda: lively.counters.faults["delay"] > 3)
        lively.faults.end(delay)
        held = lively.counters.faults["delay"]
        latest = late = 0
        while late < held:
            moment = data((await socket.receive()).data)["E"]
            late += moment < latest
            latest = max(latest, moment)
    assert lively.counters.faults["delay"] == held


async def test_a_share_of_the_connections_is_cut_at_once(lively: SimulatedExchange) -> None:
    async with client(lively) as session, contextlib.AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(session.ws_connect(PATH)) for _ in range(8)]
        for socket in sockets:
            await socket.receive_json()
        lively.faults.begin(Cut(share=0.5))
        lively.faults.end()
        cut = lively.counters.faults["cut"]
        assert 0 < cut < 8
        await until(lambda: len(lively.faults.wires) == 8 - cut)


async def test_while_a_cut_lasts_nobody_gets_through(lively: SimulatedExchange) -> None:
    cut = Cut()
    lively.faults.begin(cut)
    async with client(lively) as session:
        for _ in range(3):
            with contextlib.suppress(aiohttp.ClientError, ConnectionError):
                async with session.ws_connect(PATH) as socket:
                    assert (await socket.receive()).type in OVER
        lively.faults.end(cut)
        async with session.ws_connect(PATH) as socket:
            await socket.receive_json()
    assert lively.counters.faults["cut"] == 3


@pytest.mark.parametrize(
    ("cut", "times"),
    [
        (Cut(every=1200), BARS // 20),
        (Cut(at=(30 * MINUTE, T0 + 60 * MINUTE)), 2),
        (Cut(at=(30 * MINUTE, T0 + 60 * MINUTE), from_=45 * MINUTE), 1),
    ],
    ids=["every so often", "at moments", "at moments of a time"],
)
async def test_wires_are_cut_by_the_market_s_time(cut: Cut, times: int) -> None:
    async with running(served(cut)) as server, client(server) as session:
        listening = asyncio.create_task(_listen_again_and_again(session))
        await until(lambda: server.finished, 30)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    assert server.counters.faults == {"cut": times}
    assert server.counters.connections >= times
    assert server.counters.cut == 0


async def _listen_again_and_again(session: aiohttp.ClientSession) -> None:
    while True:
        with contextlib.suppress(aiohttp.ClientError, ConnectionError):
            async with session.ws_connect(PATH) as socket:
                while (await socket.receive()).type not in OVER:
                    pass


# ---------------------------------------------------------------- REST

INFO, TIME = "/api/v3/exchangeInfo", "/api/v3/time"


@pytest.mark.parametrize(
    ("status", "code"), [(401, -2015), (418, -1003), (429, -1003), (500, -1000), (503, -1008), (504, -1007)]
)
async def test_injected_refusals_look_like_binance_s(status: int, code: int) -> None:
    server = served(Refuse(status=status, retry_after=7))
    async with running(server), client(server) as session, session.get(INFO) as response:
        assert response.status == status
        assert (await response.json())["code"] == code
        assert response.headers["Retry-After"] == "7"
        assert response.headers["X-MBX-USED-WEIGHT-1M"] == "20"
    assert server.counters.faults == {"refuse": 1}
    assert (server.counters.over_limit, server.counters.banned) == (0, 0)
    assert server.counters.requests == {INFO: 1}


async def test_a_refusal_may_be_a_page_and_name_no_time_to_wait() -> None:
    server = served(Refuse(status=502))
    async with running(server), client(server) as session, session.get(INFO) as response:
        assert (response.status, response.content_type) == (502, "text/html")
        assert "Retry-After" not in response.headers


async def test_what_is_really_over_the_limit_is_not_called_a_fault() -> None:
    server = served(Refuse(status=500, from_=1), weight_limit=30, clock=ManualClock(T0))
    async with running(server), client(server) as session:
        statuses = []
        for _ in range(2):
            async with session.get(INFO) as response:
                statuses.append(response.status)
    assert statuses == [200, 429]
    assert (server.counters.over_limit, server.counters.faults) == (1, {})


async def test_a_share_of_the_answers_on_some_paths_is_refused() -> None:
    faults = [Refuse(status=429, share=0.2, paths=("time",)), Refuse(status=500, share=0.2, paths=("time",))]
    runs = []
    for _ in range(2):
        async with running(served(*faults)) as server, client(server) as session:
            statuses = []
            for _ in range(100):
                async with session.get(TIME) as response:
                    statuses.append(response.status)
                async with session.get("/api/v3/ping") as response:
                    assert response.status == 200
        assert server.counters.faults["refuse"] == sum(status != 200 for status in statuses)
        runs.append(statuses)
    assert runs[0] == runs[1]
    assert 5 < runs[0].count(429) < 35
    assert 5 < runs[0].count(500) < 35


async def test_json_may_be_cut_short() -> None:
    server = served(Truncate())
    async with running(server), client(server) as session, session.get(INFO) as response:
        assert response.status == 200
        short = await response.text()
    assert short.startswith('{"timezone"')
    assert not _is_json(short)
    assert server.counters.faults["truncate"] == 1


async def test_an_answer_may_be_late() -> None:
    clock = ManualClock(T0)
    server = SimulatedExchange(recorded(1, 5), clock=clock)
    async with running(server), client(server) as session:
        server.faults.begin(Slow(seconds=30))
        asked = asyncio.create_task(session.get(TIME))
        await until(lambda: server.counters.faults["slow"])
        assert not asked.done()
        await clock.advance(30)
        assert (await asked).status == 200


async def test_an_answer_may_never_come() -> None:
    clock = ManualClock(T0)
    server = SimulatedExchange(recorded(1, 5), clock=clock, faults=FaultScript.of(Hang(seconds=60)))
    async with running(server):
        host, _, port = server.rest_url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET {TIME} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        asked = asyncio.create_task(reader.read())
        await until(lambda: server.counters.faults["hang"])
        await clock.advance(59)
        assert not asked.done()
        await clock.advance(2)
        with contextlib.suppress(ConnectionResetError):
            assert await asked == b""
        writer.close()


async def test_the_server_s_time_may_be_wrong() -> None:
    async with running(served(Skew(milliseconds=3000))) as server, client(server) as session:
        for path in (TIME, INFO):
            async with session.get(path) as response:
                assert (await response.json())["serverTime"] == T0 + 3000


# ---------------------------------------------------------------- candles


async def opens(session: aiohttp.ClientSession, **query: int | str) -> list[int]:
    """Return the opens of the candles that REST gives, in minutes of the market."""
    asked: dict[str, int | str] = {"symbol": "C0USDT", "interval": "1m", "startTime": T0, **query}
    async with session.get("/api/v3/klines", params=asked) as response:
        return [(row[0] - T0) // MINUTE for row in await response.json()]


async def test_a_hole_is_there_until_it_is_mended() -> None:
    clock = ManualClock(T0)
    hole = Hole(symbols=("C0USDT",), from_=2 * MINUTE, to=4 * MINUTE, known_from=20 * MINUTE)
    server = served(hole, speed=1.0, clock=clock, hold=False, position=T0)
    async with running(server), client(server) as session:
        assert await opens(session) == []
        await clock.advance(10 * 60 + 1)
        assert await opens(session, limit=4) == [0, 1, 4, 5]
        assert await opens(session, limit=4, symbol="C1USDT") == [0, 1, 2, 3]
        assert await opens(session, interval="5m", endTime=T0 + 5 * MINUTE) == [0, 5]
        assert server.counters.faults["hole"]
        await clock.advance(10 * 60)
        assert await opens(session, limit=4) == [0, 1, 2, 3]


async def test_a_bucket_may_become_known_late() -> None:
    clock = ManualClock(T0)
    server = served(LateBucket(seconds=30), speed=1.0, clock=clock, hold=False, position=T0)
    async with running(server), client(server) as session:
        assert await opens(session) == []
        await clock.advance(3 * 60 + 10)
        assert await opens(session) == [0, 1]
        await clock.advance(19)
        assert await opens(session) == [0, 1]
        await clock.advance(2)
        assert await opens(session) == [0, 1, 2]


async def test_a_share_of_the_buckets_is_late_however_often_one_asks() -> None:
    server = served(LateBucket(seconds=3600, share=0.3), position=T0 + 100 * MINUTE, bars=200)
    async with running(server), client(server) as session:
        known = await opens(session, endTime=T0 + 100 * MINUTE - 1)
        assert await opens(session, endTime=T0 + 100 * MINUTE - 1) == known
    assert known[:40] == list(range(40))
    assert 30 < len(known[40:]) < 55


async def test_the_source_stays_as_it_is() -> None:
    everything = (Drop(share=0.5), Corrupt(share=0.3), LateBucket(seconds=600), Skew(milliseconds=700))
    server = served(*everything)
    await heard(server)
    mine, pure = (
        source.bars("C0USDT", Timeframe.M1, T0, T0 + BARS * MINUTE)
        for source in (server.source, recorded(2, BARS))
    )
    assert all(_column(mine)(name) == _column(pure)(name) for name in NAMES)


async def test_a_symbol_that_is_not_listed_is_refused() -> None:
    with pytest.raises(InvalidError, match="NOPEUSDT"):
        served(Drop(symbols=("NOPEUSDT",)))
    server = served()
    with pytest.raises(InvalidError, match="NOPEUSDT"):
        server.faults.begin(Silence(symbols=("C0USDT", "NOPEUSDT")))
