"""Whatever is asked, in whatever order, over a line that breaks: what the tape says stands at the end."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from random import Random
from typing import Any

import pytest

from livermore.kernel.errors import NotFoundError

from .asking import asker_of
from .office import correction
from .test_refresh import Desked, at

ASKED: list[tuple[str, dict[str, Any]]] = [
    ("force-backfill", {"symbol": "S0"}),
    ("clear-cache", {"scope": "all"}),
    ("clear-cache", {"scope": "all", "stored": True}),
]
Jobs = list[asyncio.Task[Any]]


@pytest.mark.parametrize(
    "seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(4, 300))]
)
async def test_requests_cancellations_cuts_and_corrections_leave_what_is_true(seed: int) -> None:
    chance, office, jobs = Random(seed), Desked(), Jobs()
    begin = at(48 + chance.random() * 2)
    office.exchange.cuts = [(begin, begin + chance.randint(1, 90) * 1_000)] if chance.random() < 0.6 else []
    await office.open()
    minute = 47.6
    while minute < 54:
        minute += chance.random() / 2
        await office.until(minute)
        await something(office, minute, chance, jobs)
    await office.until(56.5)
    ended = await asyncio.gather(*jobs, return_exceptions=True)
    assert not [one for one in ended if isinstance(one, Exception)]
    last = await asker_of(office).begin("force-backfill", {"symbol": "S0"})
    await office.until(59)
    assert all(one.missing == 0 for one in (await last).timeframes.values())
    await office.check(57)
    await office.derived("S0")
    assert office.desk.feed.waiting() == []
    assert office.desk.health().state == "healthy"
    await office.close()


async def something(office: Desked, minute: float, chance: Random, jobs: Jobs) -> None:
    """Ask for something or cancel what was asked; have the exchange tell something else, aloud or not."""
    if jobs and chance.random() < 0.2:
        chance.choice(jobs).cancel()
    else:
        # Before it is loaded, a symbol is not found.
        with suppress(NotFoundError):
            jobs.append(await asker_of(office, "admin").begin(*chance.choice(ASKED)))
    if chance.random() < 0.3:
        correction(office, "S0", chance.randint(20, 46), chance.uniform(50, 150))
    if chance.random() < 0.2:
        told = correction(office, "S0", int(minute) - 1, chance.uniform(50, 150))
        office.desk.feed.bar(told, office.clock.now())
