"""From saved to applied: every stored revision of the running user's settings is brought about, live."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol

from livermore.kernel.clock import Clock
from livermore.kernel.errors import LivermoreError
from livermore.kernel.events import Event, EventBus
from livermore.kernel.log import logger
from livermore.kernel.scope import Scope
from livermore.kernel.service import Background, Health
from livermore.settings.plan import Verdict
from livermore.settings.service import Current

POLL = 2.0
LONGEST_REST = 60.0
PATIENCE = 15.0
STILL = "it is still being brought about"
NOBODY = "nothing runs here that it could hold for"
log = logger("runtime")


class Obedient(Protocol):
    """A runtime, as far as it follows the settings."""

    async def apply(self, current: Current) -> None:
        """Have a revision hold; raise LivermoreError when it cannot be."""
        ...

    def saved(self, revision: int) -> None:
        """Take note of the newest stored revision, whether it can be read or not."""
        ...

    def applied(self) -> int:
        """Return the revision that holds, or will when the runtime starts."""
        ...

    def waits_for(self) -> str | None:
        """Say what a revision that could hold waits for; None when it waits for nothing."""
        ...


class Saved(Protocol):
    """The settings, as far as they are followed."""

    async def newest_revision(self, scope: Scope) -> int:
        """Return the number of the newest revision."""
        ...

    async def current(self, scope: Scope) -> Current:
        """Return the newest revision; raise LivermoreError when it cannot be read."""
        ...


class Applier:
    """Bring about the newest stored revision: one at a time, and the last one always.

    One that cannot hold is tried again, less and less often, and leaves what holds as it is. What another
    process writes is noticed within `POLL` seconds.
    """

    name = "settings"

    def __init__(self, scope: Scope, runtime: Obedient, settings: Saved, bus: EventBus, clock: Clock) -> None:
        self._scope = scope
        self._runtime = runtime
        self._settings = settings
        self._bus = bus
        self._clock = clock
        self._stirred = asyncio.Event()
        self._tried = asyncio.Condition()
        self._verdict = Verdict(saved=0, applied=None)
        self._rest = POLL
        self._following = Background(self._follow)
        self._runs = False

    async def start(self) -> None:
        """Begin with what was stored since the runtime was made."""
        self._runs = True
        self._following.start()

    async def stop(self) -> None:
        """Bring about nothing more."""
        self._runs = False
        await self._following.stop()
        await self._let_go()

    def health(self) -> Health:
        """Say whether what is saved holds."""
        if self._verdict.error is None:
            return self._following.health()
        return Health(state="degraded", detail=f"revision {self._verdict.saved}: {self._verdict.error}")

    @property
    def verdict(self) -> Verdict:
        """Return how it stands with the newest revision that was tried."""
        return self._verdict

    def written(self, scope: Scope) -> None:
        """Take note that a revision of somebody's settings was stored."""
        if scope == self._scope:
            self._stirred.set()

    async def bring_about(self, scope: Scope, revision: int) -> Verdict:
        """Wait until a stored revision, or a newer one, holds or is known not to.

        Whoever has waited for `PATIENCE` seconds is told that it is still being brought about.
        """
        if scope != self._scope or not self._runs:
            return Verdict(saved=revision, applied=None, error=NOBODY)
        self._stirred.set()
        await _first_of(self._until_tried(revision), self._clock.sleep(PATIENCE))
        if self._verdict.saved >= revision:
            return self._verdict
        return Verdict(saved=revision, applied=self._runtime.applied(), error=STILL)

    async def _until_tried(self, revision: int) -> None:
        async with self._tried:
            await self._tried.wait_for(lambda: self._verdict.saved >= revision or not self._runs)

    async def _let_go(self) -> None:
        """Have nobody wait for what does not come any more."""
        async with self._tried:
            self._tried.notify_all()

    async def _follow(self) -> None:
        while True:
            self._stirred.clear()
            try:
                await self._catch_up()
            except LivermoreError as error:
                log.warning("the settings could not be looked at", error=str(error), hint=error.hint)
            except Exception:
                # Nobody would begin to follow them again.
                log.exception("the settings could not be looked at")
            await _first_of(self._stirred.wait(), self._clock.sleep(self._rest))

    async def _catch_up(self) -> None:
        """Try the newest revision where it does not hold, and tell how it went unless that is known."""
        newest = await self._settings.newest_revision(self._scope)
        tried = self._verdict.saved == newest
        if tried and (self._verdict.holds or self._runtime.waits_for() is not None):
            return
        if self._runtime.applied() != newest:
            self._runtime.saved(newest)
            error = await self._attempt()
        else:
            error = self._runtime.waits_for()
        self._rest = POLL if error is None else min(2 * self._rest, LONGEST_REST)
        await self._tell(Verdict(saved=newest, applied=self._runtime.applied(), error=error))

    async def _attempt(self) -> str | None:
        """Have the newest revision hold; return why it does not."""
        try:
            await self._runtime.apply(await self._settings.current(self._scope))
        except LivermoreError as error:
            log.error("the settings cannot be applied", error=str(error), hint=error.hint)
            return str(error)
        except Exception as error:
            log.exception("the settings could not be applied")
            return f"a fault of Livermore: {error!r}"
        return self._runtime.waits_for()

    async def _tell(self, verdict: Verdict) -> None:
        """Let those know who wait for it, and those who listen."""
        if verdict != self._verdict:
            data = {"revision": verdict.saved, "applied": verdict.applied, "error": verdict.error}
            event = Event(topic="settings", time=self._clock.now(), data=data, whose=self._scope.identity_sub)
            self._bus.publish(event)
        async with self._tried:
            self._verdict = verdict
            self._tried.notify_all()


async def _first_of(*waits: Coroutine[Any, Any, object]) -> None:
    """Wait for one of several, and let go of the others."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
