"""The rules of guessing: what they let pass in the worst case, and whom they never hurt."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livermore.accounts.attempts import ACCOUNT, ADDRESS, DAY, PAIR, Guess, Rule, network
from livermore.accounts.limiter import Limiter
from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import RateLimitedError
from tests.unit.accounts.memory import MemoryAttemptBook

HOME = "192.0.2.7"
RULES = {"pair": PAIR, "account": ACCOUNT, "address": ADDRESS}


@pytest.fixture(params=RULES)
def rule(request: pytest.FixtureRequest) -> Rule:
    return RULES[request.param]


def test_the_free_guesses_wait_for_nothing_and_the_next_one_waits(rule: Rule) -> None:
    waits = [rule.wait_after(failures) for failures in range(rule.free + 1)]
    assert waits == [0] * rule.free + [rule.first_wait]


def test_waits_double_up_to_the_longest(rule: Rule) -> None:
    waits = [rule.wait_after(rule.free + further) for further in range(100)]
    assert all(later == min(2 * earlier, rule.longest_wait) for earlier, later in pairwise(waits))
    assert waits[-1] == rule.longest_wait


def test_nothing_is_forgotten_while_somebody_waits(rule: Rule) -> None:
    assert rule.memory > rule.longest_wait


async def admitted(limiter: Limiter, clock: ManualClock, guess: Guess) -> bool:
    """Guess wrongly, if allowed."""
    try:
        await limiter.admit(guess)
    except RateLimitedError:
        return False
    return True


def new_limiter() -> tuple[Limiter, ManualClock]:
    clock = ManualClock(1_750_000_000_000)
    return Limiter(MemoryAttemptBook(clock), clock), clock


async def greedy(limiter: Limiter, clock: ManualClock, guess: Guess, end: int) -> int:
    """Guess as often as is allowed until a time, and return how often that was."""
    passed = 0
    while clock.now() < end:
        try:
            await limiter.admit(guess)
            passed += 1
        except RateLimitedError as refused:
            await clock.advance(refused.retry_after or 0)
    return passed


async def test_one_address_guesses_at_one_account_a_hundred_times_a_day() -> None:
    limiter, clock = new_limiter()
    guess = Guess(account="jesse", address=HOME)
    at_once, while_the_wait_doubles, every_quarter_of_an_hour = 5, 9, 94
    passed = await greedy(limiter, clock, guess, clock.now() + DAY)
    assert passed == at_once + while_the_wait_doubles + every_quarter_of_an_hour


@given(st.lists(st.tuples(st.integers(1, 200), st.integers(0, 100_000)), min_size=50, max_size=90))
async def test_what_others_guess_never_costs_whoever_was_here_before(guesses: list[tuple[int, int]]) -> None:
    limiter, clock = new_limiter()
    own = Guess(account="jesse", address=HOME)
    await limiter.succeed(await limiter.admit(own))
    for number, wait in guesses:
        await admitted(limiter, clock, Guess(account="jesse", address=f"2001:db8:{number:x}::1"))
        await clock.advance(wait / 1000)
        await limiter.succeed(await limiter.admit(own))


@given(st.integers(1, 400))
async def test_many_addresses_at_one_account_are_not_free(addresses: int) -> None:
    limiter, clock = new_limiter()
    guesses = [Guess(account="jesse", address=f"203.0.113.{n % 250}") for n in range(addresses)]
    passed = [await admitted(limiter, clock, guess) for guess in guesses]
    assert sum(passed) == min(addresses, ACCOUNT.free)


@given(st.integers(1, 400))
async def test_one_address_at_many_accounts_is_not_free(accounts: int) -> None:
    limiter, clock = new_limiter()
    guesses = [Guess(account=f"user{n}", address=HOME) for n in range(accounts)]
    passed = [await admitted(limiter, clock, guess) for guess in guesses]
    assert sum(passed) == min(accounts, ADDRESS.free)


@given(st.integers(0, 3))
async def test_logging_in_to_ones_own_account_pays_for_no_guess_at_another(logins: int) -> None:
    limiter, clock = new_limiter()
    own = Guess(account="mallory", address=HOME)
    await limiter.succeed(await limiter.admit(own))
    passed = 0
    for number in range(100):
        passed += await admitted(limiter, clock, Guess(account=f"user{number}", address=HOME))
        for _ in range(logins):
            await limiter.succeed(await limiter.admit(own))
    assert passed == ADDRESS.free


async def test_who_was_refused_is_told_how_long_to_wait() -> None:
    limiter, clock = new_limiter()
    guess = Guess(account="jesse", address=HOME)
    for _ in range(PAIR.free):
        assert await admitted(limiter, clock, guess)
    with pytest.raises(RateLimitedError) as refused:
        await limiter.admit(guess)
    assert refused.value.retry_after == PAIR.first_wait / 1000
    assert str(refused.value) == "too many wrong passwords"
    await clock.advance(PAIR.first_wait / 1000)
    assert await admitted(limiter, clock, guess)


async def test_wrong_guesses_are_forgotten_once_the_right_one_came_or_a_day_has_passed() -> None:
    limiter, clock = new_limiter()
    guess = Guess(account="jesse", address=HOME)
    for _ in range(PAIR.free - 1):
        await admitted(limiter, clock, guess)
    await limiter.succeed(await limiter.admit(guess))
    assert [await admitted(limiter, clock, guess) for _ in range(PAIR.free + 1)][-2:] == [True, False]
    await clock.advance(DAY / 1000)
    assert [await admitted(limiter, clock, guess) for _ in range(PAIR.free + 1)][-2:] == [True, False]


@pytest.mark.parametrize(
    ("address", "same"),
    [
        ("192.0.2.7", "::ffff:192.0.2.7"),
        ("2001:db8::1", "2001:db8:0:0:ffff::2"),
        ("fe80::1%eth0", "fe80::2"),
    ],
)
def test_one_customer_s_addresses_are_one(address: str, same: str) -> None:
    assert network(address) == network(same)


@pytest.mark.parametrize(
    ("address", "other"),
    [("192.0.2.7", "192.0.2.8"), ("2001:db8::1", "2001:db8:0:1::1"), ("unix", "testclient"), ("", "::")],
)
def test_two_customers_addresses_are_two(address: str, other: str) -> None:
    assert network(address) != network(other)


def test_names_tell_apart_what_is_counted() -> None:
    guess = Guess(account="jesse", address=HOME)
    turned = Guess(account=HOME, address="jesse")
    names = {one for g in (guess, turned) for one in (g.pair, g.known, g.from_anywhere, g.at_anybody)}
    assert len(names) == 8
    assert {len(name) for name in names} == {32}
