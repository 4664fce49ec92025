"""Thousands of users who rest cost little, and are heard as soon as the process is there."""

import gc
import tracemalloc
from pathlib import Path

import pytest

from livermore import bootstrap
from livermore.adapters.sql import Database
from livermore.adapters.sql.tables import users
from livermore.control.lifecycle import Status
from livermore.kernel.scope import EVERYBODY, Scope

from .inside import until

DOCUMENT = {"version": 2, "symbols": [f"COIN{number}-USD" for number in range(30)]}
MOST = 10 * 1024  # bytes


async def _join(database: Database, count: int) -> None:
    """Have so many users come who all rest."""
    rows = [
        {
            "username": f"user {number}", "identity_provider": "local", "identity_sub": f"sub-{number}",
            "settings": DOCUMENT,
        }
        for number in range(count)
    ]  # fmt: skip
    async with database.writing(EVERYBODY) as connection:
        await connection.execute(users.insert(), rows)


async def _hosted(folder: Path, count: int) -> None:
    system = await bootstrap.build(bootstrap.Plan(workspace=folder))
    await _join(system.database, count)
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        await system.start()
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    try:
        last = Scope(user_id=system.user.id + count, identity_sub=f"sub-{count - 1}")
        await until(lambda: system.runtimes.status(last).state == "paused")
        assert (after - before) / count < MOST
        channel = system.control.channel
        asked = await channel.submit(
            last, "pause", {"reason": "heard"}, author="last", role="operator", source="api"
        )
        command = await channel.wait(last, asked.id, 10)
        assert (command.status, command.error) == (Status.SUCCEEDED, None)
        assert system.runtimes.status(last).state == "paused"
    finally:
        await system.stop()


async def test_users_who_rest_cost_little(tmp_path: Path) -> None:
    await _hosted(tmp_path, 300)


@pytest.mark.soak
async def test_ten_thousand_users_who_rest_cost_little(tmp_path: Path) -> None:
    await _hosted(tmp_path, 10_000)
