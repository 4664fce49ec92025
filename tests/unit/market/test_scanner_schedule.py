"""Scans by the hour: for whom they are due, and never twice for the same reason."""

from __future__ import annotations

from typing import Any

import pytest

from livermore.control.command import NewCommand
from livermore.control.lifecycle import Step
from livermore.control.ports import Facts, Page
from livermore.kernel.clock import ManualClock, rfc3339
from livermore.kernel.errors import StorageUnavailableError
from livermore.kernel.scope import Scope
from livermore.market.scan_schedule import AGAIN, HOUR, LOOK, ScanSchedule, is_due
from livermore.market.scanning import NAME
from livermore.settings.document import SettingsDocument
from livermore.settings.upgrade import read_settings
from tests.unit.apps.commanded import JournalTwin

NOW = 1_750_000_000_000
JESSE, ANN = Scope(user_id=1, identity_sub="jesse"), Scope(user_id=2, identity_sub="ann")


def settings(last: int | None = None, **scanner: Any) -> SettingsDocument:
    told = {} if last is None else {"scanner_symbols_last_update": rfc3339(last)}
    return read_settings({"version": 2, "scanner": {"enabled": True} | scanner} | told)


@pytest.mark.parametrize(
    ("document", "due"),
    [
        (read_settings({}), False), (settings(), True), (settings(enabled=False), False),
        (settings(NOW - 24 * HOUR), True), (settings(NOW - 24 * HOUR + 1), False),
        (settings(NOW - 2 * HOUR, every_hours=2), True), (settings(NOW - 2 * HOUR, every_hours=3), False),
        (settings(NOW + 1), True),
    ],
)  # fmt: skip
def test_it_is_due_when_the_last_one_is_too_long_ago(document: SettingsDocument, due: bool) -> None:
    assert is_due(document, NOW) is due


class Failing(JournalTwin):
    """A journal that does not answer for one user."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__()
        self.errors = list(errors)

    async def history(self, scope: Scope, now: int, **options: Any) -> Page:
        if scope == JESSE and self.errors:
            raise self.errors.pop()
        return await super().history(scope, now, **options)


class Hosting:
    """Host users, and write down for whom a scan is asked."""

    def __init__(self, journal: JournalTwin, watching: dict[Scope, SettingsDocument]) -> None:
        self.clock = ManualClock(NOW)
        self.journal = journal
        self.users = watching
        self.asked: list[str] = []
        self.schedule = ScanSchedule(lambda: self.users.items(), journal, self.submit, self.clock)

    async def submit(self, scope: Scope) -> None:
        new = NewCommand(
            id=str(len(self.journal.kept)), type=NAME, payload={}, priority=20, source="system",
            author="livermore", role="operator", submitted_at=self.clock.now(),
        )  # fmt: skip
        await self.journal.accept(scope, new)
        self.asked.append(scope.identity_sub)

    async def end(self, step: Step) -> None:
        """Have what was asked for last come to its end."""
        scope, command = self.journal.kept[-1]
        for one in (Step.ACKNOWLEDGE, Step.START, step):
            await self.journal.step(scope, command.id, one, Facts(at=self.clock.now()))


async def test_each_user_is_scanned_for_once_and_again_after_a_day() -> None:
    hosting = Hosting(JournalTwin(), {JESSE: settings(), ANN: settings(NOW)})
    await hosting.schedule.start()
    await hosting.clock.advance(0)
    await hosting.clock.advance(LOOK)
    assert hosting.asked == ["jesse"]
    await hosting.end(Step.SUCCEED)
    hosting.users[JESSE] = settings(hosting.clock.now())
    await hosting.clock.advance(23 * 3_600)
    assert hosting.asked == ["jesse"]
    await hosting.clock.advance(2 * 3_600)
    assert hosting.asked[:3] == ["jesse", "ann", "jesse"]
    assert hosting.schedule.health().state == "healthy"
    await hosting.schedule.stop()


async def test_a_scan_that_failed_is_asked_for_again_an_hour_later() -> None:
    hosting = Hosting(JournalTwin(), {JESSE: settings()})
    await hosting.schedule.look()
    await hosting.end(Step.FAIL)
    await hosting.clock.advance(AGAIN / 1_000 - 1)
    await hosting.schedule.look()
    assert hosting.asked == ["jesse"]
    await hosting.clock.advance(1)
    await hosting.schedule.look()
    assert hosting.asked == ["jesse", "jesse"]


async def test_nothing_is_asked_for_while_a_scan_goes_on() -> None:
    hosting = Hosting(JournalTwin(), {JESSE: settings()})
    await hosting.submit(JESSE)
    whose, command = hosting.journal.kept[0]
    await hosting.journal.step(whose, command.id, Step.START, Facts(at=NOW))
    await hosting.clock.advance(10 * 3_600)
    await hosting.schedule.look()
    assert hosting.asked == ["jesse"]


async def test_another_process_asks_for_nothing_that_was_asked_for() -> None:
    journal = JournalTwin()
    one, other = Hosting(journal, {JESSE: settings()}), Hosting(journal, {JESSE: settings()})
    await one.schedule.look()
    await one.end(Step.FAIL)
    await other.schedule.look()
    assert (one.asked, other.asked) == (["jesse"], [])


async def test_the_trouble_of_one_user_is_not_that_of_another() -> None:
    failing = Failing(ValueError("a fault of ours"), StorageUnavailableError())
    hosting = Hosting(failing, {JESSE: settings(), ANN: settings()})
    await hosting.schedule.start()
    await hosting.clock.advance(0)
    await hosting.clock.advance(LOOK)
    await hosting.clock.advance(LOOK)
    assert hosting.asked == ["ann"]
    await hosting.clock.advance(LOOK)
    assert hosting.asked == ["ann", "jesse"]
    await hosting.schedule.stop()
