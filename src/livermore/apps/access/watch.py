"""What stays open is watched: it ends soon after the login by which it was opened."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from livermore.accounts.principal import Principal
from livermore.apps.access.visit import Again
from livermore.kernel.clock import Clock
from livermore.kernel.log import logger

PACE = 2.0  # seconds
log = logger("access")


@dataclass(slots=True)
class _Login:
    principal: Principal
    again: Again
    endings: set[asyncio.Event] = field(default_factory=set)


class Watch:
    """Ask again about each login that keeps something open: once for all that it keeps."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._logins: dict[bytes, _Login] = {}

    @contextmanager
    def over(self, principal: Principal, again: Again) -> Iterator[asyncio.Event]:
        """Lend an event that is set when the login has ended or its role has changed."""
        login = self._logins.setdefault(principal.credential, _Login(principal, again))
        ended = asyncio.Event()
        login.endings.add(ended)
        try:
            yield ended
        finally:
            login.endings.discard(ended)
            if not login.endings and self._logins.get(principal.credential) is login:
                del self._logins[principal.credential]

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self._clock.sleep(PACE)
            await self.look()

    async def look(self) -> None:
        """End what was opened by logins that are no longer good; while nobody can tell, all stays open."""
        for credential, login in list(self._logins.items()):
            try:
                now = await login.again()
            except Exception:
                log.exception("a login cannot be looked up again")
                continue
            if now is None or now.role != login.principal.role:
                self._logins.pop(credential, None)
                for ended in login.endings:
                    ended.set()
