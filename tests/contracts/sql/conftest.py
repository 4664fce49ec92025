"""Each test of the SQL adapters runs on an empty database of either kind."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from livermore.adapters.sql import Database, SqlUserBook, migrate
from livermore.adapters.sql.tables import metadata
from livermore.kernel.clock import ManualClock
from livermore.kernel.events import Event, Topic
from livermore.kernel.scope import Scope
from tests.conftest import fresh_database, run_sql
from tests.contracts.sql.tenants import ordinary_login

NOON = 1_750_000_000_123


class Shared(NamedTuple):
    """The URLs of one database: for a superuser, and for a login that is none."""

    superuser: str
    ordinary: str


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
def postgres_shared(postgres_url: str) -> Iterator[Shared]:
    """A migrated database for all tests of this folder, which takes a quarter of a second to make."""
    with asyncio.Runner() as runner:
        database = fresh_database(postgres_url)
        url = runner.run(database.__aenter__())
        runner.run(migrate(url))
        login = ordinary_login(postgres_url, url)
        yield Shared(url, runner.run(login.__aenter__()))
        runner.run(login.__aexit__(None, None, None))
        runner.run(database.__aexit__(None, None, None))


@pytest.fixture
async def postgres_emptied(postgres_shared: Shared) -> AsyncIterator[str]:
    """The shared database, emptied afterwards, for a login that is held to its policies."""
    yield postgres_shared.ordinary
    everything = ", ".join(metadata.tables)
    await run_sql(postgres_shared.superuser, f"TRUNCATE {everything} RESTART IDENTITY CASCADE")


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
