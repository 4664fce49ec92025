"""Signals on their way to the store: with states and alerts or not at all, once, and told afterwards."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest
from msgspec.structs import replace

from livermore.kernel.clock import ManualClock, rfc3339
from livermore.kernel.errors import StorageUnavailableError
from livermore.kernel.timeframe import Timeframe
from livermore.market.ports import Series
from livermore.settings.upgrade import read_settings
from livermore.signals.alert import Alert
from livermore.signals.ports import WITHDRAWN, StoredState
from livermore.signals.recorder import INTERVAL, RETRY, Revision, SignalRecorder, alert_maker
from livermore.signals.signal import Signal
from tests.reference.series import START
from tests.unit.market.factories import MINUTE, generated

from .factories import EAGER
from .memory import Books
from .watching import NOW, SCOPE, replayed

SERIES = Series("test", "S", Timeframe.M1)
SIGNALS = replayed({"S": generated("trending", 1, 400)}, EAGER)["S"]
ALERTS = read_settings({"version": 2}).alerts


class Owner:
    """Own one rule state that changes whenever it is asked to."""

    def __init__(self) -> None:
        self.changed = [StoredState(SERIES, START, b"1")]

    def states(self) -> list[StoredState]:
        states, self.changed = self.changed, []
        return states


class Writing:
    """A recorder over books in memory; `order` is what happened when."""

    def __init__(self, **more: Any) -> None:
        self.clock, self.books, self.order = ManualClock(NOW), Books(), list[str]()
        prices = more.get("prices", {})
        maker = alert_maker(ALERTS, "UTC", self.clock, lambda exchange, symbol: prices.get(symbol))
        self.recorder = SignalRecorder(
            SCOPE, self.books.work, maker, lambda: self.order.append("told"), self.candles, self.clock
        )

    async def candles(self) -> None:
        self.order.append("candles")
        if self.books.failing and isinstance(self.books.failing[0], TimeoutError):
            raise StorageUnavailableError("no candles") from self.books.failing.pop(0)

    def alerts(self) -> list[Alert]:
        return list(self.books.alerts.values())


async def test_signals_states_and_alerts_are_stored_together_and_told_after_the_candles_are_there() -> None:
    writing = Writing()
    writing.recorder.take(SIGNALS[:3], Owner())
    await writing.recorder.flush()
    assert list(writing.books.signals.values()) == SIGNALS[:3]
    assert writing.books.states == {SERIES: StoredState(SERIES, START, b"1")}
    assert {alert.signal_id for alert in writing.alerts()} <= {one.id for one in SIGNALS[:3]}
    assert writing.order[0] == "candles"
    assert [event.data["id"] for event in writing.books.told] == [one.id for one in SIGNALS[:3]]
    assert {(event.topic, event.whose) for event in writing.books.told} == {("signal", SCOPE.identity_sub)}


async def test_the_same_signal_is_stored_told_and_alerted_once() -> None:
    writing = Writing()
    for _ in range(3):
        writing.recorder.take(SIGNALS[:5])
        await writing.recorder.flush()
    assert list(writing.books.signals.values()) == SIGNALS[:5]
    assert len(writing.books.told) == 5
    assert len(writing.alerts()) == len({alert.signal_id for alert in writing.alerts()})
    assert writing.order.count("told") <= 1


@pytest.mark.parametrize(
    "error", [StorageUnavailableError("gone"), TimeoutError()], ids=["signals", "candles"]
)
async def test_what_a_failing_store_refuses_is_kept_whole_and_written_later(error: BaseException) -> None:
    writing, owner = Writing(), Owner()
    await writing.recorder.start()
    await writing.clock.advance(0)
    writing.books.failing.append(error)
    writing.recorder.take(SIGNALS[:2], owner)
    await writing.clock.advance(INTERVAL)
    assert writing.recorder.health().state == "degraded"
    assert not any((writing.books.signals, writing.books.states, writing.books.alerts))
    assert writing.books.told == []
    owner.changed = [StoredState(SERIES, START + MINUTE, b"2")]
    writing.recorder.take(SIGNALS[2:4], owner)
    await writing.clock.advance(2 * RETRY)
    assert writing.recorder.health().state == "healthy"
    assert list(writing.books.signals.values()) == SIGNALS[:4]
    assert writing.books.states == {SERIES: StoredState(SERIES, START + MINUTE, b"2")}
    await writing.recorder.stop()


async def test_a_write_that_is_cancelled_is_made_at_the_end() -> None:
    writing = Writing()
    hanging = asyncio.Event()

    async def hang() -> None:
        await hanging.wait()

    writing.recorder._candles_first = hang
    await writing.recorder.start()
    await writing.clock.advance(0)
    writing.recorder.take(SIGNALS[:2], Owner())
    await writing.clock.advance(INTERVAL)
    asyncio.get_running_loop().call_soon(hanging.set)
    await writing.recorder.stop()
    assert list(writing.books.signals.values()) == SIGNALS[:2]
    assert SERIES in writing.books.states


async def refused(writing: Writing) -> None:
    """Have a rule state taken that cannot be written now, by an owner who leaves at once."""
    owner = Owner()
    writing.recorder.take([], owner)
    writing.books.failing.append(StorageUnavailableError())
    with pytest.raises(StorageUnavailableError):
        await writing.recorder.release(owner)


async def test_who_leaves_while_nothing_can_be_stored_is_let_go_of_and_the_states_are_kept() -> None:
    writing, owner = Writing(), Owner()
    left = weakref.ref(owner)
    writing.recorder.take([], owner)
    writing.books.failing.append(StorageUnavailableError())
    with pytest.raises(StorageUnavailableError):
        await writing.recorder.release(owner)
    del owner
    gc.collect()
    assert left() is None
    await writing.recorder.flush()
    assert SERIES in writing.books.states


async def test_who_leaves_while_another_write_goes_on_loses_no_state() -> None:
    writing, first, second = Writing(), Owner(), Owner()
    other = Series("test", "T", Timeframe.M1)
    second.changed = [StoredState(other, START, b"1")]
    may_go_on = asyncio.Event()

    async def wait() -> None:
        await may_go_on.wait()

    writing.recorder._candles_first = wait
    writing.recorder.take([], first)
    writing_first = asyncio.create_task(writing.recorder.flush())
    await asyncio.sleep(0)
    writing.recorder.take([], second)
    leaving = asyncio.create_task(writing.recorder.release(second))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    may_go_on.set()
    await writing_first
    await writing.recorder.flush()
    assert writing.books.states.keys() == {SERIES, other}


@pytest.mark.parametrize("how", ["the symbol", "the exchange"])
async def test_what_is_forgotten_is_not_written_later(how: str) -> None:
    writing = Writing()
    await refused(writing)
    if how == "the symbol":
        await writing.recorder.forget("test", ["S"])
    else:
        await writing.recorder.keep(["other"])
    await writing.recorder.flush()
    assert writing.books.states == {}


@pytest.mark.parametrize("how", ["another symbol", "another exchange"])
async def test_what_is_not_forgotten_is_written_later(how: str) -> None:
    writing = Writing()
    await refused(writing)
    if how == "another symbol":
        await writing.recorder.forget("test", ["T"])
        await writing.recorder.forget("other", ["S"])
    else:
        await writing.recorder.keep(["test"])
    await writing.recorder.flush()
    assert writing.books.states.keys() == {SERIES}


async def test_a_revision_withdraws_what_it_does_not_say_again_and_only_behind_its_bar() -> None:
    writing = Writing()
    writing.recorder.take(SIGNALS)
    await writing.recorder.flush()
    start = SIGNALS[len(SIGNALS) // 2].time
    behind = [one for one in SIGNALS if one.time >= Timeframe(one.timeframe).bucket(start)]
    kept = behind[::2]
    writing.recorder.revise(revision("S", start, kept))
    await writing.recorder.flush()
    gone = {one.id for one in behind} - {one.id for one in kept}
    assert gone
    for one in writing.books.signals.values():
        assert one.withdrawn_at == (rfc3339(NOW) if one.id in gone else None)


async def test_a_revision_of_one_symbol_leaves_the_others_alone() -> None:
    writing = Writing()
    writing.recorder.take(SIGNALS[:5])
    await writing.recorder.flush()
    writing.recorder.revise(revision("OTHER", 0, []))
    writing.recorder.revise(revision("S", 0, [])._replace(exchange="elsewhere"))
    await writing.recorder.flush()
    assert writing.books.standing() == SIGNALS[:5]


async def test_a_revision_leaves_alone_what_is_no_longer_judged() -> None:
    """Levels and timeframes that the user has since switched off say nothing now, and said the truth then."""
    writing = Writing()
    writing.recorder.take(SIGNALS)
    await writing.recorder.flush()
    writing.recorder.revise(revision("S", 0, [])._replace(after={"5m": -1}, levels=frozenset({150})))
    await writing.recorder.flush()
    for one in writing.books.signals.values():
        judged = one.timeframe == "5m" and one.level in (150, -150, None)
        assert (one.withdrawn_at is not None) == judged
    assert {one.withdrawn_at is None for one in writing.books.signals.values()} == {True, False}


async def test_a_revision_of_more_signals_than_a_page_reaches_all_of_them() -> None:
    writing = Writing()
    many = [replace(SIGNALS[0], id=f"{number}", time=SIGNALS[0].time + number) for number in range(2_500)]
    writing.recorder.take(many)
    await writing.recorder.flush()
    writing.recorder.revise(revision("S", 0, []))
    await writing.recorder.flush()
    assert writing.books.standing() == []


async def test_what_is_said_again_otherwise_is_amended_and_told_and_its_alert_is_due_again() -> None:
    writing = Writing()
    writing.recorder.take(SIGNALS[:3])
    await writing.recorder.flush()
    alert = next(iter(writing.books.alerts.values()))
    writing.recorder.revise(revision("S", 0, []))
    await writing.recorder.flush()
    writing.books.alerts[alert.id] = replace(alert, state="failed", error=WITHDRAWN)
    told = len(writing.books.told)
    otherwise = [replace(SIGNALS[0], macdv=1.5, late=True, recorded_at="later"), *SIGNALS[1:3]]
    writing.recorder.take(otherwise)
    writing.recorder.revise(revision("S", 0, otherwise))
    await writing.recorder.flush()
    assert writing.books.standing() == [replace(SIGNALS[0], macdv=1.5), *SIGNALS[1:3]]
    assert [event.data["withdrawn_at"] for event in writing.books.told[told:]] == [None] * 3
    assert writing.books.alerts[alert.id].state == "pending"


def revision(symbol: str, start: int, signals: list[Signal]) -> Revision:
    """A revision by everything that the signals here are judged by."""
    after = {one.timeframe: -1 for one in SIGNALS}
    levels = frozenset(abs(one.level) for one in SIGNALS if one.level is not None)
    return Revision("test", symbol, start, after, levels, {one.id: one for one in signals})


async def test_nothing_to_write_opens_no_transaction() -> None:
    writing = Writing()
    await writing.recorder.flush()
    assert writing.order == []


async def test_an_alert_carries_the_last_price_and_the_table_of_timeframes() -> None:
    writing = Writing(prices={"S": 4_711.0})
    fresh: list[Signal] = [
        replace(one, time=NOW - MINUTE, low_confidence=False, late=False)
        for one in SIGNALS
        if one.timeframe == "1m"
    ][:1]
    writing.recorder.take(fresh)
    await writing.recorder.flush()
    (alert,) = writing.alerts()
    assert alert.payload["price"] == 4_711.0
    assert alert.signal_id == fresh[0].id
    assert "told" in writing.order
