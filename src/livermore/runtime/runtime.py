"""One user's runtime: what it does, what it should do, and how it gets from the one to the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import cast

import msgspec

from livermore.kernel.clock import parse_time, rfc3339
from livermore.kernel.errors import LivermoreError
from livermore.kernel.events import Event
from livermore.kernel.log import logger
from livermore.kernel.service import Background
from livermore.market.works import unbroken
from livermore.runtime.meanwhile import off_meanwhile
from livermore.runtime.parts import Parts, Surroundings
from livermore.runtime.ports import Hosted, StoredRuntime
from livermore.runtime.state import WATCHING, State, Transition, Trigger, fire
from livermore.runtime.status import Level, Pause, RuntimeStatus
from livermore.runtime.supervisor import Supervisor
from livermore.runtime.telling import Standing, progress_of, status_of
from livermore.runtime.watch import wanted_of
from livermore.settings.service import Current

LOOK = 0.5
AGAIN = 60_000  # ms after which the end of a pause is asked for once more
AT_REST = (State.STOPPED, State.FAILED)
log = logger("runtime")


class Runtime:
    """Watch what one user has chosen, or rest: an idle one holds little more than its state."""

    def __init__(self, hosted: Hosted, around: Surroundings, make: Callable[[Runtime], Parts]) -> None:
        """Rest; `make` joins the parts when the runtime first goes live."""
        self.scope = hosted.scope
        self.pausing = _pause_of(hosted.runtime)
        self.parts: Parts | None = None
        self.trouble: LivermoreError | None = None
        self.ready = asyncio.Event()
        self._around = around
        self._make = make
        self._desired = hosted.runtime.desired_state
        self._mode = hosted.runtime.mode
        self._saved_revision = hosted.settings_revision
        self._held_before = hosted.runtime.settings_applied
        self._state = State.STOPPED
        self._stored_state: State | None = State(hosted.runtime.state)
        self._began = around.clock.monotonic()
        self._over_since: int | None = None
        self._changing = asyncio.Lock()
        self._storing = asyncio.Lock()
        self._supervisor: Supervisor | None = None
        self._follower = Background(self._follow)

    # -- asked for --------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Be as the user wants it to be: live, or paused; raise LivermoreError when it cannot go live."""
        async with self._changing:
            self._began = self._around.clock.monotonic()
            if self._desired == "paused":
                await self._rest_on()
            else:
                await self._fire(Trigger.START)
                await self._go_live()

    async def _rest_on(self) -> None:
        """Be paused as before: of thousands who rest, nothing is written down that is written already."""
        state = fire(fire(self._state, Trigger.START).current, Trigger.PAUSE).current
        if self._stored_state is not state:
            await self._store(state)
        self._state = state
        self._tell()

    async def pause(self, pause: Pause) -> Transition:
        """Rest from everything, or from sending alerts; it survives a restart. Raises ConflictError.

        What rests is let go of before this returns.
        """
        async with self._changing:
            if pause.level == "alerts":
                return await self._mute(pause)
            transition = fire(self._state, Trigger.PAUSE)
            await self._want("paused", pause, transition.current)
            # Cut off in the middle, it would go on watching what is said to rest.
            await unbroken(self._halt())
            self._tell()
            return transition

    async def resume(self) -> Transition:
        """End a pause of either kind: repair the gap, then go live. Raises ConflictError, LivermoreError."""
        async with self._changing:
            if self.pausing is not None and self._state in WATCHING:
                return await self._unmute()
            trigger = Trigger.START if self._state in AT_REST else Trigger.RESUME
            transition = fire(self._state, trigger)
            await self._want("running", None, transition.current)
            await self._go_live()
            return transition

    async def stop(self) -> None:
        """Let go of everything; what is wanted stays as it is."""
        async with self._changing:
            if self._state is State.STOPPED:
                return
            if self.parts is None and self._state is State.PAUSED:
                self._state = State.STOPPED  # the row says as before that it is to rest
                return
            try:
                await self._fire(Trigger.STOP)
            finally:
                await self._halt(for_good=True)
            await self._fire(Trigger.ENDED)

    async def abandon(self) -> None:
        """Let go of everything and write nothing down: another process runs it now, or the user is gone."""
        async with self._changing:
            await self._halt(for_good=True)
            self._state = State.STOPPED

    async def parted(self) -> None:
        """Wait until nothing is under way any more of what was let go of; that is a moment."""
        if self.parts is not None:
            await self.parts.alerts.parted()

    def pause_is_over(self, now: int) -> bool:
        """Say that the time (ms UTC) until which it was to pause has come; now and then, while it still has.

        Whoever was told may have been unable to end it.
        """
        if self.pausing is None or self.pausing.until is None or self.pausing.until > now:
            self._over_since = None
            return False
        if self._over_since is not None and now - self._over_since < AGAIN:
            return False
        self._over_since = now
        return True

    # -- the settings -----------------------------------------------------------------------------------

    async def apply(self, current: Current) -> None:
        """Have a newer revision of the settings hold, live; raise LivermoreError when it cannot be.

        While paused it waits for the end of the pause. Whether it holds is told either way.
        """
        self._saved_revision = current.revision
        try:
            if self._state in WATCHING and self.parts is not None:
                await self._obey(self.parts, current)
                await self._store()
        finally:
            self._tell()

    async def _obey(self, parts: Parts, current: Current) -> None:
        """Have a revision hold, after the one that held last, in this process or before it."""
        held = self._held()
        since = current.revision if held is None else held
        off = await off_meanwhile(self._around.settings, self.scope, since, current)
        await parts.watch.apply(current, off)

    def _held(self) -> int | None:
        """Return the revision that held last, by which rules have rested since; None before any did."""
        return self._held_before if self._current is None else self._current.revision

    def saved(self, revision: int) -> None:
        """Take note of the newest stored revision, whether it can be read or not."""
        self._saved_revision = revision

    async def look_up(self) -> None:
        """Take note of the newest stored revision while there is nobody who follows it."""
        with suppress(LivermoreError):
            self.saved(await self._around.settings.newest_revision(self.scope))
            self._tell()

    def applied(self) -> int:
        """Return the revision that holds; 0 before the first one does."""
        current = self._current
        return current.revision if current is not None else 0

    def idles(self) -> str | None:
        """Say why nothing is watched just now; None while something can be."""
        return None if self._state in WATCHING else f"the runtime is {self._state}"

    def waits_for(self) -> str | None:
        """Say what a newer revision than the one that holds waits for; None when it waits for nothing."""
        return None if self.applied() == self._saved_revision else self.idles()

    # -- how it is --------------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """Return what it is doing."""
        return self._state

    @property
    def is_broken(self) -> bool:
        """Say whether it is not what it should be, and may be started again."""
        return self._state in AT_REST

    @property
    def current(self) -> Current | None:
        """Return the settings that hold; None before the first ones do."""
        return self._current

    def status(self) -> RuntimeStatus:
        """Say how everything is, from memory."""
        standing = Standing(
            self.scope,
            self._state,
            self._desired,
            self.pausing,
            self._mode,
            self._began,
            self._saved_revision,
        )
        return status_of(standing, self._around, self.parts)

    @property
    def _current(self) -> Current | None:
        return None if self.parts is None else self.parts.watch.current

    # -- going live and letting go ----------------------------------------------------------------------

    async def _go_live(self) -> None:
        """Watch what the newest settings say; what cannot be done leaves nothing half done."""
        try:
            current = await self._around.settings.current(self.scope)
            parts = self.parts = self.parts or self._make(self)
            self._saved_revision = current.revision
            parts.watch.mute(self.pausing is not None)
            self._supervisor = Supervisor([parts.signals], self._around.clock, self._tell)
            await self._supervisor.start()
            await parts.applier.stop()  # during a pause it said what waits
            await self._obey(parts, current)
            # Not before: while no channel is known, what an earlier process has left would be given up.
            if self.pausing is None:
                await self._supervisor.add(parts.alerts)
            await parts.applier.start()
        except BaseException as error:
            self.trouble = error if isinstance(error, LivermoreError) else None
            await self._halt(for_good=True)
            await self._break()
            raise
        self.trouble = None
        self._follower.start()
        await self._store()

    async def _break(self) -> None:
        """Have failed, also while that cannot be written down."""
        state = fire(self._state, Trigger.BROKE).current
        try:
            await self._store(state)
        except LivermoreError as error:
            log.error("the state could not be stored", error=str(error))
        self._state = state
        self._tell()

    async def _halt(self, *, for_good: bool = False) -> None:
        """Let go: of the settings' follower only `for_good`, for while paused it says what waits."""
        await self._follower.stop()
        self.ready.clear()
        if self.parts is None:
            return
        await self.parts.applier.stop()
        try:
            await self.parts.watch.rest()
        except LivermoreError as error:
            log.error("what was watched was not let go of in good order", error=str(error))
        except Exception:
            log.exception("what was watched was not let go of in good order")
        if self._supervisor is not None:
            await self._supervisor.stop()
            self._supervisor = None
        if not for_good:
            await self.parts.applier.start()

    async def _mute(self, pause: Pause) -> Transition:
        """Have alerts stored and not sent; data flows, also when it did not until now."""
        before = self._state
        if before is State.PAUSED:
            transition = fire(before, Trigger.RESUME)
            await self._want("running", pause, transition.current)
            await self._go_live()
            return transition
        fire(before, Trigger.PAUSE)  # only what could be paused altogether can be muted
        await self._want("running", pause, before)
        await self._supervise_alerts(muted=True)
        return Transition(previous=before, trigger=Trigger.PAUSE, current=before)

    async def _unmute(self) -> Transition:
        """Send alerts again; those that were stored meanwhile stay where they are."""
        await self._want("running", None, self._state)
        await self._supervise_alerts(muted=False)
        return Transition(previous=self._state, trigger=Trigger.RESUME, current=self._state)

    async def _supervise_alerts(self, *, muted: bool) -> None:
        """Start or stop sending, and nothing else."""
        parts = self.parts
        if parts is not None:
            parts.watch.mute(muted)
        if parts is not None and self._supervisor is not None:
            await (self._supervisor.drop(parts.alerts) if muted else self._supervisor.add(parts.alerts))
        self._tell()

    # -- following --------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        """Go from starting over warming to running; what cannot be stored now is stored the next time."""
        while True:
            try:
                async with self._changing:
                    await self._follow_start()
            except LivermoreError as error:
                log.error("the state could not be stored", error=str(error))
            except Exception:
                # Nobody else would see that it runs by now.
                log.exception("the runtime could not be followed")
            await self._around.clock.sleep(LOOK)

    async def _follow_start(self) -> None:
        """Go on as connections and histories allow."""
        current = self._current
        if current is None:
            return
        names = wanted_of(current.document).symbols
        if self._state is State.STARTING and self._around.plane.connected(names):
            await self._fire(Trigger.CONNECTED)
        loaded, watched = progress_of(self._state, self._around, self.parts)
        if self._state is State.WARMING and loaded >= watched and self._around.plane.connected(names):
            await self._fire(Trigger.WARMED)
            self.ready.set()

    async def _fire(self, trigger: Trigger) -> Transition:
        transition = fire(self._state, trigger)
        await self._enter(transition.current)
        return transition

    async def _want(self, desired: str, pause: Pause | None, state: State) -> None:
        """Want this from now on and be in a state; where that cannot be written down, all is as before."""
        before = self._desired, self.pausing
        self._desired, self.pausing = desired, pause
        try:
            await self._enter(state)
        except BaseException:
            self._desired, self.pausing = before
            raise

    async def _enter(self, state: State) -> None:
        """Write a state down, then be in it."""
        await self._store(state)
        self._state = state
        self._tell()

    async def _store(self, state: State | None = None) -> None:
        """Write down how the runtime is, or will be in a moment; what was so later is written later."""
        async with self._storing:
            stored = self._as_stored(state or self._state)
            self._stored_state = None  # until it is known to be written
            await self._around.book.put(self.scope, stored)
            self._stored_state = State(stored.state)

    def _as_stored(self, state: State) -> StoredRuntime:
        current, pause = self._current, self.pausing
        if current is not None:
            self._mode = current.document.livermore_runtime.mode
        return StoredRuntime(
            desired_state=self._desired, state=state, mode=self._mode,
            pause_level=pause.level if pause is not None else None,
            pause_reason=pause.reason if pause is not None else None,
            pause_until=rfc3339(pause.until) if pause is not None and pause.until is not None else None,
            pause_by=pause.by if pause is not None else None,
            settings_applied=self._held(),
            updated_at=rfc3339(self._around.clock.now()),
        )  # fmt: skip

    def _tell(self) -> None:
        bus = self._around.bus
        if self.parts is not None or bus.heard("runtime"):
            data = msgspec.to_builtins(self.status())
            now = self._around.clock.now()
            bus.publish(Event(topic="runtime", time=now, data=data, whose=self.scope.identity_sub))


def _pause_of(stored: StoredRuntime) -> Pause | None:
    """Return the pause that was written down; one that nobody asked for has a level and nothing else."""
    if stored.pause_level is None:
        return Pause(level="data") if stored.desired_state == "paused" else None
    until = None
    with suppress(ValueError):
        until = parse_time(stored.pause_until) if stored.pause_until is not None else None
    return Pause(
        level=cast("Level", stored.pause_level), reason=stored.pause_reason, until=until, by=stored.pause_by
    )
