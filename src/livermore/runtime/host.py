"""The runtimes of a process: one for each user whom no other process serves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Protocol

from livermore.control.rest import within
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
PARTING = 5.0  # at the end, so long is waited for what was let go of
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

    def leased(self, until: int | None) -> None:
        """Begin nothing at or after a time (ms UTC): others may have the users by then."""
        ...


class Host:
    """Claim users, run their runtimes, and mend what has failed.

    The lease on a user is renewed long before it ends; who has lost it lets go at once. Nothing that may
    take long keeps the leases from being renewed.
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
        self._fresh: list[Runtime] = []
        self._unheard: list[Runtime] = []
        self._parting: dict[int, asyncio.Task[None]] = {}
        self._keeper = Background(self._keep)
        self._tender = Background(self._tend)

    # -- a service --------------------------------------------------------------------------------------

    async def start(self, first: Scope) -> None:
        """Start what all share, then every runtime; raise LivermoreError when the `first` cannot run."""
        await self._services.start()
        try:
            await self._claim()
            self._keeper.start()
            await self._begin()
            runtime = self.of(first)
            if runtime is not None and runtime.trouble is not None:
                raise runtime.trouble
        except BaseException:
            await self.stop()
            raise
        self._tender.start()

    async def stop(self) -> None:
        """Stop every runtime, let others have them, and stop what they shared."""
        await self._tender.stop()
        await self._keeper.stop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if parting := set(self._parting.values()):
            await within(self._clock, PARTING, asyncio.wait(parting))
            for task in parting:
                task.cancel()
        await self._release(list(self._runtimes.values()))
        for runtime in self._runtimes.values():
            await _orderly(runtime.stop())
        await asyncio.gather(*(_orderly(runtime.parted()) for runtime in self._runtimes.values()))
        self._runtimes.clear()
        await _orderly(self._book.release(self.runner))
        await self._services.stop()

    def health(self) -> Health:
        """Say whether the users are kept."""
        kept = self._keeper.health()
        return kept if kept.state != "healthy" else self._tender.health()

    # -- asked by doors ---------------------------------------------------------------------------------

    def of(self, scope: Scope) -> Runtime | None:
        """Return a user's runtime; None when it is not run here."""
        runtime = self._runtimes.get(scope.user_id)
        return runtime if runtime is not None and runtime.scope == scope else None

    def hosted(self) -> list[Runtime]:
        """Return every runtime that is run here."""
        return list(self._runtimes.values())

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

    def watching(self) -> list[tuple[Scope, SettingsDocument]]:
        """Return the users for whom something is watched here, each with the settings that hold."""
        awake = [runtime for runtime in self._runtimes.values() if runtime.idles() is None]
        return [(one.scope, one.current.document) for one in awake if one.current is not None]

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
        """Renew the leases, and end the pauses whose time has come."""
        renewed = self._clock.monotonic()
        while True:
            await self._clock.sleep(LOOK)
            if self._clock.monotonic() - renewed >= RENEWAL and await self._renewed():
                renewed = self._clock.monotonic()
            self._resume_those_due()

    async def _renewed(self) -> bool:
        """Renew the leases; say whether that was possible before they end, and let go if it was not."""
        claiming = asyncio.ensure_future(self._claim())
        try:
            if await within(self._clock, self._patience(), claiming):
                claiming.result()
                return True
            log.error("nothing was heard of the leases on users while they held")
        except LivermoreError as error:
            log.error("the leases on users could not be renewed", error=str(error))
        except Exception:
            log.exception("the leases on users could not be renewed")
        if not self._alone and self._clock.now() >= self._leased_until:
            self._lose(list(self._runtimes.values()))
        return False

    def _patience(self) -> float:
        """Return for how many seconds to wait for a claim: shortly when others may have the users already."""
        left = (self._leased_until - self._clock.now()) / 1000
        if self._alone or not self._runtimes:
            return LEASE / 1000
        return left if left > 0 else RENEWAL

    async def _claim(self) -> None:
        """Renew what is held, take what is free, and let go of what is another's now."""
        until = self._clock.now() + LEASE
        lease = await self._book.claim(self.runner, until, self._runtimes.keys(), alone=self._alone)
        self._leased_until = until
        self._commanded.leased(None if self._alone else until)
        self._lose([runtime for user, runtime in self._runtimes.items() if user not in lease.held])
        fresh = [self._make(hosted) for hosted in lease.new]
        self._runtimes |= {runtime.scope.user_id: runtime for runtime in fresh}
        self._fresh += fresh

    def _lose(self, lost: list[Runtime]) -> None:
        """Rest from what others may have taken."""
        if not lost:
            return
        parting = asyncio.create_task(self._part(lost))
        for runtime in lost:
            log.warning("a runtime is not this process's any more", user=runtime.scope.identity_sub)
            del self._runtimes[runtime.scope.user_id]
            self._parting[runtime.scope.user_id] = parting
        parting.add_done_callback(self._parted)

    async def _part(self, lost: list[Runtime]) -> None:
        await self._release(lost)
        await asyncio.gather(*(_orderly(runtime.abandon()) for runtime in lost))
        await asyncio.gather(*(_orderly(runtime.parted()) for runtime in lost))

    def _parted(self, parting: asyncio.Task[None]) -> None:
        self._parting = {user: task for user, task in self._parting.items() if task is not parting}

    async def _tend(self) -> None:
        """Do for runtimes and posts what may take long."""
        while True:
            await self._clock.sleep(LOOK)
            await _orderly(self._begin())
            await self._mend()

    async def _begin(self) -> None:
        """Start the runtimes that are new, each once nothing is left of an earlier one of the same user."""
        fresh, self._fresh = list(filter(self._is_here, self._fresh)), []
        for runtime in fresh:
            if runtime.scope.user_id in self._parting:
                self._fresh.append(runtime)
                continue
            await _begun(runtime)
            self._unheard.append(runtime)
        unheard = [runtime.scope for runtime in self._unheard if self._is_here(runtime)]
        if unheard:
            await self._commanded.host(unheard)
        self._unheard.clear()

    def _is_here(self, runtime: Runtime) -> bool:
        """Say whether a runtime has not been lost meanwhile."""
        return self._runtimes.get(runtime.scope.user_id) is runtime

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
        fresh = set(self._fresh)
        broken = [one for one in self._runtimes.values() if one.is_broken and one not in fresh]
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
