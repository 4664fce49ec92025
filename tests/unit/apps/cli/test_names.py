"""Names that people type: of symbols, with or without the exchange that lists them."""

import pytest

from livermore.apps.cli.reading import only
from livermore.apps.cli.up import named
from livermore.kernel.errors import InvalidError

BOTH = [("coinbase", "BTC-USD"), ("binance", "BTCUSDT"), ("binance", "ETHUSDT")]


def test_a_symbol_of_one_of_several_exchanges_needs_no_exchange() -> None:
    assert [only(symbol, BOTH) for _, symbol in BOTH] == ["coinbase", "binance", "binance"]


def test_where_one_exchange_is_watched_every_symbol_is_of_it() -> None:
    assert only("DELISTED", BOTH[1:]) == "binance"


@pytest.mark.parametrize(
    ("symbol", "watched", "hint"),
    [
        ("SOLUSDT", BOTH, "coinbase:SOLUSDT"),
        ("BTCUSDT", [*BOTH, ("binance_us", "BTCUSDT")], "binance:BTCUSDT"),
        ("BTC-USD", [], "coinbase:BTC-USD"),
    ],
)
def test_a_symbol_that_may_be_of_several_or_none_is_asked_about(
    symbol: str, watched: list[tuple[str, str]], hint: str
) -> None:
    with pytest.raises(InvalidError) as refused:
        only(symbol, watched)
    assert hint in (refused.value.hint or "")


def test_symbols_are_written_in_capitals_and_exchanges_are_not() -> None:
    typed = ("btc-usd", "binance:btcusdt", "btc/usdt:usdt")
    assert [named(symbol) for symbol in typed] == ["BTC-USD", "binance:BTCUSDT", "btc/usdt:usdt".upper()]
