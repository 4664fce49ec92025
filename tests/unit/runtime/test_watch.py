"""Settings hold from the next bar on; what they leave alone goes on, and so does every other user."""

from __future__ import annotations

import asyncio

import pytest

from livermore.kernel.errors import ExchangeRefusedError, StorageUnavailableError
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import CandleState
from livermore.signals.signal import Signal
from tests.reference.series import START
from tests.unit.market.factories import MINUTE

from .hall import User, opened


def heads(signals: list[Signal]) -> list[tuple[str, str, int, str, int | None]]:
    """Return what signals are, whoever was told and when."""
    return [(one.symbol, one.timeframe, one.time, one.kind, one.level) for one in signals]


def minute_of(signal: Signal) -> int:
    return (signal.time - START) // MINUTE


async def test_a_symbol_that_is_chosen_is_judged_and_one_that_is_not_any_more_is_let_go() -> None:
    async with opened() as hall:
        user = User(hall)
        await user.choose("S0", "S1")
        await hall.until(80)
        await user.choose("S1", "S2")
        await hall.until(110)
        said = await user.said()
        assert {one.symbol for one in said} == {"S0", "S1", "S2"}
        assert max(minute_of(one) for one in said if one.symbol == "S0") < 80
        assert min(minute_of(one) for one in said if one.symbol == "S2") >= 79
        assert {series.symbol for series in user.books.states} == {"S1", "S2"}
        assert hall.desk.symbols == ["S1", "S2"]
        assert len(hall.exchanges) == 1
        await hall.stored("S1", 109)
        await hall.stored("S2", 109)


async def test_symbols_that_come_and_go_before_they_are_loaded_leave_the_others_alone() -> None:
    async with opened(symbols=8) as hall:
        user = User(hall)
        await user.choose("S0")
        await hall.until(80)
        await user.choose(*(f"S{number}" for number in range(8)))
        await user.choose("S0")
        await hall.until(110)
        assert hall.desk.symbols == ["S0"]
        await hall.stored("S0", 109)


async def test_other_rules_hold_at_once_and_no_bar_is_lost() -> None:
    async with opened() as hall:
        eager, changing = User(hall, 1), User(hall, 2)
        await eager.choose("S0")
        await changing.choose("S0")
        await hall.until(100)
        await changing.choose("S0", alerts={"levels": [], "cooldown_seconds": 0})
        await hall.until(140)
        levels = [one for one in await changing.said() if one.kind == "level"]
        assert max(map(minute_of, levels)) < 100
        before = [one for one in await eager.said() if one.kind == "level" and minute_of(one) < 99]
        assert heads(levels)[: len(before)] == heads(before)
        assert max(minute_of(one) for one in await eager.said() if one.kind == "level") > 100
        assert len(hall.exchanges[0].subscribed) == 1


async def test_two_users_share_a_post_and_each_is_told_what_he_watches() -> None:
    async with opened() as hall:
        first, second = User(hall, 1), User(hall, 2)
        await first.choose("S0", "S1")
        await hall.until(75)
        await second.choose("S1", "S2")
        await hall.until(100)
        await first.watch.rest()
        await hall.until(130)
        assert hall.desk.symbols == ["S1", "S2"]
        assert {one.symbol for one in await first.said()} == {"S0", "S1"}
        assert {one.symbol for one in await second.said()} == {"S1", "S2"}
        together = [one for one in await second.said() if one.symbol == "S1" and 80 < minute_of(one) < 99]
        assert heads(together) == heads([
            one for one in await first.said() if one.symbol == "S1" and 80 < minute_of(one) < 99
        ])  # fmt: skip
        await hall.stored("S1", 129)


async def test_the_last_who_leaves_closes_the_post_and_who_comes_back_is_told_what_he_missed() -> None:
    async with opened() as hall:
        staying, leaving = User(hall, 1), User(hall, 2)
        await staying.choose("S0")
        await leaving.choose("S0")
        await hall.until(70)
        await leaving.watch.rest()
        await hall.until(110)
        assert set(hall.floor.posts) == {"test"}
        await leaving.choose("S0")
        await hall.until(145)
        told, expected = await leaving.said(), await staying.said()
        assert heads(told) == heads(expected)
        assert {one.late for one in told if 70 < minute_of(one) < 108} == {True}
        assert {one.late for one in told if minute_of(one) > 111} == {False}
        await staying.watch.rest()
        await leaving.watch.rest()
        assert hall.floor.posts == {}
        assert hall.exchanges[0].closed


@pytest.mark.parametrize("restarted", [False, True])
async def test_what_is_taken_off_during_a_rest_begins_anew_when_it_comes_back(restarted: bool) -> None:
    async with opened() as hall:
        user = User(hall)
        await user.choose("S0")
        await hall.until(70)
        await user.watch.rest()
        assert {one.symbol for one in user.books.states} == {"S0"}
        if restarted:
            kept, user = user.books.states, User(hall)
            user.books.states = kept
        await user.choose()
        assert user.books.states == {}
        await hall.until(110)
        await user.choose("S0")
        await hall.until(145)
        minutes = [minute_of(one) for one in await user.said()]
        assert max(minutes) > 110
        assert [one for one in minutes if 70 < one < 105] == [], "nobody wanted to be told of these"
        await user.watch.rest()


async def test_one_more_timeframe_opens_another_post_and_nobody_misses_a_bar() -> None:
    async with opened() as hall:
        first, second = User(hall, 1), User(hall, 2)
        await first.choose("S0")
        await second.choose("S0", "S1")
        await hall.until(80)
        await second.choose("S0", "S1", timeframes=("1m", "5m", "15m"))
        await hall.until(130)
        assert [exchange.closed for exchange in hall.exchanges] == [True, False]
        assert Timeframe.M15 in hall.desk.table.timeframes
        for symbol in ("S0", "S1"):
            await hall.stored(symbol, 129)
            row = hall.desk.table.row(symbol, Timeframe.M15)
            assert (hall.desk.table.candles(row).state != CandleState.MISSING).all()
        alone = [one for one in await first.said() if one.symbol == "S0"]
        assert max(map(minute_of, alone)) > 81
        assert heads(alone) == heads([one for one in await second.said() if one.symbol == "S0"])


async def test_fewer_timeframes_leave_the_post_and_judge_less() -> None:
    async with opened() as hall:
        user = User(hall)
        await user.choose("S0")
        await hall.until(90)
        await user.choose("S0", timeframes=("5m",))
        await hall.until(140)
        assert len(hall.exchanges) == 1
        assert max(minute_of(one) for one in await user.said() if one.timeframe == "1m") < 90


async def test_what_cannot_be_made_changes_nothing() -> None:
    async with opened() as hall:
        user = User(hall)
        await user.choose("S0")
        await hall.until(80)
        hall.refusing = ExchangeRefusedError("no such place")
        with pytest.raises(ExchangeRefusedError):
            await user.choose("S0", "other:X")
        assert user.watch.current is not None
        assert user.watch.current.revision == 1
        await hall.until(110)
        assert max(map(minute_of, await user.said())) > 81
        assert {one.settings_revision for one in await user.said()} == {1}
        await hall.stored("S0", 109)


async def away(*_: object) -> None:
    raise StorageUnavailableError


@pytest.mark.parametrize("what", ["candles", "signals"])
async def test_who_cannot_leave_while_nothing_can_be_stored_is_watched_on(
    monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    async with opened() as hall:
        user = User(hall)
        await user.choose("S0", "S1")
        await hall.until(80.5)
        with monkeypatch.context() as patch:
            broken, name = (hall.store, "save") if what == "candles" else (user.signals, "flush")
            patch.setattr(broken, name, away)
            await hall.until(82)
            with pytest.raises(StorageUnavailableError):
                await user.choose("S0")
            await hall.until(84.5)
        await hall.until(120)
        assert user.watch.current is not None
        assert user.watch.current.revision == 1
        assert hall.desk.loaded == set(hall.desk.symbols) == {"S0", "S1"}
        said = await user.said()
        for symbol in ("S0", "S1"):
            await hall.stored(symbol, 119)
            assert max(minute_of(one) for one in said if one.symbol == symbol) > 85
        await user.choose("S0")
        assert list(hall.desk.table.columns) == ["S0"]


@pytest.mark.parametrize("again", [(), ("15m",)])
async def test_a_post_at_which_nobody_could_take_place_is_made_anew(again: tuple[str, ...]) -> None:
    async with opened() as hall:
        user = User(hall)
        await user.choose("S0")
        await hall.until(80)
        user.books.failing += [StorageUnavailableError()] * 100
        with pytest.raises(StorageUnavailableError):
            await user.choose("S0", timeframes=("1m", "5m", "15m"))
        user.books.failing.clear()
        await user.choose("S0", timeframes=("1m", "5m", *again))
        await hall.until(110)
        assert hall.desk.state == "connected"
        assert max(map(minute_of, await user.said())) > 81
        await hall.stored("S0", 109)


async def test_a_position_monitor_hears_of_hours_only() -> None:
    async with opened() as hall:
        user = User(hall)
        await user.choose("S0", timeframes=("1m", "1h"), livermore_runtime={"mode": "position-monitor"})
        await hall.until(120)
        assert {one.timeframe for one in await user.said()} <= {"1h"}
        await user.choose("S0", timeframes=("1m", "1h"))
        await hall.until(145)
        minutes = [minute_of(one) for one in await user.said() if one.timeframe == "1m"]
        assert minutes
        assert min(minutes) >= 119


async def test_changes_that_come_at_once_are_made_one_after_the_other() -> None:
    async with opened(symbols=4) as hall:
        users = [User(hall, number) for number in range(1, 5)]
        await asyncio.gather(
            *(user.choose(f"S{place}", f"S{(place + 1) % 4}") for place, user in enumerate(users))
        )
        await hall.until(75)
        await asyncio.gather(*(user.choose(f"S{3 - place}") for place, user in enumerate(users)))
        await hall.until(110)
        assert sorted(hall.desk.symbols) == ["S0", "S1", "S2", "S3"]
        assert hall.desk.loaded == set(hall.desk.symbols)
        for place, user in enumerate(users):
            late = {one.symbol for one in await user.said() if minute_of(one) > 76}
            assert late == {f"S{3 - place}"}
