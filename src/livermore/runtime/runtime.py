"""One user's runtime: its state, and the services that it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from livermore.kernel.clock import Clock, rfc3339
from livermore.kernel.errors import LivermoreError
from livermore.kernel.events import Event, EventBus
from livermore.kernel.log import logger
from livermore.kernel.scope import Scope
from livermore.kernel.service import Background, Health, Service
from livermore.market.plane import ExchangeStatus, MarketPlane
from livermore.runtime.floor import Floor
from livermore.runtime.ports import RuntimeBook, StoredRuntime
from livermore.runtime.state import State, Trigger, fire
from livermore.runtime.watch import Watch
from livermore.settings.document import SettingsDocument
from livermore.settings.plan import Effect, Outlook, Verdict
from livermore.settings.service import Current, watched_symbols

WATCH = 0.5
WATCHING = (State.STARTING, State.WARMING, State.RUNNING)
log = logger("runtime")


class Startup(msgspec.Struct, frozen=True, kw_only=True):
    """How far warming up is."""

    phase: str
    percent: int
    item: str | None
    eta_seconds: int | None


class RuntimeStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What a user sees of the runtime."""

    state: str
    desired_state: str
    pause: dict[str, Any] | None
    mode: str
    uptime_seconds: int
    settings: dict[str, int]
    queue_depth: int
    symbols: dict[str, int]
    exchanges: list[ExchangeStatus]
    startup: Startup | None
    last_candle_age_ms: int | None
    services: dict[str, str]


STOPPED = RuntimeStatus(
    state="stopped", desired_state="stopped", pause=None, mode="", uptime_seconds=0,
    settings={"saved": 0, "applied": 0}, queue_depth=0, symbols={"active": 0, "total": 0}, exchanges=[],
    startup=None, last_candle_age_ms=None, services={},
)  # fmt: skip


class Resting:
    """The runtime of a process that only reads what another one has stored."""

    async def start(self) -> None:
        """Run nothing."""

    async def stop(self) -> None:
        """Have nothing to stop."""

    def status(self) -> RuntimeStatus:
        """Say that nothing runs."""
        return STOPPED

    async def outlook(self, scope: Scope, before: SettingsDocument, after: SettingsDocument) -> Outlook:
        """Say that a change does nothing yet."""
        effect = Effect(kind="wait", target="runtime", detail="nothing runs here; it holds at the next start")
        return Outlook(effects=(effect,) if before != after else ())

    async def bring_about(self, scope: Scope, revision: int) -> Verdict:
        """Say that nothing holds where nothing runs."""
        return Verdict(saved=revision, applied=None, error="nothing runs here; it holds at the next start")


class Runtime:
    """Start services in order, watch over them, stop them in reverse; tell every change of state."""

    def __init__(
        self, scope: Scope, services: Sequence[Service], floor: Floor, watch: Watch, plane: MarketPlane,
        book: RuntimeBook, bus: EventBus, clock: Clock, *, current: Current,
    ) -> None:  # fmt: skip
        """Begin with the `current` settings; the floor opens behind the services and closes before them."""
        self._scope = scope
        self._services = [*services, floor]
        self._floor = floor
        self._user_watch = watch
        self._plane = plane
        self._book = book
        self._bus = bus
        self._clock = clock
        self._saved = current
        self._saved_revision = current.revision
        self._beside: list[Service] = []
        self._desired = "running" if current.document.livermore_runtime.auto_start else "paused"
        self._state = State.STOPPED
        self._began = clock.monotonic()
        self._running: list[Service] = []
        self._told: dict[str, Health] = {}
        self._watcher = Background(self._watch)
        self.ready = asyncio.Event()

    async def start(self) -> None:
        """Start every service; one that will not start stops those before it, and the error goes on."""
        stored = await self._book.get(self._scope)
        self._desired = stored.desired_state if stored is not None else self._desired
        await self._fire(Trigger.START)
        if self._desired == "paused":
            await self._fire(Trigger.PAUSE)
            return
        try:
            for service in self._services:
                await service.start()
                self._running.append(service)
            await self._user_watch.apply(self._saved)
        except BaseException:
            await self._stop_services()
            await self._fire(Trigger.BROKE)
            raise
        self._watcher.start()

    def look_after(self, service: Service) -> None:
        """Say how a service is that somebody else starts and stops."""
        self._beside.append(service)

    async def apply(self, current: Current) -> None:
        """Have a newer revision of the settings hold, live; raise LivermoreError when it cannot be.

        While paused it waits for the end of the pause. Whether it holds is told either way.
        """
        self._saved, self._saved_revision = current, current.revision
        try:
            if self._state in WATCHING:
                await self._user_watch.apply(current)
                await self._store()
        finally:
            self._tell()

    def saved(self, revision: int) -> None:
        """Take note of the newest stored revision, whether it can be read or not."""
        self._saved_revision = revision

    def applied(self) -> int:
        """Return the revision that holds, or will when the runtime starts."""
        return self._applied.revision

    def idles(self) -> str | None:
        """Say why nothing is watched just now; None while something can be."""
        return None if self._state in WATCHING else f"the runtime is {self._state}"

    def waits_for(self) -> str | None:
        """Say what a newer revision than the one that holds waits for; None when it waits for nothing."""
        return None if self.applied() == self._saved_revision else self.idles()

    async def stop(self) -> None:
        """Stop every service, the newest first."""
        if self._state is State.STOPPED:
            return
        await self._watcher.stop()
        try:
            await self._fire(Trigger.STOP)
        finally:
            await self._stop_services()
        await self._fire(Trigger.ENDED)

    def status(self) -> RuntimeStatus:
        """Say how everything is, from memory."""
        loaded, watched = self._plane.progress()
        return RuntimeStatus(
            state=self._state,
            desired_state=self._desired,
            pause={"level": "data", "reason": None, "until": None, "by": None}
            if self._state is State.PAUSED
            else None,
            mode=self._applied.document.livermore_runtime.mode,
            uptime_seconds=int(self._clock.monotonic() - self._began),
            settings={"saved": self._saved_revision, "applied": self._applied.revision},
            queue_depth=0,
            symbols={"active": loaded, "total": len(watched_symbols(self._applied.document))},
            exchanges=self._plane.statuses(),
            startup=self._startup(loaded, watched),
            last_candle_age_ms=self._plane.newest_age(),
            services={service.name: service.health().state for service in self._parts()},
        )

    @property
    def _applied(self) -> Current:
        """Return the settings that hold, or will when the runtime starts."""
        return self._user_watch.current or self._saved

    def _parts(self) -> Iterator[Service]:
        """Yield every service, those on the floor instead of the floor."""
        yield from (service for service in self._services if service is not self._floor)
        yield from self._floor.services()
        yield from self._beside

    def _startup(self, loaded: int, watched: int) -> Startup | None:
        """Say how far warming up is, and when it will be done at this pace."""
        if self._state not in (State.STARTING, State.WARMING):
            return None
        waiting = [
            symbol
            for desk in self._plane.desks.values()
            for symbol in desk.symbols
            if symbol not in desk.loaded and symbol not in desk.unlisted
        ]
        spent = self._clock.monotonic() - self._began
        return Startup(
            phase="connecting" if self._state is State.STARTING else "loading candles",
            percent=100 * loaded // watched if watched else 0,
            item=waiting[0] if waiting else None,
            eta_seconds=round(spent / loaded * (watched - loaded)) if loaded else self._plane.estimate(),
        )

    async def _watch(self) -> None:
        """Follow the services for as long as they run; what cannot be stored now is stored the next time."""
        while True:
            try:
                await self._follow_start()
            except LivermoreError as error:
                log.error("the state could not be stored", error=str(error))
            self._tell_changes()
            await self._clock.sleep(WATCH)

    async def _follow_start(self) -> None:
        """Go from starting over warming to running, as connections and histories allow."""
        loaded, watched = self._plane.progress()
        desks = self._plane.desks.values()
        connected = not desks or any(desk.state == "connected" for desk in desks)
        if self._state is State.STARTING and connected:
            await self._fire(Trigger.CONNECTED)
        if self._state is State.WARMING and loaded >= watched:
            await self._fire(Trigger.WARMED)
            self.ready.set()

    def _tell_changes(self) -> None:
        """Tell every service whose health has changed."""
        for service in self._parts():
            health = service.health()
            if health != self._told.get(service.name, Health()):
                log.warning("service", name=service.name, state=health.state, detail=health.detail)
                self._told[service.name] = health
                self._tell()

    async def _fire(self, trigger: Trigger) -> None:
        state = fire(self._state, trigger).current
        await self._store(state)
        self._state = state
        self._tell()

    async def _store(self, state: State | None = None) -> None:
        """Write down how the runtime is, or will be in a moment."""
        applied = self._applied
        stored = StoredRuntime(
            desired_state=self._desired, state=state or self._state,
            mode=applied.document.livermore_runtime.mode, settings_applied=applied.revision,
            updated_at=rfc3339(self._clock.now()),
        )  # fmt: skip
        await self._book.put(self._scope, stored)

    def _tell(self) -> None:
        data = msgspec.to_builtins(self.status())
        self._bus.publish(
            Event(topic="runtime", time=self._clock.now(), data=data, whose=self._scope.identity_sub)
        )

    async def _stop_services(self) -> None:
        while self._running:
            service = self._running.pop()
            try:
                await service.stop()
            except Exception:
                log.exception("service did not stop in good order", name=service.name)
