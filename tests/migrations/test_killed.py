"""A process that is killed in the middle of a migration leaves a database that the next start can use."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from livermore.adapters.sql import Database, check, migrate
from tests.acceptance.program import until

from .stalled import HEAD

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that holds nothing."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'data' / 'livermore.db'}"
    return str(request.getfixturevalue("postgres_database"))


@pytest.fixture
async def opened(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    yield database
    await database.close()


async def test_killed_in_the_middle_of_a_migration(url: str, opened: Database, tmp_path: Path) -> None:
    await migrate(url)
    async with opened.writing() as connection:
        await connection.execute(text("INSERT INTO workspaces (project_dir) VALUES ('/markets')"))
    await opened.close()
    kill_midway(url, tmp_path)
    condition = await check(url)
    assert (condition.revision, condition.pending) == (HEAD, ())
    assert (await migrate(url)).after == HEAD
    async with opened.reading() as connection:
        kept = (await connection.execute(text("SELECT project_dir FROM workspaces"))).scalars().all()
        columns = await connection.run_sync(lambda sync: inspect(sync).get_columns("workspaces"))
    assert kept == ["/markets"]
    assert "note" not in {column["name"] for column in columns}


def kill_midway(url: str, folder: Path) -> None:
    """Run a migration in a process of its own, and end that as a power cut would."""
    command = [sys.executable, "-m", "tests.migrations.stalled", url, str(folder)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        until(lambda: (folder / "midway").exists() or process.poll() is not None)
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
