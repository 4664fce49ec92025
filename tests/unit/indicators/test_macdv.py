"""MACD-V as defined, and over whole histories in arrays: the same bits, and the reference's values."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livermore.indicators.history import derive, derive_fast, previous_defined
from livermore.indicators.macdv import MacdvState, advance, freeze, thaw
from livermore.indicators.stages import WARMING_UP
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles, CandleState
from tests.reference.macdv import reference_macdv
from tests.reference.series import GENERATORS
from tests.unit.market.factories import ALL_GENERATORS, M5, drawn, generated, with_holes

from .factories import disagreements, reference_bars, rolled, states_equal, values_equal

SEEDS = st.integers(1, 10_000)
KINDS = st.sampled_from(sorted(ALL_GENERATORS))


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("seed", [1, 2])
def test_every_value_is_that_of_forty_digits(name: str, seed: int) -> None:
    for candles in rolled(generated(name, seed, 700), (Timeframe.M1, M5)).values():
        values = derive(MacdvState(), candles)
        assert disagreements(values, reference_macdv(reference_bars(candles))) == []


def test_observed_and_the_averages_hold_for_longer_than_their_caps() -> None:
    candles = generated("thin", 9, 1_700)
    values = derive(MacdvState(), candles)
    assert disagreements(values, reference_macdv(reference_bars(candles))) == []
    assert values.observed.max() == 1_000


@given(name=KINDS, seed=SEEDS, count=st.integers(1, 400), holes=st.booleans(), data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_history_goes_on_from_a_frozen_checkpoint_at_any_bar_to_the_same_bits(
    name: str, seed: int, count: int, holes: bool, data: st.DataObject
) -> None:
    candles = generated(name, seed, count)
    if holes:
        candles = with_holes(candles, np.random.default_rng(seed))
    whole, states = MacdvState(), list[bytes]()
    values = derive(whole, candles, lambda state: states.append(freeze(state)))
    cut = data.draw(st.integers(0, len(candles)))
    for deriving in (derive, derive_fast):
        state = thaw(states[cut - 1]) if cut else MacdvState()
        assert values_equal(deriving(state, candles[cut:]), values[cut:])
        assert states_equal(state, whole)


@pytest.mark.parametrize("count", [0, 1, 33, 64, 65, 8_191, 8_192, 8_300, 20_000])
def test_the_fast_way_over_any_length_gives_the_same_bits(count: int) -> None:
    kinds = ("thin", "gapped", "flat", "dozing")
    candles = Candles.none() if not count else generated(kinds[count % 4], count, count + 1)[:count]
    slow, fast = MacdvState(), MacdvState()
    assert values_equal(derive(slow, candles), derive_fast(fast, candles))
    assert states_equal(slow, fast)


def test_nothing_added_to_a_seeded_state_changes_nothing() -> None:
    state = MacdvState()
    derive(state, generated("volatile", 1, 100))
    before = freeze(state)
    for deriving in (derive, derive_fast):
        assert len(deriving(state, Candles.none())) == 0
        assert freeze(state) == before


def test_a_state_is_frozen_and_thawed_to_the_bit() -> None:
    state = MacdvState(macdv=float("nan"), ema12=0.1 + 0.2, quiet_bits=float(2**52 - 1), atr=5e-324)
    assert states_equal(thaw(freeze(state)), state)


def test_values_begin_with_bar_25_and_the_signal_with_bar_33() -> None:
    values = derive(MacdvState(), generated("volatile", 2, 60))
    assert np.flatnonzero(~np.isnan(values.macdv))[0] == 25
    assert np.flatnonzero(~np.isnan(values.signal))[0] == 33
    assert np.flatnonzero(~np.isnan(values.ema12))[0] == 11
    assert np.flatnonzero(~np.isnan(values.ema26))[0] == np.flatnonzero(~np.isnan(values.atr26))[0] == 25
    assert values.stage[:33].tolist() == [WARMING_UP] * 33
    assert values.stage[33] != WARMING_UP


def test_a_quiet_bar_feeds_the_averages_and_leaves_the_range_alone() -> None:
    candles = generated("thin", 3, 400)
    values = derive(MacdvState(), candles)
    quiet = np.flatnonzero(candles.state == CandleState.QUIET)
    quiet = quiet[quiet > 60]
    assert len(quiet) > 50
    assert np.array_equal(values.atr26[quiet], values.atr26[quiet - 1])
    assert np.array_equal(values.observed[quiet], values.observed[quiet - 1])
    assert (values.ema12[quiet] != values.ema12[quiet - 1]).all()


def test_the_range_needs_26_bars_that_traded() -> None:
    values = derive(MacdvState(), drawn("t" + "q" * 30 + "t" * 24 + "tt"))
    assert np.isnan(values.macdv[:55]).all()
    assert np.isnan(values.atr26[:55]).all()
    assert not np.isnan(values.macdv[55:]).any()


def test_a_range_of_nothing_leaves_everything_undefined_and_untouched() -> None:
    flat = drawn("t" * 40)
    for name in ("open", "high", "low", "close"):
        getattr(flat, name)[:] = 7.0
    values = derive(MacdvState(), flat)
    assert np.isnan(values.macdv).all()
    assert set(values.stage.tolist()) == {WARMING_UP}
    state = MacdvState()
    derive(state, generated("volatile", 1, 100))
    state.atr = 0.0
    before = msgspec.structs.replace(state)
    for _ in range(3):
        assert np.isnan(advance(state, 0, state.close, state.close, state.close, True))
    assert (state.signal, state.macdv, state.defined) == (before.signal, before.macdv, before.defined)


@pytest.mark.parametrize("seed", range(1, 9))
def test_a_price_that_stands_still_for_hours_comes_to_rest_at_nothing(seed: int) -> None:
    values = derive(MacdvState(), generated("dozing", seed, 1_500))
    assert (np.abs(values.macdv[700:]) <= 50).all()
    assert (values.macdv[1_000:] == 0.0).all()
    assert (np.abs(values.signal[1_200:]) < 1e-9).all()


@given(
    st.lists(st.one_of(st.none(), st.integers(-400, 400)), max_size=30), st.one_of(st.none(), st.just(7.0))
)
def test_the_value_before_a_bar_is_the_last_defined_one(
    values: list[int | None], before: float | None
) -> None:
    expected, last = list[float | None](), before
    for value in values:
        expected.append(last)
        last = last if value is None else value
    column = np.array([np.nan if value is None else value for value in values], np.float64)
    previous = previous_defined(column, np.nan if before is None else before)
    assert [None if np.isnan(value) else value for value in previous] == expected


def test_complete_means_nothing_missing_in_the_last_450_buckets() -> None:
    candles = generated("volatile", 4, 1_000)
    assert derive(MacdvState(), candles).complete.all()
    candles.state[100] = CandleState.MISSING
    complete = derive(MacdvState(), candles).complete
    assert np.flatnonzero(~complete).tolist() == list(range(100, 550))
