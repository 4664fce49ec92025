"""Nobody sees or changes what is another's: two tenants, three roles and a stranger ask for everything."""

import asyncio
import json
from typing import Any

import asyncpg
import pytest
from sqlalchemy import make_url

from tests.acceptance.program import CLEAN
from tests.conftest import ROOT
from tests.forks import completed

pytestmark = pytest.mark.timeout(300)  # thousands of questions, on a machine that may have more to do
LEAKY = "tests.acceptance.leaky"
WALLED = ["sqlite", "postgres"]
EVERY_KIND = {"routes", "pages", "sockets", "events", "channels"}
ROLES = ("viewer", "operator", "admin")


def proof(module: str, *arguments: str, database: str | None = None) -> tuple[int, Any]:
    """Run a module that prints the proof; return its exit code and the proof."""
    environment = CLEAN | ({"LIVERMORE_DATABASE_URL": database} if database else {})
    done = completed(module, *arguments, cwd=ROOT, env=environment, timeout=280)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.fixture(params=WALLED)
def database(request: pytest.FixtureRequest) -> str | None:
    """A server to make a database on; None for SQLite."""
    return None if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))


def test_nothing_leaks(database: str | None) -> None:
    code, found = proof("livermore", "doctor", "--isolation", "--json", database=database)
    assert found["findings"] == []
    assert (code, found["ok"]) == (0, True)
    assert {row["what"] for row in found["rows"]} == EVERY_KIND | ({"tables"} if database else set())
    for what in EVERY_KIND:
        rows = [row for row in found["rows"] if row["what"] == what]
        callers = {(row["tenant"], row["role"]) for row in rows}
        assert {(tenant, role) for tenant in ("north", "south") for role in ROLES} <= callers
        assert all(row["asked"] > 0 and row["leaks"] == 0 for row in rows)
    (stranger,) = [row for row in found["rows"] if (row["what"], row["tenant"]) == ("routes", "nobody")]
    assert stranger["asked"] - stranger["refused"] == len(["/healthz", "/readyz"]) * 2
    assert sum(row["asked"] for row in found["rows"]) > 1_500
    assert database is None or asyncio.run(left_behind(database)) == []


async def left_behind(server: str) -> list[str]:
    """Return the databases and logins of a proof that are still on a server."""
    dsn = make_url(server).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(dsn)
    try:
        names = "SELECT datname FROM pg_database UNION ALL SELECT rolname FROM pg_roles"
        found = [str(row[0]) for row in await connection.fetch(names)]
    finally:
        await connection.close()
    return [name for name in found if name.startswith("livermore_isolation")]


LEAKS = {
    "route": ("leak", "routes", "GET /api/v1/newest-signals"),
    "open": ("role", "routes", "POST /api/v1/everything"),
    "query": ("leak", "routes", "GET /api/v1/alerts"),
    "revoke": ("leak", "routes", "DELETE /api/v1/tokens/{id}"),
    "bus": ("leak", "events", "/api/v1/events?topics=signal"),
    "sockets": ("leak", "sockets", "/ of others"),
}


@pytest.mark.parametrize("asked", [(), pytest.param(("everything",), marks=pytest.mark.soak)])
def test_a_leak_that_was_built_in_is_found(asked: tuple[str, ...]) -> None:
    """The walk can fail: for each way to forget whose it is, it says where, and who is let see too much."""
    code, found = proof(LEAKY, *asked, *LEAKS)
    seen = places(found)
    assert (code, found["ok"]) == (1, False)
    assert set(LEAKS.values()) <= seen
    assert ("leak", "channels", "signal") in seen
    assert ("leak", "routes", "GET /api/v1/settings") not in seen


@pytest.mark.parametrize("asked", [(), pytest.param(("everything",), marks=pytest.mark.soak)])
def test_roles_that_nobody_checks_are_found(asked: tuple[str, ...]) -> None:
    code, found = proof(LEAKY, *asked, "roles")
    assert (code, found["ok"]) == (1, False)
    assert ("role", "routes", "GET /metrics") in places(found)


@pytest.mark.parametrize("asked", [(), pytest.param(("everything",), marks=pytest.mark.soak)])
def test_a_query_that_forgets_its_owner_is_stopped_by_postgresql(
    postgres_url: str, asked: tuple[str, ...]
) -> None:
    """The second wall: the same fault that leaks on SQLite shows nobody anything."""
    code, found = proof(LEAKY, *asked, "query", database=postgres_url)
    assert (code, found["findings"]) == (0, [])


def places(found: Any) -> set[tuple[str, str, str]]:
    """Return what was found where."""
    return {(each["kind"], each["what"], each["where"]) for each in found["findings"]}
