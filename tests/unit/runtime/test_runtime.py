"""A runtime whose state cannot be stored for the moment: it is stored later, and all ends in order."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

import pytest

from livermore.adapters.memory.bus import MemoryBus
from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import StorageUnavailableError
from livermore.kernel.scope import Scope
from livermore.kernel.service import Health
from livermore.kernel.timeframe import Timeframe
from livermore.market.desk import Desk
from livermore.market.plane import MarketPlane
from livermore.market.ports import Forecast
from livermore.runtime.floor import Floor
from livermore.runtime.ports import StoredRuntime
from livermore.runtime.runtime import WATCH, Runtime
from livermore.runtime.watch import Means, Watch
from livermore.settings.document import SettingsDocument
from livermore.settings.service import Current
from livermore.signals.dispatcher import Dispatcher
from livermore.signals.recorder import SignalRecorder


class Book:
    """Keep the newest state; of the states in `failing` each is refused once."""

    def __init__(self) -> None:
        self.failing: list[str] = []
        self.stored: list[str] = []

    async def get(self, scope: Scope) -> StoredRuntime | None:
        return None

    async def put(self, scope: Scope, runtime: StoredRuntime) -> None:
        if runtime.state in self.failing:
            self.failing.remove(runtime.state)
            raise StorageUnavailableError
        self.stored.append(runtime.state)


class Part:
    """A service that writes down whether it runs."""

    name = "part"
    running = False

    async def start(self) -> None:
        self.running = True

    async def stop(self) -> None:
        self.running = False

    def health(self) -> Health:
        return Health()


class Connected:
    """All that a runtime asks of a desk that has loaded everything."""

    state = "connected"
    connected_at = 0
    reconnects = 0
    loaded = symbols = ("A",)
    unlisted = ()

    def forecast(self) -> Forecast:
        return Forecast(0, 0.0)


async def nowhere(exchange: str, timeframes: Collection[Timeframe], symbols: Collection[str]) -> None:
    """Have no exchange to watch."""


async def at_once() -> None:
    """Have nothing to write first."""


def runtime_of(book: Book, part: Part, clock: ManualClock) -> Runtime:
    plane = MarketPlane({"test": cast("Desk", Connected())}, clock)
    plane.statuses = list  # type: ignore[method-assign]
    cast("Any", plane).newest_age = lambda: None
    scope, floor = Scope(user_id=1, identity_sub="sub"), Floor(nowhere, {}, {})
    signals = SignalRecorder(scope, cast("Any", None), lambda _: [], lambda: None, at_once, clock)
    dispatcher = Dispatcher(scope=scope, work=cast("Any", None), channels={}, clock=clock)
    means = Means(
        cast("Any", None), signals, dispatcher, lambda _: {}, lambda _: lambda _: [], lambda _: None
    )
    watch = Watch(scope, floor, means, clock)
    document = SettingsDocument.model_validate({"version": 2, "livermore_runtime": {"auto_start": True}})
    current = Current(document=document, revision=1, updated_at="")
    return Runtime(scope, [part], floor, watch, plane, book, MemoryBus(), clock, current=current)


@pytest.mark.parametrize("refused", ["warming", "running"])
async def test_a_state_that_cannot_be_stored_is_stored_the_next_time(refused: str) -> None:
    book, part, clock = Book(), Part(), ManualClock()
    book.failing.append(refused)
    runtime = runtime_of(book, part, clock)
    await runtime.start()
    await clock.advance(0)
    await clock.advance(5 * WATCH)
    assert book.stored == ["starting", "warming", "running"]
    assert runtime.ready.is_set()
    await runtime.stop()
    assert book.stored[3:] == ["stopping", "stopped"]


async def test_what_runs_is_stopped_also_when_that_cannot_be_stored() -> None:
    book, part, clock = Book(), Part(), ManualClock()
    runtime = runtime_of(book, part, clock)
    await runtime.start()
    await clock.advance(0)
    await clock.advance(5 * WATCH)
    assert part.running
    book.failing.append("stopping")
    with pytest.raises(StorageUnavailableError):
        await runtime.stop()
    assert not part.running
