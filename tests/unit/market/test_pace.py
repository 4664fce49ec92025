"""The pace of loading is that of the symbols that were loaded last."""

from livermore.market.pace import REMEMBERED, Pace


def test_nothing_is_known_before_anything_was_loaded() -> None:
    assert Pace(4).forecast(100) == 0.0


def test_some_are_loaded_together_and_the_last_ones_count() -> None:
    pace = Pace(4)
    for _ in range(REMEMBERED):
        pace.took(100.0)
    for _ in range(REMEMBERED // 2):
        pace.took(1.0)
        pace.took(3.0)
    assert [pace.forecast(symbols) for symbols in (0, 1, 4, 5, 200)] == [0.0, 2.0, 2.0, 4.0, 100.0]
