"""The contract of `AttemptBook`, and the proof of the twin that the unit tests use."""

import asyncio
import sys
from random import Random

import pytest
from sqlalchemy import func, select

from livermore.accounts.attempts import DAY, PAIR, Guess, Rule
from livermore.accounts.limiter import Limiter
from livermore.accounts.ports import AttemptBook
from livermore.adapters.sql import Database, SqlAttemptBook
from livermore.adapters.sql.tables import login_attempts
from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import RateLimitedError
from livermore.kernel.scope import EVERYBODY
from tests.contracts.sql.conftest import NOON
from tests.unit.accounts.memory import MemoryAttemptBook

ONE, OTHER, KNOWN = bytes([1]) * 32, bytes([2]) * 32, bytes([3]) * 32
RULE = Rule(free=3, first_wait=2000, longest_wait=5000, memory=60_000)
BOTH = {OTHER: RULE, ONE: RULE}


@pytest.fixture
def book(database: Database, clock: ManualClock) -> SqlAttemptBook:
    return SqlAttemptBook(database, clock)


async def failures(book: AttemptBook, *names: bytes) -> list[int]:
    found = await book.read(names)
    return [found[name].failures if name in found else 0 for name in names]


async def test_a_guess_is_counted_under_each_of_its_names(book: AttemptBook) -> None:
    assert await book.count(BOTH) == 0
    assert await book.count({ONE: RULE}) == 0
    assert await failures(book, ONE, OTHER, KNOWN) == [2, 1, 0]


async def test_when_the_free_ones_are_used_up_the_next_is_told_to_wait_and_not_counted(
    book: AttemptBook, clock: ManualClock
) -> None:
    assert [await book.count(BOTH) for _ in range(4)] == [0, 0, 0, NOON + 2000]
    assert await failures(book, ONE, OTHER) == [3, 3]
    await clock.advance(2)
    assert [await book.count(BOTH) for _ in range(2)] == [0, NOON + 2000 + 4000]
    assert await failures(book, ONE, OTHER) == [4, 4]


async def test_one_name_that_has_to_wait_keeps_the_others_from_being_counted(book: AttemptBook) -> None:
    for _ in range(3):
        await book.count({ONE: RULE})
    assert await book.count(BOTH) == NOON + 2000
    assert await failures(book, ONE, OTHER) == [3, 0]


async def test_a_clock_that_ran_ahead_and_was_set_right_keeps_nobody_out(database: Database) -> None:
    """Its waits would else last until the time that it showed has come."""
    clocks = ManualClock(NOON + 365 * DAY), ManualClock(NOON)
    ahead, right = (Limiter(SqlAttemptBook(database, clock), clock) for clock in clocks)
    guess = Guess(account="ada", address="192.0.2.7")
    for _ in range(PAIR.free):
        await ahead.admit(guess)
    with pytest.raises(RateLimitedError):
        await ahead.admit(guess)
    await right.admit(guess)
    with pytest.raises(RateLimitedError):
        await right.admit(guess)


async def test_clocks_that_disagree_a_little_let_no_further_guess_through(
    database: Database, book: SqlAttemptBook
) -> None:
    for _ in range(RULE.free):
        await book.count({ONE: RULE})
    behind = SqlAttemptBook(database, ManualClock(NOON - 30_000))
    assert await behind.count({ONE: RULE}) == NOON + RULE.first_wait


async def test_what_was_counted_is_forgotten_and_counted_anew(book: AttemptBook, clock: ManualClock) -> None:
    for _ in range(3):
        await book.count({ONE: RULE})
    await clock.advance(59.999)
    assert await failures(book, ONE) == [3]
    await clock.advance(0.001)
    assert await failures(book, ONE) == [0]
    assert await book.count({ONE: RULE}) == 0
    assert await failures(book, ONE) == [1]


async def test_the_right_password_takes_back_its_guess_and_is_remembered(
    book: AttemptBook, clock: ManualClock
) -> None:
    await book.count(BOTH)
    await book.count(BOTH)
    await book.succeed([OTHER], ONE, KNOWN, NOON + 90_000)
    await book.succeed([OTHER], ONE, KNOWN, NOON + 100_000)
    await book.succeed([OTHER], ONE, KNOWN, NOON + 100_000)
    assert await failures(book, ONE, OTHER) == [0, 0]
    await clock.advance(99.999)
    assert KNOWN in await book.read([KNOWN])
    await clock.advance(0.001)
    assert KNOWN not in await book.read([KNOWN])


async def test_a_right_password_lifts_nobody_s_wait(book: AttemptBook) -> None:
    for _ in range(3):
        await book.count({OTHER: RULE})
    await book.succeed([OTHER], ONE, KNOWN, NOON + 90_000)
    assert await book.count(BOTH) == NOON + 2000


@pytest.mark.parametrize("seed", range(5))
async def test_the_twin_of_the_unit_tests_answers_alike(
    book: AttemptBook, clock: ManualClock, seed: int
) -> None:
    twin, chance, names = MemoryAttemptBook(clock), Random(seed), [ONE, OTHER, KNOWN]
    for _ in range(60):
        await clock.advance(chance.choice([0, 1, 3, 70]))
        if chance.random() < 0.8:
            rules = dict.fromkeys(chance.sample(names, 2), RULE)
            assert await book.count(rules) == await twin.count(rules)
        else:
            given_back, forgotten, known = chance.sample(names, 3)
            for one in (book, twin):
                await one.succeed([given_back], forgotten, known, clock.now() + 5000)
        assert await book.read(names) == await twin.read(names)


async def test_forgotten_rows_do_not_pile_up(
    book: AttemptBook, database: Database, clock: ManualClock
) -> None:
    for number in range(20):
        await book.count({bytes([number]) * 32: RULE})
    await clock.advance(60)
    await book.count({ONE: RULE})
    async with database.reading(EVERYBODY) as connection:
        query = select(func.count()).select_from(login_attempts)
        assert (await connection.execute(query)).scalar_one() == 1


async def test_a_restart_forgets_nothing(url: str, clock: ManualClock) -> None:
    for _ in range(3):
        database = Database(url)
        await SqlAttemptBook(database, clock).count(BOTH)
        await database.close()
    database = Database(url)
    assert await SqlAttemptBook(database, clock).count(BOTH) == NOON + 2000
    await database.close()


async def test_many_at_once_are_counted_and_refused_as_many_in_turn(book: AttemptBook) -> None:
    orders = [{ONE: RULE, OTHER: RULE}, {OTHER: RULE, ONE: RULE}]
    answers = await asyncio.gather(*(book.count(orders[number % 2]) for number in range(40)))
    assert sorted(answers) == [0] * 3 + [NOON + 2000] * 37
    assert await failures(book, ONE, OTHER) == [3, 3]


COUNTING = """
import asyncio, sys
from livermore.accounts.attempts import Rule
from livermore.adapters.sql import Database, SqlAttemptBook
from livermore.kernel.clock import SystemClock

async def main():
    rule = Rule(free=1_000_000, first_wait=1, longest_wait=1, memory=86_400_000)
    database = Database(sys.argv[1])
    book = SqlAttemptBook(database, SystemClock())
    names = [bytes([number]) * 32 for number in (1, 2)]
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(100):
        await book.count({name: rule for name in names[:: 1 if number % 2 else -1]})
        if number % 10 == 0:
            await book.succeed([names[0]], bytes(32), bytes([3]) * 32, 4_000_000_000_000)
    await database.close()

asyncio.run(main())
"""


async def test_two_processes_that_count_at_once_lose_none(url: str, clock: ManualClock) -> None:
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", COUNTING, url, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    assert [process.returncode for process in processes] == [0, 0]
    database = Database(url)
    assert await failures(SqlAttemptBook(database, clock), ONE, OTHER) == [180, 200]
    await database.close()
