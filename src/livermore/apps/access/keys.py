"""Who a secret belongs to: a session, a token of a user, or one of the keys that this run alone takes."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Iterable

from livermore.accounts.principal import Principal
from livermore.accounts.service import Accounts
from livermore.accounts.token import PREFIX, digest
from livermore.accounts.user import User

Owner = Callable[[], Awaitable[User]]


class Keys:
    """Look a secret up; whatever is not good any more, or never was, is nobody's.

    The keys of a run are its owner's: the one in the note beside the data, and LIVERMORE_TOKEN.
    """

    def __init__(self, accounts: Accounts, *, own: Iterable[str], owner: Owner) -> None:
        self._accounts = accounts
        self._own = frozenset(map(digest, own))
        self._owner = owner

    def is_own(self, secret: str) -> bool:
        """Say whether a secret is a key of this run."""
        # Digests are compared: how long that takes tells nothing of the secret.
        return digest(secret) in self._own

    async def by_bearer(self, secret: str) -> Principal | None:
        """Return whose token this is."""
        if not self.is_own(secret):
            return await self._accounts.principal_of_token(secret)
        user = await self._owner()
        if not user.is_active:
            return None
        return Principal(user=user, role=user.role, via="token", credential=digest(secret))

    async def by_cookie(self, secret: str) -> Principal | None:
        """Return whose cookie this is: it holds a session, or the token that was pasted on the login page."""
        if not secret.startswith(PREFIX):
            return await self._accounts.principal_of_session(secret)
        # A session's secret is drawn by chance, which may begin it like a token's.
        found = await self._accounts.principal_of_token(secret)
        return found or await self._accounts.principal_of_session(secret)


class OneTimeLink:
    """Open one session, once."""

    def __init__(self, secret: str | None) -> None:
        self._digest = digest(secret) if secret is not None else None
        self._is_spent = False

    def fits(self, secret: str) -> bool:
        """Say whether this is the link's secret, spent or not."""
        return self._digest is not None and hmac.compare_digest(self._digest, digest(secret))

    def spend(self, secret: str) -> bool:
        """Say whether the link opens; it does so the first time."""
        opens = self.fits(secret) and not self._is_spent
        self._is_spent = self._is_spent or opens
        return opens
