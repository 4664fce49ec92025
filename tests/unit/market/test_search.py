"""What is typed finds what is meant: what is named first, then what begins so, then what has it within."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from livermore.market.listing import Listing
from livermore.market.search import search

from .listed import NOW, listing, market

ASSETS = st.text(st.sampled_from("ABCT"), min_size=1, max_size=3)
PAIRS = st.lists(st.tuples(ASSETS, ASSETS), max_size=15, unique=True)
COINS = listing(
    market("BTC", rank=1), market("ETH", rank=2), market("WBTC", rank=3), market("BTC", "EUR", rank=4),
    market("ETH", "BTC", rank=5), market("BTC", "GBP", rank=None), market("BTCB", rank=6),
    market("BTC", "DAI", rank=7, trading=False), market("BTC", "OLD", rank=None, delisted_at=NOW),
)  # fmt: skip


def names(made: Listing, text: str, limit: int = 100) -> list[str]:
    """Return the names of what is found, in order."""
    return [one.listed.name for one in search(made, text, limit)]


def test_what_begins_so_goes_before_what_has_it_within_and_the_larger_first() -> None:
    assert names(COINS, "btc") == [
        "BTC-USD",
        "BTC-EUR",
        "BTCB-USD",
        "BTC-DAI",
        "BTC-GBP",
        "WBTC-USD",
        "ETH-BTC",
    ]


def test_what_is_named_is_first_whatever_its_rank() -> None:
    assert names(COINS, "BTC-GBP") == ["BTC-GBP"]
    assert names(COINS, "btcb/usd")[0] == "BTCB-USD"
    made = listing(market("A", "BC", rank=9), market("AB", "CD", rank=1))
    assert names(made, "abc") == ["A-BC", "AB-CD"]


def test_a_base_is_found_where_the_names_do_not_begin_with_it() -> None:
    made = listing(
        market("BTC", name="XXBTZUSD", rank=3),
        market("XBTC", name="XBTCUSD", rank=1),
        market("BTC", name="BTCX", rank=9),
    )
    assert names(made, "btc") == ["BTCX", "XXBTZUSD", "XBTCUSD"]


def test_a_name_that_is_joined_otherwise_is_found_while_it_is_typed() -> None:
    for text in ("btc/u", "BTC-U", "btcu", "btc_us", " btc usd "):
        assert names(COINS, text)[0] == "BTC-USD"


def test_nothing_typed_shows_the_largest_and_what_nobody_lists_shows_nothing() -> None:
    assert names(COINS, "", 3) == ["BTC-USD", "ETH-USD", "WBTC-USD"]
    for text in ("zzz", "\u0412\u0422\u0421", "\uff22\uff34\uff23", "-/-", "'; --", "x" * 10_000):
        assert names(COINS, text) == []


def test_what_is_gone_is_never_shown() -> None:
    for text in ("", "BTC-OLD", "btcold", "old"):
        assert "BTC-OLD" not in names(COINS, text)


def test_no_more_is_shown_than_wanted() -> None:
    assert [len(names(COINS, "btc", limit)) for limit in (-1, 0, 1, 3)] == [0, 0, 1, 3]


def test_what_shares_an_order_book_is_one_market_under_two_names() -> None:
    made = listing(
        market("BTC", rank=2), market("BTC", "USDC", alias="BTC-USD", rank=1), market("USDC", "EUR", rank=3),
        market("ETH", "USDC", alias="ETH-USD"), market("ETH", delisted_at=NOW),
        market("A", alias="B-USD"), market("B", alias="A-USD"),
    )  # fmt: skip
    for text in ("btc", "btc-usdc", "BTCUSDC", "btcusd"):
        (found,) = search(made, text, 10)
        assert (found.listed.name, found.aliases) == ("BTC-USD", ("BTC-USDC",))
    assert names(made, "usdc") == ["USDC-EUR", "BTC-USD", "ETH-USDC"], "what begins so goes before"
    assert names(made, "eth") == ["ETH-USDC"], "the other one is gone"
    assert sorted(names(made, "")) == ["A-USD", "B-USD", "BTC-USD", "ETH-USDC", "USDC-EUR"]


@given(PAIRS, st.text(max_size=6))
def test_it_is_total_and_shows_each_once(pairs: list[tuple[str, str]], text: str) -> None:
    made = listing(*(market(*pair) for pair in pairs))
    found = names(made, text)
    assert len(found) == len(set(found))
    assert set(found) <= made.symbols.keys()


@given(PAIRS, st.text(st.sampled_from("ABCT"), min_size=1, max_size=3))
def test_whatever_has_it_within_is_found(pairs: list[tuple[str, str]], text: str) -> None:
    made = listing(*(market(*pair) for pair in pairs))
    assert set(names(made, text)) == {name for name in made.symbols if text in name.replace("-", "")}
