"""What is asked of the market while rules are judged: what stands is what the candles say, said once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from livermore.signals.signal import Signal
from tests.reference.series import START
from tests.unit.market.asking import asker_of
from tests.unit.market.factories import MINUTE
from tests.unit.market.memory import MemoryStore
from tests.unit.market.office import busy, correction

from .factories import without
from .memory import Books, in_order
from .test_whole import System, expected

OPENS, NOW = 100, 102.5
WHEN = ("late", "recorded_at", "settings_revision", "evidence")


@asynccontextmanager
async def running() -> AsyncIterator[System]:
    """Run a system for some minutes behind a long history."""
    system = System(busy(symbols=1, minutes=115), Books(), MemoryStore(), OPENS, [])
    await system.open()
    await system.until(NOW)
    await system.signals.flush()
    try:
        yield system
    finally:
        await system.close()


async def asked(system: System, name: str, until: float, **payload: Any) -> Any:
    """Ask for something, and return what came of it by a minute."""
    job = await asker_of(system, "admin").begin(name, payload)
    await system.until(until)
    await system.signals.flush()
    return await job


def said(signals: list[Signal], until: int) -> list[Any]:
    """Return what was said of bars that opened before a minute of the tape."""
    return without(in_order(one for one in signals if one.time < START + until * MINUTE), *WHEN)


async def test_a_backfill_withdraws_what_is_not_so_and_adds_what_is() -> None:
    async with running() as system:
        before = dict(system.books.signals)
        right = system.tape.bar("S0", START + 94 * MINUTE)
        assert right is not None
        correction(system, "S0", 94, 60.0)
        found = await asked(system, "force-backfill", 102.9, symbol="S0")
        assert found.timeframes["1m"].corrected == 1
        assert said(system.books.standing(), 101) == said(expected(system.tape, "S0"), 101)
        assert {one.id for one in system.books.standing()} - before.keys()
        again = dict(system.books.signals)
        await asked(system, "force-backfill", 103.2, symbol="S0")
        assert again.items() <= system.books.signals.items()
        correction(system, "S0", 94, right.close)
        await asked(system, "force-backfill", 103.5, symbol="S0")
        assert any(one.withdrawn_at for one in system.books.signals.values())
        await system.until(108.5)
        await system.signals.flush()
        assert said(system.books.standing(), 105) == said(expected(system.tape, "S0"), 105)


async def test_what_is_taken_again_says_nothing_again() -> None:
    async with running() as system:
        before, told = dict(system.books.signals), len(system.books.told)
        await asked(system, "clear-cache", 102.6, scope="all")
        assert (system.books.signals, len(system.books.told)) == (before, told)
        await system.until(108.5)
        await system.signals.flush()
        assert said(system.books.standing(), 105) == said(expected(system.tape, "S0"), 105)


async def test_what_is_read_anew_keeps_signals_and_rules_and_goes_on() -> None:
    async with running() as system:
        before, states = dict(system.books.signals), dict(system.books.states)
        assert before
        await asked(system, "clear-cache", 102.6, scope="all", stored=True)
        assert system.books.signals == before
        assert system.books.states == states
        await system.until(108.5)
        await system.signals.flush()
        # The whole tape was read anew, so that the series are seeded where they were.
        assert said(system.books.standing(), 105) == said(expected(system.tape, "S0"), 105)
