"""The contracts of `UserBook`, `RuntimeBook` and `ExchangeBook`."""

import asyncio
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from livermore.accounts.user import User
from livermore.adapters.sql import Database, SqlExchangeBook, SqlRuntimeBook, SqlUserBook
from livermore.adapters.sql.tables import exchanges, runtimes, settings_revisions, users
from livermore.kernel.clock import ManualClock, rfc3339
from livermore.kernel.errors import ConflictError, NotFoundError
from livermore.kernel.scope import EVERYBODY, Scope
from livermore.market.exchange import BINANCE, COINBASE, SEEDED, ExchangeInfo
from livermore.runtime.ports import StoredRuntime
from tests.contracts.sql.conftest import NOON

NOBODY = Scope(user_id=404, identity_sub="nobody")
IDENTITY: dict[str, Any] = {"identity_provider": "local", "identity_sub": "jl", "role": "admin"}


async def rows(database: Database, query: Any) -> list[dict[str, Any]]:
    async with database.reading(EVERYBODY) as connection:
        return [dict(row._mapping) for row in await connection.execute(query)]


# ---------------------------------------------------------------- users


async def test_a_user_is_created_with_revision_1(database: Database, clock: ManualClock) -> None:
    book = SqlUserBook(database, clock)
    user = await book.create(username="jl", settings={"version": 1, "symbols": ["BTC-USD"]}, **IDENTITY)
    assert user == User(id=user.id, username="jl", created_at=NOON, **IDENTITY)
    assert await book.find("local", "jl") == user
    revisions = await rows(database, select(settings_revisions))
    assert revisions == [
        {
            "user_id": user.id,
            "revision": 1,
            "document": {"version": 1, "symbols": ["BTC-USD"]},
            "diff": [
                {"op": "add", "path": "symbols", "from": None, "to": ["BTC-USD"]},
                {"op": "add", "path": "version", "from": None, "to": 1},
            ],
            "author": "system",
            "source": "system",
            "reason": None,
            "created_at": NOON,
        }
    ]


async def test_nobody_is_found_under_another_identity(database: Database, clock: ManualClock) -> None:
    book = SqlUserBook(database, clock)
    await book.create(username="jl", settings={}, **IDENTITY)
    assert await book.find("oidc", "jl") is None
    assert await book.find("local", "JL") is None


async def test_a_second_user_of_an_identity_or_name_is_refused(
    database: Database, clock: ManualClock
) -> None:
    book = SqlUserBook(database, clock)
    await book.create(username="jl", settings={}, **IDENTITY)
    with pytest.raises(ConflictError):
        await book.create(username="other", settings={}, **IDENTITY)
    with pytest.raises(ConflictError):
        await book.create(username="jl", settings={}, **IDENTITY | {"identity_sub": "other"})
    assert len(await rows(database, select(settings_revisions))) == 1


async def test_defaults_are_those_of_the_interface(database: Database) -> None:
    identity = {"username": "bare", "identity_provider": "local", "identity_sub": "bare"}
    async with database.writing(EVERYBODY) as connection:
        await connection.execute(users.insert(), identity)
    (bare,) = await rows(database, select(users))
    assert bare["settings"] == {"version": 1}
    assert (bare["role"], bare["is_active"], bare["is_paused"]) == ("operator", True, False)
    assert abs(bare["created_at"]) > 0


# ---------------------------------------------------------------- runtimes


RUNNING = StoredRuntime(desired_state="running", state="warming", mode="scalper-macdv", settings_applied=3)
PAUSED = StoredRuntime(
    desired_state="paused", state="paused", mode="position-monitor", pause_level="data", pause_reason="lunch",
    pause_until="2025-06-15T16:00:00Z", pause_by="jesse",
)  # fmt: skip


async def test_a_runtime_is_remembered_with_its_projections(
    database: Database, clock: ManualClock, jesse: Scope, edwin: Scope
) -> None:
    book = SqlRuntimeBook(database, clock)
    assert await book.get(jesse) is None
    for runtime in (RUNNING, PAUSED):
        await book.put(jesse, runtime)
        stored = await book.get(jesse)
        assert stored == msgspec.structs.replace(runtime, updated_at=rfc3339(NOON))
        projections = select(users.c.runtime_mode, users.c.is_paused).where(users.c.id == jesse.user_id)
        assert await rows(database, projections) == [
            {"runtime_mode": runtime.mode, "is_paused": runtime is PAUSED}
        ]
    assert await book.get(edwin) is None
    assert len(await rows(database, select(runtimes))) == 1


async def test_nobodys_runtime_is_refused(database: Database, clock: ManualClock) -> None:
    with pytest.raises(NotFoundError):
        await SqlRuntimeBook(database, clock).put(NOBODY, RUNNING)


# ---------------------------------------------------------------- exchanges


async def test_exchanges_come_back_by_name(database: Database, clock: ManualClock) -> None:
    book = SqlExchangeBook(database, clock)
    assert await book.all() == []
    bare = ExchangeInfo(name="another", display_name="Another")
    for info in (COINBASE, BINANCE, bare):
        await book.put(info)
    assert await book.all() == [bare, BINANCE, COINBASE]
    assert await book.get("binance") == BINANCE
    assert await book.get("kraken") is None


async def test_putting_replaces_the_row_of_that_name(database: Database, clock: ManualClock) -> None:
    book = SqlExchangeBook(database, clock)
    await book.put(COINBASE)
    (before,) = await rows(database, select(exchanges))
    await clock.advance(5)
    edited = msgspec.structs.replace(COINBASE, rest_url=None, api_limits={"a": 0.1}, is_active=False)
    await book.put(edited)
    (after,) = await rows(database, select(exchanges))
    assert await book.get("coinbase") == edited
    assert (after["id"], after["created_at"]) == (before["id"], NOON)
    assert after["updated_at"] == NOON + 5_000


async def test_seeding_undoes_no_edit(database: Database, clock: ManualClock) -> None:
    book = SqlExchangeBook(database, clock)
    edited = msgspec.structs.replace(COINBASE, rest_url="https://elsewhere")
    await book.put(edited)
    await asyncio.gather(book.seed(SEEDED), book.seed(SEEDED), book.seed(()))
    assert await book.all() == [BINANCE, edited]
