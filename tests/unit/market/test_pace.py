"""The pace of loading is that of the symbols that were loaded last, and of those that have just come."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from livermore.market.pace import FACTOR, REMEMBERED, Estimate, Pace

TINY = 1e-6  # numbers are rounded
Comings = list[tuple[float, int]]
"""When symbols come (as a share of the time in which all do), and how many have come by then."""


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


@st.composite
def comings(draw: st.DrawFn) -> Comings:
    """Let symbols come one by one or many together, early or late: the last one comes at the end."""
    moments = sorted(draw(st.lists(st.floats(0.001, 0.999), min_size=1, max_size=30)))
    counts = [draw(st.integers(0, 20)) for _ in moments]
    total, found = 0, []
    for moment, count in zip(moments, counts, strict=True):
        total += count
        found.append((moment, total))
    return [*found, (1.0, total + draw(st.integers(1, 20)))]


@given(comings(), st.floats(1, 3_000))
def test_what_goes_as_foreseen_is_never_guessed_far_from_that(coming: Comings, foreseen: float) -> None:
    estimate = Estimate(coming[-1][1], foreseen)
    for (moment, done), (later, _) in pairwise([(0.0, 0), *coming]):
        for share in (moment, (moment + later) / 2):
            left, remainder = estimate.left(done, share * foreseen), foreseen * (1 - share)
            assert left is not None
            assert remainder / FACTOR - TINY <= left <= remainder * FACTOR + TINY


@given(comings(), st.floats(0, 3_000), st.floats(1, 3_000))
def test_no_guess_is_negative_whatever_it_really_takes(
    coming: Comings, foreseen: float, takes: float
) -> None:
    estimate = Estimate(coming[-1][1], foreseen)
    guesses = [estimate.left(done, share * takes) for share, done in [(0.0, 0), *coming]]
    assert all(guess is None or guess >= 0 for guess in guesses)


def test_the_first_of_many_that_are_loaded_side_by_side_tell_no_pace() -> None:
    estimate = Estimate(80, 78.0)
    assert estimate.left(0, 0.0) == 78.0
    assert estimate.left(1, 39.5) == 38.5
    assert estimate.left(4, 41.0) == 37.0


def test_what_takes_longer_than_foreseen_is_judged_by_how_it_goes() -> None:
    estimate = Estimate(80, 78.0)
    estimate.left(1, 39.5)
    assert estimate.left(8, 80.0) is None, "too few to say anything"
    assert estimate.left(41, 90.0) == 50.5 / 40 * 39
    assert estimate.left(80, 142.0) == 0.0


def test_without_any_forecast_nothing_is_known_before_a_fair_share_has_come() -> None:
    estimate = Estimate(20, 0.0)
    assert [estimate.left(*said) for said in ((0, 1.0), (3, 4.0), (4, 5.0), (5, 6.0))] == [
        None, None, None, 15.0,
    ]  # fmt: skip
