"""The local user: created once, found again."""

from typing import Any

from livermore.accounts.service import local_user
from livermore.accounts.user import User
from livermore.kernel.role import Role


class MemoryUserBook:
    """Keep users in a list."""

    def __init__(self) -> None:
        self.users: list[User] = []
        self.settings: list[dict[str, Any]] = []

    async def find(self, identity_provider: str, identity_sub: str) -> User | None:
        identity = (identity_provider, identity_sub)
        return next((u for u in self.users if (u.identity_provider, u.identity_sub) == identity), None)

    async def create(
        self,
        *,
        username: str,
        identity_provider: str,
        identity_sub: str,
        role: Role,
        settings: dict[str, Any],
        **_: Any,
    ) -> User:
        self.users.append(
            User(
                id=len(self.users) + 1,
                username=username,
                identity_provider=identity_provider,
                identity_sub=identity_sub,
                role=role,
            )
        )
        self.settings.append(settings)
        return self.users[-1]


async def test_the_local_user_is_created_once_and_is_admin() -> None:
    book = MemoryUserBook()
    first = await local_user(book, {"version": 2})
    again = await local_user(book, {"version": 2, "symbols": ["BTC-USD"]})
    assert (
        first
        == again
        == User(id=1, username="local", identity_provider="local", identity_sub="local", role="admin")
    )
    assert book.settings == [{"version": 2}]


async def test_the_demonstration_has_a_user_of_its_own() -> None:
    book = MemoryUserBook()
    users = [await local_user(book, {}), await local_user(book, {}, name="demo")]
    assert [user.identity_sub for user in users] == ["local", "demo"]
    assert users[0].scope() != users[1].scope()
