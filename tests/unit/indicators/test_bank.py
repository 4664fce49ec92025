"""The bank: all series at once, to the bits of each alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livermore.indicators.bank import Bank, Moment
from livermore.indicators.history import derive, previous_defined
from livermore.indicators.macdv import MacdvState
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles
from livermore.market.series import SeriesTable
from tests.unit.market.factories import ALL_GENERATORS, M5, M15, generated, table_of, with_holes

from .factories import AVERAGES, LIVE, live, moments_of, rolled, states_equal, values_equal

SHORT = (Timeframe.M1, M5, M15)
NAMES = sorted(ALL_GENERATORS)


def market(number: int, count: int = 400, holes: bool = False) -> Candles:
    """Return one of many markets, each with a beginning of its own."""
    base = generated(NAMES[number % len(NAMES)], number + 1, count)
    base = base[np.flatnonzero(base.state[number * 7 :] == 1)[0] + number * 7 :]
    return with_holes(base, np.random.default_rng(number), 0.01) if holes else base


def check(table: SeriesTable, bank: Bank, moments: list[Moment], bases: dict[str, Candles]) -> None:
    """Compare a bank and its moments with the history of each series alone."""
    for symbol, base in bases.items():
        for timeframe, candles in rolled(base, table.timeframes).items():
            row, state = table.row(symbol, timeframe), MacdvState()
            values = derive(state, candles)
            for name in LIVE:
                seen = moments_of(moments, row, name)
                assert np.array_equal(seen, getattr(values, name), equal_nan=name in AVERAGES), name
            previous = moments_of(moments, row, "previous")
            assert np.array_equal(previous, previous_defined(values.macdv)[: len(values)], equal_nan=True)
            if len(values):
                assert states_equal(bank.state(row), state)
                assert values_equal(bank.values(row), values[-table.ring :])
                assert bank.newest(row) == values.rows()[-1]
                assert bank.seed_time(row) == candles.time[0]
                standing = bank.standing(row)
                assert standing is not None
                assert standing[0] == values.stage[-1]
                assert np.array_equal(standing[1], values.macdv[-1], equal_nan=True)


@pytest.mark.parametrize("symbols", [1, 2, 5, 40])
def test_few_and_many_series_advance_to_the_bits_of_each_alone(symbols: int) -> None:
    bases = {f"S{number}": market(number, 300) for number in range(symbols)}
    table = table_of(bases, SHORT, ring=64)
    bank, moments = live(table, bases)
    check(table, bank, moments, bases)


def test_a_symbol_that_has_just_come_has_no_values_yet() -> None:
    """The table grows when a symbol is added, the bank when a bar closes: who asks in between is answered."""
    bases = {"FIRST": market(1, 300)}
    table = SeriesTable("binance", SHORT, symbols=1)
    table.add("FIRST")
    bank, moments = live(table, bases)
    table.add("SECOND")
    row = table.row("SECOND", Timeframe.M1)
    assert len(bank.values(row)) == 0
    assert (bank.newest(row), bank.seed_time(row), bank.standing(row)) == (None, None, None)
    assert states_equal(bank.state(row), MacdvState())
    check(table, bank, moments, bases)


def test_series_that_are_all_seeded_advance_together() -> None:
    """All rows of an instant beyond their seed go through the array operations alone."""
    bases = {f"S{number}": generated(NAMES[number % len(NAMES)], number, 900) for number in range(1, 13)}
    table = table_of(bases, (Timeframe.M1,), ring=64)
    bank, moments = live(table, bases)
    check(table, bank, moments, bases)


def test_missing_bars_feed_like_quiet_ones_and_are_remembered() -> None:
    bases = {f"S{number}": market(number, 500, holes=True) for number in range(6)}
    table = table_of(bases, (Timeframe.M1,), ring=600)
    bank, moments = live(table, bases)
    check(table, bank, moments, bases)
    assert not all(moments_of(moments, 0, "complete"))


@given(cut=st.integers(0, 299), symbols=st.sampled_from([1, 7]), seed=st.integers(0, 50))
@settings(max_examples=15, deadline=None)
def test_a_bank_restored_at_any_bar_goes_on_to_the_same_bits(cut: int, symbols: int, seed: int) -> None:
    bases = {
        f"S{number}": generated(NAMES[(number + seed) % len(NAMES)], seed + number, 300)
        for number in range(symbols)
    }
    table = table_of(bases, (Timeframe.M1,), ring=128)
    bank = Bank(table)
    for symbol, base in bases.items():
        state = MacdvState()
        values = derive(state, base[:cut])
        bank.restore(table.row(symbol, Timeframe.M1), state, values)
        restored = bank.values(table.row(symbol, Timeframe.M1))
        assert values_equal(restored, values[-table.ring :]) or not cut
    live(table, {symbol: base[cut:] for symbol, base in bases.items()}, bank)
    for symbol, base in bases.items():
        state = MacdvState()
        values = derive(state, base)
        row = table.row(symbol, Timeframe.M1)
        assert states_equal(bank.state(row), state)
        assert values_equal(bank.values(row), values[-table.ring :])


def test_a_new_symbol_finds_room_and_disturbs_nobody() -> None:
    bases = {f"S{number}": generated(NAMES[number % len(NAMES)], number + 1, 200) for number in range(9)}
    table = table_of(["S0"], SHORT, ring=64)
    bank, first = live(table, {"S0": bases["S0"][:100]})
    for symbol in bases:
        table.add(symbol)
    _, rest = live(table, bases | {"S0": bases["S0"][100:]}, bank)
    check(table, bank, rest, {symbol: base for symbol, base in bases.items() if symbol != "S0"})
    values = derive(MacdvState(), bases["S0"])
    assert values_equal(bank.values(0), values[-64:])
    assert len(moments_of(first, 0, "macdv")) == 100


def test_a_row_without_bars_has_neither_value_nor_seed() -> None:
    bank = Bank(table_of())
    assert bank.newest(0) is None
    assert bank.standing(0) is None
    assert bank.seed_time(0) is None
    assert len(bank.values(0)) == 0


def test_a_restored_row_forgets_the_values_of_its_former_life() -> None:
    table = table_of(timeframes=(Timeframe.M1,), ring=64)
    bank, _ = live(table, {"XRPETH": generated("volatile", 1, 60)})
    state = MacdvState()
    values = derive(state, generated("volatile", 2, 30))
    bank.restore(0, state, values)
    assert values_equal(bank.values(0), values)


def test_a_copy_of_a_state_does_not_move_with_the_bank() -> None:
    table = table_of(timeframes=(Timeframe.M1,))
    base = generated("volatile", 1, 60)
    bank, _ = live(table, {"XRPETH": base[:50]})
    before = bank.state(0)
    close = before.close
    live(table, {"XRPETH": base[50:]}, bank)
    assert before.close == close != bank.state(0).close
