"""Which symbol somebody means: what is exact goes before what is alike, and nobody's looks decide."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livermore.kernel.errors import InvalidError, NotFoundError
from livermore.market.listing import ListedSymbol, Listing
from livermore.market.naming import Lines, named, named_once, on_the_list
from livermore.market.symbol import Symbol
from livermore.settings.forms import Qualified
from livermore.settings.watchlist import Entry

KELVIN = "\u212a"  # a sign that becomes an ordinary k in lower case


def entry(exchange: str | None, symbol: str) -> Entry:
    written = symbol if exchange in (None, "coinbase") else f"{exchange}:{symbol}"
    return Entry(written, Qualified(exchange, symbol), enabled=True)


LIST = (entry("coinbase", "BTC-USD"), entry("coinbase", "ETH-USDC"), entry("binance", "BTCUSDT"))
COINBASE = Listing(
    exchange="coinbase", asked_at=0,
    symbols={
        name: ListedSymbol(
            symbol=Symbol(name=name, base=name[:3], quote=name[4:], alias=alias), first_seen_at=0
        )
        for name, alias in {
            "BTC-USD": "", "BTC-USDC": "BTC-USD", "ETH-USD": "", "ETH-USDC": "ETH-USD", "SOL-USD": "",
        }.items()
    },
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "exchange", "symbol"),
    [
        ("BTC-USD", None, "BTC-USD"),
        ("  btc-usd\n", None, "btc-usd"),
        ("binance:BTCUSDT", "binance", "BTCUSDT"),
        ("Binance_US:btcusdt", "binance_us", "btcusdt"),
        ("BTC/USDT:USDT", None, "BTC/USDT:USDT"),
        (":BTC", None, ":BTC"),
        ("binance:", None, "binance:"),
        (f"{KELVIN}raken:BTC", None, f"{KELVIN}raken:BTC"),
        ("../etc:passwd", None, "../etc:passwd"),
    ],
)
def test_names_are_read_as_people_write_them(text: str, exchange: str | None, symbol: str) -> None:
    assert named(text, None) == Qualified(exchange, symbol)
    assert named(text, "coinbase").exchange == (exchange or "coinbase")


@given(st.text(), st.sampled_from([None, "coinbase"]))
def test_whatever_is_typed_has_a_reading(text: str, exchange: str | None) -> None:
    name = named(text, exchange)
    assert name.symbol in text


def test_an_exchange_is_said_once_or_twice_the_same() -> None:
    assert named_once("BTC-USD", None, "coinbase") == Qualified("coinbase", "BTC-USD")
    assert named_once("BTC-USD", "binance", "coinbase") == Qualified("binance", "BTC-USD")
    assert named_once("binance:BTC", "binance", "coinbase") == Qualified("binance", "BTC")
    assert named_once("BTC-USD", None, None) == Qualified(None, "BTC-USD")
    with pytest.raises(InvalidError) as refused:
        named_once("binance:BTC", "coinbase", None)
    assert refused.value.where == "payload.exchange"


@pytest.mark.parametrize(
    ("text", "meant", "listing"),
    [
        ("BTC-USD", "BTC-USD", None),
        ("btc-usd", "BTC-USD", None),
        ("btc/usd", "BTC-USD", None),
        ("btcusd", "BTC-USD", COINBASE),
        ("BTC-USDC", "BTC-USD", COINBASE),
        ("eth-usdc", "ETH-USDC", COINBASE),
        ("ETH-USDC", "ETH-USDC", None),
    ],
)
def test_what_is_on_the_list_is_found_in_any_form(text: str, meant: str, listing: Listing | None) -> None:
    found = on_the_list(LIST, Qualified("coinbase", text), listing)
    assert found.name == Qualified("coinbase", meant)
    assert (found.note is not None) is (text == "BTC-USDC")


def test_what_no_exchange_lists_any_more_is_found() -> None:
    gone = entry("nowhere", "LUNA-USD")
    assert on_the_list([*LIST, gone], Qualified("nowhere", "luna_usd"), None).entry is gone


@pytest.mark.parametrize(
    ("name", "near"),
    [
        (Qualified("coinbase", "BTC-USB"), "did you mean BTC-USD?"),
        (Qualified("coinbase", "BTCUSDT"), "did you mean binance:BTCUSDT?"),
        (Qualified("coinbase", "\u0412TC-USD"), "see the watchlist"),  # a Cyrillic letter that looks like a B
        (Qualified("coinbase", "X" * 10_000), "see the watchlist"),
    ],
)
def test_what_is_not_on_the_list_names_the_nearest(name: Qualified, near: str) -> None:
    with pytest.raises(NotFoundError) as refused:
        on_the_list(LIST, name, COINBASE)
    assert re.search(re.escape(near), refused.value.hint or "", re.IGNORECASE)
    assert refused.value.where == "payload.symbol"
    assert len(str(refused.value)) < 200


def test_a_name_that_may_be_two_symbols_is_neither() -> None:
    both = [entry("binance", "AB-C"), entry("binance", "A-BC")]
    with pytest.raises(InvalidError, match="AB-C or A-BC"):
        on_the_list(both, Qualified("binance", "abc"), None)
    assert on_the_list(both, Qualified("binance", "a-bc"), None).name.symbol == "A-BC"


def test_what_is_there_already_is_known_by_the_listing_not_by_likeness() -> None:
    """Another market may be called nearly the same, and be meant."""
    lines = Lines(LIST)
    assert lines.meant(Qualified("coinbase", "btcusd"), COINBASE) is not None
    assert lines.meant(Qualified("coinbase", "btcusd"), None) is None
    assert lines.meant(Qualified("coinbase", "btc-usd"), None) is not None
    assert lines.meant(Qualified("coinbase", "sol-usd"), COINBASE) is None
    assert lines.meant(Qualified("coinbase", "BTCUSDT"), COINBASE) is None


def test_the_first_line_of_an_order_book_is_known_by_the_name_of_the_book() -> None:
    twice = Lines((*LIST, entry("binance", "BTC-USDC"), entry("coinbase", "ETH-USDC")))
    found = twice.of_book(Qualified("coinbase", "ETH-USD"), COINBASE)
    assert found is not None
    assert (found.name, found.note) == (LIST[1].name, "ETH-USDC shares the order book of ETH-USD")
    assert twice.of_book(Qualified("coinbase", "BTC-USD"), COINBASE) is None, "it stands there by that name"
    assert twice.of_book(Qualified("coinbase", "ETH-USDC"), COINBASE) is None
