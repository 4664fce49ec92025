"""One user's runtime: its state, and the services that it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from livermore.kernel.clock import Clock, rfc3339
from livermore.kernel.errors import LivermoreError
from livermore.kernel.events import Event, EventBus
from livermore.kernel.log import logger
from livermore.kernel.scope import Scope
from livermore.kernel.service import Background, Health, Service
from livermore.market.plane import ExchangeStatus, MarketPlane
from livermore.runtime.ports import RuntimeBook, StoredRuntime
from livermore.runtime.state import State, Trigger, fire

WATCH = 0.5
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


class Runtime:
    """Start services in order, watch over them, stop them in reverse; tell every change of state."""

    def __init__(
        self, scope: Scope, services: Sequence[Service], plane: MarketPlane, book: RuntimeBook, bus: EventBus,
        clock: Clock, *, mode: str, revision: int, total: int, auto_start: bool,
    ) -> None:  # fmt: skip
        self._scope = scope
        self._services = services
        self._plane = plane
        self._book = book
        self._bus = bus
        self._clock = clock
        self._mode = mode
        self._revision = revision
        self._total = total
        self._desired = "running" if auto_start else "paused"
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
        except BaseException:
            await self._stop_services()
            await self._fire(Trigger.BROKE)
            raise
        self._watcher.start()

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
            mode=self._mode,
            uptime_seconds=int(self._clock.monotonic() - self._began),
            settings={"saved": self._revision, "applied": self._revision},
            queue_depth=0,
            symbols={"active": loaded, "total": self._total},
            exchanges=self._plane.statuses(),
            startup=self._startup(loaded, watched),
            last_candle_age_ms=self._plane.newest_age(),
            services={service.name: service.health().state for service in self._services},
        )

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
        for service in self._services:
            health = service.health()
            if health != self._told.get(service.name, Health()):
                log.warning("service", name=service.name, state=health.state, detail=health.detail)
                self._told[service.name] = health
                self._tell()

    async def _fire(self, trigger: Trigger) -> None:
        state = fire(self._state, trigger).current
        stored = StoredRuntime(
            desired_state=self._desired, state=state, mode=self._mode,
            settings_applied=self._revision, updated_at=rfc3339(self._clock.now()),
        )  # fmt: skip
        await self._book.put(self._scope, stored)
        self._state = state
        self._tell()

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
