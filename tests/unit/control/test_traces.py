"""A command that was cut off names the revision that it had stored: nobody asks for it a second time."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from livermore.adapters.sql import Database, SqlJournal, SqlSettingsStore
from livermore.control.command import Command, Failure
from livermore.control.lifecycle import Status, Step
from livermore.control.outcome import ORPHANED
from livermore.control.ports import Facts
from livermore.control.traces import LEEWAY, PAGE, Traces, reason_of
from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import NotFoundError, StorageUnavailableError
from livermore.kernel.scope import Scope
from livermore.settings.ports import Revision, Source

from .conftest import NOON
from .room import Room, buses, until

GONE = "a process that is gone"


class Settings(SqlSettingsStore):
    """The settings of a user, which differ from revision to revision, and may be away or broken."""

    trouble: Exception | None = None
    asked = 0

    async def put(self, scope: Scope, reason: str, source: Source = "command") -> int:
        stored = await self.current(scope)
        document = {"version": 1, "symbols": [f"S{stored.revision}"]}
        written = await self.write(scope, document, author="jesse", source=source, reason=reason)
        return written.revision

    async def history(self, scope: Scope, *, before: int | None = None, limit: int = 50) -> list[Revision]:
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble
        return await super().history(scope, before=before, limit=limit)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
async def settings(journal: SqlJournal, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Settings]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/livermore.db")
    yield Settings(database, clock)
    await database.close()


async def orphan(journal: SqlJournal, clock: ManualClock, scope: Scope) -> Command:
    """Return a command that a process has begun which is gone since."""
    async with Room(journal, clock, scope, *buses()) as gone:
        await gone.receiver.release([scope])
        command = await gone.submit(mark="orphan")
    begun = await journal.step(scope, command.id, Step.START, Facts(at=clock.now(), runner=GONE))
    assert begun is not None
    return begun


async def test_whoever_ends_what_a_process_left_names_what_it_had_stored(
    journal: SqlJournal, clock: ManualClock, scope: Scope, settings: Settings
) -> None:
    command = await orphan(journal, clock, scope)
    revision = await settings.put(scope, reason_of(command.id))
    for number in range(PAGE + 5):
        await settings.put(scope, f"later {number}", source="api")
    settings.trouble = StorageUnavailableError("the database is away")
    async with Room(journal, clock, scope, *buses(), revisions=settings) as room:
        await until(lambda: settings.asked > 0)
        assert (await room.stands(command.id)).status is Status.RUNNING
        settings.trouble = None
        while (await room.stands(command.id)).status is Status.RUNNING:
            await clock.advance(1)
        ended = await room.stands(command.id)
        expected = f"revision {revision} was stored, but the process that ran it has ended"
        assert ended.error == Failure(code="internal", detail=expected)
        assert (await room.answer(command.id, "error"))["error"]["detail"] == expected


async def test_a_job_that_is_cut_off_in_the_middle_of_storing_names_what_was_stored(
    journal: SqlJournal, clock: ManualClock, scope: Scope, settings: Settings
) -> None:
    async with Room(journal, clock, scope, *buses(), revisions=settings) as room:
        command = await room.submit("job", mark="a", behind="never")
        await until(lambda: room.deeds.begun == ["a"])
        revision = await settings.put(scope, reason_of(command.id))
        room.receiver.cancel_jobs(scope, "it is paused")
        ended = await room.reaches(command.id, Status.CANCELLED)
        expected = f"revision {revision} was stored, but it was cancelled before it was done"
        assert ended.error == Failure(code="cancelled", detail=expected)


async def test_only_what_the_command_itself_has_stored_is_named(
    journal: SqlJournal, clock: ManualClock, scope: Scope, settings: Settings
) -> None:
    command, traces = await orphan(journal, clock, scope), Traces(settings)
    await settings.put(scope, reason_of(command.id), source="api")
    await settings.put(scope, reason_of("another"))
    assert await traces.told(scope, command, ORPHANED) == ORPHANED
    revision = await settings.put(scope, reason_of(command.id), source="system")
    named = Failure(code="settings_invalid", detail=f"revision {revision} is stored and does not hold")
    assert await traces.told(scope, command, named) == named
    for trouble in (NotFoundError("there is no such user"), RuntimeError("a fault")):
        settings.trouble = trouble
        assert await traces.told(scope, command, ORPHANED) == ORPHANED


async def test_what_is_older_than_the_command_is_not_looked_through(
    journal: SqlJournal, clock: ManualClock, scope: Scope, settings: Settings
) -> None:
    for number in range(2 * PAGE):
        await settings.put(scope, f"before {number}")
    await clock.advance(LEEWAY / 1000 + 1)
    command = await orphan(journal, clock, scope)
    assert await Traces(settings).told(scope, command, ORPHANED) == ORPHANED
    assert settings.asked == 1
