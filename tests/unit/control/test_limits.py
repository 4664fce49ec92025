"""How long work may take: as long as it gets any further, and no longer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from livermore.control import reporter
from livermore.control.command import Progress
from livermore.control.limits import seen_through
from livermore.control.reporter import Reporter
from livermore.kernel.clock import ManualClock


async def test_work_is_asked_again_for_how_long_it_may_still_take() -> None:
    left: Iterator[float] = iter([0.001, 0.001, 60.0])
    asked: list[float] = []
    may_end = asyncio.Event()
    work = asyncio.create_task(may_end.wait())

    def seconds() -> float:
        asked.append(next(left))
        if len(asked) == 3:
            may_end.set()
        return asked[-1]

    assert await seen_through(work, seconds)
    assert (len(asked), work.result()) == (3, True)


async def test_work_without_time_is_cancelled() -> None:
    work = asyncio.create_task(asyncio.Event().wait())
    assert not await seen_through(work, lambda: 0.0)
    assert work.cancelled()


class NoJournal:
    """Take progress, and keep none of it."""

    async def progress(self, *_: object) -> None:
        return None


class NoVoice:
    """Say nothing."""

    def progress(self, *_: object) -> None:
        return None


@pytest.fixture
def loop_time(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Lend the time that reports are measured by."""
    time = [100.0]
    monkeypatch.setattr(reporter, "_now", lambda: time[0])
    return time


async def test_only_what_gets_further_counts_as_progress(loop_time: list[float]) -> None:
    nobody: Any = None
    no_journal: Any = NoJournal()
    no_voice: Any = NoVoice()
    reports = Reporter(nobody, nobody, no_journal, no_voice, ManualClock())
    still = []
    for done, eta in ((0, 60), (0, 50), (1, 50), (1, 40)):
        loop_time[0] += 10
        reports.report(Progress(done=done, total=9, message="loading", eta_seconds=eta))
        still.append(reports.still_for())
    assert still == [0, 10, 0, 10]
    await reports.close()
