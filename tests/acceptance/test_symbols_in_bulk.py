"""Many symbols are added at once while others stream: nobody notices but the exchange, and it not much."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from benchmarks.crowd import PAST, Crowd
from livermore.adapters.exchanges.simulated import Protocol, SimulatedExchange
from livermore.kernel.events import Topic
from livermore.kernel.timeframe import DEFAULT_TIMEFRAMES, MINUTE, Timeframe

from .both_protocols import PROTOCOLS
from .symbols import Asked, asking
from .truth.stored import books

MARGIN = 1.2


class Size(NamedTuple):
    """How many symbols stream, how many come, on which timeframes; the market's speed, its past in days."""

    streaming: int
    added: int
    timeframes: Sequence[Timeframe]
    speed: float
    past: int


SMALL = Size(3, 4, (Timeframe.M1, Timeframe.M5), 120.0, 4)
LARGE = Size(100, 200, DEFAULT_TIMEFRAMES, 10.0, PAST)


class Bulk(NamedTuple):
    """A bulk addition that has ended, and every step of it that was told."""

    command: dict[str, Any]
    steps: list[dict[str, Any]]


async def added(asked: Asked, exchange: str, symbols: Sequence[str]) -> Bulk:
    """Add symbols by one command, and listen to what is told of it."""
    topics: tuple[Topic, ...] = ("command",)
    told = asked.system.bus.subscribe(asked.system.user.identity_sub, topics)
    body = {"type": "bulk-add-symbols", "payload": {"symbols": list(symbols), "exchange": exchange}}
    answer = await asked.api("POST", "/commands", json=body)
    assert answer.status_code == 202
    steps = []
    async for event in told:
        if event.data["id"] == answer.json()["id"]:
            steps.append(dict(event.data))
            if event.data["status"] in {"succeeded", "failed", "cancelled"}:
                break
    told.close()
    command = await asked.get(f"/commands/{answer.json()['id']}")
    assert command["status"] == "succeeded", command["error"]
    return Bulk(command, steps)


def told_of(bulk: Bulk, count: int) -> list[int]:
    """Return how many symbols were said to be live, each time that it was said; it never went back."""
    seen = [step["progress"] for step in bulk.steps if step["progress"] is not None]
    assert {one["total"] for one in seen} == {count}
    done = [one["done"] for one in seen]
    assert done == sorted(done)
    return done


def assert_no_gap(folder: Path, server: SimulatedExchange, symbols: Sequence[str], until: int) -> None:
    """Hold every stored bar of some symbols against the source, up to a moment: each there, each right."""
    stored, holes = books(folder)[:2]
    assert [hole for hole in holes if hole.symbol in symbols] == []
    for symbol in symbols:
        for timeframe in {Timeframe(name) for of, name in stored if of == symbol}:
            bars, length = stored[symbol, timeframe], timeframe.milliseconds
            assert {later.time - bar.time for bar, later in pairwise(bars)} == {length}
            assert bars[-1].time + 2 * length > until
            source = server.source.bars(symbol, timeframe, bars[0].time, bars[-1].time + length)
            traded = source[source.volume > 0]
            told = [bar for bar in bars if bar.state == "traded"]
            assert {bar.state for bar in bars} <= {"traded", "quiet"}
            for name in ("time", "open", "high", "low", "close"):
                assert [getattr(bar, name) for bar in told] == getattr(traded, name).tolist(), symbol


async def bulk_added(folder: Path, exchange: Protocol, size: Size) -> Bulk:
    """Add symbols while others stream, within the limits that the exchange really sets."""
    source = Crowd(exchange, size.streaming + size.added, past_days=size.past)
    server = SimulatedExchange(source, protocol=exchange, speed=size.speed, hold=False)
    await server.start()
    steady, new = source.symbols[: size.streaming], source.symbols[size.streaming :]
    try:
        there, watched = {str(exchange): server}, {str(exchange): steady}
        async with asking(folder, there, watched, timeframes=size.timeframes) as asked:
            bulk = await added(asked, exchange, new)
            await asked.live(*((exchange, symbol) for symbol in source.symbols))
            await asked.market_passes(exchange, 3 * MINUTE)
            moment = server.market_time() - MINUTE
            await asyncio.gather(*(asked.values_after(exchange, one, moment - MINUTE) for one in new))
            counters = server.counters
            assert (counters.over_limit, counters.banned, counters.cut) == (0, 0, 0)
            assert {one["verdict"] for one in bulk.command["result"]["results"]} == {"ok"}
            assert server.subscribed() == set(source.symbols)
        assert_no_gap(folder, server, steady, moment)
        assert told_of(bulk, size.added)
    finally:
        await server.stop()
    return bulk


@pytest.mark.parametrize("exchange", PROTOCOLS)
async def test_who_streams_misses_nothing(tmp_path: Path, exchange: Protocol) -> None:
    await bulk_added(tmp_path, exchange, SMALL)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("exchange", PROTOCOLS)
async def test_two_hundred_come_while_a_hundred_stream(tmp_path: Path, exchange: Protocol) -> None:
    bulk = await bulk_added(tmp_path, exchange, LARGE)
    command = bulk.command
    assert len(set(told_of(bulk, LARGE.added))) > 10
    forecast = command["result"]["cost"]
    print(f"{exchange}: {command['duration_ms'] / 1000:.1f} s, forecast {forecast}")
    assert command["duration_ms"] / 1000 <= MARGIN * forecast["seconds"]
