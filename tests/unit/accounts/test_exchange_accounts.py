"""The check of an exchange account: what it tells, what it asks, and what it never tells."""

from __future__ import annotations

import msgspec
import pytest

from livermore.accounts.exchange_account import (
    Credentials,
    ExchangeAccount,
    KeyReport,
    resolved,
    value_of,
)
from livermore.accounts.exchange_accounts import ExchangeAccounts
from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import (
    ExchangeRefusedError,
    ExchangeUnreachableError,
    InvalidError,
    NotFoundError,
)
from livermore.kernel.log import redacted
from livermore.kernel.scope import Scope

NOON = 1_750_000_000_000
JESSE = Scope(user_id=1, identity_sub="jesse")
NAMED = Credentials(key="CHECK_KEY", secret="CHECK_SECRET", password="CHECK_PASSPHRASE")
COINBASE = ExchangeAccount(id=7, exchange="coinbase", credentials=NAMED)
SET = {"CHECK_KEY": "canary-of-the-key", "CHECK_SECRET": "canary-of-the-secret", "CHECK_PASSPHRASE": "p"}


class Book:
    """Hold one account."""

    def __init__(self) -> None:
        self.noted: list[tuple[Scope, int, int]] = []

    async def all(self, scope: Scope) -> list[ExchangeAccount]:
        return [COINBASE]

    async def get(self, scope: Scope, account_id: int) -> ExchangeAccount:
        if (scope, account_id) != (JESSE, COINBASE.id):
            raise NotFoundError
        return COINBASE

    async def connected(self, scope: Scope, account_id: int, time: int) -> None:
        self.noted.append((scope, account_id, time))


class Door:
    """Answer as it is told to."""

    def __init__(self, answer: KeyReport | Exception) -> None:
        self.answer = answer
        self.asked: list[ExchangeAccount] = []

    async def report(self, account: ExchangeAccount) -> KeyReport:
        self.asked.append(account)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


GOOD = KeyReport(latency_ms=12, can_view=True, can_trade=False, can_withdraw=False)


def service(
    answer: KeyReport | Exception, environment: dict[str, str]
) -> tuple[ExchangeAccounts, Book, Door]:
    book, door = Book(), Door(answer)
    return ExchangeAccounts(book, door, environment, ManualClock(NOON)), book, door


async def test_a_key_that_works_is_noted_with_its_time() -> None:
    accounts, book, door = service(GOOD, SET)
    check = await accounts.check(JESSE, 7)
    assert (check.works, check.report, check.warnings, check.error) == (True, GOOD, (), None)
    assert check.account.last_connected_at == NOON
    assert (book.noted, door.asked) == ([(JESSE, 7, NOON)], [COINBASE])
    assert "canary" not in repr(check)


async def test_a_key_that_may_do_too_much_works_with_a_warning() -> None:
    accounts, _, _ = service(msgspec.structs.replace(GOOD, can_trade=True, can_withdraw=True), SET)
    check = await accounts.check(JESSE, 7)
    assert check.works
    assert check.warnings == (
        "the key may trade and withdraw or transfer; Livermore only views: use a key that only views",
    )


@pytest.mark.parametrize("missing", [["CHECK_SECRET"], ["CHECK_KEY", "CHECK_PASSPHRASE"]])
async def test_what_is_not_set_is_named_and_nobody_is_asked(missing: list[str]) -> None:
    accounts, book, door = service(GOOD, {**SET, **dict.fromkeys(missing, " ")})
    check = await accounts.check(JESSE, 7)
    assert not check.works
    assert isinstance(check.error, InvalidError)
    assert check.error.where == ", ".join(missing)
    assert "set it" in (check.error.hint or "")
    assert [name for name, resolves in check.variables if not resolves] == missing
    assert (book.noted, door.asked) == ([], [])


@pytest.mark.parametrize("error", [ExchangeRefusedError("no"), ExchangeUnreachableError("away")])
async def test_what_goes_wrong_there_is_the_result(error: Exception) -> None:
    accounts, book, _ = service(error, SET)
    check = await accounts.check(JESSE, 7)
    assert (check.works, check.error, book.noted) == (False, error, [])


async def test_what_an_exchange_repeats_of_a_secret_is_left_out() -> None:
    value_of("CHECK_SECRET", SET)
    words = "GET /balance?key=x&signature=abcdef123 with canary-of-the-secret was refused"
    accounts, _, _ = service(ExchangeRefusedError(words), SET)
    told = str((await accounts.check(JESSE, 7)).error)
    assert "canary" not in told
    assert "abcdef123" not in told
    assert "was refused" in told


async def test_a_fault_of_ours_is_no_result() -> None:
    accounts, _, _ = service(RuntimeError("ours"), SET)
    with pytest.raises(RuntimeError):
        await accounts.check(JESSE, 7)


async def test_another_s_account_is_not_there() -> None:
    accounts, _, door = service(GOOD, SET)
    with pytest.raises(NotFoundError):
        await accounts.check(Scope(user_id=2, identity_sub="edwin"), 7)
    assert door.asked == []


async def test_the_list_says_what_is_set_and_no_value() -> None:
    accounts, _, _ = service(GOOD, {"CHECK_KEY": "canary"})
    (status,) = await accounts.all(JESSE)
    assert [*status.variables] == [
        ("CHECK_KEY", True),
        ("CHECK_SECRET", False),
        ("CHECK_PASSPHRASE", False),
    ]
    assert "canary" not in repr(status)


def test_a_value_that_was_read_is_never_logged() -> None:
    environment = {"READ_ONCE": "canary-that-was-read"}
    assert value_of("READ_ONCE", environment) == "canary-that-was-read"
    assert redacted("it is canary-that-was-read", environment) == "it is ***"
    with pytest.raises(InvalidError, match="READ_NEVER"):
        value_of("READ_NEVER", environment)


async def test_a_variable_of_livermore_itself_is_told_nobody_and_sent_to_no_exchange() -> None:
    environment = {"LIVERMORE_TOKEN": "canary-that-opens-the-door"}
    with pytest.raises(InvalidError, match="Livermore's own"):
        value_of("LIVERMORE_TOKEN", environment)
    named = Credentials(key="LIVERMORE_TOKEN", secret="LIVERMORE_OIDC_CLIENT_SECRET")
    assert [resolves for _, resolves in resolved(named, environment)] == [False, False]
