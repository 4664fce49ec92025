"""The way in and out: what a password, a token or a link opens, and the cookie that keeps it open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from livermore.accounts.principal import Opened
from livermore.kernel.errors import InvalidError, NotAllowedError

if TYPE_CHECKING:
    from starlette.responses import Response

    from livermore.accounts.service import Accounts
    from livermore.apps.access.keys import Keys, OneTimeLink, Owner
    from livermore.apps.access.provider import Provider
    from livermore.apps.access.visitor import Visitor
    from livermore.kernel.clock import Clock

WEEK = 7 * 24 * 3600 * 1000
REFUSAL = "that token is not the right one: it may be mistyped, revoked, or of an earlier run"
SPENT = "this link was used already, and it opens only once"
MORE = "log in with a password or a token: livermore token create NAME makes one"


class Entrance:
    """Open sessions and close them."""

    def __init__(
        self, accounts: Accounts, keys: Keys, link: OneTimeLink, *, owner: Owner, clock: Clock, port: int,
        provider: Provider | None = None,
    ) -> None:  # fmt: skip
        self._accounts = accounts
        self._keys = keys
        self._link = link
        self._owner = owner
        self._provider = provider
        self._clock = clock
        # Cookies know no ports: two monitors on one machine need two names.
        self.cookie = f"livermore_{port}"

    async def by_password(self, username: str, password: str, visitor: Visitor) -> Opened:
        """Open a session.

        Errors: NotAllowedError for a wrong password; RateLimitedError, before anything is looked at, while
        there were too many of them.
        """
        return await self._accounts.log_in(username, password, visitor.address)

    async def by_token(self, secret: str) -> Opened:
        """Let a browser in by a token; raise NotAllowedError for a wrong one.

        The session of a user's token is the token itself, so that it can do no more and ends with it.
        """
        if self._keys.is_own(secret):
            return await self._for_the_owner()
        principal = await self._keys.by_bearer(secret)
        if principal is None:
            raise NotAllowedError(REFUSAL, hint=MORE)
        return Opened(principal=principal, secret=secret, expires_at=self._clock.now() + WEEK)

    async def by_address(self, secret: str) -> Opened:
        """Let a browser in by what stands in the address: the link, once, or a key of this run."""
        if self._keys.is_own(secret) or self._link.spend(secret):
            return await self._for_the_owner()
        raise NotAllowedError(SPENT if self._link.fits(secret) else REFUSAL, hint=MORE)

    def identity_of(self, subject: str) -> tuple[str, str]:
        """Return provider and subject of somebody; raise InvalidError where no provider is set up."""
        if self._provider is None:
            hint = "set LIVERMORE_OIDC_ISSUER"
            raise InvalidError("no identity provider is set up", where="identity_sub", hint=hint)
        return self._provider.name, subject

    def remember(self, answer: Response, opened: Opened, visitor: Visitor) -> None:
        """Give the browser the cookie of a session."""
        answer.set_cookie(
            self.cookie, opened.secret, max_age=max((opened.expires_at - self._clock.now()) // 1000, 0),
            httponly=True, samesite="lax", secure=visitor.is_secure,
        )  # fmt: skip

    async def leave(self, answer: Response, visitor: Visitor) -> None:
        """End the session of a browser and take its cookie away; a token stays what it is."""
        secret = visitor.cookie(self.cookie)
        if secret is not None:
            await self._accounts.close_session(secret)
            answer.delete_cookie(self.cookie, httponly=True, samesite="lax", secure=visitor.is_secure)

    async def _for_the_owner(self) -> Opened:
        user = await self._owner()
        if not user.is_active:
            raise NotAllowedError("the owner of this run is no longer active")
        return await self._accounts.open_session(user)
