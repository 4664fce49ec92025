"""The accounts room over real books: coming in, staying in, being sent away, and being attacked."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import event

from livermore.accounts.attempts import ACCOUNT, PAIR
from livermore.accounts.password import Passwords
from livermore.accounts.service import SESSION, USED_EVERY, Accounts
from livermore.accounts.user import User
from livermore.adapters.sql import Database, SqlAttemptBook, SqlSessionBook, SqlTokenBook, SqlUserBook
from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import (
    ConflictError,
    InvalidError,
    LivermoreError,
    NotAllowedError,
    NotFoundError,
    RateLimitedError,
    StorageUnavailableError,
)
from livermore.kernel.role import Role
from tests.contracts.sql.conftest import NOON

HOME, ELSEWHERE = "192.0.2.7", "198.51.100.1"
GOOD, BETTER, BAD = "violet tractor 91", "quiet harbour 64", "violet tractor 92"


class CountingPasswords(Passwords):
    """Hash weakly, and count how often a password was looked at."""

    def __init__(self) -> None:
        super().__init__(memory=64, passes=1)
        self.judged = 0

    async def fits(self, stored: str | None, password: str) -> bool:
        self.judged += 1
        return await super().fits(stored, password)


@pytest.fixture
def passwords() -> CountingPasswords:
    return CountingPasswords()


def new_accounts(database: Database, clock: ManualClock, passwords: Passwords) -> Accounts:
    return Accounts(
        SqlUserBook(database, clock), SqlTokenBook(database, clock), SqlSessionBook(database, clock),
        SqlAttemptBook(database, clock), clock, passwords,
    )  # fmt: skip


@pytest.fixture
async def accounts(
    database: Database, clock: ManualClock, passwords: CountingPasswords
) -> AsyncIterator[Accounts]:
    accounts = new_accounts(database, clock, passwords)
    yield accounts
    await accounts.settle()


@pytest.fixture
async def admin(accounts: Accounts) -> User:
    return await accounts.create_user("root", "admin", GOOD)


async def refusal(accounts: Accounts, name: str, password: str, address: str = HOME) -> LivermoreError:
    """Try to log in, in vain."""
    with pytest.raises((NotAllowedError, RateLimitedError)) as refused:
        await accounts.log_in(name, password, address)
    return refused.value


# ---------------------------------------------------------------- coming in


async def test_the_right_password_opens_a_session_of_a_week(
    accounts: Accounts, admin: User, clock: ManualClock
) -> None:
    opened = await accounts.log_in(" Root ", GOOD, HOME)
    assert (opened.principal.user.id, opened.principal.role, opened.principal.via) == (
        admin.id,
        "admin",
        "session",
    )
    assert opened.expires_at == NOON + SESSION
    found = await accounts.principal_of_session(opened.secret)
    assert found is not None
    assert (found.user.id, found.credential) == (admin.id, opened.principal.credential)
    assert found.scope() == admin.scope()
    await clock.advance(SESSION / 1000)
    assert await accounts.principal_of_session(opened.secret) is None


async def test_whoever_is_refused_learns_nothing_about_who_is_here(
    accounts: Accounts, admin: User, passwords: CountingPasswords
) -> None:
    await accounts.create_user("silent", "viewer")
    gone = await accounts.create_user("gone", "viewer", GOOD)
    await accounts.change_user(gone.id, is_active=False)
    tries = {"root": BAD, "silent": GOOD, "gone": GOOD, "nobody": GOOD, "no\0body": GOOD, "x" * 5000: GOOD}
    refusals = [await refusal(accounts, name, password) for name, password in tries.items()]
    assert {type(one) for one in refusals} == {NotAllowedError}
    assert len({(str(one), one.hint, one.where) for one in refusals}) == 1
    assert passwords.judged == len(tries)


async def test_a_session_does_not_outlive_what_it_stands_on(accounts: Accounts, admin: User) -> None:
    other = await accounts.create_user("edwin", "operator", GOOD)

    async def open_() -> str:
        return (await accounts.log_in("edwin", GOOD, HOME)).secret

    closed, secret = await open_(), await open_()
    await accounts.close_session(closed)
    assert await accounts.principal_of_session(closed) is None
    assert await accounts.principal_of_session(secret) is not None
    await accounts.close_sessions_of(other.id)
    assert await accounts.principal_of_session(secret) is None
    secret = await open_()
    await accounts.change_user(other.id, role="viewer")
    found = await accounts.principal_of_session(secret)
    assert found is not None
    assert found.role == "viewer"
    await accounts.set_password(other.id, BETTER)
    assert await accounts.principal_of_session(secret) is None
    secret = (await accounts.log_in("edwin", BETTER, HOME)).secret
    await accounts.delete_user(other.id)
    assert await accounts.principal_of_session(secret) is None


async def test_a_password_hashed_weakly_is_hashed_anew_at_the_next_login(
    database: Database, clock: ManualClock, accounts: Accounts, admin: User
) -> None:
    stronger = new_accounts(database, clock, Passwords(memory=128, passes=1))
    first = await accounts.log_in("root", GOOD, HOME)
    await stronger.log_in("root", GOOD, HOME)
    found = await SqlUserBook(database, clock).named("root")
    assert found is not None
    assert "m=128,t=1" in (found[1] or "")
    assert await stronger.principal_of_session(first.secret) is not None


# ---------------------------------------------------------------- coming in by an identity


async def test_an_identity_comes_in_as_the_same_user_each_time(accounts: Accounts) -> None:
    first = await accounts.log_in_by_identity("oidc", "248", username="Anna M", create=True)
    again = await accounts.log_in_by_identity("oidc", "248", username="other", create=False)
    assert first.principal.user.username == "anna-m"
    assert (again.principal.user.id, again.principal.role) == (first.principal.user.id, "viewer")


async def test_who_is_unknown_or_inactive_stays_out(accounts: Accounts, admin: User) -> None:
    with pytest.raises(NotAllowedError):
        await accounts.log_in_by_identity("oidc", "248", username="anna", create=False)
    user = (await accounts.log_in_by_identity("oidc", "248", username="anna", create=True)).principal.user
    await accounts.change_user(user.id, is_active=False)
    with pytest.raises(NotAllowedError):
        await accounts.log_in_by_identity("oidc", "248", username="anna", create=True)
    for sub in ("x" * 300, "a\0b", "\ud800", ""):
        with pytest.raises(NotAllowedError):
            await accounts.log_in_by_identity("oidc", sub, username="anna", create=True)


async def test_whatever_a_provider_tells_of_somebody_keeps_nobody_out(accounts: Accounts) -> None:
    opened = await accounts.log_in_by_identity(
        "oidc", "248", username="\0", email="\0@", display_name="A\0" * 200, create=True
    )
    user = opened.principal.user
    assert (user.username, user.email, user.display_name) == ("user", None, "A" * 100)


async def test_neither_a_name_nor_an_email_address_takes_over_an_account(accounts: Accounts) -> None:
    root = await accounts.create_user("root", "admin", GOOD, email="root@example.org")
    for number, called in enumerate(("root", "ROOT")):
        opened = await accounts.log_in_by_identity(
            "oidc", f"stranger {number}", username=called, email="root@example.org", create=True
        )
        assert opened.principal.user.id != root.id
        assert (opened.principal.role, opened.principal.user.email) == ("viewer", None)
    assert [user.username for user in await accounts.users()] == ["root", "root-2", "root-3"]


async def test_a_provider_cannot_pass_for_this_installation(accounts: Accounts, admin: User) -> None:
    with pytest.raises(InvalidError):
        await accounts.log_in_by_identity("local", "root", username="root", create=True)
    with pytest.raises(InvalidError):
        await accounts.create_user("other", "viewer", identity=("local", "root"))


async def test_one_person_s_two_browsers_become_one_user(url: str, clock: ManualClock) -> None:
    databases = [Database(url) for _ in range(2)]
    rooms = [new_accounts(database, clock, CountingPasswords()) for database in databases]
    opened = await asyncio.gather(
        *(room.log_in_by_identity("oidc", "248", username="anna", create=True) for room in rooms * 4)
    )
    assert len({one.principal.user.id for one in opened}) == 1
    for database in databases:
        await database.close()


# ---------------------------------------------------------------- users


async def test_a_user_is_created_with_a_password(accounts: Accounts, admin: User) -> None:
    assert (admin.username, admin.role, admin.has_password) == ("root", "admin", True)
    assert await accounts.has_passwords()
    assert await accounts.user_named("ROOT") == admin
    assert await accounts.users() == [admin]


@pytest.mark.parametrize(
    ("name", "password", "error"),
    [("root", None, ConflictError), ("Root", None, ConflictError), ("a b", None, InvalidError),
     ("demo", None, InvalidError), ("edwin", "short", InvalidError),
     ("edwin-lefevre", "Edwin-Lefevre", InvalidError)],
)  # fmt: skip
async def test_what_does_not_fit_creates_nobody(
    accounts: Accounts, admin: User, name: str, password: str | None, error: type[LivermoreError]
) -> None:
    with pytest.raises(error):
        await accounts.create_user(name, "viewer", password)
    assert await accounts.users() == [admin]


async def test_the_workspace_s_own_user_is_not_deleted(
    accounts: Accounts, admin: User, database: Database, clock: ManualClock
) -> None:
    own = await SqlUserBook(database, clock).create(
        username="local",
        identity_provider="local",
        identity_sub="local",
        role="admin",
        settings={"version": 2},
    )
    with pytest.raises(ConflictError, match="this workspace itself"):
        await accounts.delete_user(own.id)
    with pytest.raises(NotFoundError):
        await accounts.delete_user(404)


async def test_a_new_password_has_to_fit_too(accounts: Accounts, admin: User) -> None:
    with pytest.raises(InvalidError):
        await accounts.set_password(admin.id, "short")
    await accounts.log_in("root", GOOD, HOME)


async def test_a_new_password_of_ones_own_leaves_the_session_it_was_given_in(
    accounts: Accounts, admin: User, passwords: CountingPasswords
) -> None:
    here, there = [await accounts.log_in("root", GOOD, HOME) for _ in range(2)]
    own = here.principal
    with pytest.raises(InvalidError):
        await accounts.change_own_password(own, BETTER, current=None, address=HOME)
    with pytest.raises(NotAllowedError):
        await accounts.change_own_password(own, BETTER, current=BAD, address=HOME)
    assert await accounts.principal_of_session(there.secret) is not None
    await accounts.change_own_password(own, BETTER, current=GOOD, address=HOME)
    assert await accounts.principal_of_session(here.secret) is not None
    assert await accounts.principal_of_session(there.secret) is None
    await accounts.log_in("root", BETTER, HOME)
    await refusal(accounts, "root", GOOD)


async def test_a_stolen_session_guesses_no_faster_than_a_stranger(
    accounts: Accounts, admin: User, passwords: CountingPasswords
) -> None:
    own = (await accounts.log_in("root", GOOD, HOME)).principal
    judged = passwords.judged
    for _ in range(PAIR.free):
        with pytest.raises(NotAllowedError):
            await accounts.change_own_password(own, BETTER, current=BAD, address=ELSEWHERE)
    with pytest.raises(RateLimitedError):
        await accounts.change_own_password(own, BETTER, current=GOOD, address=ELSEWHERE)
    assert passwords.judged == judged + PAIR.free
    await accounts.log_in("root", GOOD, HOME)


async def test_a_name_on_pages_can_be_taken_away(accounts: Accounts, admin: User) -> None:
    assert (await accounts.change_user(admin.id, display_name="Jesse")).display_name == "Jesse"
    assert (await accounts.change_user(admin.id, role="admin")).display_name == "Jesse"
    assert (await accounts.change_user(admin.id, display_name=None)).display_name is None
    for unfit in ("", "x" * 101, "a\0"):
        with pytest.raises(InvalidError):
            await accounts.change_user(admin.id, display_name=unfit)
        with pytest.raises(InvalidError):
            await accounts.create_user("edwin", "viewer", display_name=unfit)
    with pytest.raises(InvalidError):
        await accounts.create_user("edwin", "viewer", email="nowhere")


# ---------------------------------------------------------------- tokens


@pytest.mark.parametrize(
    ("user_role", "token_role", "counts"),
    [("admin", "viewer", "viewer"), ("admin", "admin", "admin"), ("operator", "operator", "operator")],
)
async def test_a_token_may_what_it_was_made_for(
    accounts: Accounts, admin: User, user_role: Role, token_role: Role, counts: Role
) -> None:
    user = await accounts.create_user("edwin", user_role)
    token, secret = await accounts.create_token(user.scope(), " bot ", token_role)
    found = await accounts.principal_of_token(secret)
    assert found is not None
    assert (found.user, found.role, found.via, token.name) == (user, counts, "token", "bot")
    assert secret not in repr(found) + repr(token)


async def test_a_token_never_may_more_than_its_user_may_today(accounts: Accounts, admin: User) -> None:
    user = await accounts.create_user("edwin", "operator")
    with pytest.raises(NotAllowedError):
        await accounts.create_token(user.scope(), "bot", "admin")
    _, secret = await accounts.create_token(user.scope(), "bot", "operator")
    await accounts.change_user(user.id, role="viewer")
    found = await accounts.principal_of_token(secret)
    assert found is not None
    assert found.role == "viewer"


async def test_revocation_counts_at_once_also_where_the_token_was_just_used(
    url: str, accounts: Accounts, admin: User, clock: ManualClock
) -> None:
    elsewhere = Database(url)
    other = new_accounts(elsewhere, clock, CountingPasswords())
    token, secret = await accounts.create_token(admin.scope(), "bot", "viewer")
    assert await other.principal_of_token(secret) is not None
    await accounts.revoke_token(admin.scope(), token.id)
    assert await other.principal_of_token(secret) is None
    await other.settle()
    await elsewhere.close()


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\nb"])
async def test_a_token_has_a_name(accounts: Accounts, admin: User, name: str) -> None:
    with pytest.raises(InvalidError):
        await accounts.create_token(admin.scope(), name, "viewer")


@pytest.mark.parametrize("secret", ["", "lvm_", "lvm_wrong", "\0", "\udcff", "x" * 100_000])
async def test_what_is_no_secret_leads_to_nobody(accounts: Accounts, secret: str) -> None:
    assert await accounts.principal_of_token(secret) is None
    assert await accounts.principal_of_session(secret) is None


async def test_the_last_use_is_stored_once_a_minute(
    accounts: Accounts, admin: User, clock: ManualClock
) -> None:
    _, secret = await accounts.create_token(admin.scope(), "bot", "viewer")

    async def used() -> int | None:
        await asyncio.gather(*(accounts.principal_of_token(secret) for _ in range(5)))
        await accounts.settle()
        return (await accounts.tokens(admin.scope()))[0].last_used_at

    assert await used() == NOON
    await clock.advance((USED_EVERY - 1) / 1000)
    assert await used() == NOON
    await clock.advance(0.001)
    assert await used() == NOON + USED_EVERY


async def test_a_use_that_cannot_be_stored_keeps_nobody_out(
    accounts: Accounts, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise StorageUnavailableError

    _, secret = await accounts.create_token(admin.scope(), "bot", "viewer")
    monkeypatch.setattr(SqlTokenBook, "used", fail)
    assert await accounts.principal_of_token(secret) is not None
    await accounts.settle()


async def test_whoever_shows_a_secret_is_found_by_one_look_up(
    accounts: Accounts, admin: User, database: Database
) -> None:
    _, secret = await accounts.create_token(admin.scope(), "bot", "viewer")
    await accounts.principal_of_token(secret)
    await accounts.settle()
    session = (await accounts.open_session(admin)).secret
    asked: list[str] = []

    def hear(_: object, __: object, statement: str, *___: object) -> None:
        asked.append(statement)

    event.listen(database._engine.sync_engine, "before_cursor_execute", hear)
    assert await accounts.principal_of_token(secret) is not None
    assert await accounts.principal_of_session(session) is not None
    looked_up = [statement for statement in asked if "set_config" not in statement]
    assert [statement.partition("WHERE ")[2].split(" ")[0] for statement in looked_up] == [
        "api_tokens.hash",
        "sessions.hash",
    ]


# ---------------------------------------------------------------- under attack


@pytest.mark.parametrize("count", [1_000, pytest.param(10_000, marks=pytest.mark.soak)])
async def test_thousands_of_guesses_from_one_address_cost_the_honest_user_nothing(
    accounts: Accounts, admin: User, passwords: CountingPasswords, count: int
) -> None:
    session = await accounts.log_in("root", GOOD, HOME)
    passwords.judged = 0
    guesses = [await refusal(accounts, "root", BAD, ELSEWHERE) for _ in range(count)]
    assert [type(one) for one in guesses].count(NotAllowedError) == passwords.judged == PAIR.free
    assert await accounts.principal_of_session(session.secret) is not None
    await accounts.log_in("root", GOOD, HOME)
    assert isinstance(await refusal(accounts, "root", GOOD, ELSEWHERE), RateLimitedError)


@pytest.mark.parametrize("count", [1_000, pytest.param(3_000, marks=pytest.mark.soak)])
async def test_thousands_of_addresses_cost_a_few_dozen_hashes_and_the_honest_user_nothing(
    accounts: Accounts, admin: User, passwords: CountingPasswords, count: int
) -> None:
    session = await accounts.log_in("root", GOOD, HOME)
    passwords.judged = 0
    for number in range(count):
        await refusal(accounts, "root", BAD, f"10.0.{number // 256}.{number % 256}")
    assert passwords.judged == ACCOUNT.free
    assert await accounts.principal_of_session(session.secret) is not None
    await accounts.log_in("root", GOOD, HOME)


async def test_who_was_never_here_waits_half_a_minute_at_most_once_an_attack_is_over(
    accounts: Accounts, admin: User, clock: ManualClock
) -> None:
    addresses = (f"10.0.{number // 256}.{number % 256}" for number in range(3000))
    judged = 0
    while judged < 2 * ACCOUNT.free:
        guess = await refusal(accounts, "root", BAD, next(addresses))
        if isinstance(guess, NotAllowedError):
            judged += 1
        else:
            await clock.advance(10)
    refused = await refusal(accounts, "root", GOOD, HOME)
    assert isinstance(refused, RateLimitedError)
    assert refused.retry_after == 30
    await clock.advance(refused.retry_after)
    await accounts.log_in("root", GOOD, HOME)


async def test_a_restart_helps_nobody_who_guesses(
    url: str, accounts: Accounts, admin: User, clock: ManualClock, passwords: CountingPasswords
) -> None:
    for _ in range(20):
        restarted = Database(url)
        await refusal(new_accounts(restarted, clock, passwords), "root", BAD)
        await restarted.close()
    assert passwords.judged == PAIR.free


async def test_guesses_that_come_all_at_once_are_not_more(
    accounts: Accounts, admin: User, passwords: CountingPasswords
) -> None:
    await asyncio.gather(*(refusal(accounts, "root", BAD) for _ in range(50)))
    assert passwords.judged == PAIR.free


@pytest.mark.parametrize("broken", ["read", "count", "succeed"])
async def test_where_guesses_cannot_be_counted_no_password_opens_and_sessions_go_on(
    accounts: Accounts,
    admin: User,
    passwords: CountingPasswords,
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
) -> None:
    async def fail(*_: object) -> None:
        raise StorageUnavailableError

    session = await accounts.log_in("root", GOOD, HOME)
    passwords.judged = 0
    monkeypatch.setattr(SqlAttemptBook, broken, fail)
    with pytest.raises(StorageUnavailableError):
        await accounts.log_in("root", GOOD, HOME)
    assert passwords.judged == (1 if broken == "succeed" else 0)
    assert await accounts.principal_of_session(session.secret) is not None
