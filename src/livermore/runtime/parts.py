"""What a runtime is made of, and what it shares with the others of its process."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from livermore.kernel.clock import Clock
from livermore.kernel.events import EventBus
from livermore.kernel.scope import Scope
from livermore.kernel.service import Service
from livermore.market.plane import MarketPlane
from livermore.runtime.applier import Applier, Saved
from livermore.runtime.floor import Floor
from livermore.runtime.meanwhile import History
from livermore.runtime.plan import RuntimeForesight
from livermore.runtime.ports import RuntimeBook
from livermore.runtime.supervisor import Supervisor
from livermore.runtime.watch import Watch


class Alerts(Service, Protocol):
    """What sends alerts."""

    async def parted(self) -> None:
        """Wait until nothing is under way any more that a stop has left."""
        ...


class Parts(NamedTuple):
    """What a runtime is made of once it has something to do."""

    watch: Watch
    signals: Service
    alerts: Alerts
    applier: Applier
    foresight: RuntimeForesight


class Chosen(Saved, History, Protocol):
    """The settings, as far as a runtime needs them."""


class Surroundings(NamedTuple):
    """What the runtimes of a process share; `others` are the services that nobody's runtime owns."""

    plane: MarketPlane
    floor: Floor
    settings: Chosen
    book: RuntimeBook
    bus: EventBus
    clock: Clock
    others: Supervisor
    queue_depth: Callable[[Scope], int]
