"""The contract of `Journal`: what was accepted stays, and of two who take a step one does."""

from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from livermore.adapters.sql import Database, SqlJournal
from livermore.adapters.sql.journal import OPEN_ROWS
from livermore.adapters.sql.tables import command_events, commands
from livermore.control.command import LIFETIME, Failure, Progress
from livermore.control.lifecycle import OPEN, TABLE, Status, Step
from livermore.kernel.errors import ConflictError, InvalidError, NotFoundError
from livermore.kernel.scope import EVERYBODY, Scope
from tests.contracts.control.conftest import a_command, accepted, at_once, carried_out, facts, failed
from tests.contracts.sql.conftest import NOON

CLOSING = [step for step in Step if step not in {Step.ACKNOWLEDGE, Step.START}]


async def events_of(database: Database, scope: Scope, command_id: str) -> list[str]:
    """Return what happened to a command."""
    mine = command_events.c.user_id == scope.user_id, command_events.c.correlation_id == command_id
    query = select(command_events.c.event).where(*mine).order_by(command_events.c.number)
    async with database.reading(scope) as connection:
        return list((await connection.execute(query)).scalars())


# ---------------------------------------------------------------- accepting


async def test_what_is_accepted_is_there(journal: SqlJournal, jesse: Scope) -> None:
    asked = a_command()
    command, repeated = await journal.accept(jesse, asked)
    assert not repeated
    assert await journal.get(jesse, asked.id, NOON) == command
    assert (command.status, command.is_open, command.finished_at) == (Status.ACCEPTED, True, None)
    for name in ("id", "type", "payload", "priority", "source", "author", "role", "submitted_at"):
        assert getattr(command, name) == getattr(asked, name)


async def test_it_outlives_the_journal(journal: SqlJournal, jesse: Scope, url: str) -> None:
    command = await accepted(journal, jesse)
    database = Database(url)
    other = SqlJournal(database)
    assert await other.get(jesse, command.id, NOON) == command
    await other.close()
    await database.close()


async def test_numbers_grow_in_the_order_of_arrival(journal: SqlJournal, jesse: Scope, edwin: Scope) -> None:
    found = [await accepted(journal, scope) for scope in (jesse, edwin, jesse, edwin)]
    numbers = [command.number for command in found]
    assert numbers == sorted(set(numbers))


async def test_a_repeat_returns_the_first_outcome(
    journal: SqlJournal, database: Database, jesse: Scope
) -> None:
    ended = await carried_out(journal, jesse)
    again = a_command(id=ended.id, author="somebody else", submitted_at=NOON + 50, priority=90, source="ui")
    assert await journal.accept(jesse, again) == (ended, True)
    assert await events_of(database, jesse, ended.id) == ["accepted", "running", "succeeded"]


async def test_a_repeat_that_comes_too_late_finds_it_expired(journal: SqlJournal, jesse: Scope) -> None:
    command = await accepted(journal, jesse)
    late = a_command(id=command.id, submitted_at=NOON + LIFETIME + 1)
    found, repeated = await journal.accept(jesse, late)
    assert (found.status, repeated) == (Status.EXPIRED, True)


@pytest.mark.parametrize(
    "changes",
    [{"type": "resume"}, {"payload": {}}, {"payload": {"level": "data", "factor": True}}],
    ids=["type", "payload", "kind of value"],
)
async def test_an_id_stands_for_one_thing(
    journal: SqlJournal, database: Database, jesse: Scope, changes: dict[str, Any]
) -> None:
    first = await accepted(journal, jesse, payload={"level": "data", "factor": 1})
    with pytest.raises(ConflictError):
        await accepted(journal, jesse, **{"id": first.id, "payload": first.payload, **changes})
    assert await journal.get(jesse, first.id, NOON) == first
    assert await events_of(database, jesse, first.id) == ["accepted", "refused"]


async def test_the_order_of_keys_is_nothing(journal: SqlJournal, jesse: Scope) -> None:
    first = await accepted(journal, jesse, payload={"a": 1, "b": {"c": 2, "d": 3}})
    again = a_command(id=first.id, payload={"b": {"d": 3, "c": 2}, "a": 1})
    assert await journal.accept(jesse, again) == (first, True)


async def test_an_id_is_one_users_own(journal: SqlJournal, jesse: Scope, edwin: Scope) -> None:
    one = await accepted(journal, jesse)
    other = await accepted(journal, edwin, id=one.id, type="resume")
    assert one.number != other.number


async def test_of_many_who_bring_the_same_one_writes_it(
    journal: SqlJournal, database: Database, jesse: Scope
) -> None:
    asked = a_command()
    found = await at_once(lambda _: journal.accept(jesse, asked))
    assert Counter(repeated for _, repeated in found) == {False: 1, True: 49}
    assert {command.number for command, _ in found} == {found[0].command.number}
    assert await events_of(database, jesse, asked.id) == ["accepted"]


async def test_what_is_rejected_is_kept_and_never_open(
    journal: SqlJournal, database: Database, jesse: Scope
) -> None:
    failure = Failure(code="unknown_type", detail="there is no command 'x'\0")
    command = await accepted(journal, jesse, type="x", failure=failure)
    assert (command.status, command.finished_at) == (Status.REJECTED, NOON)
    assert command.error == Failure(code="unknown_type", detail="there is no command 'x'\ufffd")
    assert await journal.get(jesse, command.id, NOON + LIFETIME * 2) == command
    assert await journal.open() == []
    assert await events_of(database, jesse, command.id) == ["rejected"]


async def test_a_user_who_is_gone_commands_nothing(journal: SqlJournal) -> None:
    with pytest.raises(NotFoundError):
        await accepted(journal, Scope(user_id=999, identity_sub="gone"))


async def test_what_json_cannot_hold_is_refused(journal: SqlJournal, jesse: Scope) -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    for payload in ({"a": float("nan")}, {"a": object()}, {"a": "\ud800"}, {"a": deep}):
        with pytest.raises(InvalidError):
            await accepted(journal, jesse, payload=payload)
    assert (await journal.history(jesse, NOON)).commands == []


async def test_any_payload_comes_back_as_it_was(journal: SqlJournal, jesse: Scope) -> None:
    payload = {"a": [1, 1.0, -0.0, 1e300, True, None, "\0 ü \U0001f40b", 2**70], "": {}}
    command = await accepted(journal, jesse, payload=payload)
    found = await journal.get(jesse, command.id, NOON)
    assert found is not None
    assert msgspec.json.encode(found.payload) == msgspec.json.encode(payload)


# ---------------------------------------------------------------- steps


async def test_a_life_is_written_down(journal: SqlJournal, database: Database, jesse: Scope) -> None:
    ended = await failed(journal, jesse)
    assert ended.status is Status.FAILED
    assert ended.error == Failure(code="internal", detail="the wire broke")
    times = ended.submitted_at, ended.acknowledged_at, ended.started_at, ended.finished_at
    assert times == (NOON, NOON + 1, NOON + 2, NOON + 3)
    assert (ended.runner, ended.result) == ("here", None)
    expected = ["accepted", "acknowledged", "running", "failed"]
    assert await events_of(database, jesse, ended.id) == expected
    assert await journal.get(jesse, ended.id, NOON) == ended


async def test_who_starts_may_note_when_it_was_acknowledged(journal: SqlJournal, jesse: Scope) -> None:
    ended = await carried_out(journal, jesse)
    assert (ended.acknowledged_at, ended.started_at) == (NOON, NOON + 1)
    assert ended.result == {"done": [1, 0.5]}
    unseen = await accepted(journal, jesse)
    started = await journal.step(jesse, unseen.id, Step.START, facts())
    assert started is not None
    assert started.acknowledged_at is None


@pytest.mark.parametrize("result", ["words", "1", 0, 1.0, False, [], {"a": None}], ids=repr)
async def test_any_result_comes_back(journal: SqlJournal, jesse: Scope, result: Any) -> None:
    command = await accepted(journal, jesse)
    await journal.step(jesse, command.id, Step.START, facts())
    await journal.step(jesse, command.id, Step.SUCCEED, facts(result=result))
    found = await journal.get(jesse, command.id, NOON)
    assert found is not None
    assert found.result == result
    assert type(found.result) is type(result)


async def test_a_result_may_be_a_struct(journal: SqlJournal, jesse: Scope) -> None:
    command = await accepted(journal, jesse)
    await journal.step(jesse, command.id, Step.START, facts())
    result = Progress(done=1, total=2, message="x")
    ended = await journal.step(jesse, command.id, Step.SUCCEED, facts(result=result))
    assert ended is not None
    assert ended.result == {"done": 1, "total": 2, "message": "x"}


async def test_of_many_who_claim_one_wins(journal: SqlJournal, database: Database, jesse: Scope) -> None:
    command = await accepted(journal, jesse)
    claims = await at_once(
        lambda number: journal.step(jesse, command.id, Step.START, facts(runner=str(number)))
    )
    (won,) = [claim for claim in claims if claim is not None]
    assert await journal.get(jesse, command.id, NOON) == won
    assert won.runner == str(claims.index(won))
    assert await events_of(database, jesse, command.id) == ["accepted", "running"]


async def test_of_many_who_end_it_one_does(journal: SqlJournal, database: Database, jesse: Scope) -> None:
    command = await accepted(journal, jesse)
    await journal.step(jesse, command.id, Step.START, facts())
    ways = (Step.SUCCEED, Step.FAIL, Step.CANCEL)
    ends = await at_once(lambda number: journal.step(jesse, command.id, ways[number % 3], facts()))
    (ended,) = [end for end in ends if end is not None]
    assert await events_of(database, jesse, command.id) == ["accepted", "running", ended.status]


async def test_two_journals_are_one(journal: SqlJournal, jesse: Scope, url: str) -> None:
    """As two processes have it: each with connections of its own."""
    database = Database(url)
    other = SqlJournal(database)
    ids = [(await accepted(journal, jesse)).id for _ in range(25)]
    claims = [
        await at_once(lambda number, one=one: one.step(jesse, ids[number], Step.START, facts()), 25)
        for one in (journal, other)
    ]
    assert [sum(claim is not None for claim in pair) for pair in zip(*claims, strict=True)] == [1] * 25
    await other.close()
    await database.close()


async def test_what_is_unknown_takes_no_step(journal: SqlJournal, jesse: Scope) -> None:
    assert await journal.step(jesse, a_command().id, Step.START, facts()) is None
    await journal.progress(jesse, a_command().id, Progress(done=0, total=1, message=""))
    assert await journal.get(jesse, a_command().id, NOON) is None


async def test_progress_is_noted_while_it_runs(journal: SqlJournal, database: Database, jesse: Scope) -> None:
    command = await accepted(journal, jesse)
    steps = [Progress(done=done, total=3, message="ü", eta_seconds=3 - done) for done in range(3)]
    await journal.progress(jesse, command.id, steps[0])
    await journal.step(jesse, command.id, Step.START, facts())
    await journal.progress(jesse, command.id, steps[1])
    ended = await journal.step(jesse, command.id, Step.SUCCEED, facts())
    await journal.progress(jesse, command.id, steps[2])
    assert ended is not None
    assert ended.progress == steps[1]
    assert await journal.get(jesse, command.id, NOON) == ended
    assert await events_of(database, jesse, command.id) == ["accepted", "running", "succeeded"]


async def test_words_of_an_error_never_keep_it_from_being_stored(journal: SqlJournal, jesse: Scope) -> None:
    command = await accepted(journal, jesse)
    await journal.step(jesse, command.id, Step.START, facts())
    error = Failure(code="internal", detail="a\0b\ud800c")
    ended = await journal.step(jesse, command.id, Step.FAIL, facts(error=error))
    assert ended is not None
    assert ended.error == Failure(code="internal", detail="a\ufffdb?c")


@given(steps=st.lists(st.sampled_from(Step), max_size=6))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_steps_leave_the_table(journal: SqlJournal, jesse: Scope, steps: list[Step]) -> None:
    command = await accepted(journal, jesse)
    for step in steps:
        found = await journal.step(jesse, command.id, step, facts())
        following = TABLE.get((command.status, step))
        assert (found and found.status) == following
        command = found or command
        assert (command.finished_at is None) == command.is_open
        assert await journal.get(jesse, command.id, NOON) == command
    assert (command.id in {waiting.command.id for waiting in await journal.open()}) == command.is_open


# ---------------------------------------------------------------- expiry


async def test_it_starts_up_to_the_last_moment(journal: SqlJournal, jesse: Scope) -> None:
    command = await accepted(journal, jesse)
    started = await journal.step(jesse, command.id, Step.START, facts(NOON + LIFETIME))
    assert started is not None
    assert not command.is_overdue(NOON + LIFETIME)


@pytest.mark.parametrize("acknowledged", [True, False])
async def test_it_never_starts_after_it(
    journal: SqlJournal, database: Database, jesse: Scope, acknowledged: bool
) -> None:
    command = await accepted(journal, jesse)
    if acknowledged:
        await journal.step(jesse, command.id, Step.ACKNOWLEDGE, facts())
    late = NOON + LIFETIME + 1
    assert await journal.step(jesse, command.id, Step.START, facts(late)) is None
    found = await journal.get(jesse, command.id, late)
    assert found is not None
    assert (found.status, found.finished_at, found.started_at) == (Status.EXPIRED, late, None)
    assert found.error is not None
    assert found.error.code == "expired"
    assert (await events_of(database, jesse, command.id))[-1] == "expired"
    assert await journal.step(jesse, command.id, Step.START, facts(NOON)) is None


async def test_what_runs_does_not_expire(journal: SqlJournal, jesse: Scope) -> None:
    command = await accepted(journal, jesse)
    started = await journal.step(jesse, command.id, Step.START, facts())
    assert await journal.get(jesse, command.id, NOON + 10 * LIFETIME) == started
    assert (await journal.history(jesse, NOON + 10 * LIFETIME)).commands == [started]


async def test_the_history_tells_of_expiry(journal: SqlJournal, jesse: Scope, edwin: Scope) -> None:
    overdue = await accepted(journal, jesse)
    waiting = await accepted(journal, jesse, submitted_at=NOON + 1)
    other = await accepted(journal, edwin)
    now = NOON + LIFETIME + 1
    page = await journal.history(jesse, now, status=Status.EXPIRED)
    assert [command.id for command in page.commands] == [overdue.id]
    assert (await journal.history(jesse, now, status=Status.ACCEPTED)).commands == [waiting]
    assert await journal.get(edwin, other.id, NOON) == other  # nobody expires what is another's


async def test_of_many_who_find_it_overdue_one_says_so(
    journal: SqlJournal, database: Database, jesse: Scope
) -> None:
    command = await accepted(journal, jesse)
    found = await at_once(lambda number: journal.get(jesse, command.id, NOON + LIFETIME + 1 + number), 20)
    assert {each.status for each in found} == {Status.EXPIRED}
    assert await events_of(database, jesse, command.id) == ["accepted", "expired"]


# ---------------------------------------------------------------- reading


async def test_the_history_is_read_page_by_page(journal: SqlJournal, jesse: Scope) -> None:
    ids = [(await accepted(journal, jesse)).id for _ in range(7)]
    read, before, pages = [], None, 0
    while pages == 0 or before is not None:
        page = await journal.history(jesse, NOON, before=before, limit=3)
        read += [command.id for command in page.commands]
        before, pages = page.next, pages + 1
        await accepted(journal, jesse)  # what comes meanwhile shifts nothing
    assert (read, pages) == (ids[::-1], 3)
    assert (await journal.history(jesse, NOON, limit=10)).next is None


async def test_the_history_is_filtered(journal: SqlJournal, jesse: Scope) -> None:
    ended = await carried_out(journal, jesse)
    waiting = await accepted(journal, jesse)
    other = await accepted(journal, jesse, type="resume")
    assert (await journal.history(jesse, NOON, of_type="pause")).commands == [waiting, ended]
    assert (await journal.history(jesse, NOON, of_type="resume")).commands == [other]
    assert (await journal.history(jesse, NOON, status=Status.SUCCEEDED)).commands == [ended]
    both = await journal.history(jesse, NOON, of_type="pause", status=Status.ACCEPTED, limit=1)
    assert both == ([waiting], None)


async def test_open_ones_are_everybodys_in_the_order_of_arrival(
    journal: SqlJournal, jesse: Scope, edwin: Scope
) -> None:
    await carried_out(journal, jesse)
    first = await accepted(journal, edwin)
    second = await accepted(journal, jesse)
    running = await journal.step(edwin, first.id, Step.START, facts())
    acknowledged = await journal.step(jesse, second.id, Step.ACKNOWLEDGE, facts())
    assert await journal.open() == [(edwin, running), (jesse, acknowledged)]


@pytest.mark.parametrize("status", sorted(OPEN))
async def test_what_is_open_is_found_by_its_index(database: Database, status: Status) -> None:
    """However long the history is, the poll reads only what is open."""
    query = select(commands.c.number).where(OPEN_ROWS)
    assert status in str(query)
    explain = "EXPLAIN QUERY PLAN" if database.file else "EXPLAIN"
    async with database.reading(EVERYBODY) as connection:
        if not database.file:
            await connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = await connection.execute(text(f"{explain} {query.compile(connection.sync_engine)}"))
        assert any("commands_open_idx" in str(line) for line in plan)


# ---------------------------------------------------------------- whose


async def test_nobody_reaches_anothers(
    journal: SqlJournal, database: Database, jesse: Scope, edwin: Scope
) -> None:
    command = await accepted(journal, jesse)
    mixed = [
        edwin,
        Scope(user_id=jesse.user_id, identity_sub="edwin"),
        Scope(user_id=edwin.user_id, identity_sub="jesse"),
    ]
    for stranger in mixed:
        assert await journal.get(stranger, command.id, NOON + LIFETIME * 2) is None
        assert (await journal.history(stranger, NOON + LIFETIME * 2)).commands == []
        for step in Step:
            assert await journal.step(stranger, command.id, step, facts()) is None
        await journal.progress(stranger, command.id, Progress(done=1, total=1, message=""))
    assert await journal.get(jesse, command.id, NOON) == command
    assert await events_of(database, jesse, command.id) == ["accepted"]
