"""The desk: loads, goes live, survives cuts, repairs and revises, and stores exactly the tape's bars."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from livermore.kernel.errors import (
    ExchangeRefusedError,
    ExchangeUnreachableError,
    NotFoundError,
    RateLimitedError,
    StorageUnavailableError,
)
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import BarUpdate
from livermore.market.listener import Times
from livermore.market.ports import ClosedBars, Series
from tests.reference.series import START

from .factories import MINUTE, same
from .office import BEGIN, TIMEFRAMES, Office, busy, correction, opened
from .tape import Tape


async def test_a_desk_loads_goes_live_and_stores_every_bar_of_every_timeframe() -> None:
    async with opened(Tape(1, 4, 50)) as office:
        await office.until(BEGIN + 0.2)
        assert office.desk.state == "connected"
        assert office.desk.health().state == "healthy"
        assert office.desk.loaded == set(office.tape.symbols)
        await office.until(47)
        await office.check(46)
        assert office.desk.reconnects == 0


async def test_boundaries_cost_no_request() -> None:
    """The earlier system asked REST at every close and was refused 17,309 times in six days."""
    async with opened(busy(symbols=1)) as office:
        await office.until(BEGIN + 2)
        asked = len(office.exchange.asked)
        await office.until(50)
        assert len(office.exchange.asked) == asked


async def test_the_close_of_a_bar_tells_the_bar_that_closed_and_higher_ones_with_it() -> None:
    async with opened(Tape(2, 2, 50)) as office:
        await office.until(48)
        assert office.listener.closed_bars
        for bars in office.listener.closed_bars:
            for row, time, close in zip(
                bars.rows.tolist(), bars.time.tolist(), bars.close.tolist(), strict=True
            ):
                series = office.table.series(row)
                wanted = office.expected(series.symbol, series.timeframe, 48).between(time, time + 1)
                assert time + series.timeframe.milliseconds == bars.instant
                assert close == wanted.close[0]
        instants = {bars.instant for bars in office.listener.closed_bars if (bars.rows % 3 == 2).any()}
        assert instants == {START + 30 * MINUTE, START + 45 * MINUTE}


async def test_a_load_hands_over_history_before_any_bar() -> None:
    async with opened(Tape(1, 2, 50)) as office:
        await office.until(BEGIN + 3)
        for symbol, histories, _ in office.listener.loads:
            assert set(histories) == set(TIMEFRAMES)
            wanted = office.expected(symbol, Timeframe.M1, BEGIN - 1)
            assert same(histories[Timeframe.M1][: len(wanted)], wanted, ("time", "close", "state"))
            row = office.table.row(symbol, Timeframe.M1)
            first = next(
                int(bars.time[bars.rows == row][0])
                for bars in office.listener.closed_bars
                if row in bars.rows
            )
            assert first == int(histories[Timeframe.M1].time[-1]) + MINUTE


CUTS = st.lists(st.tuples(st.integers(BEGIN * 60 + 1, 2_900), st.integers(1, 250)), max_size=3)


@given(seed=st.integers(0, 10**6), cuts=CUTS, bad=st.booleans())
@settings(max_examples=3, deadline=None)
async def test_whatever_the_line_does_the_store_holds_the_tape(
    seed: int, cuts: list[tuple[int, int]], bad: bool
) -> None:
    spans = [(start, start + gap) for start, gap in cuts]
    async with opened(Tape(seed, 3, 55), cuts=spans, bad=bad) as office:
        await office.until(59)
        assert office.desk.health().state == "healthy", office.desk.health()
        await office.recorder.flush()
        await office.check(55)
        assert office.desk.feed.waiting() == []


async def test_a_cut_asks_for_exactly_what_was_missed() -> None:
    tape = Tape(3, 3, 55)
    async with opened(tape, cuts=[(40 * 60 + 30, 44 * 60 + 10)]) as office:
        await office.until(40)
        asked = len(office.exchange.asked)
        await office.until(54)
        repairs = office.exchange.asked[asked:]
        assert office.desk.reconnects >= 1
        assert {timeframe for _, timeframe, _, _ in repairs} == {Timeframe.M1}
        assert office.desk.connected_at is not None
        back = (office.desk.connected_at - START) // MINUTE
        for symbol in tape.symbols:
            spans = [(start, end) for name, _, start, end in repairs if name == symbol]
            asked_for = [
                (time - START) // MINUTE for start, end in spans for time in range(start, end, MINUTE)
            ]
            twice = {time for time in asked_for if asked_for.count(time) > 1}
            assert all(tape.bar(symbol, START + time * MINUTE) is None for time in twice), (
                "only what was absent"
            )
            assert set(range(41, back)) <= set(asked_for) <= set(range(39, back + 1))
        await office.check(53)


async def test_a_restart_asks_for_exactly_what_is_not_stored() -> None:
    tape = Tape(4, 2, 60)
    async with opened(tape) as office:
        await office.until(40)
    begun = Office(tape, store=office.store, begin=46)
    newest = {
        symbol: (await office.store.span(Series("test", symbol, Timeframe.M1)) or (0, 0))[1]
        for symbol in tape.symbols
    }
    await begun.open()
    await begun.until(46.5)
    assert begun.exchange.asked
    for symbol, timeframe, start, end in begun.exchange.asked:
        assert timeframe is Timeframe.M1
        assert (start, end) == (newest[symbol] + MINUTE, START + 45 * MINUTE) or start == START + 45 * MINUTE
    await begun.until(58)
    await begun.check(57)
    await begun.close()


async def test_a_cut_while_loading_loads_once_and_loses_nothing() -> None:
    office = Office(Tape(5, 6, 50), cuts=[(BEGIN * 60 + 15, BEGIN * 60 + 20)])
    office.exchange.delay = 10.0
    await office.open()
    await office.until(BEGIN + 4)
    assert sorted(symbol for symbol, *_ in office.listener.loads) == office.tape.symbols
    office.exchange.delay = 0.05
    await office.until(47)
    await office.check(46)
    await office.close()


async def test_history_that_fails_for_the_moment_is_asked_again() -> None:
    tape = Tape(1, 2, 50)
    office = Office(tape)
    office.exchange.failing += [
        ExchangeUnreachableError(),
        RateLimitedError(retry_after=4.0),
        ExchangeUnreachableError(),
    ]
    await office.open()
    await office.until(47)
    await office.check(46)
    assert office.desk.loaded == set(tape.symbols)
    await office.close()


async def test_a_store_that_fails_for_the_moment_delays_loading_and_nothing_else() -> None:
    office = Office(Tape(1, 2, 50))
    office.store.failing += [StorageUnavailableError()] * 3
    await office.open()
    await office.until(47)
    await office.check(46)
    await office.close()


async def test_a_symbol_that_the_exchange_refuses_stops_no_other() -> None:
    tape = Tape(1, 3, 50)
    office = Office(tape)
    office.exchange.failing.append(ExchangeRefusedError("not in your country"))
    await office.open()
    await office.until(BEGIN + 2)
    assert len(office.desk.loaded) == 2
    assert "not in your country" in str(office.desk.detail)
    await office.until(BEGIN + 7)
    assert office.desk.loaded == set(tape.symbols), "one refusal is no verdict"
    assert office.desk.detail is None, "what is over is no longer told"
    await office.close()


async def test_a_symbol_that_nobody_knows_is_not_asked_for_again() -> None:
    office = Office(Tape(1, 1, 50))
    office.exchange.failing.append(NotFoundError("no such symbol"))
    await office.open()
    await office.until(BEGIN + 15)
    assert office.desk.loaded == set()
    assert len(office.exchange.asked) == 1
    await office.close()


async def test_rest_that_is_away_before_anything_was_heard_is_waited_for() -> None:
    """Our own clock alone says nothing of the exchange's: it would ask for the history of another year."""
    office = Office(Tape(1, 2, 50), begin=40)
    server_time, answers = office.exchange.server_time, [ExchangeUnreachableError("the time is not told")] * 9

    async def tell() -> int:
        if answers and office.desk.connected_at is not None:
            raise answers.pop()
        return await server_time()

    office.exchange.server_time = tell  # type: ignore[method-assign]
    office.exchange.frames.clear()
    await office.open()
    await office.until(47)
    assert office.desk.loaded == set(office.tape.symbols)
    assert all(start > START - 10**9 for _, _, start, _ in office.exchange.asked)
    await office.close()


async def test_a_symbol_that_is_not_listed_is_left_out_and_named() -> None:
    async with opened(Tape(1, 2, 50), symbols=["S0", "S1", "NONE"]) as office:
        await office.until(BEGIN + 1)
        assert office.exchange.subscribed == [["S0", "S1"]]
        assert office.desk.loaded == {"S0", "S1"}
        assert office.desk.state == "connected"


async def test_a_dead_line_is_dialled_again_and_health_says_so() -> None:
    async with opened(Tape(1, 1, 60), cuts=[(BEGIN * 60, BEGIN * 60 + 120)]) as office:
        await office.until(BEGIN + 0.5)
        assert office.desk.health().state == "degraded"
        assert office.desk.reconnects >= 3
        await office.until(50)
        assert office.desk.state == "connected"
        await office.check(49)


async def test_a_fault_in_processing_is_never_unseen() -> None:
    office = Office(Tape(1, 1, 50))

    def fail(bars: ClosedBars) -> None:
        raise ZeroDivisionError

    office.listener.closed = fail  # type: ignore[method-assign]
    await office.open()
    await office.until(BEGIN + 2.08)
    assert office.desk.health().state == "failed"
    await office.close()


# Revisions


async def test_bars_that_a_fault_kept_from_being_processed_are_not_skipped() -> None:
    async with opened(busy()) as office:
        await office.until(35.5)
        process, faults = office.desk.rollup.close, [RuntimeError("a fault of ours")]

        def fail_once(*arguments: Any) -> Any:
            if faults:
                raise faults.pop()
            return process(*arguments)

        office.desk.rollup.close = fail_once  # type: ignore[method-assign, assignment]
        await office.until(36.08)
        assert office.desk.health().state == "failed"
        await office.until(45)
        assert not faults
        assert office.desk.health().state == "healthy"
        await office.recorder.flush()
        await office.check(44)


async def test_a_correction_replaces_the_bar_and_all_that_follows_from_it() -> None:
    async with opened(busy()) as office:
        await office.until(44)
        office.desk.feed.bar(correction(office, "S0", 41, 1.0), office.clock.now())
        await office.until(50)
        assert office.listener.revisions == [("S0", START + 41 * MINUTE)]
        await office.check(49)


async def test_corrections_that_come_together_are_made_one_after_the_other() -> None:
    """A store that takes its time lets bars close while each of them is made."""
    office = Office(busy())
    await office.open()
    office.store.turns = 60
    for place, minute in enumerate((43, 40, 42)):
        await office.until(44.9 + 0.03 * place)
        office.desk.feed.bar(correction(office, "S0", minute, float(minute)), office.clock.now())
    await office.until(50)
    assert len(office.listener.revisions) == 3
    await office.check(49)
    await office.close()


async def test_a_correction_of_a_bar_that_closed_this_very_moment_is_not_lost() -> None:
    office, bucket = Office(busy()), START + 44 * MINUTE
    office.exchange.frames = [
        frame
        for frame in office.exchange.frames
        if (frame.update.symbol, frame.update.time) != ("S0", bucket)
    ]
    await office.open()
    await office.until(44.99)
    wrong = office.tape.bar("S0", bucket, closed=True)
    assert wrong is not None
    for update in (wrong, correction(office, "S0", 44, 1.0)):
        office.desk.feed.bar(update, bucket + MINUTE)
    await office.until(50)
    assert office.listener.revisions == [("S0", bucket)]
    await office.check(49)
    await office.close()


async def test_the_same_again_is_no_correction() -> None:
    async with opened(busy()) as office:
        await office.until(44)
        for minute in (40, 43):
            same_again = office.tape.bar("S0", START + minute * MINUTE, closed=True)
            assert same_again is not None
            office.desk.feed.bar(same_again, office.clock.now())
        await office.until(50)
        assert office.listener.revisions == []


async def test_a_quiet_bar_told_again_at_another_price_is_no_correction() -> None:
    tape = Tape(12, 1, 50)
    office = Office(tape)
    await office.open()
    await office.until(47)
    held = office.table.candles(0)
    quiet = held[held.state == 0]
    assert len(quiet)
    time = int(quiet.time[-1])
    office.desk.feed.bar(
        BarUpdate(symbol="S0", time=time, open=5, high=5, low=5, close=5, volume=0.0, closed=True),
        office.clock.now(),
    )
    await office.until(48)
    assert office.listener.revisions == []
    await office.close()


async def test_quiet_bars_behind_a_corrected_one_are_flat_at_its_new_close() -> None:
    for seed in range(200):
        tape = Tape(seed, 1, 60)
        gaps = [
            at
            for at in range(33, 44)
            if not {START + (at + more) * MINUTE for more in (1, 2, 3)} & set(tape._buckets["S0"])
        ]
        gaps = [at for at in gaps if START + at * MINUTE in tape._buckets["S0"]]
        if gaps:
            break
    async with opened(tape) as office:
        await office.until(gaps[0] + 4.5)
        office.desk.feed.bar(correction(office, "S0", gaps[0], 1.0), office.clock.now())
        await office.until(50)
        assert len(office.listener.revisions) == 1
        await office.check(49)


async def test_what_rests_on_the_old_bar_is_forgotten_before_the_new_one_is_stored() -> None:
    office, held = Office(busy()), list[float]()
    await office.open()
    await office.until(44)
    before = (await office.store.load(Series("test", "S0", Timeframe.M1))).between(START + 41 * MINUTE, 2**62)

    async def revised(symbol: str, times: Times) -> None:
        time = times[Timeframe.M1]
        stored = await office.store.load(Series("test", "S0", Timeframe.M1), time, time + 1)
        held.append(float(stored.close[0]))

    office.listener.revised = revised  # type: ignore[method-assign]
    office.desk.feed.bar(correction(office, "S0", 41, 1.0), office.clock.now())
    await office.until(45)
    assert held == [before.close[0]]
    await office.close()


async def test_a_revision_that_the_store_refuses_is_made_later_and_nothing_is_lost() -> None:
    async with opened(busy()) as office:
        await office.until(44)
        office.store.failing += [StorageUnavailableError()] * 2
        office.desk.feed.bar(correction(office, "S0", 41, 1.0), office.clock.now())
        await office.until(50)
        await office.check(49)
        assert office.desk.feed.waiting() == []


async def test_stopping_leaves_no_task_and_closes_the_exchange() -> None:
    office = Office(Tape(1, 2, 50))
    before = len(asyncio.all_tasks())
    await office.open()
    await office.until(BEGIN + 1.5)
    await office.close()
    assert len(asyncio.all_tasks()) == before
    assert office.exchange.closed
    assert office.desk.state == "disconnected"
