"""Everything that decides who comes in, joined for one server."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Self

from livermore.apps.access.entrance import Entrance
from livermore.apps.access.gate import Access
from livermore.apps.access.keys import Keys, OneTimeLink
from livermore.apps.access.login_pages import LoginPages
from livermore.apps.access.watch import Watch

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from livermore.accounts.service import Accounts
    from livermore.accounts.user import User
    from livermore.apps.access.doorway import Doorway
    from livermore.kernel.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What opens a run beside its users' secrets: keys that it alone takes, and a link for once."""

    keys: tuple[str, ...] = ()
    link: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """The parts of the access door of one server."""

    doorway: Doorway
    keys: Keys
    entrance: Entrance
    watch: Watch

    @classmethod
    def joined(
        cls, accounts: Accounts, clock: Clock, user: User, *, doorway: Doorway, opening: Opening
    ) -> Self:
        """Join them; the keys of the run and its link are the user's whose run it is."""
        owner = partial(accounts.user, user.id)
        keys = Keys(accounts, own=opening.keys, owner=owner)
        entrance = Entrance(
            accounts, keys, OneTimeLink(opening.link), owner=owner, clock=clock, port=doorway.port
        )
        return cls(doorway=doorway, keys=keys, entrance=entrance, watch=Watch(clock))

    def before(self, app: ASGIApp) -> Access:
        """Stand before an application."""
        return Access(
            app, doorway=self.doorway, keys=self.keys, entrance=self.entrance,
            pages=LoginPages(self.entrance), watch=self.watch,
        )  # fmt: skip
