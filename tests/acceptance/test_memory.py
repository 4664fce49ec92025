"""Whoever watches for a day holds as much at its end as in its middle: memory, tasks and sockets."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple, Self

import pytest

from livermore import bootstrap
from livermore.adapters.exchanges.simulated import GeneratedSource, Protocol
from livermore.bootstrap import ground
from livermore.bootstrap.world import Served, World
from livermore.kernel.timeframe import MINUTE

from .both_protocols import PAST, PROTOCOLS, SYMBOLS, UPDATES, comes_to, desk_of, some_of
from .inside import until

SAMPLES = 48
DAY = 24  # hours
SOME, FEWER = 6, 50  # hours and symbols, for every day
PASSING = 2  # tasks that come and go, as for each look into the journal; a leak adds one an hour at least
FLAT = 1.05


class Held(NamedTuple):
    """What this process holds: bytes of memory, tasks, and sockets."""

    resident: int
    tasks: int
    sockets: int

    @classmethod
    def now(cls) -> Self:
        """Look."""
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        opened = sum(_is_socket(link) for link in Path("/proc/self/fd").iterdir())
        return cls(pages * os.sysconf("SC_PAGE_SIZE"), len(asyncio.all_tasks()), opened)


def _is_socket(link: Path) -> bool:
    """Say whether an open file is a socket; one that is closed meanwhile is none."""
    try:
        return link.readlink().name.startswith("socket:")
    except OSError:
        return False


@asynccontextmanager
async def flat_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch, exchange: Protocol, count: int
) -> AsyncIterator[bootstrap.System]:
    """Watch made-up symbols as fast as it goes, from where all are loaded."""
    symbols = some_of(exchange, count)
    source = GeneratedSource(symbols, updates_per_bar=UPDATES, past_days=PAST)
    world = World((Served(exchange, source, symbols),))
    monkeypatch.setattr(ground, "world_of", lambda _: world)
    system = await bootstrap.build(bootstrap.Plan(workspace=folder, source="demo", speed=None))
    await system.start()
    try:
        await until(lambda: system.status().state == "running", 100)
        yield system
    finally:
        await system.stop()


async def watched_for(system: bootstrap.System, hours: int) -> list[Held]:
    """Look again and again while so many hours of the market pass."""
    (server,) = system.sources
    looks = []
    for look in range(SAMPLES):
        moment = server.source.start + (look + 1) * hours * 60 * MINUTE // SAMPLES
        await comes_to(server, moment)
        looks.append(Held.now())
    return looks


@pytest.mark.timeout(300)
async def test_some_hours_leave_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await nothing_is_left_behind(tmp_path, monkeypatch, "binance", SOME, FEWER)


@pytest.mark.soak
@pytest.mark.parametrize("exchange", PROTOCOLS)
async def test_a_day_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchange: Protocol
) -> None:
    await nothing_is_left_behind(tmp_path, monkeypatch, exchange, DAY, SYMBOLS)


async def nothing_is_left_behind(
    folder: Path, monkeypatch: pytest.MonkeyPatch, exchange: Protocol, hours: int, symbols: int
) -> None:
    """Hold what is held in the last quarter of so many hours against the second."""
    async with flat_out(folder, monkeypatch, exchange, symbols) as system:
        looks = await watched_for(system, hours)
        desk = desk_of(system, exchange)
        assert len(desk.loaded) == len(desk.symbols)
        assert (desk.state, desk.reconnects, desk.feed.skips) == ("connected", 0, {})
    quarter = SAMPLES // 4
    second, last = looks[quarter : 2 * quarter], looks[-quarter:]
    assert median(look.resident for look in last) <= FLAT * median(look.resident for look in second)
    assert median(look.tasks for look in last) <= median(look.tasks for look in second) + PASSING
    assert median(look.sockets for look in last) <= median(look.sockets for look in second)
