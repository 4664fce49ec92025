"""Holes are entered, filled or gone on without, mended later, always explained; doubts are compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import structs

from livermore.kernel.errors import ExchangeUnreachableError
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import BarUpdate, CandleSource, CandleState
from livermore.market.feed import LONGEST_WAIT
from livermore.market.ports import Cause, Hole, Series
from tests.reference.series import START

from .factories import M5, MINUTE, PRICES
from .office import BEGIN, Office, busy, opened
from .tape import Tape, Trade

CUT = [(40 * 60 + 30, 42 * 60 + 10)]
AWAY = [ExchangeUnreachableError("REST is away")]


async def ledger(office: Office, symbol: str = "S0") -> list[Hole]:
    """Return what the store has of a symbol's ledger."""
    await office.recorder.flush()
    return await office.store.holes(Series("test", symbol, Timeframe.M1), 0, 2**62)


def minutes(holes: Sequence[Hole]) -> list[tuple[int, int, Cause]]:
    return [((hole.start - START) // MINUTE, (hole.end - START) // MINUTE, hole.cause) for hole in holes]


async def test_a_cut_is_entered_as_a_hole_and_closed_by_its_repair() -> None:
    async with opened(busy(), cuts=CUT) as office:
        await office.until(40.2)
        before = len(await ledger(office))
        await office.until(50)
        holes = (await ledger(office))[before:]
        assert {hole.cause for hole in holes} == {Cause.DISCONNECTED}
        assert holes[0].start == START + 40 * MINUTE
        assert all(hole.repaired_at is not None for hole in holes)
        assert office.desk.ledger.open_holes("S0") == []
        await office.check(49)


async def test_a_repair_that_does_not_come_leaves_missing_bars_that_are_mended_when_it_does() -> None:
    async with opened(busy(), cuts=CUT) as office:
        await office.until(41)
        office.exchange.failing += AWAY * 900
        await office.until(49.5)
        base = office.table.candles(0)
        missing = base.time[base.state == CandleState.MISSING]
        assert START + 40 * MINUTE in missing
        assert int(base.time[-1]) > int(missing[-1]), "the series has gone on behind its hole"
        (hole,) = office.desk.ledger.open_holes("S0")
        assert hole.cause == Cause.DISCONNECTED
        assert hole.end - hole.start == len(missing) * MINUTE
        office.exchange.failing.clear()
        await office.until(54)
        assert office.desk.ledger.open_holes("S0") == []
        assert not (office.table.candles(0).state == CandleState.MISSING).any()
        await office.recorder.flush()
        await office.check(53)


async def test_longer_bars_over_a_hole_are_missing_until_it_is_mended() -> None:
    async with opened(busy(), cuts=CUT) as office:
        await office.until(41)
        office.exchange.failing += AWAY * 900
        await office.until(49.5)
        longer = office.table.held(office.table.row("S0", M5), START + 40 * MINUTE)
        assert longer is not None
        assert longer["state"] == CandleState.MISSING
        office.exchange.failing.clear()
        await office.until(54)
        longer = office.table.held(office.table.row("S0", M5), START + 40 * MINUTE)
        assert longer is not None
        assert longer["state"] == CandleState.TRADED


async def test_a_hole_that_a_run_leaves_open_is_mended_by_the_next() -> None:
    tape = busy()
    async with opened(tape, cuts=CUT) as office:
        await office.until(41)
        office.exchange.failing += AWAY * 900
        await office.until(49.5)
        assert len(office.desk.ledger.open_holes("S0")) == 1
        store = office.store
    async with opened(tape, store=store, begin=50) as office:
        await office.until(55)
        holes = await ledger(office)
        assert all(hole.repaired_at is not None for hole in holes)
        await office.check(54)


async def test_what_nobody_watched_is_entered_as_paused() -> None:
    tape = busy()
    async with opened(tape) as office:
        await office.until(40)
        store = office.store
    async with opened(tape, store=store, begin=47) as office:
        await office.until(50)
        paused = [hole for hole in await ledger(office) if hole.cause is Cause.PAUSED]
        assert minutes(paused) == [(39, 46, Cause.PAUSED), (46, 47, Cause.PAUSED)]
        assert all(hole.repaired_at is not None for hole in paused)


async def test_a_bucket_that_rest_does_not_know_at_first_is_looked_for_again_after_a_minute() -> None:
    async with opened(busy(), cuts=CUT) as office:
        office.exchange.unknown[START + 41 * MINUTE] = START + 43 * MINUTE
        await office.until(42.9)
        early = office.table.held(0, START + 41 * MINUTE)
        assert early is not None
        assert early["state"] == CandleState.QUIET
        await office.until(45)
        await office.recorder.flush()
        await office.check(44)


async def test_rest_that_lags_behind_the_stream_is_asked_until_it_has_caught_up() -> None:
    """Taken at its word, a bucket that the stream saw traded would stand as quiet."""
    async with opened(busy()) as office:
        await office.until(40.2)
        office.exchange.unknown[START + 40 * MINUTE] = START + 41 * MINUTE + 20_000
        office.desk.feed.gap()
        office.exchange.mute.add("S0")
        await office.until(41.25)
        assert office.table.held(0, START + 40 * MINUTE) is None
        office.exchange.mute.clear()
        await office.until(46)
        await office.recorder.flush()
        await office.check(45)


async def test_a_symbol_that_falls_silent_is_found_out_subscribed_again_and_lacks_nothing() -> None:
    """Mini-tickers kept the earlier system's watchdog happy while klines had stopped."""
    async with opened(busy()) as office:
        await office.until(35)
        office.exchange.mute.add("S0")
        await office.until(48)
        assert office.exchange.unsubscribed == [["S0"]]
        assert office.exchange.subscribed[-1] == ["S0"]
        assert "S0" not in office.exchange.mute
        await office.until(55)
        await office.recorder.flush()
        await office.check(54)
        assert Cause.LATE in {hole.cause for hole in await ledger(office)}


async def test_buckets_in_which_no_symbol_traded_are_an_outage_of_the_exchange() -> None:
    tape = Tape(11, 4, 60)
    for symbol in tape.symbols:
        for minute in range(40, 44):
            tape._buckets[symbol].pop(START + minute * MINUTE, None)
    async with opened(tape, cuts=[(39 * 60 + 30, 44 * 60 + 10)]) as office:
        await office.until(48)
        for symbol in tape.symbols:
            outage = {
                time
                for hole in await ledger(office, symbol)
                if hole.cause is Cause.EXCHANGE_OUTAGE
                for time in range(hole.start, hole.end, MINUTE)
            }
            assert {START + minute * MINUTE for minute in (40, 41, 42, 43)} <= outage
            assert START + 44 * MINUTE not in outage


async def test_the_exchanges_own_longer_bar_finds_out_a_wrong_minute() -> None:
    async with opened(busy()) as office:
        await office.until(45.5)
        tape, time = office.tape, START + 41 * MINUTE
        trades = tape._buckets["S0"][time]
        trades.insert(1, Trade(trades[0].time, trades[0].price * 1.5, 7.0, 0))
        five = told_longer(office, START + 40 * MINUTE)
        office.desk.repairs.longer(M5, five)
        office.desk.repairs.longer(M5, told_longer(office, START + 45 * MINUTE))
        await office.until(47)
        held = office.table.held(0, time)
        assert held is not None
        assert held["source"] == CandleSource.REST
        assert held["high"] == trades[1].price
        assert (41, 42, Cause.SEQUENCE_GAP) in minutes(await ledger(office))


async def test_a_longer_bar_that_agrees_asks_nothing() -> None:
    async with opened(busy()) as office:
        await office.until(45.5)
        asked = len(office.exchange.asked)
        for start in (35, 40, 45):
            office.desk.repairs.longer(M5, told_longer(office, START + start * MINUTE))
        await office.until(47)
        assert len(office.exchange.asked) == asked


def told_longer(office: Office, start: int) -> BarUpdate:
    """Return five minutes of the first symbol as the exchange tells them."""
    bars = [office.tape.bar("S0", start + number * MINUTE) for number in range(5)]
    traded = [bar for bar in bars if bar is not None]
    return BarUpdate(
        symbol="S0", time=start, open=traded[0].open, high=max(bar.high for bar in traded),
        low=min(bar.low for bar in traded), close=traded[-1].close, volume=sum(bar.volume for bar in traded),
    )  # fmt: skip


async def test_what_ids_prove_later_is_stored_as_confirmed() -> None:
    async with opened(Tape(5, 2, 60), bad=True) as office:
        await office.until(59.5)
        await office.recorder.flush()
        for symbol in office.tape.symbols:
            stored = await office.store.load(Series("test", symbol, Timeframe.M1))
            live = stored[stored.time >= START + (BEGIN + 2) * MINUTE]
            last = int(np.flatnonzero(live.state == CandleState.TRADED)[-1])
            assert live.confirmed[:last].all()


async def test_waiting_is_never_longer_than_five_minutes_of_market_time() -> None:
    async with opened(busy(), cuts=CUT) as office:
        await office.until(41)
        office.exchange.failing += AWAY * 900
        for minute in range(43, 56):
            await office.until(minute)
            newest = int(office.table.newest[0])
            assert office.desk.feed.market_time - newest <= LONGEST_WAIT + 3 * MINUTE
        office.exchange.failing.clear()
        await office.until(59)
        assert all(getattr(office.table.candles(0), name).all() for name in PRICES)


async def test_a_doubted_bar_that_rest_does_not_know_yet_is_doubted_until_it_does() -> None:
    """Absence taken for agreement would leave a bar without its last trades for ever."""
    async with opened(busy()) as office:
        await office.until(41.5)
        office.exchange.unknown[START + 40 * MINUTE] = START + 41 * MINUTE + 45_000
        partial(office, 40)
        office.desk.repairs.doubted("S0", START + 40 * MINUTE, START + 41 * MINUTE, Cause.SEQUENCE_GAP)
        await office.until(41.7)
        held = office.table.held(0, START + 40 * MINUTE)
        assert held is not None
        assert not held["confirmed"]
        await office.until(46)
        await office.recorder.flush()
        await office.check(45)


async def test_the_newest_minute_of_a_start_is_looked_for_again() -> None:
    tape = busy()
    office = Office(tape)
    office.exchange.unknown[START + (BEGIN - 1) * MINUTE] = START + BEGIN * MINUTE + 30_000
    await office.open()
    await office.until(BEGIN + 4)
    await office.recorder.flush()
    await office.check(BEGIN + 3)
    await office.close()


async def test_a_hole_at_rest_in_a_busy_market_is_looked_at_again_much_later() -> None:
    async with opened(busy(), cuts=CUT) as office:
        office.exchange.unknown[START + 41 * MINUTE] = START + 50 * MINUTE
        await office.until(50.5)
        held = office.table.held(0, START + 41 * MINUTE)
        assert held is not None
        assert held["state"] == CandleState.QUIET
        await office.until(53)
        await office.recorder.flush()
        await office.check(52)


def partial(office: Office, minute: int) -> None:
    """Have a closed bar of the first symbol lack half of its volume, and wait for its proof."""
    slot = (START + minute * MINUTE) // MINUTE % office.table.ring
    office.table.fields["volume"][0, slot, 0] *= 0.5
    office.table.fields["confirmed"][0, slot, 0] = False


async def test_what_ended_before_the_first_watch_began_is_no_hole() -> None:
    """A bucket that ended seconds before is read from REST like the history before it."""
    office = Office(busy())
    await office.clock.advance(3)
    await office.open()
    await office.until(BEGIN + 3)
    assert await ledger(office) == []
    await office.close()


async def test_what_an_earlier_run_did_not_live_to_prove_is_compared_at_the_next_start() -> None:
    tape = busy()
    async with opened(tape) as office:
        await office.until(40.5)
        store = office.store
    series = Series("test", "S0", Timeframe.M1)
    time = START + 38 * MINUTE
    store.kept[series][time] = structs.replace(store.kept[series][time], volume=0.5, confirmed=False)
    async with opened(tape, store=store, begin=44) as office:
        await office.until(47)
        await office.recorder.flush()
        await office.check(46)
        assert (38, 39, Cause.SEQUENCE_GAP) in minutes(await ledger(office))


async def test_a_stream_comes_back_while_rest_is_away() -> None:
    """What is known of listing and time is enough to go on; only the hole waits for REST."""
    async with opened(busy(), cuts=CUT) as office:
        await office.until(41)
        office.exchange.away = True
        await office.until(46)
        assert office.desk.state == "connected"
        assert office.desk.feed.waiting() == office.tape.symbols
        office.exchange.away = False
        await office.until(50)
        await office.recorder.flush()
        await office.check(49)


async def test_a_correction_and_its_entry_are_stored_together() -> None:
    """A crash between them would leave a wrong bar that says it is proven, or a right one without a cause."""
    async with opened(busy()) as office:
        await office.until(41.5)
        partial(office, 40)
        office.desk.repairs.doubted("S0", START + 40 * MINUTE, START + 41 * MINUTE, Cause.SEQUENCE_GAP)
        save, seen = office.store.save, list[tuple[list[Series], list[tuple[int, int, Cause]]]]()

        async def write_down(batch: Any, checkpoints: Any = (), holes: Sequence[Hole] = ()) -> None:
            seen.append(([series for series, _ in batch], minutes(holes)))
            await save(batch, checkpoints, holes)

        office.store.save = write_down  # type: ignore[method-assign]
        await office.until(41.8)
        (together,) = [series for series, holes in seen if (40, 41, Cause.SEQUENCE_GAP) in holes]
        assert Series("test", "S0", Timeframe.M1) in together


async def test_what_rest_does_not_tell_at_once_is_not_proven_before_it_was_asked_again() -> None:
    async with opened(busy(), cuts=CUT) as office:
        tape = office.tape
        tape._buckets["S0"].pop(START + 41 * MINUTE)
        await office.until(42.8)
        held = office.table.held(0, START + 41 * MINUTE)
        assert held is not None
        assert (held["state"], held["confirmed"]) == (CandleState.QUIET, False)
        await office.until(44)
        held = office.table.held(0, START + 41 * MINUTE)
        assert held is not None
        assert held["confirmed"]


async def test_no_bucket_lies_in_two_holes() -> None:
    async with opened(busy(), cuts=CUT) as office:
        office.exchange.unknown[START + 41 * MINUTE] = START + 43 * MINUTE
        await office.until(46)
        holes = [hole for hole in minutes(await ledger(office)) if hole[0] <= 41 < hole[1]]
        assert holes == [(40, 42, Cause.DISCONNECTED)]


async def test_while_the_stream_cannot_be_had_rest_is_polled() -> None:
    async with opened(busy(), cuts=[(33 * 60, 52 * 60)]) as office:
        await office.until(50)
        assert office.desk.health().state == "degraded"
        newest = int(office.table.newest[0])
        assert newest >= START + 47 * MINUTE
        await office.until(58)
        assert office.desk.state == "connected"
        await office.recorder.flush()
        await office.check(57)
        assert {hole.cause for hole in await ledger(office)} == {Cause.DISCONNECTED}
        back = office.desk.connected_at
        assert back is not None
        late = [start for _, _, start, _ in office.exchange.asked if start > back]
        assert late == [], "the polling has ended by itself"


async def test_symbols_of_one_book_are_subscribed_again_together() -> None:
    """Asked for alone, one of them changes nothing: the exchange still sends the book for the other."""
    async with opened(busy()) as office:
        await office.until(32)
        listing = office.desk.listing
        listing["S1"] = structs.replace(listing["S1"], alias="S0")
        office.desk.repairs.silent("S1")
        await office.until(33)
        assert office.exchange.unsubscribed == [["S0", "S1"]]


async def test_what_an_earlier_run_has_entered_is_known_to_the_next() -> None:
    """Forgotten, its hole would be cut short by whatever is found out about its first bucket."""
    tape = busy()
    async with opened(tape) as office:
        await office.until(35)
        store = office.store
    async with opened(tape, store=store, begin=41) as office:
        await office.until(42)
        await office.recorder.flush()
    series = Series("test", "S0", Timeframe.M1)
    time = START + 34 * MINUTE
    store.kept[series][time] = structs.replace(store.kept[series][time], volume=0.5, confirmed=False)
    async with opened(tape, store=store, begin=46) as office:
        await office.until(50)
        holes = [hole for hole in minutes(await ledger(office)) if hole[0] <= 34 < hole[1]]
        assert holes == [(34, 40, Cause.PAUSED)]
        await office.check(49)


async def test_a_bar_that_is_about_to_be_corrected_is_not_called_proven() -> None:
    """A crash before the correction is stored would leave a wrong bar that nobody looks at again."""
    async with opened(busy()) as office:
        await office.until(41.5)
        partial(office, 40)
        whole = office.tape.bar("S0", START + 40 * MINUTE, closed=True)
        assert whole is not None
        office.desk.repairs.correction("S0", whole)
        office.desk.repairs.proven("S0", START + 40 * MINUTE, START + 41 * MINUTE)
        held = office.table.held(0, START + 40 * MINUTE)
        assert held is not None
        assert not held["confirmed"]
        await office.until(42)
        held = office.table.held(0, START + 40 * MINUTE)
        assert held is not None
        assert (held["confirmed"], held["volume"]) == (True, whole.volume)


async def test_what_nobody_watched_is_stored_together_with_why() -> None:
    """A crash in between would leave bars of which nobody knows where they come from."""
    tape = busy()
    async with opened(tape) as office:
        await office.until(40)
        store = office.store
    save, seen = store.save, list[list[tuple[int, int, Cause]]]()

    async def write_down(batch: Any, checkpoints: Any = (), holes: Sequence[Hole] = ()) -> None:
        if any(START + 41 * MINUTE in candles.time for _, candles in batch):
            seen.append(minutes(holes))
        await save(batch, checkpoints, holes)

    store.save = write_down  # type: ignore[method-assign]
    async with opened(tape, store=store, begin=47) as office:
        await office.until(50)
    assert (39, 46, Cause.PAUSED) in seen[0]
