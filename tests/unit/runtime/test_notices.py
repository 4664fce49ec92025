"""Users are told of the markets that they watch, each once, whatever comes in between."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import NewerFormatError, NotFoundError, StorageUnavailableError
from livermore.kernel.scope import Scope
from livermore.market.listed import StateChange
from livermore.runtime.notices import MarketNotices
from livermore.settings.service import Current
from livermore.settings.upgrade import read_settings
from livermore.signals.alert import Alert

NOON = 1_750_000_000_000
HALTED = StateChange("BTC-USD", "halted", "trading")
GONE = StateChange("ETH-USD", "delisted", "trading")


def current(*symbols: str, **more: Any) -> Current:
    """Make a revision of the settings that watches some symbols."""
    profile = {"primary_exchange": "coinbase"}
    document = read_settings({"version": 2, "perseus_profile": profile, "symbols": list(symbols), **more})
    return Current(document=document, revision=1, updated_at="", warnings=())


class Running:
    """What is asked of a runtime."""

    def __init__(self, user: int, now: Current | None) -> None:
        self.scope = Scope(user_id=user, identity_sub=f"user{user}")
        self.current = now
        self.pausing: Any = None
        self.parts: Any = None


class House:
    """Users with their outboxes in memory."""

    def __init__(self, *runtimes: Running) -> None:
        self.runtimes = list(runtimes)
        self.stored: dict[int, Current | Exception] = {}
        self.outboxes: dict[int, dict[str, Alert]] = {}
        self.failing: set[int] = set()
        self.notices = MarketNotices(self, self, self.work, ManualClock(NOON))  # type: ignore[arg-type]

    def hosted(self) -> list[Running]:
        return self.runtimes

    async def current(self, scope: Scope) -> Current:
        found = self.stored[scope.user_id]
        if isinstance(found, Exception):
            raise found
        return found

    def work(self, scope: Scope) -> Any:
        return Work(self, scope.user_id)

    def texts(self, user: int) -> list[str]:
        """Return what a user is told."""
        return [alert.payload["text"] for alert in self.outboxes.get(user, {}).values()]


class Work:
    """One transaction over an outbox."""

    def __init__(self, house: House, user: int) -> None:
        self.house, self.user = house, user
        self.alerts = self

    async def __aenter__(self) -> Work:
        if self.user in self.house.failing:
            raise StorageUnavailableError
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def add(self, alerts: list[Alert]) -> None:
        outbox = self.house.outboxes.setdefault(self.user, {})
        for alert in alerts:
            outbox.setdefault(alert.id, alert)


async def test_each_user_is_told_of_what_that_user_watches() -> None:
    off = current("BTC-USD", disabled_symbols=["BTC-USD"])
    house = House(
        Running(1, current("BTC-USD", "ETH-USD")), Running(2, current("ETH-USD", "binance:BTC-USD")),
        Running(3, current("SOL-USD")), Running(4, off),
    )  # fmt: skip
    await house.notices.tell("coinbase", [HALTED, GONE], NOON)
    gone = "coinbase lists ETH-USD no more: it rests, with its history, until it is listed again"
    assert house.texts(1) == ["coinbase has halted trading of BTC-USD", gone]
    assert house.texts(2) == [gone]
    assert house.outboxes.keys() == {1, 2}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (StateChange("X", "trading", "halted"), "coinbase goes on with trading of X"),
        (StateChange("X", "trading", "delisted"), "coinbase lists X again"),
        (StateChange("X", "halted", "delisted"), "coinbase lists X again, and has halted its trading"),
        (StateChange("X", "delisted", "halted"), "coinbase lists X no more: it rests"),
    ],
)
async def test_every_change_has_its_words(change: StateChange, text: str) -> None:
    house = House(Running(1, current("X")))
    await house.notices.tell("coinbase", [change], NOON)
    (told,) = house.texts(1)
    assert told.startswith(text)


async def test_what_is_stored_is_sent_at_once() -> None:
    house, woken = House(Running(1, current("X")), Running(2, current("Y"))), list[int]()
    for runtime in house.runtimes:
        told = partial(woken.append, runtime.scope.user_id)
        runtime.parts = SimpleNamespace(watch=SimpleNamespace(told=told))
    await house.notices.tell("coinbase", [StateChange("X", "halted", "trading")], NOON)
    assert woken == [1]


async def test_what_is_told_again_is_stored_once_and_what_happens_again_is_told_again() -> None:
    house = House(Running(1, current("BTC-USD")))
    for since in (NOON, NOON, NOON + 600_000):
        await house.notices.tell("coinbase", [HALTED], since)
    assert len(house.texts(1)) == 2


async def test_where_it_cannot_be_stored_for_one_it_is_told_again_to_all_and_reaches_each_once() -> None:
    house = House(Running(1, current("BTC-USD")), Running(2, current("BTC-USD")))
    house.failing = {2}
    with pytest.raises(StorageUnavailableError):
        await house.notices.tell("coinbase", [HALTED], NOON)
    house.failing = set()
    await house.notices.tell("coinbase", [HALTED], NOON)
    assert (len(house.texts(1)), len(house.texts(2))) == (1, 1)


async def test_who_has_paused_since_the_start_is_known_by_the_stored_settings() -> None:
    house = House(Running(1, None), Running(2, None), Running(3, None), Running(4, current("BTC-USD")))
    house.stored = {1: current("BTC-USD"), 2: NotFoundError("gone"), 3: NewerFormatError()}
    house.runtimes[0].pausing = "a pause"
    await house.notices.tell("coinbase", [HALTED], NOON)
    assert house.outboxes.keys() == {1, 4}
    (kept,) = house.outboxes[1].values()
    assert (kept.state, kept.next_attempt) == ("held", 0)
