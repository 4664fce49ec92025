"""The runtimes of a process: one for each user whom no other process serves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Protocol

from livermore.kernel.clock import Clock
from livermore.kernel.errors import LivermoreError, StorageUnavailableError
from livermore.kernel.log import logger
from livermore.kernel.scope import Scope
from livermore.kernel.service import Background, Health
from livermore.runtime.floor import Floor
from livermore.runtime.ports import Hosted, RuntimeBook
from livermore.runtime.runtime import Runtime
from livermore.runtime.status import STOPPED, RuntimeStatus
from livermore.runtime.supervisor import Rests, Supervisor
from livermore.settings.document import SettingsDocument
from livermore.settings.plan import Effect, Outlook, Verdict

LOOK = 1.0
LEASE, RENEWAL = 15_000, 4.0
PATIENCE = 30.0  # a failed post may mend itself within this time
log = logger("runtime")


class Commanded(Protocol):
    """Whoever carries out the commands of hosted users."""

    async def host(self, scopes: Collection[Scope]) -> None:
        """Take the commands of these users from now on."""
        ...

    async def release(self, scopes: Collection[Scope]) -> None:
        """Take them no more; what is under way is finished or cancelled first."""
        ...


class Host:
    """Claim users, run their runtimes, and mend what has failed.

    The lease on a user is renewed long before it ends; who has lost it lets go at once.
    """

    name = "runtimes"

    def __init__(
        self, runner: str, book: RuntimeBook, make: Callable[[Hosted], Runtime], commanded: Commanded,
        resume: Callable[[Scope], Awaitable[None]], services: Supervisor, floor: Floor, clock: Clock,
        *, alone: bool,
    ) -> None:  # fmt: skip
        """Ask for a `resume` when the time of a pause has come.

        Be `alone` where no other process can run: then what others hold is what a killed one has left.
        """
        self.runner = runner
        self._commanded = commanded
        self._resume = resume
        self._book = book
        self._make = make
        self._services = services
        self._floor = floor
        self._clock = clock
        self._alone = alone
        self._runtimes: dict[int, Runtime] = {}
        self._leased_until = 0
        self._posts = Rests(clock, PATIENCE)
        self._broken = Rests(clock)
        self._tasks: set[asyncio.Task[None]] = set()
        self._keeper = Background(self._keep)

    # -- a service --------------------------------------------------------------------------------------

    async def start(self, first: Scope) -> None:
        """Start what all share, then every runtime; raise LivermoreError when the `first` cannot run."""
        await self._services.start()
        try:
            await self._claim()
            runtime = self.of(first)
            if runtime is not None and runtime.trouble is not None:
                raise runtime.trouble
        except BaseException:
            await self.stop()
            raise
        self._keeper.start()

    async def stop(self) -> None:
        """Stop every runtime, let others have them, and stop what they shared."""
        await self._keeper.stop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._release(list(self._runtimes.values()))
        for runtime in self._runtimes.values():
            await _orderly(runtime.stop())
        self._runtimes.clear()
        await _orderly(self._book.release(self.runner))
        await self._services.stop()

    def health(self) -> Health:
        """Say whether the users are kept."""
        return self._keeper.health()

    # -- asked by doors ---------------------------------------------------------------------------------

    def of(self, scope: Scope) -> Runtime | None:
        """Return a user's runtime; None when it is not run here."""
        runtime = self._runtimes.get(scope.user_id)
        return runtime if runtime is not None and runtime.scope == scope else None

    def status(self, scope: Scope) -> RuntimeStatus:
        """Say how a user's runtime is; one that is not run here is stopped."""
        runtime = self.of(scope)
        return STOPPED if runtime is None else runtime.status()

    def written(self, scope: Scope) -> None:
        """Take note that a revision of somebody's settings was stored."""
        runtime = self.of(scope)
        if runtime is None:
            return
        if runtime.parts is not None:
            runtime.parts.applier.written(scope)
        else:
            self._spawn(runtime.look_up())

    async def outlook(self, scope: Scope, before: SettingsDocument, after: SettingsDocument) -> Outlook:
        """Say what a change of the settings would do here."""
        runtime = self.of(scope)
        if before == after:
            return Outlook()
        if runtime is None or runtime.parts is None:
            effect = Effect(kind="wait", target="runtime", detail=self._why_not(runtime))
            return Outlook(effects=(effect,))
        return await runtime.parts.foresight.outlook(scope, before, after)

    async def bring_about(self, scope: Scope, revision: int) -> Verdict:
        """Wait until a stored revision holds, or is known not to."""
        runtime = self.of(scope)
        if runtime is None or runtime.parts is None:
            return Verdict(saved=revision, applied=None, error=self._why_not(runtime))
        return await runtime.parts.applier.bring_about(scope, revision)

    def _why_not(self, runtime: Runtime | None) -> str:
        idle = None if runtime is None else runtime.idles()
        return "nothing runs here for this user; it holds at the next start" if idle is None else idle

    # -- keeping ----------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        renewed = self._clock.monotonic()
        while True:
            await self._clock.sleep(LOOK)
            try:
                if self._clock.monotonic() - renewed >= RENEWAL:
                    await self._claim()
                    renewed = self._clock.monotonic()
            except LivermoreError as error:
                log.error("the leases on users could not be renewed", error=str(error))
                await self._let_go_of_what_is_not_ours()
            await self._mend()
            self._resume_those_due()

    async def _claim(self) -> None:
        """Renew what is held, take what is free, and let go of what is another's now."""
        until = self._clock.now() + LEASE
        lease = await self._book.claim(self.runner, until, self._runtimes.keys(), alone=self._alone)
        self._leased_until = until
        lost = [runtime for user, runtime in self._runtimes.items() if user not in lease.held]
        await self._lose(lost)
        if lease.new:
            self._runtimes |= {hosted.scope.user_id: self._make(hosted) for hosted in lease.new}
            for hosted in lease.new:
                await _begun(self._runtimes[hosted.scope.user_id])
            await self._commanded.host([hosted.scope for hosted in lease.new])

    async def _let_go_of_what_is_not_ours(self) -> None:
        """Rest when leases have run out that could not be renewed: others may have taken the users."""
        if not self._alone and self._clock.now() > self._leased_until:
            await self._lose(list(self._runtimes.values()))

    async def _lose(self, lost: list[Runtime]) -> None:
        await self._release(lost)
        for runtime in lost:
            log.warning("a runtime is not this process's any more", user=runtime.scope.identity_sub)
            del self._runtimes[runtime.scope.user_id]
            await _orderly(runtime.abandon())

    async def _release(self, runtimes: list[Runtime]) -> None:
        if runtimes:
            await _orderly(self._commanded.release([runtime.scope for runtime in runtimes]))

    async def _mend(self) -> None:
        """Renew posts and start runtimes that have failed and do not recover by themselves."""
        failed = self._floor.failed()
        self._posts.keep(failed)
        for name in failed:
            if self._posts.is_due(name):
                log.error("a post has failed and is opened anew", exchange=name)
                await _orderly(self._floor.renew(name))
        broken = [runtime for runtime in self._runtimes.values() if runtime.is_broken]
        self._broken.keep(broken)
        for runtime in broken:
            if self._broken.is_due(runtime):
                await _begun(runtime)

    def _resume_those_due(self) -> None:
        now = self._clock.now()
        for runtime in self._runtimes.values():
            if runtime.pause_is_over(now):
                self._spawn(_orderly(self._resume(runtime.scope)))

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _begun(runtime: Runtime) -> None:
    """Start a runtime; one that cannot is tried again later, and keeps nobody else from it."""
    try:
        await runtime.start()
    except LivermoreError as error:
        user = runtime.scope.identity_sub
        log.error("a runtime could not start", user=user, error=str(error), hint=error.hint)
    except Exception:
        log.exception("a runtime could not start", user=runtime.scope.identity_sub)


async def _orderly(work: Awaitable[None]) -> None:
    """Do something whose failure must not keep the rest from being done."""
    try:
        await work
    except StorageUnavailableError as error:
        log.error("it could not be stored", error=str(error))
    except Exception:
        log.exception("it did not end in good order")
