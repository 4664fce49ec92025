"""Lists of symbols are read in every form that people keep, and written so that they are read again."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as some

from livermore.kernel.errors import InvalidError
from livermore.market.lookup import find
from livermore.market.symbol_lists import (
    FORMS,
    MOST_CHARACTERS,
    MOST_SYMBOLS,
    ListForm,
    read_list,
    written_list,
)
from livermore.settings.forms import Qualified

from .listed import listing, market

READ: list[tuple[str, ListForm, str, list[str]]] = [
    ("an array", "json", '["BTC-USD", " binance:BTCUSDT "]', ["BTC-USD", "binance:BTCUSDT"]),
    ("objects", "json", '[{"symbol": "BTC-USD", "exchange": "coinbase"}, {"symbol": "ETH-USD"}]',
     ["coinbase:BTC-USD", "ETH-USD"]),
    ("an object", "json", '\n {"symbols": ["BTC-USD"], "note": 1}', ["BTC-USD"]),
    ("a name with a prefix", "json", '["COINBASE:BTCUSD"]', ["coinbase:BTCUSD"]),
    ("a header", "csv", "Name,Symbol,Exchange\nBitcoin,BTC-USD,Coinbase\n,ETH-USD,\n",
     ["coinbase:BTC-USD", "ETH-USD"]),
    ("a header alone in its column", "csv", "symbol\r\nBTC-USD\r\n\r\nETH-USD", ["BTC-USD", "ETH-USD"]),
    ("no header", "csv", "BTC-USD,coinbase\nBTCUSDT,binance\nETH-USD", ["coinbase:BTC-USD", "binance:BTCUSDT",
     "ETH-USD"]),
    ("comments", "csv", "# mine, and yours\nBTC-USD\n  # more\nETH-USD\n", ["BTC-USD", "ETH-USD"]),
    ("semicolons", "csv", "symbol;exchange\nBTC-USD;coinbase\nETH-USD", ["coinbase:BTC-USD", "ETH-USD"]),
    ("tabs", "csv", "BTC-USD\tcoinbase", ["coinbase:BTC-USD"]),
    ("quotes", "csv", '"symbol","exchange"\n"BTC-USD","coinbase"', ["coinbase:BTC-USD"]),
    ("rows without anything", "csv", "symbol,exchange\n,\nBTC-USD,", ["BTC-USD"]),
    ("an exchange said twice", "csv", "symbol,exchange\nCOINBASE:BTC-USD,coinbase", ["coinbase:BTC-USD"]),
    ("commas", "tradingview", "COINBASE:BTCUSD,BINANCE:ETHUSDT", ["coinbase:BTCUSD", "binance:ETHUSDT"]),
    ("lines", "tradingview", "COINBASE:BTCUSD\nBINANCEUS:ETHUSD\n", ["coinbase:BTCUSD", "binance_us:ETHUSD"]),
    ("sections", "tradingview", "###MAJORS,COINBASE:BTCUSD,###small, ones\nKRAKEN:XBTUSD,",
     ["coinbase:BTCUSD", "ones", "kraken:XBTUSD"]),
    ("a perpetual", "tradingview", "BINANCE:BTCUSDT.P", ["binance:BTCUSDT.P"]),
    ("plain names", "tradingview", "btcusdt\nBTC/USDT,ETH-USD", ["btcusdt", "BTC/USDT", "ETH-USD"]),
    ("nothing", "tradingview", " \n\n", []),
]  # fmt: skip

REFUSED: list[tuple[str, ListForm | None, str, str]] = [
    ("broken JSON", None, '["BTC-USD",\n "ETH-USD"', "line 2, column 11"),
    ("no list", None, '{"symbols": {"BTC-USD": 1}}', "line 1"),
    ("no symbol", None, '["BTC-USD", 7]', "item 2"),
    ("an object without one", None, '[{"name": "BTC-USD"}]', "item 1"),
    ("an exchange that is no text", None, '[{"symbol": "BTC-USD", "exchange": 1}]', "item 1"),
    ("an empty text", None, '["BTC-USD", " "]', "item 2"),
    ("half a letter", None, r'["BTC-USD\ud800"]', "item 1"),
    ("lists in lists", None, "[" * 100_000, "line 1"),
    ("a number without end", None, f"[{'9' * 5_000}]", "line 1"),
    ("an open quote", "csv", 'symbol\nETH-USD\n"BTC-USD', "line 3"),
    ("an exchange alone", "csv", "symbol,exchange\n,coinbase", "line 2"),
    ("two exchanges", "csv", "symbol,exchange\nbinance:BTCUSDT,coinbase", "line 2"),
    ("a control character", "tradingview", "BTC-USD\nETH\x00USD", "line 2"),
    ("a name without end", "tradingview", "BTC-USD\n" + "A" * 201, "line 2"),
]


@pytest.mark.parametrize(
    ("form", "text", "names"), [case[1:] for case in READ], ids=[case[0] for case in READ]
)
def test_it_is_read_and_its_form_is_found_out(form: ListForm, text: str, names: list[str]) -> None:
    assert read_list(text, form) == names
    assert read_list(text) == names
    assert read_list(f"\ufeff{text}") == names


@pytest.mark.parametrize(
    ("form", "text", "place"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_what_cannot_be_read_is_named_by_its_place(form: ListForm | None, text: str, place: str) -> None:
    with pytest.raises(InvalidError) as refused:
        read_list(text, form)
    assert refused.value.where == place


@pytest.mark.parametrize("form", FORMS)
def test_no_more_is_read_than_a_person_keeps(form: ListForm) -> None:
    rows = [Qualified("coinbase", f"A{number}-USD") for number in range(MOST_SYMBOLS + 1)]
    assert len(read_list(written_list(rows[1:], form), form)) == MOST_SYMBOLS
    with pytest.raises(InvalidError, match="more than 5000 symbols"):
        read_list(written_list(rows, form), form)


def test_a_text_without_end_is_not_read() -> None:
    with pytest.raises(InvalidError) as refused:
        read_list("A" * (MOST_CHARACTERS + 1))
    assert refused.value.where == "text"


def test_a_list_is_written_as_others_read_it() -> None:
    rows = [Qualified("coinbase", "BTC-USD"), Qualified("binance_us", "BTCUSDT"), Qualified(None, "ETH-USD")]
    names = ["coinbase:BTC-USD", "binance_us:BTCUSDT", "ETH-USD"]
    assert json.loads(written_list(rows, "json")) == names
    assert written_list(rows, "csv") == "symbol,exchange\nBTC-USD,coinbase\nBTCUSDT,binance_us\nETH-USD,\n"
    assert written_list(rows, "tradingview") == "COINBASE:BTCUSD\nBINANCEUS:BTCUSDT\nETHUSD\n"


NAMES = ("BTC-USD", "1INCH-USD", "USDT-USDC", "00-USD")
asset = some.text("ABCXYZ0123456789", min_size=1, max_size=8)
exchange = some.from_regex(r"[a-z][a-z0-9_-]{0,12}", fullmatch=True).filter(lambda name: name != "binanceus")
rows = some.lists(
    some.builds(
        lambda where, base, mark, quote: Qualified(where, f"{base}{mark}{quote}"),
        some.none() | exchange, asset, some.sampled_from(["", "-", "/", "_", "."]), asset,
    ),
    max_size=20,
)  # fmt: skip


@given(rows, some.sampled_from(["json", "csv"]), some.booleans())
def test_what_is_written_is_read_again(rows: Sequence[Qualified], form: ListForm, told: bool) -> None:
    names = [f"{row.exchange}:{row.symbol}" if row.exchange else row.symbol for row in rows]
    assert read_list(written_list(rows, form), form if told else None) == names


@given(rows, some.booleans())
def test_tradingview_is_told_all_but_the_punctuation(rows: Sequence[Qualified], told: bool) -> None:
    bare = [row.symbol.translate({ord(mark): None for mark in "-/_"}) for row in rows]
    names = [f"{row.exchange}:{name}" if row.exchange else name for row, name in zip(rows, bare, strict=True)]
    assert read_list(written_list(rows, "tradingview"), "tradingview" if told else None) == names


@pytest.mark.parametrize("name", NAMES)
def test_what_tradingview_is_told_means_the_same_market(name: str) -> None:
    pairs = (one.split("-") for one in NAMES)
    there = listing(*(market(base, quote) for base, quote in pairs))
    (told,) = read_list(written_list([Qualified("coinbase", name)], "tradingview"))
    found = find(there, told.removeprefix("coinbase:"))
    assert found is not None
    assert found.symbol.name == name


CYRILLIC = "\u0412\u0422\u0421-USD"
fragments = some.sampled_from(
    ['"', "'", ",", ";", "\t", "\n", "\r", "#", "###", ":", "[", "]", "{", "}", "symbol", "exchange", "\\",
     "\ufeff", "COINBASE:", "BTC-USD", "\x00", "\ud800", "../etc/passwd", "'; drop table users; --", CYRILLIC]
)  # fmt: skip


def places_or_names(text: str, form: ListForm | None) -> list[str | None]:
    """Return what was read, or the place of what was refused."""
    try:
        return [*read_list(text, form)]
    except InvalidError as error:
        return [error.where]


@given(some.text() | some.lists(fragments).map("".join), some.none() | some.sampled_from(FORMS))
def test_no_text_does_more_than_be_refused(text: str, form: ListForm | None) -> None:
    told = places_or_names(text, form)
    assert all(one and one == one.strip() and one.encode() for one in told)
