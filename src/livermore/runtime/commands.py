"""What may be asked of a runtime while it runs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import msgspec

from livermore.control.limits import Limits
from livermore.control.registry import Call, Job, Nothing, Payload, Registry
from livermore.control.traces import reason_of
from livermore.kernel.clock import Clock, parse_time
from livermore.kernel.errors import (
    InvalidError,
    LivermoreError,
    NotFoundError,
    NotImplementedYetError,
)
from livermore.kernel.scope import Scope
from livermore.runtime.holding import HoldingHere
from livermore.runtime.host import Host
from livermore.runtime.runtime import Runtime
from livermore.runtime.state import State, Transition
from livermore.runtime.status import Level, Pause
from livermore.settings.diff import Difference
from livermore.settings.patch import PathPatch
from livermore.settings.path import dotted
from livermore.settings.ports import Authorship
from livermore.settings.service import Change, SettingsService

FIRST, SOON = 1, 10
TURNING = Limits(turn=60.0)
"""Going live may ask an exchange, which answers within some ten seconds; a pause may have to wait for it."""
LONGEST_REASON = 1_000
LONGEST_PAUSE = 366 * 86_400_000
"""No pause ends by itself later than this (ms)."""


class PausePayload(Payload, frozen=True, kw_only=True):
    """Rest from `data` (everything) or from sending `alerts`; `until` is ms UTC or RFC 3339."""

    level: Level = "data"
    reason: str | None = None
    until: int | str | None = None


class ModePayload(Payload, frozen=True, kw_only=True):
    """The mode to switch to."""

    mode: Literal["position-monitor", "scalper-macdv", "scalper-orderbook"]


class Turned(msgspec.Struct, frozen=True, kw_only=True):
    """What a change of state was: from where to where, and the pause that holds now."""

    previous: str
    current: str
    pause: Pause | None


class Reloaded(msgspec.Struct, frozen=True, kw_only=True):
    """Which revision was read, what it changed, and what it still waits for, if so."""

    previous: int
    revision: int
    changes: list[dict[str, Any]]
    waits_for: str | None


class Switched(msgspec.Struct, frozen=True, kw_only=True):
    """From which mode to which, the revision that says so, and what it still waits for, if so."""

    previous: str
    mode: str
    revision: int
    waits_for: str | None


class RuntimeCommands:
    """Carry out what is asked of runtimes."""

    def __init__(
        self, host: Host, settings: SettingsService, clock: Clock,
        cancel_jobs: Callable[[Scope, str], object],
    ) -> None:  # fmt: skip
        self._host = host
        self._holding = HoldingHere(host, clock)
        self._settings = settings
        self._clock = clock
        self._cancel_jobs = cancel_jobs

    def register(self, registry: Registry) -> None:
        """Add the commands of this room."""
        add = registry.register
        add("pause", PausePayload, self.pause, priority=FIRST, limits=TURNING,
            about="Rest from everything, or from sending alerts, until resumed or until a time.")  # fmt: skip
        add("resume", Nothing, self.resume, priority=FIRST, limits=TURNING,
            about="End a pause: repair what was missed, then go live.")  # fmt: skip
        add("reload-settings", Nothing, self.reload_settings, priority=SOON,
            about="Read the stored settings again and bring them about.")  # fmt: skip
        add("switch-mode", ModePayload, self.switch_mode, priority=SOON,
            about="Choose another mode, as a revision of the settings, and go over to it.")  # fmt: skip

    async def pause(self, call: Call) -> Turned:
        """Pause, with no job going on behind it."""
        asked: PausePayload = call.payload
        if asked.reason is not None and len(asked.reason) > LONGEST_REASON:
            hint = f"up to {LONGEST_REASON} letters"
            raise InvalidError("this reason is too long", where="payload.reason", hint=hint)
        pause = Pause(
            level=asked.level, reason=asked.reason, until=self._until(asked.until), by=call.command.author
        )
        runtime = self._runtime(call.scope)
        if asked.level == "data":
            self._cancel_jobs(call.scope, f"the runtime is {State.PAUSED}")
        return _turned(await runtime.pause(pause), runtime)

    async def resume(self, call: Call) -> Turned:
        """End a pause."""
        runtime = self._runtime(call.scope)
        return _turned(await runtime.resume(), runtime)

    async def reload_settings(self, call: Call) -> Job:
        """Bring about the newest stored revision; raise what keeps it from holding."""
        self._runtime(call.scope)
        return Job(lambda: self._reloaded(call.scope))

    async def _reloaded(self, scope: Scope) -> Reloaded:
        runtime = self._runtime(scope)
        before, newest = runtime.applied(), await self._settings.newest_revision(scope)
        waits = await self._holding.bring_about(scope, newest)
        changes = await self._settings.diff(scope, before, newest) if 0 < before != newest else []
        return Reloaded(
            previous=before, revision=newest, changes=[_plain(one) for one in changes], waits_for=waits
        )

    async def switch_mode(self, call: Call) -> Job:
        """Store the mode as a revision, then bring it about."""
        asked: ModePayload = call.payload
        if asked.mode == "scalper-orderbook":
            hint = "choose position-monitor or scalper-macdv"
            raise NotImplementedYetError("the order-book mode does not exist yet", hint=hint)
        self._runtime(call.scope)
        by = Authorship(author=call.command.author, source="command", reason=reason_of(call.command.id))
        change = await self._settings.patch(
            call.scope, PathPatch(("livermore_runtime", "mode"), asked.mode), by
        )
        return Job(partial(self._switch, call.scope, change), partial(_switched, change))

    async def _switch(self, scope: Scope, change: Change) -> Switched:
        return _switched(change, await self._holding.bring_about(scope, change.revision))

    def _runtime(self, scope: Scope) -> Runtime:
        runtime = self._host.of(scope)
        if runtime is None:
            raise NotFoundError("this user has no runtime here")
        return runtime

    def _until(self, given: int | str | None) -> int | None:
        """Return the time (ms UTC) until which to pause; it lies ahead, and within a year."""
        if given is None:
            return None
        try:
            until = parse_time(given) if isinstance(given, str) else given
        except (ValueError, LivermoreError):
            hint = "ms UTC, or such as 2030-01-31T08:00:00Z"
            raise InvalidError(f"{given!r} is no time", where="payload.until", hint=hint) from None
        if not 0 < until - self._clock.now() <= LONGEST_PAUSE:
            raise InvalidError("a pause ends in the future, within a year", where="payload.until")
        return until


def _turned(transition: Transition, runtime: Runtime) -> Turned:
    return Turned(previous=transition.previous, current=runtime.state, pause=runtime.pausing)


def _switched(change: Change, waits_for: str | None) -> Switched:
    previous, mode = change.before.livermore_runtime.mode, change.after.livermore_runtime.mode
    return Switched(previous=previous, mode=mode, revision=change.revision, waits_for=waits_for)


def _plain(one: Difference) -> dict[str, Any]:
    return {"op": one.op, "path": dotted(one.path), "from": one.before, "to": one.after}
