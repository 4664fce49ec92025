"""A market is found by its names in any case and with any joint, and by nothing that only looks like them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from livermore.market.listing import Listing
from livermore.market.lookup import JOINTS, find

from .listed import NOW, listing, market

ASSETS = st.text(st.sampled_from("ABCDEFTUX019"), min_size=1, max_size=4)
PAIRS = st.lists(st.tuples(ASSETS, ASSETS), min_size=1, max_size=12, unique=True)
# Letters that look like Latin ones, are made into them by NFKC or by changes of case, or are not seen at all.
LOOK_ALIKES = (
    "\u0410\u0412\u0421\u0415\u0422\u0425\u0430\u0435\u043e\u0441\u0445\uff21\uff22\uff23\uff41\uff42\uff43"
    "\u017f\u212a\u0131\u0130\u00aa\u00ba\u216d\U0001d400\U0001d5a1\u200b\u200d\u2060\ufeff\u00ad\u202e\u0301"
)
BTC = listing(market("BTC"), market("BTC", "USDC", alias="BTC-USD"), market("ETH"), market("SOL", "EUR"))


def found(made: Listing, text: str) -> str | None:
    """Return the name of what is found."""
    one = find(made, text)
    return None if one is None else one.symbol.name


@pytest.mark.parametrize(
    "text", ["BTC-USD", "btc-usd", "Btc-Usd", "BTCUSD", "btcusd", "BTC/USD", "btc_usd", "  BTC-USD\t\n"]
)
def test_names_are_found_in_any_case_and_with_any_joint(text: str) -> None:
    one = find(BTC, text)
    assert one is not None
    assert (one.symbol.name, one.note) == ("BTC-USD", None)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "-", "BTC", "USD", "BTC--USD", "BTC-USD-", "BTC.USD", "BTC USD", "BTC-USDT", "USD-BTC",
        "../../etc/passwd", "'; DROP TABLE candles; --", "coinbase:BTC-USD", "BTC-USD\0", "BTC\u00a0USD",
        "\u0412\u0422\u0421-USD", "B\u0422C-USD", "BTC-\uff35\uff33\uff24", "BTC\u200b-USD", "BTC-USD\u200b",
        "\ufeffBTC-USD", "BTC\u2010USD", "BTC\u2013USD",
        "BTC\u2215USD", "BTC\uff3fUSD", "x" * 100_000,
    ],
)  # fmt: skip
def test_nothing_else_is(text: str) -> None:
    assert find(BTC, text) is None


@pytest.mark.parametrize("text", ["BTC-USDC", "btcusdc", "BTC/USDC"])
def test_a_market_that_shares_a_book_is_resolved_and_it_is_said(text: str) -> None:
    one = find(BTC, text)
    assert one is not None
    assert one.symbol.name == "BTC-USD"
    assert one.note == "BTC-USDC shares the order book of BTC-USD, which is watched in its place"


def test_an_alias_of_what_is_gone_or_was_never_there_stands_for_itself() -> None:
    gone = listing(market("BTC", delisted_at=NOW), market("BTC", "USDC", alias="BTC-USD"))
    never = listing(market("BTC", "USDC", alias="BTC-USD"))
    itself = listing(market("BTC", "USDC", alias="BTC-USDC"))
    for made in (gone, never, itself):
        one = find(made, "btc-usdc")
        assert one is not None
        assert (one.symbol.name, one.note) == ("BTC-USDC", None)


def test_what_could_mean_two_markets_means_none() -> None:
    made = listing(
        market("AB", "CD", name="ABCD"), market("ABC", "D", name="abc.d"), market("A", "BCD", name="x")
    )
    assert found(made, "ABCD") == "ABCD"
    assert found(made, "AB-CD") == "ABCD"
    two = listing(market("AB", "CD", name="one"), market("ABC", "D", name="two"))
    assert found(two, "abcd") is None
    assert found(two, "ab/cd") == "one"


def test_one_that_is_there_goes_before_one_that_is_gone() -> None:
    made = listing(market("BTC", "USD", name="OLD", delisted_at=NOW), market("BTC", "USD", name="NEW"))
    assert found(made, "btcusd") == "NEW"
    assert found(made, "old") == "OLD"


def test_names_that_differ_in_case_only_are_told_apart() -> None:
    made = listing(market("A", "B", name="AB"), market("a", "b", name="ab"))
    assert found(made, "AB") == "AB"
    assert found(made, "ab") == "ab"
    assert found(made, "Ab") is None


def test_names_that_are_not_latin_are_found_as_they_are() -> None:
    made = listing(market("币安人生", "USDT", name="币安人生USDT"))
    assert found(made, "币安人生usdt") == "币安人生USDT"
    assert found(made, "币安人生/USDT") == "币安人生USDT"


@given(PAIRS, st.text())
def test_it_is_total(pairs: list[tuple[str, str]], text: str) -> None:
    made = listing(*(market(*pair) for pair in pairs))
    one = find(made, text)
    assert one is None or made.symbols[one.symbol.name] is one.symbol


@given(PAIRS, st.data())
def test_an_own_name_always_wins_in_whatever_case(pairs: list[tuple[str, str]], data: st.DataObject) -> None:
    joint = data.draw(st.sampled_from(JOINTS))
    named = {
        f"{base}{joint}{quote}": market(base, quote, name=f"{base}{joint}{quote}") for base, quote in pairs
    }
    made = listing(*named.values())
    name = data.draw(st.sampled_from(sorted(named)))
    assert found(made, name) == name
    cased = "".join(data.draw(st.sampled_from((letter, letter.lower()))) for letter in name)
    assert found(made, cased) == name


@given(PAIRS, st.data())
def test_base_and_quote_find_it_wherever_they_mean_one_market(
    pairs: list[tuple[str, str]], data: st.DataObject
) -> None:
    made = listing(*(market(base, quote, name=f"#{place}") for place, (base, quote) in enumerate(pairs)))
    base, quote = data.draw(st.sampled_from(pairs))
    joint = data.draw(st.sampled_from(JOINTS))
    meant = [
        (first, second) for first, second in pairs if f"{first}{joint}{second}" == f"{base}{joint}{quote}"
    ]
    expected = f"#{pairs.index((base, quote))}" if len(meant) == 1 else None
    assert found(made, f"{base}{joint}{quote}") == expected


@given(st.sampled_from(("BTC-USD", "ETHUSD", "SOL/EUR", "btc_usdc")), st.data())
def test_no_look_alike_is_taken_for_a_name(name: str, data: st.DataObject) -> None:
    letter = data.draw(st.sampled_from(LOOK_ALIKES))
    place = data.draw(st.integers(0, len(name)))
    kept = data.draw(st.integers(place, min(place + 1, len(name))))
    assert found(BTC, name[:place] + letter + name[kept:]) is None


@given(st.text(min_size=1))
def test_what_only_normalises_to_a_name_is_none(text: str) -> None:
    assume(not text.isascii())
    assert find(BTC, text) is None
    assert find(BTC, unicodedata.normalize("NFD", text)) is None or text.isascii()


@given(PAIRS)
def test_a_market_that_is_gone_is_found_as_gone(pairs: list[tuple[str, str]]) -> None:
    made = listing(*(market(*pair) for pair in pairs))
    first, *others = made.symbols.values()
    gone = replace(first, delisted_at=NOW)
    one = find(listing(gone, *others), first.name)
    assert one is not None
    assert one.symbol.state == "delisted"
