"""The contract of leases: at every moment one process, and no other, runs a user's runtime."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from livermore.adapters.sql import Database, SqlRuntimeBook, SqlUserBook
from livermore.adapters.sql.tables import users
from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import ConflictError
from livermore.kernel.scope import EVERYBODY, Scope
from livermore.runtime.ports import StoredRuntime

NOW = 1_750_000_000_000
LEASE = 10_000


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def book(database: Database, clock: ManualClock) -> SqlRuntimeBook:
    return SqlRuntimeBook(database, clock)


async def user(database: Database, clock: ManualClock, name: str, **runtime: object) -> Scope:
    made = await SqlUserBook(database, clock).create(
        username=name, identity_provider="local", identity_sub=name, role="operator",
        settings={"version": 2, "livermore_runtime": runtime},
    )  # fmt: skip
    return made.scope()


async def test_who_has_no_row_gets_one_as_auto_start_says(
    database: Database, book: SqlRuntimeBook, clock: ManualClock
) -> None:
    starts = await user(database, clock, "ann", auto_start=True, mode="scalper-macdv")
    waits = await user(database, clock, "bob")
    lease = await book.claim("me", NOW + LEASE, (), alone=False)
    assert lease.held == {starts.user_id, waits.user_id}
    ann, bob = lease.new
    assert (ann.scope, ann.username, ann.role, ann.settings_revision) == (starts, "ann", "operator", 1)
    assert (ann.runtime.desired_state, ann.runtime.mode) == ("running", "scalper-macdv")
    assert (bob.runtime.desired_state, bob.runtime.mode) == ("paused", "position-monitor")
    async with database.reading(EVERYBODY) as connection:
        seen = await connection.execute(select(users.c.is_paused, users.c.runtime_mode).order_by(users.c.id))
    assert list(map(tuple, seen)) == [(False, "scalper-macdv"), (True, "position-monitor")]


async def test_what_is_known_is_not_told_again(
    database: Database, book: SqlRuntimeBook, clock: ManualClock
) -> None:
    ann = await user(database, clock, "ann")
    await book.claim("me", NOW + LEASE, (), alone=False)
    bob = await user(database, clock, "bob")
    again = await book.claim("me", NOW + LEASE, {ann.user_id}, alone=False)
    assert [hosted.scope for hosted in again.new] == [bob]
    assert again.held == {ann.user_id, bob.user_id}


async def test_a_lease_keeps_others_away_until_it_ends(
    database: Database, book: SqlRuntimeBook, clock: ManualClock
) -> None:
    ann = await user(database, clock, "ann")
    await book.claim("me", NOW + LEASE, (), alone=False)
    await clock.advance(LEASE / 1000)
    assert not (await book.claim("you", clock.now() + LEASE, (), alone=False)).held
    await clock.advance(0.001)
    assert (await book.claim("you", clock.now() + LEASE, (), alone=False)).held == {ann.user_id}
    assert not (await book.claim("me", clock.now() + LEASE, {ann.user_id}, alone=False)).held


async def test_who_is_alone_takes_what_a_killed_process_has_left(
    database: Database, book: SqlRuntimeBook, clock: ManualClock
) -> None:
    ann = await user(database, clock, "ann")
    await book.claim("killed", NOW + LEASE, (), alone=True)
    assert (await book.claim("me", NOW + LEASE, (), alone=True)).held == {ann.user_id}


async def test_what_is_released_is_free_at_once(
    database: Database, book: SqlRuntimeBook, clock: ManualClock
) -> None:
    ann = await user(database, clock, "ann")
    await book.claim("me", NOW + LEASE, (), alone=False)
    await book.release("you")
    assert not (await book.claim("you", NOW + LEASE, (), alone=False)).held
    await book.release("me")
    assert (await book.claim("you", NOW + LEASE, (), alone=False)).held == {ann.user_id}


async def test_a_state_that_is_stored_leaves_the_lease_as_it_is(
    database: Database, book: SqlRuntimeBook, clock: ManualClock
) -> None:
    ann = await user(database, clock, "ann")
    await book.claim("me", NOW + LEASE, (), alone=False)
    await book.put(ann, StoredRuntime(desired_state="paused", state="paused", mode="scalper-macdv"))
    assert not (await book.claim("you", NOW + LEASE, (), alone=False)).held


async def test_who_may_not_log_in_any_more_is_not_run(
    database: Database, book: SqlRuntimeBook, clock: ManualClock
) -> None:
    ann = await user(database, clock, "ann")
    await book.claim("me", NOW + LEASE, (), alone=False)
    people = SqlUserBook(database, clock)
    await people.change((await user(database, clock, "bob")).user_id, {"role": "admin"})
    await people.change(ann.user_id, {"is_active": False})
    assert ann.user_id not in (await book.claim("me", NOW + LEASE, {ann.user_id}, alone=False)).held


async def test_of_many_who_claim_at_once_each_user_has_one(
    database: Database, book: SqlRuntimeBook, clock: ManualClock
) -> None:
    scopes = [await user(database, clock, f"user{number}") for number in range(5)]
    claims = [book.claim(f"runner {number}", NOW + LEASE, (), alone=False) for number in range(8)]
    held = [lease.held for lease in await asyncio.gather(*claims)]
    assert sorted(user_id for one in held for user_id in one) == [scope.user_id for scope in scopes]


async def test_who_has_lost_a_user_writes_nothing_over_what_another_has_written(
    database: Database, clock: ManualClock
) -> None:
    ann = await user(database, clock, "ann", auto_start=True)
    mine, theirs = SqlRuntimeBook(database, clock, "me"), SqlRuntimeBook(database, clock, "they")
    running = StoredRuntime(desired_state="running", state="running", mode="scalper-macdv")
    paused = StoredRuntime(desired_state="paused", state="paused", mode="scalper-macdv")
    await mine.claim("me", NOW + LEASE, (), alone=False)
    await mine.put(ann, running)
    await clock.advance(LEASE / 1000 + 1)
    await theirs.claim("they", NOW + 3 * LEASE, (), alone=False)
    await theirs.put(ann, paused)
    with pytest.raises(ConflictError, match="another process runs"):
        await mine.put(ann, running)
    stored = await mine.get(ann)
    assert stored is not None
    assert stored.desired_state == "paused"
    await theirs.release("they")
    await mine.put(ann, running)
