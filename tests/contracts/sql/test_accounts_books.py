"""The contracts of `UserBook`, `TokenBook`, `SessionBook` and `LoginBook`."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select, update

from livermore.accounts.ports import IdentityLogin
from livermore.accounts.user import User
from livermore.adapters.sql import Database, SqlLoginBook, SqlSessionBook, SqlTokenBook, SqlUserBook
from livermore.adapters.sql.tables import api_tokens, identity_logins, sessions, settings_revisions
from livermore.adapters.sql.tables import users as users_table
from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import ConflictError, NotFoundError
from livermore.kernel.role import Role
from livermore.kernel.scope import EVERYBODY, Scope
from tests.contracts.sql.conftest import NOON

DIGEST, OTHER = b"d" * 32, b"o" * 32
DAY = 86_400_000


@pytest.fixture
def users(database: Database, clock: ManualClock) -> SqlUserBook:
    return SqlUserBook(database, clock)


@pytest.fixture
def tokens(database: Database, clock: ManualClock) -> SqlTokenBook:
    return SqlTokenBook(database, clock)


@pytest.fixture
def sessions_(database: Database, clock: ManualClock) -> SqlSessionBook:
    return SqlSessionBook(database, clock)


@pytest.fixture
def logins(database: Database, clock: ManualClock) -> SqlLoginBook:
    return SqlLoginBook(database, clock)


async def new(book: SqlUserBook, name: str, role: Role = "admin", **more: Any) -> User:
    return await book.create(
        username=name,
        identity_provider="local",
        identity_sub=name,
        role=role,
        settings={"version": 2},
        **more,
    )


async def count(database: Database, table: Any) -> int:
    async with database.reading(EVERYBODY) as connection:
        return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


# ---------------------------------------------------------------- users


async def test_a_user_comes_back_as_stored_and_never_with_the_hash(users: SqlUserBook) -> None:
    user = await new(
        users, "jl", "operator", display_name="Jesse", email="jl@example.org", password_hash="$h"
    )
    assert user == User(
        id=user.id, username="jl", identity_provider="local", identity_sub="jl", display_name="Jesse",
        email="jl@example.org", role="operator", has_password=True, created_at=NOON,
    )  # fmt: skip
    assert await users.get(user.id) == user
    assert await users.named("jl") == (user, "$h")
    assert await users.all() == [user]
    assert "$h" not in repr(user)


async def test_nobody_is_found_who_is_not_there(users: SqlUserBook) -> None:
    await new(users, "jl")
    assert await users.get(404) is None
    assert await users.named("JL") is None
    assert not await users.has_email("jl@example.org")


@pytest.mark.parametrize(
    "same",
    [{"username": "jl"}, {"identity_sub": "jl"}, {"email": "jl@example.org"}],
    ids=lambda same: next(iter(same)),
)
async def test_name_identity_and_email_are_one_user_s(users: SqlUserBook, same: dict[str, Any]) -> None:
    await new(users, "jl", email="jl@example.org")
    other = {"username": "other", "identity_sub": "other", "email": "other@example.org"}
    with pytest.raises(ConflictError):
        await users.create(identity_provider="local", role="viewer", settings={}, **other | same)
    assert [user.username for user in await users.all()] == ["jl"]


async def test_everybody_is_listed_in_the_order_in_which_they_came(users: SqlUserBook) -> None:
    for name in ("zoe", "adam", "mia"):
        await new(users, name)
    await users.change((await users.all())[0].id, {"display_name": "Z"})
    assert [user.username for user in await users.all()] == ["zoe", "adam", "mia"]


async def test_whether_an_active_admin_has_a_password(users: SqlUserBook) -> None:
    await new(users, "root")
    await new(users, "view", "viewer", password_hash="$h")
    assert not await users.has_passwords()
    admin = await new(users, "jl", password_hash="$h")
    assert await users.has_passwords()
    await users.change(admin.id, {"is_active": False})
    assert not await users.has_passwords()


async def test_a_change_returns_the_user_as_it_is_now(users: SqlUserBook) -> None:
    await new(users, "root")
    user = await new(users, "jl", "viewer")
    changed = await users.change(user.id, {"role": "operator", "display_name": "Jesse"})
    assert (changed.role, changed.display_name, changed.username) == ("operator", "Jesse", "jl")
    assert await users.get(user.id) == changed
    with pytest.raises(NotFoundError):
        await users.change(404, {"role": "operator"})


@pytest.mark.parametrize("changes", [{"role": "operator"}, {"is_active": False}, None])
async def test_the_last_active_admin_stays(users: SqlUserBook, changes: dict[str, Any] | None) -> None:
    admin, _ = await new(users, "root"), await new(users, "jl", "operator")
    gone = await new(users, "gone")
    await users.change(gone.id, {"is_active": False})
    with pytest.raises(ConflictError, match="nobody would be left"):
        await (users.delete(admin.id) if changes is None else users.change(admin.id, changes))
    assert await users.get(admin.id) == admin
    await users.change(gone.id, {"is_active": True})
    await (users.delete(admin.id) if changes is None else users.change(admin.id, changes))


async def test_two_admins_cannot_send_each_other_away(url: str, clock: ManualClock) -> None:
    here, elsewhere = Database(url), Database(url)
    book = SqlUserBook(here, clock)
    one, other = await new(book, "one"), await new(book, "other")
    demoted = update(users_table).where(users_table.c.id == one.id).values(role="viewer")
    async with elsewhere.writing(EVERYBODY) as connection:
        await connection.execute(demoted)
        change = asyncio.create_task(book.change(other.id, {"role": "viewer"}))
        # It has to wait for what is decided here; were it not to, it would soon be done.
        await asyncio.wait([change], timeout=0.5)
        assert not change.done()
    with pytest.raises(ConflictError):
        await change
    assert [user.role for user in await book.all()] == ["viewer", "admin"]
    await here.close()
    await elsewhere.close()


async def test_who_is_gone_has_left_nothing(
    users: SqlUserBook, tokens: SqlTokenBook, sessions_: SqlSessionBook, database: Database
) -> None:
    await new(users, "root")
    user = await new(users, "jl")
    await tokens.create(user.scope(), "bot", "viewer", DIGEST)
    await sessions_.open(user.id, DIGEST, NOON + DAY)
    await users.delete(user.id)
    assert [await count(database, table) for table in (api_tokens, sessions, settings_revisions)] == [0, 0, 1]
    with pytest.raises(NotFoundError):
        await users.delete(user.id)


async def test_a_new_password_ends_the_sessions_of_its_user_alone(
    users: SqlUserBook, sessions_: SqlSessionBook
) -> None:
    user, other = await new(users, "jl"), await new(users, "other")
    await sessions_.open(user.id, DIGEST, NOON + DAY)
    await sessions_.open(other.id, OTHER, NOON + DAY)
    await users.set_password(user.id, "$new")
    found = await users.named("jl")
    assert found is not None
    assert (found[0].has_password, found[1]) == (True, "$new")
    assert await sessions_.owner(DIGEST) is None
    assert await sessions_.owner(OTHER) is not None
    with pytest.raises(NotFoundError):
        await users.set_password(404, "$new")


async def test_a_password_is_written_in_another_way_only_while_it_is_the_same(
    users: SqlUserBook, sessions_: SqlSessionBook
) -> None:
    user = await new(users, "jl", password_hash="$old")
    await sessions_.open(user.id, DIGEST, NOON + DAY)
    await users.rehash(user.id, "$older", "$wrong")
    assert (await users.named("jl") or ("", ""))[1] == "$old"
    await users.rehash(user.id, "$old", "$better")
    assert (await users.named("jl") or ("", ""))[1] == "$better"
    assert await sessions_.owner(DIGEST) is not None


# ---------------------------------------------------------------- tokens


async def test_a_token_leads_to_its_user(users: SqlUserBook, tokens: SqlTokenBook) -> None:
    user = await new(users, "jl")
    token = await tokens.create(user.scope(), "bot", "operator", DIGEST)
    assert (token.name, token.role, token.user_id, token.created_at) == ("bot", "operator", user.id, NOON)
    assert (token.last_used_at, token.revoked_at) == (None, None)
    assert await tokens.owner(DIGEST) == (user, token)
    assert await tokens.owner(OTHER) is None


async def test_a_revoked_token_leads_nowhere_and_stays_in_the_list(
    users: SqlUserBook, tokens: SqlTokenBook, clock: ManualClock
) -> None:
    scope = (await new(users, "jl")).scope()
    token = await tokens.create(scope, "bot", "viewer", DIGEST)
    await clock.advance(60)
    await tokens.revoke(scope, token.id)
    await clock.advance(60)
    await tokens.revoke(scope, token.id)
    assert await tokens.owner(DIGEST) is None
    assert [one.revoked_at for one in await tokens.all(scope)] == [NOON + 60_000]


async def test_tokens_of_who_is_inactive_are_silent_until_the_user_is_back(
    users: SqlUserBook, tokens: SqlTokenBook
) -> None:
    await new(users, "root")
    user = await new(users, "jl")
    await tokens.create(user.scope(), "bot", "viewer", DIGEST)
    await users.change(user.id, {"is_active": False})
    assert await tokens.owner(DIGEST) is None
    await users.change(user.id, {"is_active": True})
    assert await tokens.owner(DIGEST) is not None


async def test_nobody_sees_or_revokes_another_s_tokens(
    tokens: SqlTokenBook, jesse: Scope, edwin: Scope
) -> None:
    own, _ = (
        await tokens.create(jesse, "bot", "viewer", DIGEST),
        await tokens.create(edwin, "e", "viewer", OTHER),
    )
    assert [token.name for token in await tokens.all(jesse)] == ["bot"]
    with pytest.raises(NotFoundError):
        await tokens.revoke(edwin, own.id)
    assert await tokens.owner(DIGEST) is not None


async def test_tokens_are_listed_newest_first_with_their_last_use(tokens: SqlTokenBook, jesse: Scope) -> None:
    first = await tokens.create(jesse, "first", "viewer", DIGEST)
    await tokens.create(jesse, "second", "viewer", OTHER)
    await tokens.used(first.id, NOON + 5)
    assert [(token.name, token.last_used_at) for token in await tokens.all(jesse)] == [
        ("second", None),
        ("first", NOON + 5),
    ]


# ---------------------------------------------------------------- sessions


async def test_a_session_leads_to_its_user_until_it_expires(
    users: SqlUserBook, sessions_: SqlSessionBook, clock: ManualClock
) -> None:
    user = await new(users, "jl")
    await sessions_.open(user.id, DIGEST, NOON + DAY)
    found = await sessions_.owner(DIGEST)
    assert found is not None
    assert (found.id, found.last_login_at) == (user.id, NOON)
    await clock.advance(DAY / 1000 - 0.001)
    assert await sessions_.owner(DIGEST) is not None
    await clock.advance(0.001)
    assert await sessions_.owner(DIGEST) is None


async def test_a_session_ends_when_it_is_closed_and_others_stay(
    users: SqlUserBook, sessions_: SqlSessionBook
) -> None:
    user = await new(users, "jl")
    for digest in (DIGEST, OTHER):
        await sessions_.open(user.id, digest, NOON + DAY)
    await sessions_.close(DIGEST)
    assert [await sessions_.owner(digest) is None for digest in (DIGEST, OTHER)] == [True, False]
    await sessions_.close_all(user.id)
    assert await sessions_.owner(OTHER) is None


async def test_who_is_made_inactive_is_out_and_does_not_come_back_by_an_old_session(
    users: SqlUserBook, sessions_: SqlSessionBook
) -> None:
    await new(users, "root")
    user = await new(users, "jl")
    await sessions_.open(user.id, DIGEST, NOON + DAY)
    await users.change(user.id, {"is_active": False})
    assert await sessions_.owner(DIGEST) is None
    await users.change(user.id, {"is_active": True})
    assert await sessions_.owner(DIGEST) is None


async def test_expired_sessions_do_not_pile_up(
    users: SqlUserBook, sessions_: SqlSessionBook, clock: ManualClock, database: Database
) -> None:
    user = await new(users, "jl")
    for number in range(5):
        await sessions_.open(user.id, bytes([number]) * 32, clock.now() + DAY)
    await clock.advance(DAY / 1000)
    await sessions_.open(user.id, DIGEST, clock.now() + DAY)
    assert await count(database, sessions) == 1


async def test_nobody_who_is_gone_gets_a_session(sessions_: SqlSessionBook) -> None:
    with pytest.raises(NotFoundError):
        await sessions_.open(404, DIGEST, NOON + DAY)


# ---------------------------------------------------------------- logins under way

LOGIN = IdentityLogin(state_hash=DIGEST, verifier="v", nonce="n", back_to="/", expires_at=NOON + 60_000)


async def test_a_login_is_taken_up_once(logins: SqlLoginBook) -> None:
    await logins.begin(LOGIN)
    assert await logins.take(OTHER) is None
    taken = await asyncio.gather(logins.take(DIGEST), logins.take(DIGEST))
    assert sorted(taken, key=bool) == [None, LOGIN]
    assert await logins.take(DIGEST) is None


async def test_a_login_that_took_too_long_is_over_and_deleted(
    logins: SqlLoginBook, clock: ManualClock, database: Database
) -> None:
    await logins.begin(LOGIN)
    await clock.advance(60)
    assert await logins.take(DIGEST) is None
    await logins.begin(LOGIN)
    other = IdentityLogin(state_hash=OTHER, verifier="v", nonce="n", back_to="/", expires_at=NOON + 120_000)
    await logins.begin(other)
    assert await count(database, identity_logins) == 1
