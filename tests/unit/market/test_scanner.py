"""What is proposed, what is not and why, and what that means for a watchlist."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from livermore.kernel.errors import InvalidError
from livermore.market.scanner import (
    MOST,
    Filters,
    Patterns,
    Proposal,
    against,
    candidate_of,
    checked,
    choose,
    filters_of,
    watched_on,
)
from livermore.settings.upgrade import read_settings

from .listed import listing, market


def chosen(*markets: Any, **filters: Any) -> list[str]:
    found = choose(listing(*markets), Filters(exchange="coinbase", **filters))
    return [one.name for one in found.markets]


def left_out(*markets: Any, **filters: Any) -> dict[str, int]:
    found = choose(listing(*markets), Filters(exchange="coinbase", **filters))
    return {reason.value: number for reason, number in found.left_out.items()}


def test_the_largest_by_quote_volume_come_first_and_only_of_the_quote() -> None:
    markets = [
        market("SMALL", volume=2e5), market("BTC", volume=9e8), market("ETH", "EUR", volume=9e9),
        market("DOGE", volume=5e6), market("ADA", volume=5e6),
    ]  # fmt: skip
    assert chosen(*markets) == ["BTC-USD", "ADA-USD", "DOGE-USD", "SMALL-USD"]
    assert left_out(*markets) == {}


def test_what_cannot_be_traded_or_is_too_small_is_left_out() -> None:
    markets = [
        market("BTC"), market("OFF", trading=False), market("THIN", volume=99_999.0),
        market("EDGE", volume=1e5), market("DARK", volume=None), market("GONE", delisted_at=1),
    ]  # fmt: skip
    assert chosen(*markets) == ["BTC-USD", "EDGE-USD"]
    assert left_out(*markets) == {"halted": 1, "volume": 2}


def test_money_for_money_is_left_out_and_what_only_shares_its_letters_is_not() -> None:
    # MNT and SCR are Mantle and Scroll, and the tugrik and the rupee; the zloty is quoted in.
    markets = [
        market("USDT"), market("EURC"), market("EUR"), market("PLN"), market("BTC", "PLN"),
        market("MNT"), market("SCR"),
    ]  # fmt: skip
    assert chosen(*markets) == ["MNT-USD", "SCR-USD"]
    assert left_out(*markets) == {"stablecoin_or_fiat": 4}


@pytest.mark.parametrize("name", ["BTCUP", "BTCDOWN", "BTCBULL", "BTCBEAR", "BTC3L", "BTC3S", "1INCH3L"])
def test_a_leveraged_token_is_left_out(name: str) -> None:
    markets = [market("BTC"), market("1INCH"), market(name)]
    assert chosen(*markets) == ["1INCH-USD", "BTC-USD"]
    assert left_out(*markets) == {"leveraged": 1}


@pytest.mark.parametrize("name", ["JUP", "SUP", "SYRUP", "UP", "BULL", "XYZ3L"])
def test_what_only_ends_like_one_is_not(name: str) -> None:
    # A token of one letter is no stem: SUP has nothing to do with S.
    assert f"{name}-USD" in chosen(market("BTC"), market("S"), market(name))


def test_a_blacklist_is_of_names_and_patterns() -> None:
    markets = [market("BTC"), market("DOGE"), market("SHIB"), market("SHIBX")]
    assert chosen(*markets, blacklist=("doge-usd", "SHIB*")) == ["BTC-USD"]
    assert left_out(*markets, blacklist=("*",)) == {"blacklisted": 4}


def test_two_names_of_one_order_book_are_one_candidate() -> None:
    markets = [
        market("BTC", volume=9e8), market("BTC", "USDC", volume=0.0, alias="BTC-USD"),
        market("ABC", "USDC"), market("BTC", "USDC", volume=0.0, alias="BTC-USD", name="BTC-USDC2"),
    ]  # fmt: skip
    assert chosen(*markets, quote="USD") == ["BTC-USD"]
    assert chosen(*markets, quote="USDC") == ["BTC-USD", "ABC-USDC"]
    assert left_out(*markets, quote="USDC") == {"alias": 1}
    assert left_out(*markets, quote="USDC", blacklist=("BTC-USDC*",)) == {"blacklisted": 2}


def test_a_market_whose_twin_is_gone_stands_for_itself() -> None:
    markets = [market("BTC", delisted_at=1), market("BTC", "USDC", alias="BTC-USD")]
    assert chosen(*markets, quote="USDC") == ["BTC-USDC"]


def test_a_quote_that_does_not_exist_is_no_reason_to_take_another() -> None:
    there = listing(market("BTC", "USDT"), market("ETH", "USDT"), market("ETH", "BTC"), exchange="binance")
    with pytest.raises(InvalidError) as refused:
        choose(there, Filters(exchange="binance", quote="USD"))
    assert str(refused.value) == "binance lists no market in USD (quote)"
    assert refused.value.hint == (
        "choose one of: USDT, BTC; for all scans with: livermore settings set scanner.quote USDT"
    )
    with pytest.raises(InvalidError) as empty:
        choose(listing(), Filters(exchange="coinbase"))
    assert empty.value.hint == "its listing is empty"


def test_filters_are_those_of_the_settings() -> None:
    document = read_settings({
        "version": 2, "perseus_profile": {"primary_exchange": "binance"},
        "scanner": {"limit": 900, "quote": "USDT", "minimum_quote_volume_24h": 5, "minimum_age_days": 30,
                    "maximum_spread_percent": 0.5, "blacklist": ["*UP-USDT"]},
    })  # fmt: skip
    assert filters_of(document) == Filters(
        exchange="binance", quote="USDT", limit=MOST, minimum_quote_volume_24h=5, minimum_age_days=30,
        maximum_spread_percent=0.5, blacklist=("*UP-USDT",),
    )  # fmt: skip
    assert filters_of(read_settings({})) == Filters()


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("exchange", {"exchange": None}), ("quote", {"quote": "U S D"}), ("quote", {"quote": ""}),
        ("limit", {"limit": 0}), ("limit", {"limit": 501}),
        ("minimum_quote_volume_24h", {"minimum_quote_volume_24h": -1.0}),
        ("minimum_quote_volume_24h", {"minimum_quote_volume_24h": float("nan")}),
        ("minimum_age_days", {"minimum_age_days": 0}), ("minimum_age_days", {"minimum_age_days": 40_000}),
        ("maximum_spread_percent", {"maximum_spread_percent": float("inf")}),
        ("blacklist[1]", {"blacklist": ("BTC-USD", "")}), ("blacklist[0]", {"blacklist": ("A B",)}),
        ("blacklist[0]", {"blacklist": ("A" * 51,)}), ("blacklist[0]", {"blacklist": ("A\x00",)}),
        ("blacklist", {"blacklist": ("A",) * 501}),
    ],
)  # fmt: skip
def test_filters_that_cannot_be_are_named(field: str, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidError) as refused:
        checked(Filters(**{"exchange": "coinbase"} | changes))
    assert refused.value.where == field


def test_filters_that_can_be_are_taken() -> None:
    filters = Filters(exchange="coinbase", limit=500, minimum_age_days=36_500, maximum_spread_percent=0.0)
    assert checked(filters) is filters


def proposal(*names: str) -> Proposal:
    candidates = tuple(
        candidate_of(market(name.removesuffix("-USD")), rank) for rank, name in enumerate(names, 1)
    )
    return Proposal(
        exchange="coinbase", made_at="2026-01-01T00:00:00.000Z", filters=Filters(), candidates=candidates
    )


def test_a_proposal_is_held_against_the_watchlist_of_its_exchange() -> None:
    document = read_settings({
        "version": 2, "perseus_profile": {"primary_exchange": "binance"},
        "symbols": ["BTCUSDT", "coinbase:ETH-USD", "coinbase:OLD-USD", "coinbase:BTC-USDC"],
        "disabled_symbols": ["coinbase:ETH-USD"],
    })  # fmt: skip
    watched = watched_on(document, "coinbase")
    assert watched == ("ETH-USD", "OLD-USD", "BTC-USDC")
    there = listing(market("BTC"), market("BTC", "USDC", alias="BTC-USD"))
    found = against(proposal("BTC-USD", "ETH-USD", "NEW-USD"), watched, there)
    assert (found.add, found.keep, found.missing) == (("NEW-USD",), ("BTC-USD", "ETH-USD"), ("OLD-USD",))
    assert [one.watched for one in found.candidates] == [True, True, False]
    later = against(found, ("NEW-USD",), None)
    assert (later.add, later.keep, later.missing) == (("BTC-USD", "ETH-USD"), ("NEW-USD",), ())


@pytest.mark.parametrize(
    ("pattern", "name", "is_one"),
    [
        ("BTC-USD", "btc-usd", True), ("BTC", "BTC-USD", False), ("*-USD", "BTC-USD", True),
        ("BTC*", "BTC-USD", True), ("*UP-USDT", "BTCUP-USDT", True), ("*UP-USDT", "UP-USDT", True),
        ("A*A", "A", False), ("A*B*C", "AxxBxxC", True), ("A*B*C", "AC", False), ("A**C", "AC", True),
        ("*", "", True), ("", "", True), ("*A*A*", "A", False), (".*", "BTC", False), ("B?C", "BTC", False),
    ],
)  # fmt: skip
def test_a_star_stands_for_any_characters(pattern: str, name: str, is_one: bool) -> None:
    assert Patterns([pattern]).fit(name) is is_one
    assert Patterns(["OTHER*", pattern]).fit(name) is is_one


@given(some.lists(some.text("AB", max_size=3), min_size=1, max_size=5), some.data())
def test_what_is_put_for_the_stars_is_matched(parts: list[str], data: some.DataObject) -> None:
    filled = parts[0] + "".join(data.draw(some.text("AB", max_size=3)) + part for part in parts[1:])
    assert Patterns(["*".join(parts)]).fit(filled)


def test_a_pattern_of_stars_is_no_work_without_end() -> None:
    assert not Patterns(["*A" * 24 + "*B*"]).fit("A" * 100_000)
