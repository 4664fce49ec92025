"""Made-up symbols of either protocol, watched by a live system whose clock runs with the market.

Time passes here step by step, never while somebody works, so that a busy machine makes nobody late.
"""

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from livermore import bootstrap
from livermore.adapters.exchanges.simulated import (
    CoinbaseRules,
    GeneratedSource,
    Protocol,
    SimulatedExchange,
    SocketRules,
)
from livermore.adapters.exchanges.simulated.profiles import PROFILES
from livermore.bootstrap import ground
from livermore.kernel.clock import ScaledClock
from livermore.kernel.timeframe import MINUTE
from livermore.market.desk import Desk

from .inside import Place, live_systems, until

PROTOCOLS: tuple[Protocol, ...] = ("binance", "coinbase")
SYMBOLS = 100
UPDATES = 6
PAST = 3  # days of history
RATE = 61.0  # market time by the server's: from here on it tells prices once a bar, not every second
STEP = 0.25  # seconds of the market that pass at once
TURNS = 6  # of the event loop in each step: what is on its way arrives
SLOWLY = 0.004  # seconds of the wall for a step while histories are read from a real disk
OPEN = 100_000  # of whatever a server allows in a second: what it counts is not limited here
LISTING = ("/api/v3/exchangeInfo", "/api/v3/brokerage/market/products")
NAMES = {"binance": "{}USDT", "coinbase": "{}-USD"}


def some_of(exchange: str, count: int) -> tuple[str, ...]:
    """Name so many of the usual symbols, well-known and thin ones mixed as among all of them."""
    return symbols_of(exchange)[:: SYMBOLS // count]


def symbols_of(exchange: str, count: int = SYMBOLS) -> tuple[str, ...]:
    """Name well-known and thin pairs as an exchange names them."""
    bases = [*PROFILES, *(f"THIN{number}" for number in range(count - len(PROFILES)))]
    return tuple(NAMES[exchange].format(base) for base in bases[:count])


class SteadyClock:
    """Let time pass in steps, each of which lets everybody do what there is to do."""

    def __init__(self, step: float) -> None:
        self._step = step
        self._now = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self.wait = SLOWLY

    def now(self) -> int:
        """Return the time in ms."""
        return int(self._now * 1000)

    def monotonic(self) -> float:
        """Return the time in seconds."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Wait for the first step that is so far away."""
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + max(seconds, 0.0), next(self._order), woken))
        await woken

    async def run(self) -> None:
        """Let time pass for ever; `wait` is how many seconds of the wall each step takes besides."""
        while True:
            self._now += self._step
            while self._sleepers and self._sleepers[0][0] <= self._now:
                _, _, woken = heapq.heappop(self._sleepers)
                if not woken.done():
                    woken.set_result(None)
            for _ in range(TURNS):
                await asyncio.sleep(0)
            if self.wait:
                await asyncio.sleep(self.wait)


class Watched(NamedTuple):
    """A simulated exchange without faults, and the desk of the system that watches it."""

    server: SimulatedExchange
    desk: Desk
    clock: SteadyClock

    async def goes_on(self, minutes: int) -> None:
        """Wait until so many more minutes of the market are over."""
        moment = self.server.market_time() + minutes * MINUTE
        await comes_to(self.server, moment)

    @property
    def requests(self) -> int:
        """Return how many REST requests the server has counted."""
        return self.server.counters.requests.total()

    @property
    def listings(self) -> int:
        """Return how many of them asked for what the exchange lists."""
        return sum(self.server.counters.requests[path] for path in LISTING)

    @property
    def requests_for_symbols(self) -> int:
        """Return how many of them asked about single symbols."""
        return self.requests - self.listings


@asynccontextmanager
async def watched(
    folder: Path, monkeypatch: pytest.MonkeyPatch, exchange: Protocol, count: int = SYMBOLS
) -> AsyncIterator[Watched]:
    """Watch so many symbols until their histories are there and nobody waits for anything."""
    clock, symbols = SteadyClock(STEP / RATE), some_of(exchange, count)
    source = GeneratedSource(symbols, updates_per_bar=UPDATES, past_days=PAST)
    server = SimulatedExchange(
        source, protocol=exchange, speed=RATE, clock=clock, weight_limit=OPEN,
        rules=SocketRules(messages_per_second=OPEN),
        coinbase_rules=CoinbaseRules(messages_per_second=OPEN, requests_per_second=OPEN),
    )  # fmt: skip
    monkeypatch.setattr(ground, "SystemClock", lambda: ScaledClock(clock, origin=source.start, rate=RATE))
    driver = asyncio.create_task(clock.run())
    await server.start()
    place = Place(int(server.rest_url.rsplit(":", 1)[1]), symbols)
    async with live_systems(folder, **{exchange: place}) as system:
        desk = desk_of(system, exchange)
        await until(lambda: len(desk.loaded) == len(symbols) and not desk.feed.waiting(), 100)
        clock.wait = 0.0
        yield Watched(server, desk, clock)
        clock.wait = SLOWLY
    await server.stop()
    driver.cancel()
    await asyncio.gather(driver, return_exceptions=True)


def desk_of(system: bootstrap.System, exchange: str) -> Desk:
    """Return the desk of an exchange."""
    return system.market._plane.desks[exchange]


async def comes_to(server: SimulatedExchange, moment: int) -> None:
    """Wait until a market has come to a time (ms)."""
    await until(lambda: server.market_time() >= moment, 3600.0)
