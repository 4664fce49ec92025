"""How a runtime is, told from memory."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from livermore.kernel.scope import Scope
from livermore.kernel.service import Service
from livermore.market.plane import ExchangeStatus, MarketPlane, resting
from livermore.runtime.parts import Parts, Surroundings
from livermore.runtime.state import WATCHING, State
from livermore.runtime.status import Pause, RuntimeStatus, Startup
from livermore.runtime.watch import wanted_of
from livermore.settings.service import Current, watched_symbols


class Standing(NamedTuple):
    """What a runtime knows of itself; `began` is the monotonic time (s) at which it last started."""

    scope: Scope
    state: State
    desired: str
    pause: Pause | None
    mode: str
    began: float
    saved: int


def status_of(standing: Standing, around: Surroundings, parts: Parts | None) -> RuntimeStatus:
    """Say how everything is that a runtime rests on."""
    current, state = _current(parts), standing.state
    names = wanted_of(current.document).symbols if current is not None else {}
    spent = around.clock.monotonic() - standing.began
    progress = loaded, _ = progress_of(state, around, parts)
    return RuntimeStatus(
        state=state,
        desired_state=standing.desired,
        pause=standing.pause,
        mode=current.document.livermore_runtime.mode if current is not None else standing.mode,
        uptime_seconds=int(spent),
        settings={"saved": standing.saved, "applied": current.revision if current is not None else 0},
        queue_depth=around.queue_depth(standing.scope),
        symbols={
            "active": loaded,
            "total": len(watched_symbols(current.document)) if current is not None else 0,
        },
        exchanges=_exchanges(state, around.plane, names),
        startup=_startup(state, progress, spent, around.plane, next(iter(around.plane.waiting(names)), None)),
        last_candle_age_ms=around.plane.newest_age(names),
        services={service.name: service.health().state for service in _services(around, parts)},
    )


def progress_of(state: State, around: Surroundings, parts: Parts | None) -> tuple[int, int]:
    """Return how many of the watched symbols are loaded, of how many that are listed."""
    current = _current(parts)
    if current is None or state not in WATCHING:
        return 0, 0
    return around.plane.progress(wanted_of(current.document).symbols)


def _current(parts: Parts | None) -> Current | None:
    return None if parts is None else parts.watch.current


def _exchanges(state: State, plane: MarketPlane, names: Collection[str]) -> list[ExchangeStatus]:
    return [resting(name) for name in names] if state is State.PAUSED else plane.statuses(names)


def _services(around: Surroundings, parts: Parts | None) -> list[Service]:
    """Return every service that a runtime rests on."""
    shared = [one for one in around.others.services() if one is not around.floor]
    if parts is None:
        return shared
    own: list[Service] = [parts.signals, parts.alerts, parts.applier]
    return [*shared, *own, *around.floor.services_for(parts.watch)]


def _startup(
    state: State, progress: tuple[int, int], spent: float, plane: MarketPlane, item: str | None
) -> Startup | None:
    """Say how far warming up is, and when it will be done at this pace."""
    if state not in (State.STARTING, State.WARMING):
        return None
    loaded, watched = progress
    return Startup(
        phase="connecting" if state is State.STARTING else "loading candles",
        percent=100 * loaded // watched if watched else 0,
        item=item,
        eta_seconds=round(spent / loaded * (watched - loaded)) if loaded else plane.estimate(),
    )
