"""A wire that is cut again and again: what was missed is asked for, nothing else, and no bar is wrong."""

import asyncio
import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from livermore import bootstrap
from livermore.adapters.exchanges.simulated import RecordedSource, SimulatedExchange
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles, CandleSource, CandleState
from tests.reference.macdv import Bar

from .inside import hasty, live_system, until
from .recording import MINUTE, Recording, record

__all__ = ["hasty"]

SPEED = 1200.0
PAST = 600  # minutes that REST knows when the watch begins
LIVE = 150  # minutes that are streamed
KLINES = "/api/v3/klines"


class Outage(NamedTuple):
    """The market times (ms) between which a wire was cut."""

    start: int
    end: int

    def spans(self, minute: int) -> bool:
        """Say whether a part of a minute was missed."""
        return self.start - MINUTE < minute <= self.end


@pytest.mark.usefixtures("hasty")
async def test_every_bar_is_the_source_s_however_often_the_wire_is_cut(tmp_path: Path) -> None:
    await cut_and_compare(tmp_path, cuts=5, live=LIVE)


@pytest.mark.soak
@pytest.mark.usefixtures("hasty")
async def test_a_hundred_cuts(tmp_path: Path) -> None:
    await cut_and_compare(tmp_path, cuts=100, live=9_000)


async def cut_and_compare(folder: Path, cuts: int, live: int) -> None:
    """Cut the wire at seeded moments of the market, and hold every stored bar against the source."""
    recording = record(folder, minutes=PAST + live)
    exchange = served(recording, live)
    await exchange.start()
    try:
        async with live_system(folder, port_of(exchange), *recording.told) as system:
            await until(lambda: system.status().state == "running")
            loaded = Outage(0, exchange.market_time())
            asked = exchange.counters.requests[KLINES]
            outages = [await cut(exchange, system, moment) for moment in moments(recording, cuts, live)]
            await ended(system, recording)
            assert system.status().exchanges[0].reconnects == cuts
    finally:
        await exchange.stop()
    stored = bars_stored(folder)
    for (symbol, timeframe), bars in stored.items():
        expected = recording.bars[symbol][timeframe]
        assert [bar.time for bar in bars] == [bar.time for bar in expected][-len(bars) :]
        assert [bar[:6] for bar in bars] == [plain(bar) for bar in expected[-len(bars) :]]
    repaired = [bar.time for bar in stored["ALPHAUSDT", "1m"] if bar.source == CandleSource.REST]
    assert [time for time in repaired if not any(out.spans(time) for out in [loaded, *outages])] == []
    assert len(repaired) > PAST
    assert 0 < exchange.counters.requests[KLINES] - asked <= 2 * cuts * len(recording.told)


def served(recording: Recording, live: int) -> SimulatedExchange:
    """Serve a recording as an exchange that has a past and goes on from there."""
    candles = {
        symbol: Candles.of(*map(list, zip(*told, strict=True))) for symbol, told in recording.told.items()
    }
    source = RecordedSource(candles, Timeframe.M1)
    return SimulatedExchange(source, speed=SPEED, position=recording.end - live * MINUTE)


def port_of(exchange: SimulatedExchange) -> int:
    """Return the port that an exchange listens on."""
    return int(exchange.rest_url.rsplit(":", 1)[1])


def moments(recording: Recording, cuts: int, live: int) -> list[int]:
    """Draw the market times (ms) of the cuts, in order."""
    chance = random.Random(f"{cuts} cuts")
    return sorted(recording.end - int(chance.uniform(0.1, 0.95) * live * MINUTE) for _ in range(cuts))


async def cut(exchange: SimulatedExchange, system: bootstrap.System, moment: int) -> Outage:
    """Cut the wire at a market time, and wait until another is laid."""
    await until(lambda: exchange.market_time() >= moment, 600)
    start, before = exchange.market_time(), system.status().exchanges[0]
    exchange.cut_connections()

    def mended() -> bool:
        now = system.status().exchanges[0]
        return now.reconnects > before.reconnects and now.state == "connected"

    await until(mended)
    return Outage(start, exchange.market_time())


async def ended(system: bootstrap.System, recording: Recording) -> None:
    """Wait until the last minute of every symbol has closed."""
    async with asyncio.timeout(60):
        for symbol, told in recording.told.items():
            while (await newest(system, symbol)) < told[-1][0]:
                await asyncio.sleep(0.05)


async def newest(system: bootstrap.System, symbol: str) -> int:
    """Return the open (ms) of a symbol's newest closed minute."""
    return (await system.market.candles("binance", symbol, "1m", limit=1)).candles[-1].time


class StoredBar(NamedTuple):
    """A bar as it lies in the database."""

    time: int
    open: float
    high: float
    low: float
    close: float
    state: int
    source: int


def bars_stored(folder: Path) -> dict[tuple[str, str], list[StoredBar]]:
    """Read every stored bar."""
    query = """SELECT symbol, timeframe, time, open, high, low, close, state, source
        FROM candles JOIN series ON series.id = series_id ORDER BY symbol, timeframe, time"""
    stored: dict[tuple[str, str], list[StoredBar]] = {}
    with closing(sqlite3.connect(folder / ".livermore" / "data" / "livermore.db")) as connection:
        for symbol, timeframe, *bar in connection.execute(query):
            stored.setdefault((symbol, timeframe), []).append(StoredBar(*bar))
    return stored


def plain(bar: Bar) -> tuple[int, float, float, float, float, int]:
    """Return what a stored bar must be."""
    state = CandleState.QUIET if bar.quiet else CandleState.TRADED
    return bar.time, float(bar.open), float(bar.high), float(bar.low), float(bar.close), state
