"""Markets are ranked by what their day is worth in dollars, told by nobody but the exchange."""

from __future__ import annotations

from math import inf, nan

from hypothesis import given
from hypothesis import strategies as st

from livermore.market.listing import ListedSymbol
from livermore.market.ranks import ranked, values

from .listed import NOW, market

ASSETS = st.sampled_from(("USD", "USDT", "BTC", "ETH", "EUR", "TRY", "XYZ"))
NUMBERS = st.one_of(st.none(), st.floats())


def places(*markets: ListedSymbol) -> dict[str, int | None]:
    """Return the places of markets."""
    return {name: one.rank for name, one in ranked({one.name: one for one in markets}).items()}


def test_quotes_are_put_in_dollars_at_the_exchange_s_own_prices() -> None:
    worth = values(
        [
            market("BTC", "USDT", price=100_000.0), market("ETH", "BTC", price=0.05),
            market("PEPE", "ETH", price=0.001), market("USDT", "TRY", price=40.0),
            market("EUR", "USD", price=1.1), market("XYZ", "ABC", price=3.0),
        ]
    )  # fmt: skip
    assert (worth["BTC"], worth["EUR"], worth["TRY"]) == (100_000.0, 1.1, 0.025)
    assert (round(worth["ETH"]), round(worth["PEPE"])) == (5_000, 5)
    assert worth.keys().isdisjoint({"XYZ", "ABC"})


def test_the_larger_day_in_dollars_is_first_and_a_quote_without_a_path_has_no_place() -> None:
    assert places(
        market("BTC", "USD", volume=1_000.0, price=100_000.0), market("ETH", "BTC", volume=0.5, price=0.05),
        market("A", "USDC", volume=2_000.0), market("B", "TRY", volume=9e9), market("C", volume=None),
        market("D", volume=1e12, delisted_at=NOW), market("E", volume=3_000.0, trading=False),
        market("F", volume=nan), market("G", volume=inf),
    ) == {
        "ETH-BTC": 1, "E-USD": 2, "A-USDC": 3, "BTC-USD": 4, "B-TRY": None, "C-USD": None, "D-USD": None,
        "F-USD": None, "G-USD": None,
    }  # fmt: skip


def test_of_several_paths_that_of_the_larger_market_counts_and_a_halted_one_never() -> None:
    worth = values(
        [
            market("EUR", "USD", price=1.1, volume=10.0), market("EUR", "USDT", price=1.2, volume=20.0),
            market("EUR", "USDC", price=9.0, volume=1e9, trading=False),
            market("EUR", "DAI", price=0.0, volume=1e9),
        ]
    )  # fmt: skip
    assert worth["EUR"] == 1.2


def test_equals_stand_in_the_order_of_their_names() -> None:
    assert places(market("B"), market("A"), market("C")) == {"A-USD": 1, "B-USD": 2, "C-USD": 3}


@given(st.lists(st.tuples(ASSETS, ASSETS, NUMBERS, NUMBERS), unique_by=lambda one: one[:2], max_size=20))
def test_whatever_is_told_places_are_given_once_and_without_gaps(
    told: list[tuple[str, str, float | None, float | None]],
) -> None:
    given_out = places(*(market(base, quote, volume, price=price) for base, quote, volume, price in told))
    taken = sorted(place for place in given_out.values() if place is not None)
    assert taken == list(range(1, len(taken) + 1))
