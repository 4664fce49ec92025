"""Waiting for symbols to come and go: it ends when they have, or with what keeps them."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from livermore.kernel.scope import Scope
from livermore.market.arrivals import PATIENCE, Arrival, Arrivals
from livermore.settings.document import SettingsDocument
from livermore.settings.upgrade import read_settings

from .asking import SCOPE
from .office import BEGIN, Office, busy, opened


class Held:
    """One user's settings, as they hold."""

    def __init__(self, *symbols: str, **more: Any) -> None:
        self.at_rest: Any = None
        self.document: SettingsDocument
        self.put(*symbols, **more)

    def put(self, *symbols: str, **more: Any) -> None:
        profile = {"primary_exchange": "test"}
        self.document = read_settings(
            {"version": 2, "perseus_profile": profile, "symbols": list(symbols), **more}
        )

    def rests(self, scope: Scope) -> Any:
        return self.at_rest

    def applied(self, scope: Scope) -> SettingsDocument | None:
        return self.document


class Waiting:
    """Somebody who waits for symbols of an office, and what was told meanwhile."""

    def __init__(self, office: Office, held: Held, *symbols: str, exchange: str = "test") -> None:
        self.arrivals = Arrivals({"test": office.desk}, held, office.clock)
        self.told: list[tuple[int, str]] = []
        self.holds: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        names = [(exchange, symbol) for symbol in symbols]
        self.arrival: asyncio.Task[Arrival] = asyncio.create_task(
            self.arrivals.loaded(SCOPE, names, self.holds, lambda *said: self.told.append(said))
        )


async def ended(office: Office, waiting: Waiting, seconds: float = 0.2) -> Arrival:
    """Return what somebody has waited for, after so many seconds."""
    await office.clock.advance(0)
    await office.clock.advance(seconds)
    assert waiting.arrival.done()
    return waiting.arrival.result()


async def test_it_ends_when_the_last_one_is_live_and_tells_how_far_it_is() -> None:
    async with opened(busy(symbols=2)) as office:
        await office.until(BEGIN + 0.1)
        office.desk.loaded.discard("S1")
        waiting = Waiting(office, Held("S0", "S1"), "S0", "S1")
        await office.clock.advance(0.3)
        assert waiting.told[0] == (1, "test:S1")
        office.desk.loaded.add("S1")
        await office.clock.advance(0.3)
        assert not waiting.arrival.done(), "the settings do not hold yet"
        waiting.holds.set_result(None)
        assert await ended(office, waiting) == Arrival(2)


async def test_what_rests_is_not_waited_for() -> None:
    async with opened(busy(symbols=1)) as office:
        waiting = Waiting(office, Held("S0"), "S0")
        waiting.holds.set_result("the runtime is paused")
        assert await ended(office, waiting) == Arrival(0, "the runtime is paused")


@pytest.mark.parametrize("holds", [True, False])
async def test_what_came_before_a_pause_is_counted_though_it_is_let_go_of(holds: bool) -> None:
    async with opened(busy(symbols=2)) as office:
        await office.until(BEGIN + 0.1)
        office.desk.loaded.discard("S1")
        held = Held("S0", "S1")
        waiting = Waiting(office, held, "S0", "S1")
        if holds:
            waiting.holds.set_result(None)
        await office.clock.advance(0.3)
        assert waiting.told[-1] == (1, "test:S1")
        held.at_rest = "paused"
        office.desk.loaded.clear()
        await office.clock.advance(0.3)
        if not holds:
            waiting.holds.set_result("the runtime is paused")
        assert await ended(office, waiting) == Arrival(1, "the runtime is paused")
        assert waiting.told[-1] == (1, "test:S1")


async def test_what_is_taken_off_or_switched_off_meanwhile_is_not_waited_for() -> None:
    async with opened(busy(symbols=1)) as office:
        for change, why in (
            (lambda held: held.put("S0"), "test:NEW has been taken off or switched off again"),
            (lambda held: held.put("S0", "NEW", disabled_symbols=["NEW"]), "taken off or switched off"),
            (
                lambda held: held.put("S0", "NEW", exchanges={"test": {"enabled": False}}),
                "test is switched off in the settings",
            ),
            (lambda held: setattr(held, "at_rest", "paused"), "the runtime is paused"),
            (lambda held: setattr(held, "at_rest", "off"), "the runtime does not run"),
        ):
            held = Held("S0", "NEW")
            waiting = Waiting(office, held, "NEW")
            waiting.holds.set_result(None)
            await office.clock.advance(1)
            assert not waiting.arrival.done()
            change(held)
            arrival = await ended(office, waiting)
            assert arrival.loaded == 0
            assert why in (arrival.waits_for or "")


async def test_what_stays_in_the_way_is_told_and_what_passes_is_not() -> None:
    async with opened(busy(symbols=1)) as office:
        desk = office.desk
        await office.until(BEGIN + 0.1)

        def unlisted() -> None:
            desk.unlisted = ["NEW"]

        def lacking() -> None:
            desk.works.lacking.add("NEW")
            desk.detail = "NEW waits for its history: we are asked to slow down"

        def disconnected() -> None:
            desk.state, desk.detail = "disconnected", None

        ways: tuple[tuple[Callable[[], None], str], ...] = (
            (unlisted, "test does not list NEW"),
            (lacking, "NEW waits for its history: we are asked to slow down"),
            (disconnected, "test is disconnected"),
        )
        for block, why in ways:
            desk.unlisted, desk.detail, desk.state = [], None, "connected"
            desk.works.lacking.clear()
            waiting = Waiting(office, Held("NEW"), "NEW")
            waiting.holds.set_result(None)
            block()
            await office.clock.advance(PATIENCE - 1)
            assert not waiting.arrival.done()
            assert await ended(office, waiting, 2) == Arrival(0, why)
        desk.state = "connected"
    waiting = Waiting(office, Held("other:NEW"), "NEW", exchange="other")
    waiting.holds.set_result(None)
    assert await ended(office, waiting, PATIENCE + 1) == Arrival(0, "other is switched off")


async def test_what_is_removed_is_waited_for_until_it_is_not_streamed() -> None:
    async with opened(busy(symbols=2)) as office:
        await office.until(BEGIN + 0.1)
        desk = office.desk
        arrivals = Arrivals({"test": desk}, Held(), office.clock)
        assert arrivals.streams("test", "S1")
        assert await arrivals.gone("test", "S1") is None, "another user watches it"
        desk.symbols.remove("S1")
        going = asyncio.create_task(arrivals.gone("test", "S1"))
        await office.clock.advance(1)
        assert not going.done()
        desk.session.subscribed.discard("S1")
        await office.clock.advance(0.2)
        assert await going is None
        desk.symbols.remove("S0")
        stuck = asyncio.create_task(arrivals.gone("test", "S0"))
        await office.clock.advance(PATIENCE + 1)
        assert "test has not taken the end of the subscription" in (await stuck or "")
    assert await arrivals.gone("other", "S0") is None
