"""Logging in over an identity provider: out to it with a state that only this browser has, and back."""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING, NamedTuple, Protocol

from livermore.accounts.ports import IdentityLogin
from livermore.accounts.token import digest
from livermore.kernel.errors import NotAllowedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from livermore.accounts.ports import LoginBook
    from livermore.accounts.principal import Opened
    from livermore.accounts.service import Accounts
    from livermore.apps.access.oidc import OpenId
    from livermore.kernel.clock import Clock

PATIENCE = 10 * 60 * 1000  # ms
STALE = "this login took too long, was begun in another browser, or was used already"
AGAIN = "begin again on the login page"


class Issuers(Protocol):
    """Remember which issuer a provider's name has stood for."""

    async def bound(self, name: str, issuer: str) -> str:
        """Return the issuer that a name stands for, which is this one from now on if there was none."""
        ...


class Departure(NamedTuple):
    """Where a browser is sent, and the state that it has to bring back."""

    address: str
    state: str


class IdentityLogins:
    """Send people to their provider, and let in whom it vouches for: known by issuer and subject alone."""

    def __init__(
        self, openid: OpenId, accounts: Accounts, logins: LoginBook, issuers: Issuers, clock: Clock
    ) -> None:
        self.provider = openid.provider
        self._openid = openid
        self._accounts = accounts
        self._logins = logins
        self._issuers = issuers
        self._clock = clock

    async def begin(self, back_to: str, redirect_uri: str) -> Departure:
        """Begin a login; raise NotAllowedError or TransientError when the provider is not what it was."""
        await self._check_issuer()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        address = await self._openid.address(
            redirect_uri=redirect_uri, state=state, nonce=nonce, verifier=verifier
        )
        expires_at = self._clock.now() + PATIENCE
        await self._logins.begin(
            IdentityLogin(
                state_hash=digest(state), verifier=verifier, nonce=nonce, back_to=back_to,
                expires_at=expires_at,
            )
        )  # fmt: skip
        return Departure(address, state)

    async def finish(
        self, query: Mapping[str, str], browsers: str | None, redirect_uri: str
    ) -> tuple[Opened, str]:
        """End a login with what the provider sent back, and return where it was to lead.

        `browsers` is the state that this browser was given. Errors: NotAllowedError, TransientError.
        """
        state = query.get("state", "")
        if browsers is None or not hmac.compare_digest(digest(state), digest(browsers)):
            raise NotAllowedError(STALE, hint=AGAIN)
        begun = await self._logins.take(digest(state))
        if begun is None:
            raise NotAllowedError(STALE, hint=AGAIN)
        # The settings may have changed, and this run be another one than that which began.
        await self._check_issuer()
        await self._check_answer(query)
        claims = await self._openid.claims(
            query["code"], redirect_uri=redirect_uri, nonce=begun.nonce, verifier=begun.verifier
        )
        return await self._known(claims), begun.back_to

    async def _check_issuer(self) -> None:
        """Refuse another issuer under a name that users are known by already."""
        bound = await self._issuers.bound(self.provider.name, self.provider.issuer)
        if bound != self.provider.issuer:
            raise NotAllowedError(
                f"{self.provider.name} has stood for another issuer before", where=self.provider.issuer,
                hint="choose another LIVERMORE_OIDC_NAME: its users would be mistaken for those of the other",
            )  # fmt: skip

    async def _check_answer(self, query: Mapping[str, str]) -> None:
        metadata = await self._openid.metadata()
        issuer = query.get("iss")
        is_named = issuer is not None or metadata.authorization_response_iss_parameter_supported
        if is_named and issuer != self.provider.issuer:
            raise NotAllowedError("another identity provider has answered", hint=AGAIN)
        if "code" not in query:
            raise NotAllowedError("the identity provider did not let you in", hint=AGAIN)

    async def _known(self, claims: Mapping[str, Any]) -> Opened:
        """Open a session for whom an ID token is about."""
        texts = {name: value for name, value in claims.items() if isinstance(value, str)}
        if "sub" not in texts:
            raise NotAllowedError("the identity provider names no subject")
        return await self._accounts.log_in_by_identity(
            self.provider.name, texts["sub"],
            username=texts.get("preferred_username") or texts.get("name") or self.provider.name,
            email=texts.get("email") if claims.get("email_verified") is True else None,
            display_name=texts.get("name"),
            create=self.provider.creates is not None, role=self.provider.creates or "viewer",
        )  # fmt: skip
