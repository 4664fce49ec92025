"""Everything that decides who comes in, joined for one server."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Self

from livermore.apps.access.entrance import Entrance
from livermore.apps.access.gate import Access
from livermore.apps.access.identity import IdentityLogins
from livermore.apps.access.keys import Keys, OneTimeLink
from livermore.apps.access.login_pages import LoginPages
from livermore.apps.access.watch import Watch
from livermore.workspace.preference import INSTALLATION

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from livermore.apps.access.doorway import Doorway
    from livermore.apps.access.provider import Provider
    from livermore.bootstrap import System
    from livermore.workspace.service import PreferenceService


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What opens a run: keys that it alone takes, a link for once, and a provider that vouches for people."""

    keys: tuple[str, ...] = ()
    link: str | None = None
    provider: Provider | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """The parts of the access door of one server."""

    doorway: Doorway
    keys: Keys
    entrance: Entrance
    watch: Watch
    identities: IdentityLogins | None

    @classmethod
    def joined(cls, system: System, *, doorway: Doorway, opening: Opening) -> Self:
        """Join them; the keys of the run and its link are the user's whose run it is."""
        accounts, owner = system.accounts, partial(system.accounts.user, system.user.id)
        keys = Keys(accounts, own=opening.keys, owner=owner)
        entrance = Entrance(
            accounts, keys, OneTimeLink(opening.link), owner=owner, clock=system.clock, port=doorway.port,
            provider=opening.provider,
        )  # fmt: skip
        identities = _identities(system, opening.provider) if opening.provider is not None else None
        return cls(
            doorway=doorway, keys=keys, entrance=entrance, watch=Watch(system.clock), identities=identities
        )

    def before(self, app: ASGIApp) -> Access:
        """Stand before an application."""
        return Access(
            app, doorway=self.doorway, keys=self.keys, entrance=self.entrance,
            pages=LoginPages(self.entrance, self.identities), watch=self.watch,
        )  # fmt: skip


class KeptIssuers:
    """Remember in the installation's preferences which issuer a provider's name stands for."""

    def __init__(self, preferences: PreferenceService) -> None:
        self._preferences = preferences

    async def bound(self, name: str, issuer: str) -> str:
        """Return the issuer that a name stands for, which is this one from now on if there was none."""
        key = f"identity.issuer.{name}"
        kept = (await self._preferences.own(INSTALLATION, key)).value
        if kept is None:
            await self._preferences.set(INSTALLATION, key, issuer)
        return kept or issuer


def _identities(system: System, provider: Provider) -> IdentityLogins:
    # What speaks the protocol takes a while to load, and few use it.
    from livermore.apps.access.oidc import OpenId

    return IdentityLogins(
        OpenId(provider, system.clock), system.accounts, system.logins, KeptIssuers(system.preferences),
        system.clock,
    )  # fmt: skip
