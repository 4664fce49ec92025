"""Connections that are kept outlive the server that they lead to, and say what they do not know."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from livermore.adapters.sql import Database, SqlJournal
from livermore.adapters.sql import engine as engine_module
from livermore.adapters.sql import kept as kept_module
from livermore.adapters.sql.journal_postgres import _step_statement
from livermore.adapters.sql.kept import KeptConnections
from livermore.control.command import Command
from livermore.control.lifecycle import Status, Step
from livermore.kernel.errors import LivermoreError, NotFoundError, StorageUnavailableError
from livermore.kernel.scope import EVERYBODY, Scope
from tests.conftest import run_sql
from tests.contracts.control.conftest import a_command, accepted, at_once, facts
from tests.contracts.sql.conftest import NOON, Shared
from tests.faults.proxy import Proxy, proxy_to

CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = '{}'"
)


@pytest.fixture(params=["postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """Only PostgreSQL has connections that can be cut."""
    return str(request.getfixturevalue("postgres_emptied"))


@pytest.fixture
async def proxy(url: str) -> AsyncIterator[Proxy]:
    """A door to the server."""
    async with proxy_to(_target(url)) as proxy:
        yield proxy


@pytest.fixture
async def through(url: str, proxy: Proxy) -> AsyncIterator[SqlJournal]:
    """A journal that writes through the door."""
    address = make_url(url).set(host="127.0.0.1", port=proxy.port).difference_update_query(["host"])
    database = Database(address.render_as_string(hide_password=False))
    journal = SqlJournal(database)
    yield journal
    await journal.close()
    await database.close()


def _target(url: str) -> Path | tuple[str, int]:
    """Say where the server listens."""
    address = make_url(url)
    folder = address.query.get("host", address.host) or "localhost"
    port = address.port or 5432
    if isinstance(folder, str) and folder.startswith("/"):
        return Path(folder, f".s.PGSQL.{port}")
    return str(folder), port


async def persistently(journal: SqlJournal, scope: Scope) -> Command:
    """Write a command down as soon as the database takes it."""
    while True:
        try:
            return await accepted(journal, scope)
        except StorageUnavailableError:
            continue


async def test_a_restart_of_the_server_costs_nothing_that_is_idle(
    journal: SqlJournal, postgres_shared: Shared, jesse: Scope
) -> None:
    """A server that stops ends its connections; the next statement opens another."""
    await at_once(lambda _: accepted(journal, jesse), 20)
    name = make_url(postgres_shared.superuser).database
    await run_sql(postgres_shared.superuser, CUT.format(name))
    command = await persistently(journal, jesse)  # one may come before the good-bye
    assert await journal.step(jesse, command.id, Step.START, facts()) is not None


async def test_what_is_cut_off_in_the_middle_is_not_known(
    through: SqlJournal, journal: SqlJournal, proxy: Proxy, jesse: Scope
) -> None:
    """The statement may have been run: who asks again finds out."""
    command = await accepted(through, jesse)
    proxy.hold()
    step = asyncio.create_task(through.step(jesse, command.id, Step.START, facts()))
    await asyncio.sleep(0)
    proxy.cut()
    with pytest.raises(StorageUnavailableError):
        await step
    proxy.mend()
    found = await through.get(jesse, command.id, NOON)
    assert found is not None
    assert found == await journal.get(jesse, command.id, NOON)
    again = await through.step(jesse, command.id, Step.START, facts())
    assert (again is None) == (found.status is Status.RUNNING)


async def test_a_server_that_is_away_is_said_to_be(through: SqlJournal, proxy: Proxy, jesse: Scope) -> None:
    await accepted(through, jesse)
    proxy.shut()
    for _ in range(3):
        with pytest.raises(StorageUnavailableError):
            await accepted(through, jesse)
    proxy.mend()
    asked = a_command()
    await through.accept(jesse, asked)
    assert (await through.accept(jesse, asked)).repeated


async def test_a_network_that_swallows_everything_is_given_up(
    through: SqlJournal, proxy: Proxy, jesse: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_module, "ANSWERING", 0.1)
    await persistently(through, jesse)  # the machine may be slower than that
    proxy.hold()
    with pytest.raises(StorageUnavailableError):
        await accepted(through, jesse)
    proxy.cut()
    proxy.mend()
    assert (await persistently(through, jesse)).status is Status.ACCEPTED


async def asked(database: Database, how: str, held: Proxy | None = None) -> int:
    """Ask twice on one connection, on which nothing passes any more in between."""
    async with getattr(database, how)(EVERYBODY) as connection:
        await connection.execute(text("SELECT 1"))
        if held is not None:
            held.hold()
        return int((await connection.execute(text("SELECT 2"))).scalar_one())


@pytest.mark.parametrize("how", ["reading", "writing"])
async def test_nobody_waits_for_ever_for_a_pooled_connection_either(
    url: str, proxy: Proxy, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "ANSWERING", 0.2)
    monkeypatch.setattr(engine_module, "CONNECTING", 0.5)
    address = make_url(url).set(host="127.0.0.1", port=proxy.port).difference_update_query(["host"])
    database = Database(address.render_as_string(hide_password=False))
    with pytest.raises(StorageUnavailableError):
        await asked(database, how, held=proxy)
    with pytest.raises(StorageUnavailableError):
        await asked(database, how)
    proxy.cut()
    proxy.mend()
    assert await in_the_end(database, how) == 2
    await database.close()


async def in_the_end(database: Database, how: str) -> int:
    """Ask as soon as an answer comes: the machine may be slower than the limit."""
    while True:
        try:
            return await asked(database, how)
        except StorageUnavailableError:
            continue


@pytest.fixture
async def kept(url: str) -> AsyncIterator[KeptConnections]:
    """Two connections."""
    kept = KeptConnections(Database(url).url, size=2)
    yield kept
    await kept.close()


async def test_no_more_are_opened_than_agreed(kept: KeptConnections) -> None:
    rows = await at_once(lambda _: kept.fetch_row("SELECT pg_backend_pid() AS pid"), 40)
    assert len({row["pid"] for row in rows}) == 2


async def test_a_statement_that_fails_breaks_nothing(kept: KeptConnections) -> None:
    before = await kept.fetch_row("SELECT pg_backend_pid() AS pid")
    with pytest.raises(LivermoreError):
        await kept.fetch_row("SELECT 1 / 0")
    assert await kept.fetch_row("SELECT pg_backend_pid() AS pid") == before


async def test_who_gives_up_leaves_a_connection_that_works(kept: KeptConnections) -> None:
    waiting = [asyncio.create_task(kept.fetch_row("SELECT pg_sleep(30)")) for _ in range(4)]
    while len(kept._idle) or not kept._room.locked():
        await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    assert [row["one"] for row in await at_once(lambda _: kept.fetch_row("SELECT 1 AS one"), 4)] == [1] * 4


async def test_once_closed_they_stay_so(kept: KeptConnections) -> None:
    under_way = asyncio.create_task(kept.fetch_row("SELECT pg_sleep(0.01), 1 AS one"))
    while not kept._room._value < 2:
        await asyncio.sleep(0)
    await kept.close()
    assert (await under_way)["one"] == 1
    with pytest.raises(StorageUnavailableError):
        await kept.fetch_row("SELECT 1")


@pytest.mark.parametrize("step", [Step.START, Step.SUCCEED])
async def test_a_step_finds_its_row_by_the_id_however_little_is_known_of_the_table(
    kept: KeptConnections, step: Step
) -> None:
    """A plan that was made for an empty table is kept, and would read more and more."""
    statement = re.sub(r"\$\d+", "'5'", _step_statement(step))
    plan = (await kept.fetch_row(f"EXPLAIN (FORMAT JSON) {statement}"))[0]
    assert set(re.findall(r'"Index Name": "(.*)"', plan)) == {"commands_identity_sub_correlation_id_unique"}
    assert "Seq Scan" not in plan


async def test_a_login_that_is_held_to_the_policies_reaches_everybodys_rows(
    kept: KeptConnections, database: Database, jesse: Scope, edwin: Scope
) -> None:
    """That is what they are for: each statement says itself whose rows it means."""
    seen = await kept.fetch_row("SELECT count(*) AS users FROM users")
    assert seen["users"] == 2
    async with database.reading(EVERYBODY) as connection:
        assert (await connection.execute(text("SELECT count(*) FROM users"))).scalar() == 2


async def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    journal = SqlJournal(Database(f"sqlite:///{tmp_path}/none.db"))
    with pytest.raises(NotFoundError):
        await accepted(journal, Scope(user_id=1, identity_sub="jesse"))
    await journal.close()
    assert list(tmp_path.iterdir()) == []
