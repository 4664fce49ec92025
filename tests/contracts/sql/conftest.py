"""Each test of the SQL adapters runs on an empty database of either kind."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import make_url

from livermore.adapters.sql import Database, SqlUserBook, migrate
from livermore.adapters.sql.tables import metadata
from livermore.kernel.clock import ManualClock
from livermore.kernel.events import Event, Topic
from livermore.kernel.scope import Scope
from tests.conftest import run_sql

NOON = 1_750_000_000_123


class RecordingBus:
    """Remember what was published."""

    def __init__(self) -> None:
        self.published: list[Event] = []

    def publish(self, event: Event) -> None:
        self.published.append(event)

    def heard(self, topic: Topic) -> bool:
        return True

    def subscribe(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("nobody listens here")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def bus() -> RecordingBus:
    return RecordingBus()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file to copy."""
    file = tmp_path_factory.mktemp("template") / "livermore.db"
    asyncio.run(migrate(f"sqlite+aiosqlite:///{file}"))
    return file


@pytest.fixture(scope="session")
def postgres_shared(postgres_url: str) -> Iterator[str]:
    """A migrated database for all tests of this folder, which takes a quarter of a second to make."""
    name = f"livermore_sql_{uuid4().hex[:16]}"
    url = make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    asyncio.run(run_sql(postgres_url, f'CREATE DATABASE "{name}"'))
    asyncio.run(migrate(url))
    yield url
    asyncio.run(run_sql(postgres_url, f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture
async def postgres_emptied(postgres_shared: str) -> AsyncIterator[str]:
    """The shared database, emptied afterwards."""
    yield postgres_shared
    everything = ", ".join(metadata.tables)
    await run_sql(postgres_shared, f"TRUNCATE {everything} RESTART IDENTITY CASCADE")


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a migrated, empty database of either kind."""
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_emptied"))
    file = tmp_path / "livermore.db"
    shutil.copy(request.getfixturevalue("sqlite_template"), file)
    return f"sqlite+aiosqlite:///{file}"


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """That database, open."""
    database = Database(url)
    yield database
    await database.close()


@pytest.fixture
async def jesse(database: Database, clock: ManualClock) -> Scope:
    """One user."""
    return await new_user(database, clock, "jesse")


@pytest.fixture
async def edwin(database: Database, clock: ManualClock) -> Scope:
    """Another user."""
    return await new_user(database, clock, "edwin")


async def new_user(database: Database, clock: ManualClock, name: str) -> Scope:
    """Create a user and return the scope."""
    user = await SqlUserBook(database, clock).create(
        username=name, identity_provider="local", identity_sub=name, role="admin", settings={"version": 1}
    )
    return user.scope()
