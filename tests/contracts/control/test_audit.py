"""The contract of `Trail`: whatever is altered past it shows, and what retention takes away does not."""

from typing import Any

import pytest
from sqlalchemy import Table, delete, insert, select, text

from livermore.adapters.sql import Database, SqlJournal, SqlTrail
from livermore.adapters.sql.tables import command_chains, command_events, commands
from livermore.control.audit import Report
from livermore.control.command import LIFETIME, Failure
from livermore.control.lifecycle import Status, Step
from livermore.control.ports import Retention
from livermore.control.sealer import INTERVAL, TIDYING, Sealer
from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import ConflictError, StorageUnavailableError
from livermore.kernel.scope import EVERYBODY, Scope
from tests.contracts.control.conftest import accepted, at_once, carried_out, facts, failed
from tests.contracts.sql.conftest import NOON

DAY = 86_400_000
PROVEN = (command_events, command_chains, commands)


@pytest.fixture
def sealer(journal: SqlJournal, trail: SqlTrail, clock: ManualClock) -> Sealer:
    """What seals the trail."""
    return Sealer(journal, trail, clock, Retention(days=10, commands=5))


async def prove(trail: SqlTrail, scope: Scope) -> Report:
    """Return what is found of a user."""
    (report,) = await trail.verify(scope)
    return report


async def run(database: Database, *statements: str) -> None:
    """Change rows past everything."""
    async with database.writing(EVERYBODY) as connection:
        for statement in statements:
            await connection.execute(text(statement))


async def ask(database: Database, query: str) -> Any:
    """Return the first value that a query finds."""
    async with database.reading(EVERYBODY) as connection:
        return (await connection.execute(text(query))).scalar()


# ---------------------------------------------------------------- sealing


async def test_nothing_is_proven_of_nothing(trail: SqlTrail, jesse: Scope) -> None:
    report = await prove(trail, jesse)
    assert (report.events, report.head_place, report.head, report.fault) == (0, 0, "00" * 32, None)
    assert await trail.verify(EVERYBODY) == []


async def test_every_users_events_are_sealed_apart(
    journal: SqlJournal, trail: SqlTrail, sealer: Sealer, jesse: Scope, edwin: Scope
) -> None:
    for scope in (jesse, edwin, jesse):
        await carried_out(journal, scope)
    before = await prove(trail, jesse)
    assert (before.events, before.unsealed, before.commands, before.fault) == (0, 6, 2, None)
    assert await sealer.seal() == 9
    assert await sealer.seal() == 0
    of_jesse, of_edwin = await trail.verify(EVERYBODY)
    assert (of_jesse.user_id, of_jesse.events, of_jesse.head_place) == (jesse.user_id, 6, 6)
    assert (of_edwin.user_id, of_edwin.events, of_edwin.head_place) == (edwin.user_id, 3, 3)
    assert (of_jesse.unsealed, of_jesse.fault, of_edwin.fault) == (0, None, None)
    assert of_jesse.head != of_edwin.head


async def test_a_chain_goes_on_where_it_was(
    journal: SqlJournal, trail: SqlTrail, sealer: Sealer, jesse: Scope
) -> None:
    heads = set()
    for place in (3, 6, 9):
        await carried_out(journal, jesse)
        await sealer.seal()
        report = await prove(trail, jesse)
        assert (report.head_place, report.fault) == (place, None)
        heads.add(report.head)
    assert len(heads) == 3


async def test_two_processes_may_seal_at_once(
    journal: SqlJournal, trail: SqlTrail, clock: ManualClock, jesse: Scope, url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("livermore.adapters.sql.trail.TOGETHER", 7)
    await at_once(lambda _: carried_out(journal, jesse), 20)
    database = Database(url)
    sealers = [Sealer(journal, each, clock) for each in (trail, SqlTrail(database, clock))]
    sealed = await at_once(lambda number: sealers[number].seal(), 2)
    await database.close()
    assert sum(sealed) == 60
    report = await prove(trail, jesse)
    assert (report.events, report.head_place, report.fault) == (60, 60, None)


async def test_every_kind_of_life_agrees_with_its_events(
    journal: SqlJournal, trail: SqlTrail, sealer: Sealer, jesse: Scope
) -> None:
    await carried_out(journal, jesse)
    ended = await failed(journal, jesse)
    await accepted(journal, jesse, failure=Failure(code="unknown_type", detail="x"), type="x")
    for step in (Step.ACKNOWLEDGE, Step.CANCEL, Step.REJECT, Step.EXPIRE, Step.START):
        command = await accepted(journal, jesse)
        await journal.step(jesse, command.id, step, facts(error=Failure(code="cancelled", detail="ü")))
    with pytest.raises(ConflictError):
        await accepted(journal, jesse, id=ended.id, type="resume")
    assert (await prove(trail, jesse)).fault is None
    await sealer.seal()
    report = await prove(trail, jesse)
    assert (report.commands, report.fault) == (8, None)
    assert report.events == report.head_place == 3 + 4 + 1 + 10 + 1


# ---------------------------------------------------------------- tampering

COPY = (
    "INSERT INTO command_events (user_id, correlation_id, event, at, data, place, hash)"
    " SELECT user_id, correlation_id, event, at, data, {place}, hash FROM command_events WHERE place = 4"
)
SWAP = (
    "UPDATE command_events SET place = -1 WHERE place = {one}",
    "UPDATE command_events SET place = {one} WHERE place = {other}",
    "UPDATE command_events SET place = {other} WHERE place = -1",
)
TAMPERING: dict[str, tuple[tuple[str, ...], str, int | None]] = {
    "event": (("UPDATE command_events SET event = 'failed' WHERE place = 3",), "changed", 3),
    "time": (("UPDATE command_events SET at = at + 1 WHERE place = 1",), "changed", 1),
    "data": (("UPDATE command_events SET data = '{}' WHERE place = 9",), "changed", 9),
    "a space": (("UPDATE command_events SET data = '{} ' WHERE place = 9",), "changed", 9),
    "id": (("UPDATE command_events SET correlation_id = 'x' WHERE place = 4",), "changed", 4),
    "number": (("UPDATE command_events SET number = number + 1000 WHERE place = 9",), "changed", 9),
    "hash": (("UPDATE command_events SET hash = NULL WHERE place = 5",), "changed", 5),
    "no place": (("UPDATE command_events SET place = NULL WHERE place = 5",), "missing", 5),
    "a gap": (("UPDATE command_events SET place = 77 WHERE place = 5",), "missing", 5),
    "first deleted": (("DELETE FROM command_events WHERE place = 1",), "missing", 1),
    "one deleted": (("DELETE FROM command_events WHERE place = 6",), "missing", 6),
    "last deleted": (("DELETE FROM command_events WHERE place = 9",), "cut off", 9),
    "end deleted": (("DELETE FROM command_events WHERE place > 4",), "cut off", 5),
    "all deleted": (("DELETE FROM command_events",), "cut off", 1),
    "neighbours swapped": (tuple(each.format(one=4, other=5) for each in SWAP), "reordered", 4),
    "others swapped": (tuple(each.format(one=2, other=8) for each in SWAP), "reordered", 2),
    "inserted behind": ((COPY.format(place=10),), "changed", 10),
    "inserted before": ((COPY.format(place=0),), "reordered", 1),
    "head's hash": (("UPDATE command_chains SET head_hash = anchor_hash",), "head differs", 9),
    "head's place": (("UPDATE command_chains SET head_place = 8",), "head differs", 9),
    "head further": (("UPDATE command_chains SET head_place = 10",), "cut off", 10),
    "anchor's hash": (("UPDATE command_chains SET anchor_hash = head_hash",), "changed", 1),
    "anchor's place": (("UPDATE command_chains SET anchor_place = 1",), "reordered", 2),
    "chain deleted": (("DELETE FROM command_chains",), "head differs", 9),
    "all events and chain deleted": (
        ("DELETE FROM command_events", "DELETE FROM command_chains"), "command differs", None,
    ),
    "command deleted": (("DELETE FROM commands WHERE number = {second}",), "command differs", None),
    "unsealed inserted": ((COPY.format(place="NULL"),), "command differs", None),
}  # fmt: skip
CHANGES = {
    "status": "'failed'", "payload": "'{}'", "type": "'x'", "priority": "99", "source": "'cli'",
    "author": "'x'", "role": "'admin'", "submitted_at": "1", "acknowledged_at": "NULL", "started_at": "1",
    "finished_at": "1", "runner": "'x'", "result": "NULL", "error_code": "'x'", "identity_sub": "'x'",
}  # fmt: skip
TAMPERING |= {
    f"command's {name}": ((f"UPDATE commands SET {name} = {value} WHERE number = {{second}}",),
                          "command differs", None)
    for name, value in CHANGES.items()
}  # fmt: skip


@pytest.fixture
async def three(journal: SqlJournal, sealer: Sealer, jesse: Scope) -> list[str]:
    """Three commands with three sealed events each."""
    return [(await carried_out(journal, jesse)).id for _ in range(3)]


async def test_whatever_is_altered_shows(
    database: Database, trail: SqlTrail, sealer: Sealer, jesse: Scope, three: list[str]
) -> None:
    await sealer.seal()
    whole = await read_all(database)
    second = str(await ask(database, "SELECT min(number) + 1 FROM commands"))
    for name, (statements, what, place) in TAMPERING.items():
        report = await prove(trail, jesse)
        assert (report.fault, report.events, report.commands) == (None, 9, 3), name
        await run(database, *(statement.replace("{second}", second) for statement in statements))
        fault = (await prove(trail, jesse)).fault
        assert fault is not None, name
        assert (fault.what, fault.place) == (what, place), name
        assert fault.detail
        await write_all(database, whole)


async def read_all(database: Database) -> dict[Table, list[dict[str, Any]]]:
    """Return every row of the tables that are proven."""
    async with database.reading(EVERYBODY) as connection:
        return {
            table: [dict(row) for row in (await connection.execute(select(table))).mappings()]
            for table in PROVEN
        }


async def write_all(database: Database, rows: dict[Table, list[dict[str, Any]]]) -> None:
    """Let the tables hold these rows and no others."""
    async with database.writing(EVERYBODY) as connection:
        for table in PROVEN:
            await connection.execute(delete(table))
            if rows[table]:
                await connection.execute(insert(table), rows[table])


async def test_also_what_is_not_sealed_yet(
    database: Database, trail: SqlTrail, jesse: Scope, three: list[str]
) -> None:
    whole = await read_all(database)
    for event in ("accepted", "running", "succeeded"):
        assert (await prove(trail, jesse)).fault is None
        lost = f"correlation_id = '{three[1]}' AND event = '{event}'"
        await run(database, f"DELETE FROM command_events WHERE {lost}")
        fault = (await prove(trail, jesse)).fault
        assert fault is not None
        assert (fault.what, fault.command_id) == ("command differs", three[1])
        await write_all(database, whole)


async def test_a_fault_of_one_is_none_of_another(
    database: Database, journal: SqlJournal, trail: SqlTrail, sealer: Sealer, jesse: Scope, edwin: Scope
) -> None:
    for scope in (jesse, edwin):
        await carried_out(journal, scope)
    await sealer.seal()
    await run(database, f"UPDATE command_events SET at = 1 WHERE place = 2 AND user_id = {edwin.user_id}")
    assert [report.fault is None for report in await trail.verify(EVERYBODY)] == [True, False]
    assert (await prove(trail, jesse)).fault is None


async def test_it_is_proven_while_commands_come_in(
    journal: SqlJournal, trail: SqlTrail, sealer: Sealer, jesse: Scope
) -> None:
    """What a proof reads is of one moment, so that it never takes what just happens for tampering."""

    async def work(number: int) -> None:
        for _ in range(4):
            if number == 0:
                await sealer.seal()
            elif number < 5:
                await carried_out(journal, jesse)
            else:
                assert (await prove(trail, jesse)).fault is None

    await at_once(work, 8)
    await sealer.seal()
    assert (await prove(trail, jesse)).events == 48


# ---------------------------------------------------------------- retention


async def numbered(journal: SqlJournal, scope: Scope, count: int, start: int = NOON) -> list[str]:
    """Carry out some commands, one each second, and return their ids."""
    return [(await carried_out(journal, scope, submitted_at=start + 1000 * at)).id for at in range(count)]


async def kept(journal: SqlJournal, scope: Scope) -> list[str]:
    """Return the ids of what is there, oldest first."""
    return [command.id for command in (await journal.history(scope, NOON, limit=100)).commands][::-1]


async def test_the_oldest_are_taken_away_by_count(
    journal: SqlJournal, trail: SqlTrail, sealer: Sealer, jesse: Scope, edwin: Scope
) -> None:
    ids, others = await numbered(journal, jesse, 8), await numbered(journal, edwin, 5)
    await sealer.seal()
    head = (await prove(trail, jesse)).head
    await sealer.tidy()
    assert await kept(journal, jesse) == ids[3:]
    assert await kept(journal, edwin) == others
    report = await prove(trail, jesse)
    assert (report.anchor_place, report.events, report.commands) == (9, 15, 5)
    assert (report.head_place, report.head, report.fault) == (24, head, None)


async def test_the_oldest_are_taken_away_by_age(
    journal: SqlJournal, trail: SqlTrail, sealer: Sealer, clock: ManualClock, jesse: Scope
) -> None:
    ids = await numbered(journal, jesse, 3)
    later = await numbered(journal, jesse, 1, NOON + DAY)
    await sealer.seal()
    await clock.advance(10 * 86_400 + 1)  # the first ended 2 ms after NOON, the second a second later
    await sealer.tidy()
    assert await kept(journal, jesse) == ids[1:] + later
    await clock.advance(86_400 - 60)
    await sealer.tidy()
    assert await kept(journal, jesse) == later
    await carried_out(journal, jesse, submitted_at=clock.now())
    await sealer.seal()
    report = await prove(trail, jesse)
    assert (report.anchor_place, report.head_place, report.fault) == (9, 15, None)


async def test_nothing_goes_that_is_not_sealed(
    journal: SqlJournal, trail: SqlTrail, sealer: Sealer, jesse: Scope
) -> None:
    ids = await numbered(journal, jesse, 8)
    await sealer.tidy()
    assert await kept(journal, jesse) == ids
    assert (await prove(trail, jesse)).fault is None


async def test_what_runs_stays_with_all_behind_it(
    journal: SqlJournal, trail: SqlTrail, sealer: Sealer, jesse: Scope
) -> None:
    first = await numbered(journal, jesse, 1)
    running = await accepted(journal, jesse)
    await journal.step(jesse, running.id, Step.START, facts())
    behind = await numbered(journal, jesse, 8)
    await sealer.seal()
    await sealer.tidy()
    assert await kept(journal, jesse) == [running.id, *behind]
    assert first[0] not in await kept(journal, jesse)
    await journal.step(jesse, running.id, Step.SUCCEED, facts())
    await sealer.seal()
    await sealer.tidy()
    report = await prove(trail, jesse)
    assert (report.commands, report.fault) == (9, None)  # it ended behind all the others, which stay with it
    assert report.anchor_place == 3


async def test_commands_that_overlap_go_together(
    journal: SqlJournal, trail: SqlTrail, sealer: Sealer, jesse: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when more of them overlap than are looked at in one piece."""
    monkeypatch.setattr("livermore.adapters.sql.trail.TOGETHER", 4)
    await at_once(lambda _: carried_out(journal, jesse), 12)
    last = await numbered(journal, jesse, 5)
    await sealer.seal()
    await sealer.tidy()
    assert await kept(journal, jesse) == last
    assert (await prove(trail, jesse)).fault is None


@pytest.mark.parametrize("statement", [
    "UPDATE command_chains SET anchor_place = anchor_place - 1",
    "UPDATE command_chains SET anchor_hash = head_hash",
    "DELETE FROM command_events WHERE place = 10",
])  # fmt: skip
async def test_what_is_left_is_proven_from_the_anchor(
    database: Database, journal: SqlJournal, trail: SqlTrail, sealer: Sealer, jesse: Scope, statement: str
) -> None:
    await numbered(journal, jesse, 8)
    await sealer.seal()
    await sealer.tidy()
    await run(database, statement)
    assert (await prove(trail, jesse)).fault is not None


# ---------------------------------------------------------------- the service


async def test_the_sealer_seals_and_tidies_by_itself(
    journal: SqlJournal, trail: SqlTrail, sealer: Sealer, clock: ManualClock, jesse: Scope
) -> None:
    abandoned = await accepted(journal, jesse, submitted_at=NOON - 2 * LIFETIME)
    await sealer.start()
    await clock.advance(TIDYING)
    while await journal.open():
        await clock.advance(INTERVAL)
    while (await prove(trail, jesse)).unsealed:
        await clock.advance(INTERVAL)
    await sealer.stop()
    assert sealer.health().state == "healthy"
    found = await journal.get(jesse, abandoned.id, NOON)
    assert found is not None
    assert found.status is Status.EXPIRED


async def test_the_sealer_outlives_a_database_that_is_away(
    journal: SqlJournal, trail: SqlTrail, clock: ManualClock, jesse: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: SqlTrail) -> list[Scope]:
        raise StorageUnavailableError("away")

    sealer = Sealer(journal, trail, clock)
    with monkeypatch.context() as patch:
        patch.setattr(SqlTrail, "unsealed", away)
        await sealer.start()
        while sealer.health().state == "healthy":
            await clock.advance(INTERVAL)
        assert sealer.health().detail == "away"
    await accepted(journal, jesse)
    while (await prove(trail, jesse)).unsealed:
        await clock.advance(INTERVAL)
    await sealer.stop()
    assert sealer.health().state == "healthy"
