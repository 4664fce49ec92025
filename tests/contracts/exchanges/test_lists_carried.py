"""A watchlist that is carried elsewhere and back names the very same markets, at either exchange."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from livermore.adapters.exchanges.simulated import GeneratedSource, Protocol, SimulatedExchange
from livermore.market.listed import listed
from livermore.market.listing import Listing
from livermore.market.lookup import find
from livermore.market.naming import named
from livermore.market.symbol_lists import FORMS, ListForm, read_list, written_list
from livermore.settings.forms import Qualified
from tests.contracts.exchanges.coinbase_support import coinbase
from tests.contracts.exchanges.support import T0, binance, running
from tests.unit.market.listed import listing, market

# What is cut from the wrong side is another market: ETHW in BIDR, JUP, and one whose base ends like a quote.
NAMED: Mapping[Protocol, Sequence[str]] = {
    "binance": ("BTCUSDT", "ETHBTC", "ETHWBIDR", "1INCHUSDT", "USDCUSDT", "JUPUSDT", "BTCSTUSDT", "BTCTUSD"),
    "coinbase": ("BTC-USD", "ETH-BTC", "USDT-USDC", "1INCH-USD", "00-USD", "JUP-USD", "BTC-EUR", "T-USD"),
}
BASES = {"ETHWBIDR": "ETHW", "BTCTUSD": "BTCT"}
form_told = some.tuples(some.sampled_from(FORMS), some.booleans())


@pytest.fixture(scope="module")
def markets() -> Mapping[str, Listing]:
    """What either simulated exchange lists, as its adapter reads it."""
    return asyncio.run(_listed())


async def _listed() -> Mapping[str, Listing]:
    listings: dict[str, Listing] = {}
    for protocol, names in NAMED.items():
        source = GeneratedSource(list(names), past_days=1, updates_per_bar=1)
        source.markets = tuple(
            replace(one, base=base, quote=one.symbol.removeprefix(base))
            if (base := BASES.get(one.symbol))
            else one
            for one in source.markets
        )
        async with running(SimulatedExchange(source, protocol=protocol)) as server:
            exchange = binance(server.rest_url) if protocol == "binance" else coinbase(server.rest_url)
            listings[protocol] = listed(protocol, await exchange.listing(), None, T0)
            await exchange.close()
    return listings


def carried(rows: Sequence[Qualified], form: ListForm, told: bool) -> list[Qualified]:
    """Write a list, read it again, and return what each of its names says."""
    read = read_list(written_list(rows, form), form if told else None)
    return [named(text, None) for text in read]


@given(choice=some.data(), how=form_told)
def test_what_is_exported_is_imported_as_the_very_same(
    markets: Mapping[str, Listing], choice: some.DataObject, how: tuple[ListForm, bool]
) -> None:
    every = [
        Qualified(exchange, name)
        for exchange, made in markets.items()
        for name, one in made.symbols.items()
        if not one.symbol.alias
    ]
    assert {name for _, name in every} == {name for names in NAMED.values() for name in names}
    rows = choice.draw(some.lists(some.sampled_from(every), unique=True, min_size=1))
    read = carried(rows, *how)
    found = [find(markets[exchange or ""], symbol) for exchange, symbol in read]
    meant = [None if one is None else one.symbol.name for one in found]
    assert [Qualified(name.exchange, symbol or "") for name, symbol in zip(read, meant, strict=True)] == rows


@given(how=form_told)
def test_a_name_that_shares_an_order_book_is_imported_as_the_market_that_has_it(
    markets: Mapping[str, Listing], how: tuple[ListForm, bool]
) -> None:
    (read,) = carried([Qualified("coinbase", "BTC-USDC")], *how)
    found = find(markets["coinbase"], read.symbol)
    assert found is not None
    assert (found.symbol.name, found.note is None) == ("BTC-USD", False)


@pytest.mark.parametrize("name", ["XXBTZUSD", "BTC-PERP", "BTC_USDT", "PI_XBTUSD", "BTC-USD-SWAP"])
@pytest.mark.parametrize("form", FORMS)
def test_a_name_that_is_more_than_base_and_quote_comes_back_too(name: str, form: ListForm) -> None:
    there = listing(market("BTC", name=name), market("ETH", name=name.replace("T", "H")), exchange="kraken")
    (read,) = carried([Qualified("kraken", name)], form, True)
    found = find(there, read.symbol)
    assert found is not None
    assert found.symbol.name == name


def test_a_name_that_may_be_two_markets_without_its_joint_is_neither() -> None:
    there = listing(market("A", "BC"), market("AB", "C"))
    (read,) = carried([Qualified("coinbase", "A-BC")], "tradingview", True)
    assert find(there, read.symbol) is None
    (read,) = carried([Qualified("coinbase", "A-BC")], "json", True)
    assert find(there, read.symbol) is not None
