"""Symbols come and go while a desk is open: those that stay notice nothing, those that come lack nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livermore.kernel.errors import ExchangeRefusedError, ExchangeUnreachableError, LivermoreError
from livermore.kernel.timeframe import Timeframe
from livermore.market.ports import Cause, Series
from tests.reference.series import START

from .factories import MINUTE
from .office import BEGIN, TIMEFRAMES, Office, busy, opened
from .tape import Tape


async def stored(office: Office, symbol: str, until: int) -> int:
    """Hold what is stored of a symbol against the tape; return its newest minute."""
    await office.recorder.flush()
    for timeframe in TIMEFRAMES:
        wanted = office.expected(symbol, timeframe, until)
        found = (await office.store.load(Series("test", symbol, timeframe))).between(
            0, START + until * MINUTE
        )
        assert found.close.tolist() == wanted.close[-len(found) :].tolist()
        assert found.time.tolist() == wanted.time[-len(found) :].tolist()
    span = await office.store.span(Series("test", symbol, Timeframe.M1))
    return (span[1] - START) // MINUTE if span else -1


async def test_a_symbol_that_is_added_goes_live_and_the_others_notice_nothing() -> None:
    async with opened(busy(symbols=3), symbols=["S0", "S1"]) as office:
        await office.until(35.5)
        adding = asyncio.create_task(office.desk.add(["S2"]))
        await office.until(40.5)
        await adding
        assert office.desk.loaded == {"S0", "S1", "S2"}
        assert office.exchange.subscribed == [["S0", "S1"], ["S2"]]
        await office.until(50)
        await office.check(49)
        asked = {symbol for symbol, _, start, _ in office.exchange.asked if start >= START + 36 * MINUTE}
        assert asked <= {"S2"}


async def test_a_symbol_that_is_removed_is_stored_to_its_end_and_forgotten() -> None:
    async with opened(busy(), symbols=["S0", "S1"]) as office:
        await office.until(40.5)
        await office.desk.remove(["S1"])
        assert office.exchange.unsubscribed == [["S1"]]
        assert office.listener.drops == ["S1"]
        assert (office.desk.symbols, office.desk.loaded) == (["S0"], {"S0"})
        assert list(office.table.columns) == ["S0"]
        assert await stored(office, "S1", 40) == 39
        office.listener.closed_bars.clear()
        await office.until(50)
        rows = [row for told in office.listener.closed_bars for row in told.rows.tolist()]
        assert {office.table.series(row).symbol for row in rows} == {"S0"}
        await stored(office, "S0", 49)


async def test_the_column_of_one_that_left_is_empty_for_the_next() -> None:
    async with opened(busy(symbols=3), symbols=["S0", "S1"]) as office:
        await office.until(40.5)
        column = office.table.columns["S1"]
        await office.desk.remove(["S1"])
        adding = asyncio.create_task(office.desk.add(["S2"]))
        await office.until(41.5)
        await adding
        assert office.table.columns["S2"] == column
        await office.until(50)
        held = office.table.candles(office.table.row("S2", Timeframe.M1))
        assert held.close.tolist() == office.expected("S2", Timeframe.M1, 49).close[-len(held) :].tolist()
        await stored(office, "S2", 49)


async def test_one_that_comes_back_gets_what_nobody_watched_and_the_ledger_says_so() -> None:
    async with opened(busy(), symbols=["S0", "S1"]) as office:
        await office.until(40.5)
        await office.desk.remove(["S1"])
        await office.until(46.5)
        adding = asyncio.create_task(office.desk.add(["S1"]))
        await office.until(52)
        await adding
        await stored(office, "S1", 51)
        holes = await office.store.holes(Series("test", "S1", Timeframe.M1), 0, 2**62)
        assert {hole.cause for hole in holes} == {Cause.PAUSED}
        assert all(hole.repaired_at is not None for hole in holes)


async def test_one_that_leaves_and_comes_back_in_one_breath_is_subscribed_anew() -> None:
    async with opened(busy(), symbols=["S0", "S1"]) as office:
        await office.until(40.5)
        await office.desk.remove(["S1"])
        await office.desk.add(["S1"])
        await office.until(50)
        assert office.exchange.unsubscribed == [["S1"]]
        assert office.exchange.subscribed == [["S0", "S1"], ["S1"]]
        assert office.desk.loaded == {"S0", "S1"}
        await stored(office, "S1", 49)


async def test_what_is_chosen_while_the_line_is_dead_is_watched_when_it_comes_back() -> None:
    async with opened(busy(symbols=3), symbols=["S0", "S1"], cuts=[(40 * 60, 43 * 60)]) as office:
        await office.until(41)
        await office.desk.add(["S2"])
        await office.desk.remove(["S0"])
        await office.until(50)
        assert office.desk.loaded == {"S1", "S2"}
        assert office.exchange.subscribed[-1] == ["S1", "S2"]
        await stored(office, "S2", 49)


async def test_one_that_leaves_in_the_middle_of_loading_or_repair_is_gone() -> None:
    office = Office(Tape(3, 2, 58))
    office.exchange.failing += [ExchangeUnreachableError("REST is away")] * 500
    await office.open()
    await office.until(BEGIN + 2)
    assert office.desk.loaded == set()
    await office.desk.remove(office.tape.symbols)
    assert office.desk.symbols == []
    asked = len(office.exchange.asked)
    await office.until(BEGIN + 20)
    assert len(office.exchange.asked) == asked
    assert office.desk.health().state == "healthy"
    await office.close()


@pytest.mark.parametrize("error", [ExchangeUnreachableError("away"), ExchangeRefusedError("no")])
@pytest.mark.parametrize("what", ["subscribe", "listing"])
async def test_what_the_exchange_did_not_take_at_first_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, what: str, error: LivermoreError
) -> None:
    async with opened(busy(), symbols=["S0"]) as office:
        await office.until(35.5)
        asked: Any = office.desk.repairs.stream if what == "subscribe" else office.exchange
        take, failing = getattr(asked, what), [error, error]

        async def refuse_at_first(*given: Any) -> Any:
            if failing:
                raise failing.pop()
            return await take(*given)

        monkeypatch.setattr(asked, what, refuse_at_first)
        office.desk.listing.pop("S1")
        await office.desk.add(["S1"])
        await office.clock.advance(0.5)
        assert office.desk.health().state == "degraded"
        assert office.desk.unlisted == []
        await office.until(50)
        assert office.desk.loaded == {"S0", "S1"}
        assert office.desk.health().state == "healthy"
        await stored(office, "S1", 49)


@settings(max_examples=6, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(0, 100)), max_size=10))
async def test_whatever_comes_and_goes_what_is_watched_at_the_end_is_whole(
    steps: list[tuple[bool, int, int]],
) -> None:
    office = Office(busy(symbols=4, minutes=75), symbols=["S0"])
    await office.open()
    wanted, choosing = {"S0"}, []
    for number, (is_added, place, tenths) in enumerate(steps):
        await office.until(BEGIN + 3 * number + 1 + tenths / 100)
        symbol = f"S{place}"
        choose = office.desk.add if is_added else office.desk.remove
        choosing.append(asyncio.create_task(choose([symbol])))
        (wanted.add if is_added else wanted.discard)(symbol)
    await office.until(BEGIN + 3 * len(steps) + 8)
    await asyncio.gather(*choosing)
    assert office.desk.loaded == set(office.desk.symbols) == wanted
    subscribed = set[str]()
    for symbol in wanted:
        await stored(office, symbol, BEGIN + 3 * len(steps) + 7)
        subscribed.add(symbol)
    assert office.desk.session.subscribed == subscribed
    await office.close()
