"""What it costs to find out who shows a token or a session, beside the bare driver's look-up of the same row.

Both are asked in turns among 1,000 users with a token and a session each; the median counts, in a database
that stays open, as that of a server does.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter

import asyncpg
from sqlalchemy import insert

from benchmarks.storage import _server
from benchmarks.table import Row, at_most, seconds
from livermore.accounts.token import digest
from livermore.adapters.sql import Database, migrate
from livermore.adapters.sql.tables import api_tokens, sessions, users
from livermore.bootstrap.accounts import accounts_of
from livermore.kernel.clock import SystemClock
from livermore.kernel.scope import EVERYBODY

USERS = 1000
WEEK = 7 * 86_400_000
BOUND = 1.0  # ms
LOOKUP = (
    "SELECT users.*, api_tokens.* FROM api_tokens JOIN users ON users.id = api_tokens.user_id"
    " WHERE api_tokens.hash = {} AND api_tokens.revoked_at IS NULL AND users.is_active"
)

Ask = Callable[[str], Awaitable[object]]


def run(*, quick: bool) -> list[Row]:
    """Measure both databases."""
    return asyncio.run(_run(300 if quick else 3000))


async def _run(rounds: int) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="lm-bench-") as folder, ExitStack() as stack:
        file = Path(folder) / "livermore.db"
        rows = await _measure("sqlite", f"sqlite+aiosqlite:///{file}", rounds)
        address = os.environ.get("LIVERMORE_TEST_DATABASE_URL") or _server(Path(folder), stack)
        return rows + await _measure("postgresql", address, rounds)


async def _measure(name: str, address: str, rounds: int) -> list[Row]:
    await migrate(address)
    database, clock = Database(address), SystemClock()
    accounts = accounts_of(database, clock)
    try:
        await _fill(database, clock.now())
        async with _driver(database) as bare:
            asked = {
                "token": accounts.principal_of_token,
                "session": accounts.principal_of_session,
                "bare": bare,
            }
            times = await _race(asked, rounds)
        await accounts.settle()
    finally:
        await database.close()
    other = f"driver {seconds(times['bare'])}"
    return [
        at_most(
            f"authentication: {name}, by a {what}",
            seconds(times[what]),
            other,
            times[what] * 1000,
            BOUND,
            "ms",
        )
        for what in ("token", "session")
    ]


async def _race(asked: dict[str, Ask], rounds: int) -> dict[str, float]:
    """Ask each for the same secrets, in turns that chance orders; return the medians in seconds."""
    chance, taken = Random(1), {name: list[float]() for name in asked}
    for number in range(rounds):
        for name in chance.sample(list(asked), len(asked)):
            start = perf_counter()
            found = await asked[name](f"secret {number % USERS}")
            taken[name].append(perf_counter() - start)
            if found is None:
                raise RuntimeError(f"nobody was found by {name}")
    return {name: median(times) for name, times in taken.items()}


async def _fill(database: Database, now: int) -> None:
    numbers = range(USERS)
    names = [
        {"id": 1000 + n, "username": f"bench{n}", "identity_provider": "bench", "identity_sub": str(n)}
        for n in numbers
    ]
    whose = [{"user_id": 1000 + n, "hash": digest(f"secret {n}")} for n in numbers]
    used = {"name": "bench", "role": "viewer", "last_used_at": now + WEEK}
    async with database.writing(EVERYBODY) as connection:
        await connection.execute(insert(users), names)
        await connection.execute(insert(api_tokens), [row | used for row in whose])
        await connection.execute(insert(sessions), [row | {"expires_at": now + WEEK} for row in whose])


@asynccontextmanager
async def _driver(database: Database) -> AsyncIterator[Ask]:
    """Lend the look-up of the bare driver."""
    if database.file is not None:
        connection = sqlite3.connect(database.file)

        async def ask_file(secret: str) -> object:
            return connection.execute(LOOKUP.format("?"), (digest(secret),)).fetchone()

        yield ask_file
        connection.close()
        return
    server = await asyncpg.connect(
        database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    )

    async def ask_server(secret: str) -> object:
        return await server.fetchrow(LOOKUP.format("$1"), digest(secret))

    yield ask_server
    await server.close()
