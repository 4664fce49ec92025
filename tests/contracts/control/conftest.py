"""Each test of a journal or a trail runs on an empty database of either kind."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from livermore.adapters.sql import Database, SqlJournal, SqlTrail
from livermore.control.command import Command, Failure, NewCommand
from livermore.control.lifecycle import Step
from livermore.control.ports import Facts
from livermore.kernel.clock import ManualClock
from livermore.kernel.scope import Scope
from tests.contracts.sql.conftest import (  # noqa: F401 - pytest finds fixtures by their names
    NOON,
    clock,
    database,
    edwin,
    jesse,
    postgres_emptied,
    postgres_shared,
    sqlite_template,
    url,
)


@pytest.fixture
async def journal(database: Database) -> AsyncIterator[SqlJournal]:  # noqa: F811
    """An empty journal."""
    journal = SqlJournal(database)
    yield journal
    await journal.close()


@pytest.fixture
def trail(database: Database, clock: ManualClock) -> SqlTrail:  # noqa: F811
    """The chains of that journal's events."""
    return SqlTrail(database, clock)


def a_command(**changes: Any) -> NewCommand:
    """Make up a command."""
    command = NewCommand(
        id=str(uuid4()), type="pause", payload={"level": "data", "factor": 0.1}, priority=1, source="api",
        author="jesse", role="operator", submitted_at=NOON,
    )  # fmt: skip
    return msgspec.structs.replace(command, **changes)


def facts(at: int = NOON, **more: Any) -> Facts:
    """Write down when a step is taken, and by whom."""
    return Facts(at=at, **{"runner": "here", **more})


async def accepted(journal: SqlJournal, scope: Scope, **changes: Any) -> Command:
    """Write a command down."""
    return (await journal.accept(scope, a_command(**changes))).command


async def carried_out(journal: SqlJournal, scope: Scope, **changes: Any) -> Command:
    """Write a command down, start it and let it succeed."""
    command = await accepted(journal, scope, **changes)
    at = command.submitted_at
    await journal.step(scope, command.id, Step.START, facts(at + 1, acknowledged_at=at))
    ended = await journal.step(scope, command.id, Step.SUCCEED, facts(at + 2, result={"done": [1, 0.5]}))
    assert ended is not None
    return ended


async def failed(journal: SqlJournal, scope: Scope, **changes: Any) -> Command:
    """Write a command down, start it and let it fail."""
    command = await accepted(journal, scope, **changes)
    at = command.submitted_at
    await journal.step(scope, command.id, Step.ACKNOWLEDGE, facts(at + 1))
    await journal.step(scope, command.id, Step.START, facts(at + 2))
    error = Failure(code="internal", detail="the wire broke")
    ended = await journal.step(scope, command.id, Step.FAIL, facts(at + 3, error=error))
    assert ended is not None
    return ended


async def at_once(work: Any, count: int = 50) -> list[Any]:
    """Do something many times at once and return what came of each."""
    return await asyncio.gather(*(work(number) for number in range(count)))
