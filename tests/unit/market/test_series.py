"""The table of series: a ring of the newest bars for each, side by side, growing without moving anybody."""

import pytest

from livermore.kernel.errors import NotFoundError
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles
from livermore.market.ports import Series
from livermore.market.rollup import roll_up

from .factories import M5, M15, MINUTE, close_all, generated, same, table_of


def test_the_ring_keeps_the_newest_bars_and_wraps_around_as_often_as_needed() -> None:
    base = generated("thin", 1, 300)
    table = table_of(["A", "B"], ring=32)
    for bars in close_all(table, {"A": base, "B": base[:100]}):
        table.write(bars)
    assert same(table.candles(table.row("A", Timeframe.M1)), base[-32:])
    assert same(table.candles(table.row("B", Timeframe.M1)), base[68:100])
    assert same(table.candles(table.row("A", M5)), roll_up(base, MINUTE, M5)[-32:])
    assert same(table.candles(table.row("A", M15)), roll_up(base, MINUTE, M15))
    assert table.newest[table.row("A", Timeframe.M1)] == base.time[-1]


@pytest.mark.parametrize("cut", [0, 5, 31, 32, 33, 100, 299])
def test_bars_that_are_loaded_and_bars_that_close_fill_the_same_ring(cut: int) -> None:
    base = generated("gapped", 2, 300)
    table = table_of(["A"], ring=32)
    table.load(table.row("A", Timeframe.M1), base[:cut])
    for bars in close_all(table, {"A": base[cut:]}):
        table.write(bars)
    assert same(table.candles(0), base[-32:])


def test_loading_again_replaces_what_was_there_and_never_goes_back() -> None:
    base = generated("volatile", 3, 40)
    corrected = Candles.joined(base[:39])
    corrected.close[20] *= 2
    table = table_of(["A"], ring=64)
    table.load(0, base)
    table.load(0, corrected)
    assert table.candles(0).close[20] == corrected.close[20]
    assert table.newest[0] == base.time[-1]
    assert same(table.candles(0)[-1:], base[-1:])


def test_growth_moves_nobody() -> None:
    table = table_of(["A"], ring=16)
    bases = {name: generated("volatile", seed, 20) for seed, name in enumerate("ABCDEFG")}
    for name, base in bases.items():
        table.add(name)
        table.load(table.row(name, Timeframe.M1), base)
    assert table.capacity >= 7 * 3
    assert len(table.newest) == len(table.lengths) == table.capacity
    for place, (name, base) in enumerate(bases.items()):
        assert table.row(name, Timeframe.M1) == place * 3
        assert same(table.candles(place * 3), base[-16:])
        assert len(table.candles(place * 3 + 1)) == 0
    assert (table.lengths.reshape(-1, 3) == [MINUTE, 5 * MINUTE, 15 * MINUTE]).all()


def test_a_symbol_is_added_once_and_rows_name_their_series() -> None:
    table = table_of(["A", "B"])
    assert (table.add("B"), table.add("C"), table.add("A")) == (1, 2, 0)
    rows = [table.row(symbol, timeframe) for symbol in "ABC" for timeframe in table.timeframes]
    assert rows == list(range(9))
    assert table.series(5) == Series("test", "B", M15)


def test_timeframes_are_sorted_and_the_shortest_is_the_base() -> None:
    table = table_of(timeframes=(M15, Timeframe.M1, M5))
    assert table.timeframes == (Timeframe.M1, M5, M15)
    assert table.base is Timeframe.M1


def test_a_series_that_is_not_held_is_named() -> None:
    table = table_of(["A"])
    with pytest.raises(NotFoundError, match="X 5m is not watched on test"):
        table.row("X", M5)
    with pytest.raises(NotFoundError, match="A 1d is not watched"):
        table.row("A", Timeframe.D1)


def test_a_bar_is_held_until_the_ring_comes_round() -> None:
    base = generated("volatile", 3, 40)
    table = table_of(["A"], ring=16)
    table.load(0, base)
    newest = table.held(0, int(base.time[-1]))
    assert newest is not None
    assert (newest["close"], newest["state"]) == (base.close[-1], base.state[-1])
    assert table.held(0, int(base.time[-17])) is None
    assert table.held(0, int(base.time[-1]) + MINUTE) is None
