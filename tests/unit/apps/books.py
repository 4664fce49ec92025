"""The books of the accounts room in memory: what the doors need of it, without plumbing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from livermore.accounts.attempts import Rule, Tally, counted
from livermore.accounts.password import Passwords
from livermore.accounts.ports import IdentityLogin
from livermore.accounts.service import Accounts
from livermore.accounts.token import ApiToken
from livermore.accounts.user import User
from livermore.kernel.clock import Clock
from livermore.kernel.errors import ConflictError, NotFoundError
from livermore.kernel.role import Role
from livermore.kernel.scope import Scope


class Books:
    """Hold everything in dictionaries, and be every book at once but for names that two of them share."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.people: dict[int, User] = {}
        self.hashes: dict[int, str] = {}
        self.tokens: dict[bytes, ApiToken] = {}
        self.sessions: dict[bytes, tuple[int, int]] = {}
        self.tallies: dict[bytes, Tally] = {}
        self.logins: dict[bytes, IdentityLogin] = {}

    def user(self, user_id: int) -> User:
        if user_id not in self.people:
            raise NotFoundError("there is no such user")
        found = self.people[user_id]
        return replace(found, has_password=user_id in self.hashes)


class UserTwin:
    def __init__(self, books: Books) -> None:
        self._books = books

    async def find(self, identity_provider: str, identity_sub: str) -> User | None:
        wanted = (identity_provider, identity_sub)
        users = self._books.people.values()
        return next((user for user in users if (user.identity_provider, user.identity_sub) == wanted), None)

    async def get(self, user_id: int) -> User | None:
        return self._books.user(user_id) if user_id in self._books.people else None

    async def named(self, username: str) -> tuple[User, str | None] | None:
        for user in self._books.people.values():
            if user.username == username:
                return user, self._books.hashes.get(user.id)
        return None

    async def all(self) -> list[User]:
        return [self._books.user(user_id) for user_id in self._books.people]

    async def has_email(self, email: str) -> bool:
        return any(user.email == email for user in self._books.people.values())

    async def has_passwords(self) -> bool:
        return any(user.role == "admin" and user.id in self._books.hashes for user in await self.all())

    async def create(
        self, *, username: str, identity_provider: str, identity_sub: str, role: Role,
        settings: dict[str, Any], display_name: str | None = None, email: str | None = None,
        password_hash: str | None = None,
    ) -> User:  # fmt: skip
        user = User(
            id=max(self._books.people, default=0) + 1, username=username, role=role, email=email,
            identity_provider=identity_provider, identity_sub=identity_sub, display_name=display_name,
            created_at=self._books.clock.now(),
        )  # fmt: skip
        self._books.people[user.id] = user
        if password_hash is not None:
            self._books.hashes[user.id] = password_hash
        return self._books.user(user.id)

    async def change(self, user_id: int, changes: Mapping[str, Any]) -> User:
        changed = replace(self._books.user(user_id), **changes)
        others = [user for user in self._books.people.values() if user.id != user_id]
        if not any(user.role == "admin" and user.is_active for user in [*others, changed]):
            raise ConflictError("this is the last admin")
        self._books.people[user_id] = changed
        return changed

    async def set_password(self, user_id: int, password_hash: str, *, keep: bytes | None = None) -> None:
        self._books.user(user_id)
        self._books.hashes[user_id] = password_hash
        kept = self._books.sessions.get(keep or b"")
        await SessionTwin(self._books).close_all(user_id)
        if keep is not None and kept is not None:
            self._books.sessions[keep] = kept

    async def rehash(self, user_id: int, before: str, after: str) -> None:
        self._books.hashes[user_id] = after

    async def delete(self, user_id: int) -> None:
        self._books.user(user_id)
        del self._books.people[user_id]


class TokenTwin:
    def __init__(self, books: Books) -> None:
        self._books = books

    async def owner(self, digest: bytes) -> tuple[User, ApiToken] | None:
        token = self._books.tokens.get(digest)
        if token is None or token.revoked_at is not None or token.user_id not in self._books.people:
            return None
        user = self._books.user(token.user_id)
        return (user, token) if user.is_active else None

    async def all(self, scope: Scope) -> list[ApiToken]:
        return [token for token in self._books.tokens.values() if token.user_id == scope.user_id]

    async def create(self, scope: Scope, name: str, role: Role, digest: bytes) -> ApiToken:
        token = ApiToken(
            id=len(self._books.tokens) + 1, user_id=scope.user_id, name=name, role=role,
            created_at=self._books.clock.now(),
        )  # fmt: skip
        self._books.tokens[digest] = token
        return token

    async def revoke(self, scope: Scope, token_id: int) -> None:
        for digest, token in self._books.tokens.items():
            if (token.id, token.user_id) == (token_id, scope.user_id):
                self._books.tokens[digest] = replace(token, revoked_at=self._books.clock.now())
                return
        raise NotFoundError("there is no such token")

    async def used(self, token_id: int, time: int) -> None:
        for digest, token in self._books.tokens.items():
            if token.id == token_id:
                self._books.tokens[digest] = replace(token, last_used_at=time)


class SessionTwin:
    def __init__(self, books: Books) -> None:
        self._books = books

    async def owner(self, digest: bytes) -> User | None:
        user_id, expires_at = self._books.sessions.get(digest, (0, 0))
        if expires_at <= self._books.clock.now() or user_id not in self._books.people:
            return None
        user = self._books.user(user_id)
        return user if user.is_active else None

    async def open(self, user_id: int, digest: bytes, expires_at: int) -> None:
        self._books.sessions[digest] = (user_id, expires_at)

    async def close(self, digest: bytes) -> None:
        self._books.sessions.pop(digest, None)

    async def close_all(self, user_id: int) -> None:
        kept = {digest: row for digest, row in self._books.sessions.items() if row[0] != user_id}
        self._books.sessions = kept


class AttemptTwin:
    def __init__(self, books: Books) -> None:
        self._books = books

    async def read(self, names: Sequence[bytes]) -> dict[bytes, Tally]:
        return {name: self._books.tallies[name] for name in names if name in self._books.tallies}

    async def count(self, rules: Mapping[bytes, Rule]) -> int:
        now = self._books.clock.now()
        stored = await self.read(list(rules))
        refused = max((tally.refused_until for tally in stored.values()), default=0)
        if refused > now:
            return refused
        for name, rule in rules.items():
            before = stored[name].failures if name in stored else 0
            self._books.tallies[name] = counted(rule, before + 1, now)
        return 0

    async def succeed(self, *_: Any) -> None:
        self._books.tallies.clear()


class LoginTwin:
    def __init__(self, books: Books) -> None:
        self._books = books

    async def begin(self, login: IdentityLogin) -> None:
        self._books.logins[login.state_hash] = login

    async def take(self, state_hash: bytes) -> IdentityLogin | None:
        login = self._books.logins.pop(state_hash, None)
        return login if login is not None and login.expires_at > self._books.clock.now() else None


def accounts_in(books: Books) -> Accounts:
    """Join the real accounts room over books in memory, with hashes that cost nothing."""
    return Accounts(
        UserTwin(books), TokenTwin(books), SessionTwin(books), AttemptTwin(books), books.clock,
        Passwords(memory=64, passes=1),
    )  # fmt: skip
