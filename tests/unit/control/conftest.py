"""Each test has a control room of its own, on a real journal in a file."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from livermore.adapters.sql import Database, SqlJournal, SqlUserBook, migrate
from livermore.kernel.clock import ManualClock, SystemClock
from livermore.kernel.scope import Scope

from .room import Room, buses, opened

NOON = 1_750_000_000_123


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Scope]:
    """A migrated file to copy, with a user."""
    file = tmp_path_factory.mktemp("template") / "livermore.db"

    async def make() -> Scope:
        await migrate(f"sqlite+aiosqlite:///{file}")
        database = Database(f"sqlite+aiosqlite:///{file}")
        user = await SqlUserBook(database, SystemClock()).create(
            username="jesse", identity_provider="local", identity_sub="jesse", role="admin",
            settings={"version": 1},
        )  # fmt: skip
        await database.close()
        return user.scope()

    return file, asyncio.run(make())


@pytest.fixture
def scope(template: tuple[Path, Scope]) -> Scope:
    return template[1]


@pytest.fixture
async def journal(template: tuple[Path, Scope], tmp_path: Path) -> AsyncIterator[SqlJournal]:
    file = tmp_path / "livermore.db"
    shutil.copy(template[0], file)
    async with opened(f"sqlite+aiosqlite:///{file}") as journal:
        yield journal


@pytest.fixture
async def room(journal: SqlJournal, scope: Scope) -> AsyncIterator[Room]:
    """A room in our own time."""
    async with Room(journal, SystemClock(), scope, *buses()) as room:
        yield room


@pytest.fixture
async def still(journal: SqlJournal, scope: Scope) -> AsyncIterator[Room]:
    """A room whose clock stands until it is told to go on."""
    async with Room(journal, ManualClock(NOON), scope, *buses()) as room:
        yield room
