"""Exchange accounts on either database: one user's, projected from the settings, with names and no values."""

from typing import Any

import pytest
from sqlalchemy import delete, select, text

from livermore.accounts.exchange_account import AccountEntry, Credentials, account_entries
from livermore.adapters.sql import Database, SqlExchangeBook
from livermore.adapters.sql.exchange_accounts import SqlExchangeAccountBook
from livermore.adapters.sql.tables import exchanges, user_exchanges, users
from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import CorruptDataError, NotFoundError
from livermore.kernel.scope import EVERYBODY, Scope
from livermore.market.exchange import SEEDED
from tests.contracts.sql.conftest import NOON

COINBASE = {
    "ApiKeyEnvironmentVariableName": "Coinbase_ApiKeyId",
    "SecretEnvironmentVariableName": "Coinbase_ApiSecret",
}
BINANCE = {
    "enabled": False,
    "ApiKeyEnvironmentVariableName": "BINANCE_KEY",
    "SecretEnvironmentVariableName": "BINANCE_SECRET",
    "PasswordEnvironmentVariableName": "BINANCE_PASSPHRASE",
}


@pytest.fixture
async def book(database: Database, clock: ManualClock) -> SqlExchangeAccountBook:
    await SqlExchangeBook(database, clock).seed(SEEDED)
    return SqlExchangeAccountBook(database, clock)


async def write(
    book: SqlExchangeAccountBook, database: Database, scope: Scope, section: dict[str, Any]
) -> None:
    async with database.writing(scope) as connection:
        await book.project(connection, scope, account_entries(section, "coinbase"))


async def rows(database: Database) -> list[dict[str, Any]]:
    async with database.reading(EVERYBODY) as connection:
        found = await connection.execute(select(user_exchanges).order_by(user_exchanges.c.exchange_name))
        return [dict(row._mapping) for row in found]


async def test_the_rows_are_the_settings_with_references_alone(
    book: SqlExchangeAccountBook, database: Database, jesse: Scope
) -> None:
    await write(book, database, jesse, {"coinbase": COINBASE, "binance": BINANCE, "mt_gox": COINBASE})
    binance, coinbase, unknown = await rows(database)
    assert (coinbase["api_key"], coinbase["api_secret"]) == (
        "env:Coinbase_ApiKeyId",
        "env:Coinbase_ApiSecret",
    )
    assert (coinbase["additional_credentials"], coinbase["is_active"]) == (None, True)
    assert (binance["additional_credentials"], binance["is_active"]) == ("env:BINANCE_PASSPHRASE", False)
    assert (coinbase["is_default"], binance["is_default"]) == (True, False)
    assert None not in (coinbase["exchange_id"], binance["exchange_id"])
    assert (unknown["exchange_name"], unknown["exchange_id"]) == ("mt_gox", None)
    first, second, _ = await book.all(jesse)
    assert first.credentials == Credentials(
        key="BINANCE_KEY", secret="BINANCE_SECRET", password="BINANCE_PASSPHRASE"
    )
    assert (second.exchange, second.is_default, second.last_connected_at) == ("coinbase", True, None)
    assert await book.get(jesse, first.id) == first


async def test_an_account_keeps_its_id_and_is_touched_only_when_it_changes(
    book: SqlExchangeAccountBook, database: Database, clock: ManualClock, jesse: Scope
) -> None:
    await write(book, database, jesse, {"coinbase": COINBASE, "binance": BINANCE})
    coinbase = (await rows(database))[1]
    await book.connected(jesse, coinbase["id"], NOON + 5)
    await clock.advance(60)
    await write(book, database, jesse, {"coinbase": COINBASE})
    (same,) = await rows(database)
    assert same == {**coinbase, "last_connected_at": NOON + 5}
    await write(book, database, jesse, {"coinbase": {**COINBASE, "enabled": False}})
    (off,) = await rows(database)
    assert off == {**same, "is_active": False, "updated_at": NOON + 60_000}
    await write(book, database, jesse, {"coinbase": {**COINBASE, "ApiKeyEnvironmentVariableName": "OTHER"}})
    (other,) = await rows(database)
    assert (other["id"], other["api_key"], other["last_connected_at"]) == (coinbase["id"], "env:OTHER", None)
    await write(book, database, jesse, {"binance": BINANCE})
    (again,) = await rows(database)
    assert again["exchange_name"] == "binance"


async def test_a_transaction_that_fails_leaves_the_rows(
    book: SqlExchangeAccountBook, database: Database, jesse: Scope
) -> None:
    await write(book, database, jesse, {"coinbase": COINBASE})
    before = await rows(database)

    async def fail() -> None:
        async with database.writing(jesse) as connection:
            await book.project(connection, jesse, [])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await rows(database) == before


async def test_another_user_has_other_accounts(
    book: SqlExchangeAccountBook, database: Database, jesse: Scope, edwin: Scope
) -> None:
    await write(book, database, jesse, {"coinbase": COINBASE})
    await write(book, database, edwin, {"coinbase": BINANCE})
    (own,) = await book.all(jesse)
    (others,) = await book.all(edwin)
    assert own.credentials != others.credentials
    with pytest.raises(NotFoundError):
        await book.get(jesse, others.id)
    await book.connected(jesse, others.id, NOON)
    assert (await book.get(edwin, others.id)).last_connected_at is None
    await write(book, database, edwin, {})
    assert (await book.all(jesse), await book.all(edwin)) == ([own], [])


async def test_an_exchange_that_goes_leaves_the_account_and_a_user_takes_it_along(
    book: SqlExchangeAccountBook, database: Database, jesse: Scope
) -> None:
    await write(book, database, jesse, {"coinbase": COINBASE})
    async with database.writing(EVERYBODY) as connection:
        await connection.execute(delete(exchanges).where(exchanges.c.name == "coinbase"))
    (left,) = await rows(database)
    assert (left["exchange_name"], left["exchange_id"]) == ("coinbase", None)
    async with database.writing(EVERYBODY) as connection:
        await connection.execute(delete(users).where(users.c.id == jesse.user_id))
    assert await rows(database) == []


async def test_what_is_no_reference_is_not_repeated(
    book: SqlExchangeAccountBook, database: Database, jesse: Scope
) -> None:
    await write(book, database, jesse, {"coinbase": COINBASE})
    async with database.writing(jesse) as connection:
        await connection.execute(text("UPDATE user_exchanges SET api_secret = 'a real secret'"))
    with pytest.raises(CorruptDataError) as caught:
        await book.all(jesse)
    assert "a real secret" not in str(caught.value)


def test_only_an_entry_with_key_and_secret_is_an_account() -> None:
    half = {"ApiKeyEnvironmentVariableName": "KEY", "SecretEnvironmentVariableName": None}
    assert account_entries({"binance": {"enabled": False}, "kraken": half, "coinbase": {}}) == []
    named = account_entries({"b": BINANCE, "a": COINBASE}, "b")
    assert [(entry.exchange, entry.is_active, entry.is_default) for entry in named] == [
        ("a", True, False),
        ("b", False, True),
    ]
    assert isinstance(named[0], AccountEntry)
