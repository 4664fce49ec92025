"""Open pages are kept current together, and one that left is left alone."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from livermore.apps.admin import live as module
from livermore.apps.admin.chart import Shown
from livermore.apps.admin.live import Live
from livermore.kernel.events import Event
from livermore.kernel.scope import Scope
from tests.unit.apps.standin import NOW, StandIn, signal_at

OWN = Scope(user_id=1, identity_sub="local")
OTHER = Scope(user_id=2, identity_sub="other")


class Viewer:
    """Remember what a page is told."""

    def __init__(self, shown: Shown | None = None, whose: Scope = OWN) -> None:
        self.shown = shown
        self.scope = whose
        self.told: dict[str, list[Any]] = {}

    def __getattr__(self, name: str) -> Any:
        return lambda payload: self.told.setdefault(name, []).append(msgspec.json.decode(payload))


@pytest.fixture
def system() -> StandIn:
    return StandIn()


@pytest.fixture
async def live(system: StandIn, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Live]:
    monkeypatch.setattr(module, "PACE", 0.01)
    live = Live(system)  # type: ignore[arg-type]
    running = asyncio.create_task(live.run())
    await asyncio.sleep(0)
    yield live
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_page_begins_with_the_whole_board(live: Live) -> None:
    board = msgspec.json.decode(live.join(Viewer()))
    assert len(board["rows"]) == 5
    assert board["bar"]["state"] == "running"


async def test_pages_are_told_what_moved(system: StandIn, live: Live) -> None:
    page, other = Viewer(Shown("coinbase", "BTC-USD", "1m")), Viewer()
    live.join(page)
    live.join(other)
    system.market.now += 1_000
    await asyncio.sleep(0.1)
    assert page.told["changed"] == other.told["changed"]
    assert page.told["moved"][0]["forming"][0] == NOW
    assert "moved" not in other.told


async def test_a_page_that_is_told_rarely_lacks_no_bar(system: StandIn, live: Live) -> None:
    page = Viewer(Shown("coinbase", "BTC-USD", "1m"))
    live.join(page)
    await asyncio.sleep(0.1)
    for _ in range(30):
        system.close_minute()
    await asyncio.sleep(0.1)
    told = page.told["moved"]
    assert all(one["bars"][-1][0] >= then["bars"][0][0] for one, then in pairwise(told))
    assert told[-1]["bars"][-1][0] == told[0]["bars"][-1][0] + 30 * 60_000


async def test_a_quiet_market_is_not_told_again(live: Live) -> None:
    page = Viewer(Shown("coinbase", "BTC-USD", "1m"))
    live.join(page)
    await asyncio.sleep(0.15)
    assert "changed" not in page.told
    assert len(page.told["moved"]) == 1


async def test_signals_reach_the_list_and_the_chart(system: StandIn, live: Live) -> None:
    page, other = Viewer(Shown("coinbase", "BTC-USD", "1m")), Viewer(Shown("coinbase", "BTC-USD", "5m"))
    live.join(page)
    live.join(other)
    system.raise_signal(signal_at("BTC-USD", "1m", NOW, 155.0, 7))
    await asyncio.sleep(0.1)
    assert page.told["said"][0][0]["text"] == "MACD-V rose above +150"
    assert page.told["delivered"][0][0]["state"] == "sent"
    assert page.told["marked"][0][0]["time"] == NOW
    assert "marked" not in other.told


async def test_a_flood_is_told_as_its_newest(system: StandIn, live: Live) -> None:
    page = Viewer()
    live.join(page)
    for number in range(500):
        system.raise_signal(signal_at("BTC-USD", "1m", NOW + number, 155.0, number))
    await asyncio.sleep(0.1)
    assert len(page.told["said"][0]) == 60
    assert page.told["said"][0][-1]["time"] == NOW + 499


async def test_coverage_is_told_when_it_changed_and_once_a_second(system: StandIn, live: Live) -> None:
    page = Viewer()
    live.join(page)
    await asyncio.sleep(0.05)
    assert [grid["rows"][1]["cells"]["5m"] for grid in page.told["covered"]] == [["fresh", ""]]
    system.coverage.lose("ETH-USD", "5m", 2)
    await asyncio.sleep(0.05)
    assert len(page.told["covered"]) == 1
    for _ in range(3):
        await system.clock.advance(1)
        await asyncio.sleep(0.05)
    assert [grid["rows"][1]["cells"]["5m"] for grid in page.told["covered"]] == [["fresh", ""], ["hole", "2"]]


async def test_a_revision_reaches_the_pages_that_show_its_series(system: StandIn, live: Live) -> None:
    page, other = Viewer(Shown("coinbase", "BTC-USD", "1m")), Viewer(Shown("coinbase", "BTC-USD", "5m"))
    assert not system.bus.heard("candle")
    live.join(page)
    live.join(other)
    await asyncio.sleep(0.02)
    assert system.bus.heard("candle")
    bars = [{"symbol": "BTC-USD", "timeframe": "1m", "from": NOW - 120_000, "to": NOW}]
    system.publish("candle", {"exchange": "binance", "revised": bars})
    system.publish("candle", {"exchange": "coinbase", "bars": []})
    system.publish("candle", {"exchange": "coinbase", "revised": bars})
    await asyncio.sleep(0.05)
    assert page.told["revised"] == [[{"from": NOW - 120_000, "to": NOW}]]
    assert "revised" not in other.told


async def test_nobody_prepares_candles_when_the_last_page_is_gone(system: StandIn, live: Live) -> None:
    page, other = Viewer(), Viewer()
    for _ in range(2):
        live.join(page)
        live.join(other)
        await asyncio.sleep(0.02)
        live.leave(page)
        await asyncio.sleep(0.02)
        assert system.bus.heard("candle")
        live.leave(other)
        await asyncio.sleep(0.02)
        assert not system.bus.heard("candle")


async def test_who_left_is_left_alone(system: StandIn, live: Live) -> None:
    page = Viewer()
    live.join(page)
    live.leave(page)
    system.market.now += 60_000
    await asyncio.sleep(0.05)
    assert page.told == {}


async def test_a_failure_does_not_end_it(system: StandIn, live: Live) -> None:
    page = Viewer()
    live.join(page)
    status = system.runtime.status
    system.runtime.status = None  # type: ignore[assignment, method-assign]
    await asyncio.sleep(0.05)
    system.runtime.status = status  # type: ignore[method-assign]
    system.market.now += 1_000
    await asyncio.sleep(0.05)
    assert page.told["changed"]


async def test_the_pages_of_another_user_hear_nothing_of_this_one(system: StandIn, live: Live) -> None:
    own, other = Viewer(), Viewer(Shown("coinbase", "BTC-USD", "1m"), OTHER)
    live.join(own)
    board = msgspec.json.decode(live.join(other))
    assert board["bar"]["state"] == "stopped"
    assert len(board["rows"]) == 5
    system.raise_signal(signal_at("BTC-USD", "1m", NOW, 155.0, 7))
    system.runtime.state = "paused"
    system.market.now += 1_000
    await asyncio.sleep(0.1)
    assert own.told["said"]
    assert own.told["changed"][0]["bar"]["state"] == "paused"
    assert not other.told.keys() & {"said", "delivered", "marked"}
    assert not any("bar" in told for told in other.told["changed"])


async def test_each_user_hears_what_is_theirs(system: StandIn, live: Live) -> None:
    other, leaving = Viewer(whose=OTHER), Viewer()
    live.join(leaving)
    live.join(other)
    live.leave(leaving)
    told = msgspec.to_builtins(system.signals.signals[0])
    system.bus.publish(Event(topic="signal", time=NOW, data=told, whose="other"))
    await asyncio.sleep(0.1)
    assert [signal["id"] for signal in other.told["said"][0]] == [told["id"]]
    assert "said" not in leaving.told
    live.leave(other)
    await asyncio.sleep(0.05)
    assert not system.bus.heard("signal")
