"""The whole check, joined: settings, rows, the adapter, and a server as strict as the real one."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from livermore.accounts.exchange_account import account_entries
from livermore.accounts.exchange_accounts import ExchangeAccounts
from livermore.adapters.exchanges.simulated import SimulatedExchange
from livermore.adapters.sql import Database, SqlExchangeBook, SqlUserBook, migrate
from livermore.adapters.sql.exchange_accounts import SqlExchangeAccountBook
from livermore.bootstrap.exchanges import RunningRows, exchange_accounts_of, named_variables
from livermore.kernel.clock import SystemClock
from livermore.kernel.errors import NotFoundError
from livermore.kernel.scope import Scope
from livermore.market.budget import Budgets
from livermore.market.exchange import BINANCE, SEEDED
from livermore.settings.document import SettingsDocument
from tests.canaries import KEY, SECRET, holds_a_canary
from tests.contracts.exchanges.keys import given
from tests.contracts.exchanges.support import recorded, running

SECTION = {
    "binance": {
        "ApiKeyEnvironmentVariableName": KEY,
        "SecretEnvironmentVariableName": SECRET,
    },
    "mt_gox": {
        "ApiKeyEnvironmentVariableName": KEY,
        "SecretEnvironmentVariableName": SECRET,
    },
}


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'livermore.db'}"
    await migrate(url)
    database = Database(url)
    await SqlExchangeBook(database, SystemClock()).seed(SEEDED)
    yield database
    await database.close()


async def owner(database: Database) -> Scope:
    """A user with two accounts, of which one is at an exchange that has no row."""
    clock = SystemClock()
    user = await SqlUserBook(database, clock).create(
        username="jesse",
        identity_provider="local",
        identity_sub="jesse",
        role="admin",
        settings={"version": 1},
    )
    async with database.writing(user.scope()) as connection:
        book = SqlExchangeAccountBook(database, clock)
        await book.project(connection, user.scope(), account_entries(SECTION))
    return user.scope()


def joined(database: Database, server: SimulatedExchange, environment: dict[str, str]) -> ExchangeAccounts:
    clock = SystemClock()
    here = replace(BINANCE, rest_url=server.rest_url)
    rows = RunningRows(SqlExchangeBook(database, clock), {"binance": here})
    return exchange_accounts_of(database, clock, rows, Budgets(clock), environment)


async def test_an_account_of_the_settings_is_checked(database: Database, tmp_path: Path) -> None:
    environment = {KEY: os.environ[KEY], SECRET: os.environ[SECRET]}
    scope = await owner(database)
    keys = [given(os.environ[KEY], os.environ[SECRET], "view", "trade")]
    async with running(SimulatedExchange(recorded(1, 10), keys=keys)) as server:
        accounts = joined(database, server, environment)
        binance, unknown = [status.account.id for status in await accounts.all(scope)]
        check = await accounts.check(scope, binance)
        assert check.works
        assert "may trade" in check.warnings[0]
        (first, _) = await accounts.all(scope)
        assert first.account.last_connected_at == check.account.last_connected_at is not None
        nowhere = await accounts.check(scope, unknown)
        assert isinstance(nowhere.error, NotFoundError)
        environment[SECRET] = "anotherSecret" * 4
        assert not (await accounts.check(scope, binance)).works
    await database.close()
    written = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert f"env:{SECRET}".encode() in written
    assert not holds_a_canary(written)


async def test_checks_share_the_budget_of_the_host(database: Database) -> None:
    environment = {KEY: os.environ[KEY], SECRET: os.environ[SECRET]}
    scope, clock = await owner(database), SystemClock()
    async with running(
        SimulatedExchange(recorded(1, 10), keys=[given(os.environ[KEY], os.environ[SECRET])])
    ) as server:
        rows = RunningRows(
            SqlExchangeBook(database, clock), {"binance": replace(BINANCE, rest_url=server.rest_url)}
        )
        budgets = Budgets(clock)
        accounts = exchange_accounts_of(database, clock, rows, budgets, environment)
        binance = (await accounts.all(scope))[0].account.id
        checks = await asyncio.gather(*(accounts.check(scope, binance) for _ in range(3)))
        assert all(check.works for check in checks)
        shared = budgets.of(replace(BINANCE, rest_url=server.rest_url), limit=6000, cautious=1200)
        assert shared.usage().used == server.counters.weight == 3 * 22


async def test_this_run_s_rows_go_before_the_stored_ones(database: Database) -> None:
    here = replace(BINANCE, rest_url="http://127.0.0.1:9")
    rows = RunningRows(SqlExchangeBook(database, SystemClock()), {"binance": here})
    assert await rows.get("binance") == here
    assert [info.rest_url for info in await rows.all()] == ["http://127.0.0.1:9", "https://api.coinbase.com"]
    await rows.put(replace(here, is_active=False))
    stored = await SqlExchangeBook(database, SystemClock()).get("binance")
    assert stored is not None
    assert not stored.is_active
    await rows.seed(SEEDED)
    assert (await rows.get("coinbase")) == SEEDED[0]


def test_every_variable_of_a_document_is_known() -> None:
    document = SettingsDocument.model_validate(
        {
            "version": 2,
            "exchanges": SECTION | {"coinbase": {"PasswordEnvironmentVariableName": "JOINED_PASSPHRASE"}},
            "alerts": {"routes": [{"channel": "webhook", "url_environment_variable": "JOINED_HOOK"}]},
        }
    )
    assert set(named_variables(document)) == {
        KEY,
        SECRET,
        "JOINED_PASSPHRASE",
        "JOINED_HOOK",
    }
