"""What a protocol puts in front of the market: a REST door, a socket door, and a voice for its news."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from livermore.adapters.exchanges.simulated.counters import Counters
from livermore.adapters.exchanges.simulated.faults import Faults
from livermore.adapters.exchanges.simulated.floor import Floor
from livermore.adapters.exchanges.simulated.keys import Keys
from livermore.adapters.exchanges.simulated.market import Teller, Timetable
from livermore.adapters.exchanges.simulated.traded import TradedSource
from livermore.adapters.exchanges.simulated.view import Story, View
from livermore.kernel.clock import Clock

FASTEST_WITH_SECONDS = 60.0  # market time by wall time up to which prices are told every few seconds


class Door(Protocol):
    """Answer requests on some paths."""

    def routes(self) -> list[web.AbstractRouteDef]:
        """Return every path and its handler."""
        ...


class SocketDoor(Door, Protocol):
    """Hold the open connections."""

    async def close(self) -> None:
        """Close every connection in good order."""
        ...

    def cut(self) -> None:
        """Cut every wire, as a failing network would."""
        ...


class Voice(Teller, Protocol):
    """Tell the market's news in a protocol's own words."""

    async def whole_audience(self) -> None:
        """Wait until every symbol is asked for, or nobody has asked for more in a while."""
        ...

    def subscribed(self) -> set[str]:
        """Return the markets whose bars or trades some open connection asks for."""
        ...

    async def announce_shutdown(self, time: int) -> None:
        """Let everyone know that the server will soon go, in so far as the protocol has words for it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What a protocol has to work with."""

    source: TradedSource
    floor: Floor
    view: View
    clock: Clock
    speed: float | None
    counters: Counters
    faults: Faults
    now: Callable[[], int]
    keys: Keys

    @property
    def flat_out(self) -> bool:
        """Say whether the market runs as fast as its subscribers read."""
        return self.speed is None


@dataclass(frozen=True, slots=True)
class Doors:
    """Everything that speaks a protocol."""

    rest: Door
    sockets: SocketDoor
    voice: Voice


class Dialect(Story, Protocol):
    """Speak one exchange's protocol."""

    @property
    def timetable(self) -> Timetable:
        """Return when in a bucket something is due."""
        ...

    def open(self, stage: Stage) -> Doors:
        """Make the doors of one simulated exchange."""
        ...


def tells_seconds(speed: float | None) -> bool:
    """Say whether prices are told every few seconds at a speed, or only once a bar."""
    return speed is not None and speed <= FASTEST_WITH_SECONDS
