"""Lists of markets as exchanges write them: recorded ones, and such in which one market makes no sense."""

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from livermore.adapters.exchanges.binance import listing as binance_listing
from livermore.adapters.exchanges.binance import tickers as binance_tickers
from livermore.adapters.exchanges.coinbase import listing as coinbase_listing
from livermore.adapters.exchanges.coinbase import tickers as coinbase_tickers
from livermore.adapters.exchanges.through_ccxt import listing as ccxt_listing
from livermore.adapters.exchanges.through_ccxt import tickers as ccxt_tickers
from livermore.kernel.clock import parse_time
from livermore.kernel.errors import ExchangeUnreachableError
from livermore.market.readable import LONGEST_NAME
from livermore.market.symbol import Symbol, Ticker
from tests.contracts.exchanges.ccxt_support import through
from tests.contracts.exchanges.coinbase_support import PRODUCT, REST, coinbase
from tests.contracts.exchanges.support import DAY, T0, serving

SAMPLES = ("NaN", "nan", "inf", "-Infinity", "1e999", "-1", "0", "1_000", "١٢", "9" * 5000, "0x10", "1e-400")
STRANGE = st.one_of(
    st.sampled_from(SAMPLES), st.text(), st.none(), st.booleans(), st.integers(-(2**70), 2**70),
    st.lists(st.integers(), max_size=2), st.dictionaries(st.text(), st.none(), max_size=1),
)  # fmt: skip
MARKET: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "isSpotTradingAllowed": True,
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "tickSize": "0.01000000"},
        {"filterType": "LOT_SIZE", "stepSize": "0.00001000"},
        {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True},
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
    ],
}
FULL_PRODUCT = PRODUCT | {
    "price_increment": "0.01",
    "quote_increment": "0.01",
    "quote_min_size": "1",
    "new_at": "2023-01-01T00:00:00Z",
}
NEEDED = {
    "product_id", "base_currency_id", "quote_currency_id",
    "is_disabled", "trading_disabled", "view_only", "auction_mode",
}  # fmt: skip
UNIFIED: dict[str, Any] = {
    "symbol": "BTC/USDT",
    "base": "BTC",
    "quote": "USDT",
    "active": True,
    "created": T0,
    "precision": {"price": 0.01, "amount": 0.00001},
    "limits": {"cost": {"min": 5.0}},
}
UNIFIED_DAY: dict[str, Any] = {
    "symbol": "BTC/USDT",
    "timestamp": T0,
    "last": 57500.5,
    "open": 57000.0,
    "baseVolume": 1000.0,
    "quoteVolume": 57250000.0,
    "bid": 57500.49,
    "ask": 57500.51,
}


class Saying:
    """Stand for an adapter's REST client and its budget: whatever is asked, it reads out what a test says."""

    budget = property(lambda self: self)

    def __init__(self, **told: object) -> None:
        self._told = {name: json.dumps(body) for name, body in told.items()}

    async def get(self, path: str, kind: Any, *_: Any, **__: Any) -> Any:
        return msgspec.json.decode(self._told[path.rsplit("/", 1)[-1]], type=kind, strict=False)


class Unified:
    """Stand for ccxt: one market that makes sense, and one that may not."""

    precisionMode = 4  # noqa: N815 - ccxt calls it so

    def __init__(self, market: dict[str, Any], day: dict[str, Any]) -> None:
        self._market, self._day = market, day
        self.loaded = self.time = self.info = self
        self.name = "elsewhere"

    def now(self) -> int:
        return T0

    def has(self, feature: str) -> bool:
        return True

    async def markets(self, *, fresh: bool = False) -> dict[str, dict[str, Any]]:
        return {"ETHUSDT": UNIFIED | {"symbol": "ETH/USDT"}, "BTCUSDT": self._market}

    async def ask(self, method: str, *_: Any) -> dict[str, Any]:
        return {"ETH/USDT": UNIFIED_DAY | {"symbol": "ETH/USDT"}, "BTC/USDT": self._day}


def sensible(symbol: Symbol) -> bool:
    """Say whether a table can take it, and its numbers mean something."""
    steps = (symbol.price_step, symbol.amount_step, symbol.minimum_value)
    texts = (symbol.name, symbol.base, symbol.quote)
    return (
        all(step is None or 0 < step < 1e300 for step in steps)
        and all(0 < len(text) <= LONGEST_NAME and text.isprintable() for text in texts)
        and len(symbol.status) <= LONGEST_NAME
        and (symbol.opened_at is None or 0 < symbol.opened_at < 2**42)
    )


def sound(day: Ticker) -> bool:
    """Say whether its numbers mean something."""
    numbers = (day.open_24h, day.quote_volume_24h)
    return 0 < day.price < 1e300 and all(one is None or -1e300 < one < 1e300 for one in numbers)


def check(listed: list[Symbol], days: list[Ticker], *, good: str) -> None:
    assert good in {symbol.name for symbol in listed}
    assert good in {day.symbol for day in days}
    assert all(map(sensible, listed))
    assert all(map(sound, days))


@given(st.sampled_from([*MARKET]), st.sampled_from([*DAY]), STRANGE)
def test_a_strange_market_of_binance_leaves_the_others(field: str, of_day: str, value: object) -> None:
    markets = [MARKET | {"symbol": "ETHUSDT"}, MARKET | {field: value}]
    rest: Any = Saying(**{
        "exchangeInfo": {"symbols": markets}, "24hr": [DAY | {"symbol": "ETHUSDT"}, DAY | {of_day: value}],
    })  # fmt: skip
    listed, days = asyncio.run(binance_listing.listing(rest)), asyncio.run(binance_tickers.days(rest))
    assert asyncio.run(binance_tickers.tickers(rest, ["ETHUSDT", "BTCUSDT"])) == days
    check(listed, days, good="ETHUSDT")
    assert len(listed) == 2 or field != "filters"


@given(st.sampled_from(["tickSize", "stepSize", "minNotional", "filterType"]), STRANGE)
def test_a_strange_rule_of_binance_leaves_the_market(field: str, value: object) -> None:
    rules = [rule | {field: value} if field in rule else rule for rule in MARKET["filters"]]
    rest: Any = Saying(exchangeInfo={"symbols": [MARKET | {"filters": rules}, MARKET]})
    listed = asyncio.run(binance_listing.listing(rest))
    assert len(listed) == 2
    assert all(map(sensible, listed))


@given(st.sampled_from([*FULL_PRODUCT]), STRANGE)
def test_a_strange_product_of_coinbase_leaves_the_others(field: str, value: object) -> None:
    products = [FULL_PRODUCT | {"product_id": "ETH-USD"}, FULL_PRODUCT | {field: value}]
    rest: Any = Saying(products={"products": products}, time={"epochMillis": str(T0)})
    listed, days = asyncio.run(coinbase_listing.listing(rest)), asyncio.run(coinbase_tickers.days(rest))
    assert "ETH-USD" in {
        day.symbol for day in asyncio.run(coinbase_tickers.tickers(rest, ["ETH-USD", "BTC-USD"]))
    }
    check(listed, days, good="ETH-USD")
    # One that is not listed would rest, and its watchers be told that it is gone.
    assert len(listed) == 2 or field in NEEDED


@given(st.sampled_from([*UNIFIED][1:]), st.sampled_from([*UNIFIED_DAY]), STRANGE)
def test_a_strange_market_behind_ccxt_leaves_the_others(field: str, of_day: str, value: object) -> None:
    if field in {"precision", "limits"}:
        value = {"price": value, "amount": value, "cost": {"min": value}}
    library: Any = Unified(UNIFIED | {field: value}, UNIFIED_DAY | {of_day: value})
    listed, days = asyncio.run(ccxt_listing.listing(library)), asyncio.run(ccxt_tickers.days(library))
    check(listed, days, good="ETHUSDT")


@pytest.mark.parametrize(
    ("mode", "precision", "step"),
    [(4, 0.05, 0.05), (2, 3, 0.001), (2, -999, None), (3, 5, None), (2, None, None)],
)
async def test_a_step_is_told_in_one_of_three_ways(mode: int, precision: object, step: float | None) -> None:
    library: Any = Unified(UNIFIED | {"precision": {"price": precision}}, UNIFIED_DAY)
    library.precisionMode = mode
    symbol = next(symbol for symbol in await ccxt_listing.listing(library) if symbol.name == "BTCUSDT")
    assert symbol.price_step == (step if step is None else pytest.approx(step))
    assert symbol.amount_step is None


# ---------------------------------------------------------------- recorded ones


def answering(body: object) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(_: web.Request) -> web.Response:
        return web.json_response(body)

    return handler


async def test_every_market_that_binance_had_is_read(shared_data: Path) -> None:
    packed = (shared_data / "markets" / "binance_exchangeInfo_20211012.json.gz").read_bytes()
    told = json.loads(gzip.decompress(packed))
    rest: Any = Saying(exchangeInfo={"symbols": told["symbols"]})
    listed = await binance_listing.listing(rest)
    assert [symbol.name for symbol in listed] == [market["symbol"] for market in told["symbols"]]
    assert all(symbol.price_step and symbol.amount_step and symbol.minimum_value for symbol in listed)
    assert {symbol.trading for symbol in listed} == {True, False}
    ether = next(symbol for symbol in listed if symbol.name == "ETHBTC")
    assert (ether.price_step, ether.amount_step, ether.minimum_value) == (1e-06, 0.0001, 0.0001)


async def test_a_recorded_product_is_quoted_with_what_was_offered(shared_data: Path) -> None:
    samples = shared_data / "rest_samples"
    product, products, ticker = (
        json.loads((samples / f"coinbase_http_{name}.json").read_text())
        for name in ("product", "products", "ticker")
    )
    routes = [
        web.get(f"{REST}/market/products", answering(products)),
        web.get(f"{REST}/market/products/BTC-USD", answering(product)),
        web.get(f"{REST}/market/products/BTC-USD/ticker", answering(ticker)),
        web.get(f"{REST}/market/products/BTC-USDC", answering(products["products"][1])),
        web.get(f"{REST}/time", answering({"epochMillis": str(T0)})),
    ]
    async with serving(*routes) as address:
        exchange = coinbase(f"http://{address}")
        listed = {symbol.name: symbol for symbol in await exchange.listing()}
        days = {day.symbol: day for day in await exchange.days()}
        quote, twin = await exchange.quote("BTC-USD"), await exchange.quote("BTC-USDC")
        await exchange.close()
    bitcoin = listed["BTC-USD"]
    assert (bitcoin.price_step, bitcoin.amount_step, bitcoin.minimum_value) == (0.01, 1e-08, 1.0)
    assert bitcoin.opened_at == parse_time("2023-01-01T00:00:00Z")
    assert (listed["BTC-USDC"].alias, days["BTC-USDC"].price) == ("BTC-USD", 68923.67)
    assert days["BTC-USD"].quote_volume_24h == 758532193.02
    assert (quote.bid, quote.ask, quote.trades_24h) == (68923.66, 68923.67, None)
    assert quote.time == parse_time("2026-04-07T00:28:58.544Z")
    assert (twin.symbol, twin.price, twin.bid, twin.ask) == ("BTC-USDC", 68923.67, 68923.66, 68923.67)


async def test_a_volume_that_is_told_in_the_base_asset_is_reckoned_in_the_other() -> None:
    only_base = {**PRODUCT, "approximate_quote_24h_volume": "", "volume_24h": "10", "price": "250.5"}
    rest: Any = Saying(products={"products": [only_base]}, time={"epochMillis": str(T0)})
    [day] = await coinbase_tickers.days(rest)
    assert day.quote_volume_24h == 2505.0


@pytest.mark.parametrize("trades", [[], [{"time": "yesterday"}]])
async def test_a_product_nobody_trades_is_quoted_as_of_the_exchange(trades: list[object]) -> None:
    offers = {"trades": trades, "best_bid": "", "best_ask": ""}
    rest: Any = Saying(**{"BTC-USD": PRODUCT, "ticker": offers, "time": {"epochMillis": str(T0)}})
    quote = await coinbase_tickers.quote(rest, "BTC-USD")
    assert (quote.time, quote.bid, quote.ask, quote.spread_percent) == (T0, None, None, None)


async def test_a_market_without_a_price_has_no_day_and_no_quote() -> None:
    nothing = DAY | {"lastPrice": "0.00000000"}
    offers = {"trades": [], "best_bid": "", "best_ask": ""}
    at_binance: Any = Saying(**{"24hr": [nothing]})
    at_coinbase: Any = Saying(**{
        "products": {"products": [{**PRODUCT, "price": ""}]}, "time": {"epochMillis": str(T0)},
        "BTC-USD": {**PRODUCT, "price": ""}, "ticker": offers,
    })  # fmt: skip
    behind_ccxt: Any = Unified(UNIFIED, UNIFIED_DAY | {"last": None})
    assert await binance_tickers.days(at_binance) == []
    assert await coinbase_tickers.days(at_coinbase) == []
    assert [day.symbol for day in await ccxt_tickers.days(behind_ccxt)] == ["ETHUSDT"]
    quoted: Any = Saying(**{"24hr": nothing})
    with pytest.raises(ExchangeUnreachableError, match="no price"):
        await binance_tickers.quote(quoted, "BTCUSDT")
    with pytest.raises(ExchangeUnreachableError, match="no price"):
        await coinbase_tickers.quote(at_coinbase, "BTC-USD")


async def test_offers_of_nothing_are_none() -> None:
    shut = DAY | {"bidPrice": "0.00000000", "askPrice": "NaN"}
    rest: Any = Saying(**{"24hr": shut})
    quote = await binance_tickers.quote(rest, "BTCUSDT")
    assert (quote.bid, quote.ask, quote.spread_percent) == (None, None, None)


async def test_behind_ccxt_days_are_not_asked_for_one_by_one() -> None:
    async with serving(
        web.get("/api/v3/exchangeInfo", answering({"symbols": [MARKET | {"permissions": ["SPOT"]}]})),
        web.get("/api/v3/ticker/24hr", answering(DAY)),
    ) as address:
        exchange = through(f"http://{address}", has={"fetchTickers": False})
        assert await exchange.days() == []
        assert (await exchange.quote("BTCUSDT")).trades_24h is None
        await exchange.close()
