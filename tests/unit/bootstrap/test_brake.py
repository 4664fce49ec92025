"""What holds a market of our own making back, and for how long."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from livermore.bootstrap.brake import BACKLOG, LONGEST_REPAIR, Brake, Watched
from livermore.kernel.clock import ManualClock
from livermore.kernel.timeframe import MINUTE, Timeframe


class Scene:
    """A brake with what it looks at, all of it to be set."""

    def __init__(self, *, flat_out: bool = True) -> None:
        self.clock = ManualClock()
        self.ready = asyncio.Event()
        self.recorder = SimpleNamespace(backlog=0)
        self.waiting = ["BTCUSDT"]
        self.feed = SimpleNamespace(
            waiting=lambda: self.waiting, next_open=lambda symbol: 0, market_time=2 * MINUTE
        )
        self.desk = SimpleNamespace(
            feed=self.feed, table=SimpleNamespace(base=Timeframe.M1), unlisted=list[str](),
            connected_at=0, reconnects=0,
        )  # fmt: skip
        self.other = SimpleNamespace(**vars(self.desk) | {"feed": SimpleNamespace(waiting=list)})
        self.brake = Brake(self.clock, flat_out=flat_out)
        parts: Any = self.recorder, {"binance": self.desk, "coinbase": self.other}
        self.brake.watch(Watched(self.ready.is_set, *parts))

    async def goes_on(self, seconds: float = 0.1) -> bool:
        """Say whether the market may go on within so many seconds."""
        going = asyncio.create_task(self.brake())
        await self.clock.advance(0)
        await self.clock.advance(seconds)
        done = going.done()
        going.cancel()
        return done


async def test_as_fast_as_it_goes_nothing_moves_before_all_is_loaded() -> None:
    scene = Scene()
    scene.waiting = []
    assert not await scene.goes_on()
    scene.ready.set()
    assert await scene.goes_on()


async def test_at_a_pace_nothing_moves_before_every_exchange_is_heard_or_lost() -> None:
    scene = Scene(flat_out=False)
    scene.other.connected_at = None
    assert not await scene.goes_on()
    scene.other.reconnects = 1
    assert await scene.goes_on()


async def test_nothing_moves_where_no_exchange_is_heard() -> None:
    scene = Scene(flat_out=False)
    for desk in (scene.desk, scene.other):
        desk.connected_at, desk.reconnects = None, 1
    assert not await scene.goes_on()


async def test_two_markets_begin_at_the_same_moment() -> None:
    scene = Scene(flat_out=False)
    scene.other.connected_at = None
    began: list[float] = []

    async def market() -> None:
        await scene.brake()
        began.append(scene.clock.monotonic())

    async with asyncio.TaskGroup() as group:
        group.create_task(market())
        await scene.clock.advance(0.02)
        group.create_task(market())
        await scene.clock.advance(0.02)
        scene.other.connected_at = 0
        await scene.clock.advance(1)
    assert len(began) == 2
    assert began[0] == began[1]


async def test_writing_is_waited_for() -> None:
    scene = Scene(flat_out=False)
    scene.ready.set()
    scene.recorder.backlog = BACKLOG + 1
    assert not await scene.goes_on()
    scene.recorder.backlog = BACKLOG
    assert await scene.goes_on()


async def test_a_repair_is_waited_for_as_fast_as_it_goes() -> None:
    scene = Scene()
    scene.ready.set()
    assert not await scene.goes_on()
    scene.waiting = []
    assert await scene.goes_on()


async def test_a_market_with_a_pace_of_its_own_waits_for_no_repair() -> None:
    scene = Scene(flat_out=False)
    scene.ready.set()
    assert await scene.goes_on()


@pytest.mark.parametrize("behind", [MINUTE, 2 * MINUTE - 1])
async def test_a_range_that_rest_may_not_know_yet_holds_nothing(behind: int) -> None:
    scene = Scene()
    scene.ready.set()
    scene.feed.market_time = behind
    assert await scene.goes_on()


async def test_what_the_exchange_does_not_list_holds_nothing() -> None:
    scene = Scene()
    scene.ready.set()
    scene.desk.unlisted = ["BTCUSDT"]
    assert await scene.goes_on()


async def test_nobody_is_waited_for_longer_than_once_until_whole_again() -> None:
    scene = Scene()
    scene.ready.set()
    assert await scene.goes_on(LONGEST_REPAIR + 1)
    assert await scene.goes_on()
    scene.waiting = ["BTCUSDT", "ETHUSDT"]
    assert not await scene.goes_on()
    scene.waiting = []
    assert await scene.goes_on()
    scene.waiting = ["BTCUSDT"]
    assert not await scene.goes_on()
