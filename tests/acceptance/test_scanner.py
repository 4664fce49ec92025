"""A running system scans at a simulated exchange: by command, by the hour, and never adds what it finds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from livermore import bootstrap
from livermore.adapters.exchanges.simulated import GeneratedSource, Protocol, SimulatedExchange
from livermore.control.command import Command
from livermore.market import scan_schedule
from livermore.market.scanning import StoredProposal
from livermore.settings.patch import MergePatch
from livermore.settings.ports import Authorship

from .both_protocols import PROTOCOLS, symbols_of
from .inside import Place, live_systems, until

MARKETS, PAST = 8, 5
QUOTE = {"binance": "USDT", "coinbase": "USD"}
BY = Authorship(author="local", source="api")


@asynccontextmanager
async def scanning(folder: Path, exchange: Protocol) -> AsyncIterator[bootstrap.System]:
    """Run a system that watches the second-largest of eight markets."""
    symbols = symbols_of(exchange, MARKETS)
    source = GeneratedSource(symbols, past_days=PAST, updates_per_bar=6)
    server = SimulatedExchange(source, protocol=exchange, speed=60.0, hold=False)
    await server.start()
    try:
        port = int(server.rest_url.rsplit(":", 1)[1])
        async with live_systems(folder, **{exchange: Place(port, symbols[1:2])}) as system:
            yield system
    finally:
        await server.stop()


async def carried_out(
    system: bootstrap.System, payload: dict[str, Any], name: str = "scan-symbols"
) -> Command:
    """Submit a command and return it once it has ended."""
    scope = system.user.scope()
    command = await system.control.channel.submit(
        scope, name, payload, author="local", role="operator", source="cli"
    )
    return await system.control.channel.wait(scope, command.id, 30)


async def scanned(system: bootstrap.System) -> StoredProposal:
    """Return the newest proposal once there is one."""
    async with asyncio.timeout(30):
        while (newest := await system.scanner.newest(system.user.scope())) is None:
            await asyncio.sleep(0.02)
    return newest


@pytest.mark.parametrize("exchange", PROTOCOLS)
async def test_age_and_spread_are_asked_of_the_exchange(tmp_path: Path, exchange: Protocol) -> None:
    symbols = symbols_of(exchange, MARKETS)
    filters = {
        "quote": QUOTE[exchange],
        "limit": 3,
        "minimum_age_days": PAST - 1,
        "maximum_spread_percent": 5,
    }
    async with scanning(tmp_path, exchange) as system:
        found = await carried_out(system, filters)
        assert found.error is None
        assert [one["symbol"] for one in found.result["candidates"]] == [*symbols[:3]]
        assert all(0 < one["spread_percent"] < 5 for one in found.result["candidates"])
        assert (found.result["keep"], found.result["left_out"]) == ([symbols[1]], {"limit": MARKETS - 3})
        assert found.progress is not None
        too_young = await carried_out(system, filters | {"minimum_age_days": 20_000})
        assert too_young.result["left_out"] == {"age": MARKETS}
        assert too_young.result["missing"] == [symbols[1]]
        current = await system.settings.current(system.user.scope())
        assert (current.document.symbols, current.document.scanner_exchange) == (
            (f"{exchange}:{symbols[1]}",), exchange,
        )  # fmt: skip
        newest = await system.scanner.newest(system.user.scope())
        assert newest is not None
        assert newest.command_id == too_young.id


async def test_two_names_of_one_order_book_are_proposed_as_one(tmp_path: Path) -> None:
    async with scanning(tmp_path, "coinbase") as system:
        found = await carried_out(system, {"quote": "usdc", "limit": 2})
        assert [one["symbol"] for one in found.result["candidates"]] == ["BTC-USD", "ETH-USD"]
        assert found.result["keep"] == ["ETH-USD"]


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Have the schedule look very often, and return a list that grows with each look that has ended."""
    ended: list[int] = []
    look = scan_schedule.ScanSchedule.look

    async def counted(schedule: scan_schedule.ScanSchedule) -> None:
        await look(schedule)
        ended.append(len(ended))

    monkeypatch.setattr(scan_schedule, "LOOK", 0.02)
    monkeypatch.setattr(scan_schedule.ScanSchedule, "look", counted)
    return ended


async def test_who_wants_it_is_scanned_for_by_the_hour_but_not_while_paused(
    tmp_path: Path, looks: list[int]
) -> None:
    async with scanning(tmp_path, "coinbase") as system:
        scope = system.user.scope()
        await carried_out(system, {}, "pause")
        wanted = MergePatch({"scanner": {"enabled": True, "limit": 2}})
        saved = (await system.settings.patch(scope, wanted, BY)).revision
        before = len(looks)
        await until(lambda: len(looks) > before + 2)
        assert await system.scanner.newest(scope) is None
        await carried_out(system, {}, "resume")
        await until(lambda: system.runtimes.status(scope).settings["saved"] > saved)
        newest = await scanned(system)
        assert (newest.author, newest.source) == ("livermore", "system")
        assert newest.proposal.add == ("BTC-USD",)
        (revision,) = await system.settings.history(scope, limit=1)
        assert (revision.author, revision.source) == ("livermore", "system")
        await until(lambda: system.runtimes.status(scope).settings["applied"] == revision.revision)
        page = await system.control.journal.history(scope, system.clock.now(), of_type="scan-symbols")
        assert len(page.commands) == 1
