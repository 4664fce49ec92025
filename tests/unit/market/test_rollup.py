"""Higher bars from lower ones: in batch, as they close, and as the specification defines them, to the bit."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles, CandleState
from livermore.market.rollup import Rollup, roll_up, roll_up_all
from tests.reference.rollup import reference_rollup
from tests.reference.series import START

from .factories import (
    ALL_GENERATORS,
    D1,
    H1,
    M5,
    M15,
    MINUTE,
    PRICES,
    SYMBOL,
    close_all,
    drawn,
    generated,
    same,
    series_of,
    table_of,
    with_holes,
)

ALL = tuple(Timeframe)
HIGHER = ALL[1:]
LETTERS = st.lists(st.sampled_from(["t", "q", "tt", "qqqqq", "q" * 15]), max_size=12).map("".join)


def live(base: Candles, timeframes: tuple[Timeframe, ...] = ALL) -> dict[Timeframe, Candles]:
    """Close bars one instant after the other; return the bars of each timeframe that came of it."""
    table = table_of(timeframes=timeframes)
    closed = close_all(table, {SYMBOL: base})
    return {timeframe: series_of(table, closed, table.row(SYMBOL, timeframe)) for timeframe in timeframes}


def check_against_reference(rolled: Candles, base: Candles, timeframe: Timeframe) -> None:
    """Compare with the reference, in which a missing bar is an absent one."""
    known = base[base.state != CandleState.MISSING]
    rows = zip(
        known.time, *(getattr(known, name) for name in (*PRICES, "volume")), known.state == 0, strict=True
    )
    bars = [tuple(value.item() for value in row) for row in rows]
    # A market that began half-way through a bucket had nothing before: its beginning is known to be empty.
    began = timeframe.bucket(int(base.time[0]))
    expected = reference_rollup(bars, MINUTE, timeframe.milliseconds, covered_from=began)
    held = rolled[rolled.state != CandleState.MISSING]
    assert held.time.tolist() == [bar.time for bar in expected]
    assert (held.state == CandleState.QUIET).tolist() == [bar.quiet for bar in expected]
    for name in PRICES:
        assert getattr(held, name).tolist() == [float(getattr(bar, name)) for bar in expected]
    assert held.volume.tolist() == pytest.approx([float(bar.volume) for bar in expected], rel=1e-13)


@pytest.mark.parametrize("name", ALL_GENERATORS)
@pytest.mark.parametrize(("seed", "first"), [(1, 0), (2, 3), (3, 187)])
def test_batch_live_and_reference_agree(name: str, seed: int, first: int) -> None:
    base = generated(name, seed)
    base = base[np.flatnonzero(base.state[first:] == CandleState.TRADED)[0] + first :]
    closed = live(base)
    for timeframe in HIGHER:
        rolled = roll_up(base, MINUTE, timeframe)
        assert same(rolled, closed[timeframe])
        check_against_reference(rolled, base, timeframe)


@pytest.mark.parametrize("holes", [0, 0.02])
@pytest.mark.parametrize("name", ALL_GENERATORS)
def test_timeframes_rolled_up_together_are_those_rolled_up_alone(name: str, holes: float) -> None:
    base = with_holes(generated(name, 5, 3_000), np.random.default_rng(5), holes)[187:]
    rolled = roll_up_all(base, Timeframe.M1, HIGHER)
    for timeframe in HIGHER:
        assert same(rolled[timeframe], roll_up(base, MINUTE, timeframe))


@pytest.mark.parametrize("name", ["thin", "trending"])
def test_any_missing_bar_makes_a_missing_bar(name: str) -> None:
    base = with_holes(generated(name, 4), np.random.default_rng(4), 0.02)
    closed = live(base)
    for timeframe in HIGHER:
        rolled = roll_up(base, MINUTE, timeframe)
        assert same(rolled, closed[timeframe], ("time", "state"))
        known = rolled.state != CandleState.MISSING
        assert same(rolled[known], closed[timeframe][known])
        check_against_reference(rolled, base, timeframe)
    assert (closed[M5].state == CandleState.MISSING).any()


@given(pattern=LETTERS, offset=st.integers(0, 14), data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_day_may_begin_anywhere_and_be_cut_anywhere(pattern: str, offset: int, data: st.DataObject) -> None:
    base = drawn("t" + pattern, START + offset * MINUTE)
    closed = live(base, (Timeframe.M1, M5, M15))
    for timeframe in (M5, M15):
        rolled = roll_up(base, MINUTE, timeframe)
        assert same(rolled, closed[timeframe])
        check_against_reference(rolled, base, timeframe)
        if len(rolled) > 1:
            cut = data.draw(st.integers(1, len(rolled) - 1))
            assert same(roll_up(base.between(int(rolled.time[cut]), 2**62), MINUTE, timeframe), rolled[cut:])


def test_quiet_bars_contribute_nothing() -> None:
    (bar,) = roll_up(drawn("tqtqq"), MINUTE, M5).rows()
    assert (bar.open, bar.high, bar.low, bar.close) == (1, 3.5, 0.5, 3)
    assert bar.state == CandleState.TRADED


def test_a_batch_that_begins_with_a_quiet_bucket_is_flat_at_the_close_before() -> None:
    base = drawn("ttttt" + "qqqqq" + "ttqqq")
    whole, behind = roll_up(base, MINUTE, M5), roll_up(base[5:], MINUTE, M5)
    assert same(behind, whole[1:])
    assert behind.close.tolist() == [5, 12]


def test_the_first_bucket_of_a_market_that_began_half_way_is_made_of_the_bars_there_are() -> None:
    rolled = roll_up(drawn("tt" + "ttttt", START + 3 * MINUTE), MINUTE, M5)
    assert rolled.time.tolist() == [START, START + 5 * MINUTE]
    assert rolled.open.tolist() == [1, 3]
    assert rolled.close.tolist() == [2, 7]
    assert rolled.state.tolist() == [1, 1]


def test_a_bucket_that_has_not_ended_is_left_out() -> None:
    base = drawn("t" * 9)
    assert roll_up(base, MINUTE, M5).time.tolist() == [START]
    assert roll_up(base, MINUTE, M5, end=START + 9 * MINUTE).time.tolist() == [START]
    assert len(roll_up(base[:4], MINUTE, M5)) == 0
    assert len(roll_up(Candles.none(), MINUTE, M5)) == 0


def test_volumes_are_added_in_the_order_of_time() -> None:
    base = drawn("ttttt")
    base.volume[:] = [1e16, 1.0, 1.0, 1.0, 1.0]
    assert roll_up(base, MINUTE, M5).volume[0] == live(base)[M5].volume[0] == 1e16


@pytest.mark.parametrize("cut", [1, 4, 5, 7, 11, 61, 119])
def test_a_roll_up_that_starts_in_the_middle_goes_on_as_if_it_had_seen_it_all(cut: int) -> None:
    base = generated("thin", 5, 300)
    table = table_of(timeframes=ALL)
    whole = close_all(table, {SYMBOL: base})
    rollup = Rollup(table)
    instant = START + cut * MINUTE
    rollup.start(0, base[:cut], instant)
    rest = close_all(table, {SYMBOL: base[cut:]}, rollup)
    for row in range(table.width):
        assert same(series_of(table, rest, row), series_of(table, whole[cut:], row))


def test_a_start_forgets_what_was_running() -> None:
    table = table_of()
    rollup = Rollup(table)
    close_all(table, {SYMBOL: drawn("ttt")}, rollup)
    assert rollup.running(0, M5) == (1.0, 3.5, 0.5, 3.0, 0.1 + 0.2 + 0.3)
    rollup.start(0, drawn("t"), START + MINUTE)
    assert rollup.running(0, M5) == (1.0, 1.5, 0.5, 1.0, 0.1)
    rollup.start(0, Candles.none(), START)
    assert rollup.running(0, M5) is None


def test_symbols_do_not_touch_each_other_and_new_ones_find_room() -> None:
    table = table_of(["A"])
    rollup = Rollup(table)
    bases = {
        name: generated(kind, seed)
        for name, kind, seed in zip("ABCDE", ["thin", "gapped"] * 3, range(9), strict=False)
    }
    first = close_all(table, {"A": bases["A"][:100]}, rollup)
    for name in "BCDE":
        table.add(name)
    rest = close_all(table, {"A": bases["A"][100:]} | {name: bases[name] for name in "BCDE"}, rollup)
    for name, base in bases.items():
        for timeframe in (M5, M15):
            held = series_of(table, first + rest if name == "A" else rest, table.row(name, timeframe))
            order = np.argsort(held.time, kind="stable")
            assert same(held[order], roll_up(base, MINUTE, timeframe))


def test_what_closes_at_one_instant_comes_together_in_ascending_rows() -> None:
    table = table_of(["A", "B"], (Timeframe.M1, M5, H1, D1))
    closed = close_all(table, {"A": drawn("t" * 60), "B": drawn("t" * 60)})
    widths = [len(bars.rows) // 2 for bars in closed]
    assert widths == [3 if place == 60 else 2 if place % 5 == 0 else 1 for place in range(1, 61)]
    for bars in closed:
        assert all(one < other for one, other in pairwise(bars.rows.tolist()))
        assert set((bars.time + table.lengths[bars.rows]).tolist()) == {bars.instant}
    assert closed[-1].rows.tolist() == [0, 1, 2, 4, 5, 6]
    assert closed[-1].decided.tolist() == [closed[-1].instant] * 6
