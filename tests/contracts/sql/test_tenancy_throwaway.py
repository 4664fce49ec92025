"""The database in which isolation is proven: for a login that is held to policies, and gone afterwards."""

import pytest

from livermore.adapters.sql import Database, login_of
from livermore.adapters.sql.throwaway import throwaway_database
from livermore.kernel.errors import NotAllowedError
from tests.conftest import run_sql
from tests.contracts.sql.tenants import ordinary_login


async def test_a_superuser_lends_a_login_without_its_powers(postgres_url: str) -> None:
    async with throwaway_database(postgres_url) as url:
        login = await login_of(url)
        assert login is not None
        assert login.exempt is None
        await run_sql(url, "CREATE TABLE mine (id int)")
    database = Database(url)
    with pytest.raises(NotAllowedError):
        async with database.reading():
            pass
    await database.close()


async def test_a_login_that_may_create_databases_keeps_its_own(
    postgres_url: str, postgres_database: str
) -> None:
    async with ordinary_login(postgres_url, postgres_database) as ordinary:
        own = await login_of(ordinary)
        assert own is not None
        await run_sql(postgres_url, f"ALTER ROLE {own.name} CREATEDB")
        async with throwaway_database(ordinary) as url:
            assert await login_of(url) == own


async def test_a_login_that_may_not_create_databases_is_told_what_to_do(
    postgres_url: str, postgres_database: str
) -> None:
    async with ordinary_login(postgres_url, postgres_database) as ordinary:
        with pytest.raises(NotAllowedError) as refusal:
            async with throwaway_database(ordinary):
                pass
    assert "CREATEDB" in (refusal.value.hint or "")
    assert "***" in (refusal.value.where or "")
