"""Candles as arrays, and what absent ones mean."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livermore.kernel.timeframe import Timeframe
from livermore.market.backfill import from_first_trade
from livermore.market.candle import Candles, CandleSource, CandleState, fill_quiet
from tests.reference.macdv import fill
from tests.reference.series import START

from .factories import ALL_GENERATORS, MINUTE, PRICES, candles_of, drawn, generated, same, told


@pytest.mark.parametrize("name", ALL_GENERATORS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_absent_and_zero_volume_become_the_quiet_bars_that_the_reference_fills_in(
    name: str, seed: int
) -> None:
    filled = generated(name, seed)
    expected = fill(told(name, seed), MINUTE)
    assert filled.time.tolist() == [bar.time for bar in expected]
    for field in (*PRICES, "volume"):
        assert getattr(filled, field).tolist() == [float(getattr(bar, field)) for bar in expected]
    assert (filled.state == CandleState.QUIET).tolist() == [bar.quiet for bar in expected]


def test_a_quiet_bar_is_flat_at_the_previous_close_whatever_the_exchange_wrote() -> None:
    odd = candles_of([(0, 1, 3, 1, 2, 5), (MINUTE, 9, 9, 8, 9, 0), (3 * MINUTE, 7, 8, 6, 7, 1)])
    filled = fill_quiet(odd, Timeframe.M1)
    assert filled.close.tolist() == filled.open.tolist()[:1] * 0 + [2, 2, 2, 7]
    assert filled.high.tolist() == [3, 2, 2, 8]
    assert filled.volume.tolist() == [5, 0, 0, 1]
    assert filled.state.tolist() == [1, 0, 0, 1]


def test_an_absent_bar_comes_from_where_the_others_came_from_and_counts_as_confirmed() -> None:
    filled = fill_quiet(candles_of([(0, 1, 1, 1, 1, 1)]), Timeframe.M1, end=3 * MINUTE)
    assert filled.source.tolist() == [CandleSource.REST] * 3
    assert filled.confirmed.all()


@given(st.text("tq.", min_size=1, max_size=20), st.integers(0, 9))
def test_filling_reaches_to_the_end_without_a_hole_and_changes_no_traded_bar(pattern: str, more: int) -> None:
    bars = drawn("t" + pattern)
    end = int(bars.time[-1]) + (1 + more) * MINUTE
    filled = fill_quiet(bars, Timeframe.M1, end)
    assert filled.time.tolist() == list(range(START, end, MINUTE))
    assert same(filled[filled.state == CandleState.TRADED], bars[bars.state == CandleState.TRADED])
    quiet = filled[filled.state == CandleState.QUIET]
    assert np.array_equal(quiet.open, quiet.close)
    assert np.array_equal(filled.close[1:][filled.state[1:] == 0], filled.close[:-1][filled.state[1:] == 0])
    assert same(fill_quiet(filled, Timeframe.M1), filled)


def test_a_missing_bar_stays_missing_and_is_no_price_to_go_on_from() -> None:
    bars = drawn("tm.t")
    bars.close[1] = 99.0
    filled = fill_quiet(bars, Timeframe.M1)
    assert filled.state.tolist() == [1, 2, 0, 1]
    assert filled.close[2] == 1.0


def test_filling_nothing_gives_nothing() -> None:
    assert len(fill_quiet(Candles.none(), Timeframe.M1, end=MINUTE)) == 0


def test_what_comes_before_the_first_trade_does_not_exist() -> None:
    bars = drawn("qqtqt")
    assert from_first_trade(bars).time.tolist() == bars.time.tolist()[2:]
    assert len(from_first_trade(drawn("qqq"))) == 0
    assert len(from_first_trade(Candles.none())) == 0


def test_rows_and_arrays_say_the_same() -> None:
    bars = drawn("tqm")
    rows = bars.rows()
    assert [row.time for row in rows] == bars.time.tolist()
    assert [row.state for row in rows] == [CandleState.TRADED, CandleState.QUIET, CandleState.MISSING]
    assert {row.source for row in rows} == {CandleSource.REST}
    assert type(rows[0].close) is float
    assert type(rows[0].confirmed) is bool


def test_a_part_between_two_times_includes_the_first_and_not_the_second() -> None:
    bars = drawn("ttttt")
    assert bars.between(START + MINUTE, START + 3 * MINUTE).close.tolist() == [2, 3]
    assert len(bars.between(0, START)) == 0
