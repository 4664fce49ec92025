"""Which settings hold here, for rooms that write a revision and want to see it brought about."""

from __future__ import annotations

from typing import Literal

from livermore.kernel.clock import Clock
from livermore.kernel.errors import NotFoundError, SettingsInvalidError
from livermore.kernel.scope import Scope
from livermore.runtime.applier import NOBODY, STILL
from livermore.runtime.host import Host
from livermore.runtime.runtime import Runtime
from livermore.runtime.state import WATCHING, State
from livermore.settings.document import SettingsDocument
from livermore.settings.plan import Outlook, Verdict

LOOK = 0.1


class HoldingHere:
    """Know the settings that hold in this process, and have newer ones hold."""

    def __init__(self, host: Host, clock: Clock) -> None:
        self._host = host
        self._clock = clock

    def rests(self, scope: Scope) -> Literal["paused", "off"] | None:
        """Say whether a user's runtime is paused, or runs not at all here; None while it watches."""
        runtime = self._host.of(scope)
        if runtime is None or runtime.state not in {*WATCHING, State.PAUSED}:
            return "off"
        return "paused" if runtime.state is State.PAUSED else None

    def applied(self, scope: Scope) -> SettingsDocument | None:
        """Return the settings that hold for a user; None before any do, and where nothing runs."""
        runtime = self._host.of(scope)
        current = None if runtime is None else runtime.current
        return None if current is None else current.document

    async def outlook(self, scope: Scope, before: SettingsDocument, after: SettingsDocument) -> Outlook:
        """Say what would happen if one document took the place of the other."""
        return await self._host.outlook(scope, before, after)

    async def bring_about(self, scope: Scope, revision: int) -> str | None:
        """Have a stored revision hold; return what it waits for while the runtime rests.

        Raises SettingsInvalidError, saying why it does not hold, and NotFoundError without a runtime.
        """
        verdict = await self._host.bring_about(scope, revision)
        while self._goes_on(scope, verdict):  # a job may take its time, and ends with what is true
            await self._clock.sleep(LOOK)
            verdict = await self._host.bring_about(scope, revision)
        waits = self._runtime(scope).idles()
        if verdict.error is not None and waits is None:
            raise SettingsInvalidError(
                f"revision {verdict.saved} is stored and does not hold: {verdict.error}",
                hint="change the settings, or roll them back",
            )
        return None if verdict.error is None else waits

    def _goes_on(self, scope: Scope, verdict: Verdict) -> bool:
        """Say whether a revision is still being brought about; who goes live follows none for a moment."""
        return verdict.error == STILL or (verdict.error == NOBODY and self._runtime(scope).idles() is None)

    def _runtime(self, scope: Scope) -> Runtime:
        runtime = self._host.of(scope)
        if runtime is None:
            raise NotFoundError("this user has no runtime here")
        return runtime
