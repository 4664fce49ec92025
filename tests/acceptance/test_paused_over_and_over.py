"""A runtime is paused and resumed over and over: what it missed is repaired, and nothing is left behind."""

import gc
import random
from pathlib import Path
from typing import Any

import pytest

from livermore.adapters.exchanges.simulated import Protocol
from livermore.control.command import Command
from livermore.control.lifecycle import Status
from livermore.kernel.timeframe import MINUTE

from .both_protocols import PROTOCOLS, comes_to, desk_of
from .inside import until
from .test_live_apply import Live, assert_as_served, assert_flat, live
from .test_memory import Held

# Upper ends of spans (ms): most are short, so that many a pause comes while candles are being loaded.
SPANS = (4_000, 8_000, 12_000, 3 * MINUTE // 2)
LOOKS = 8


async def asked(live: Live, name: str, **payload: Any) -> Command:
    """Submit a command and return its outcome."""
    channel, scope = live.system.control.channel, live.system.user.scope()
    submitted = await channel.submit(scope, name, payload, author="jesse", role="admin", source="api")
    command = await channel.wait(scope, submitted.id, 60)
    assert command.status is Status.SUCCEEDED, command.error
    return command


def span_of(chance: random.Random) -> int:
    return chance.randint(0, chance.choice(SPANS))


async def cycled(live: Live, count: int) -> list[Held]:
    """Pause and resume, for spans and after spans that chance chooses; look at what is held now and then."""
    chance, looks = random.Random(3), []
    for number in range(count):
        await asked(live, "pause", reason=f"cycle {number}")
        assert live.exchange not in live.system.market._plane.desks
        await comes_to(live.server, live.server.market_time() + span_of(chance))
        await asked(live, "resume")
        if number % 8 == 0:
            await live.whole()
        await comes_to(live.server, live.server.market_time() + span_of(chance))
        if number % (count // LOOKS) == 0:
            looks.append(await held_at_rest(live))
    return looks


async def held_at_rest(live: Live) -> Held:
    """Say what is held when everything is loaded and every hole is repaired."""
    await live.whole()
    await repaired(live)
    gc.collect()
    return Held.now()


async def repaired(live: Live) -> None:
    """Wait until the ledger knows of no open hole."""
    ledger = desk_of(live.system, live.exchange).ledger
    await until(lambda: not any(ledger.open_holes(symbol) for symbol in live.symbols), 60)


async def paused_over_and_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch, exchange: Protocol, symbols: int, count: int
) -> None:
    """Hold all that is stored after so many cycles against the source."""
    async with live(folder, monkeypatch, exchange, 2 * symbols) as watching:
        looks = await cycled(watching, count)
        await watching.write(symbols=list(watching.symbols))
        await watching.whole()
        await comes_to(watching.server, watching.server.market_time() + 5 * MINUTE)
        await repaired(watching)
        await watching.system.recorder.flush()
        assert watching.server.counters.over_limit == 0
        assert len(watching.indicators._listeners) == 2
        assert await _verified(watching) == 2 * count
    assert_as_served(watching, folder)
    print("held at rest:", *looks, sep="\n")
    assert_flat(looks)


async def _verified(live: Live) -> int:
    """Return how many commands the history holds, once it is proven."""
    scope, trail = live.system.user.scope(), live.system.control.trail
    while await trail.seal(scope):
        pass
    (report,) = await trail.verify(scope)
    assert (report.fault, report.unsealed) == (None, 0)
    return report.commands


@pytest.mark.timeout(300)
@pytest.mark.parametrize("exchange", PROTOCOLS)
async def test_pauses_are_repaired_and_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchange: Protocol
) -> None:
    await paused_over_and_over(tmp_path, monkeypatch, exchange, 4, LOOKS)


@pytest.mark.soak
@pytest.mark.parametrize("exchange", PROTOCOLS)
async def test_a_thousand_pauses_while_fifty_symbols_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchange: Protocol
) -> None:
    await paused_over_and_over(tmp_path, monkeypatch, exchange, 50, 1_000)
