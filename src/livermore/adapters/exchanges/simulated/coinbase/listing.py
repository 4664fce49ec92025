"""Products, in their full shape: each market, and beside every X-USD the X-USDC that shares its book."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from livermore.adapters.exchanges.simulated.coinbase.frames import STATUS, Frame, frame, key_of
from livermore.adapters.exchanges.simulated.coinbase.writing import plain, whole_second
from livermore.adapters.exchanges.simulated.floor import Floor
from livermore.adapters.exchanges.simulated.offers import offers_of
from livermore.adapters.exchanges.simulated.source import Market, Source
from livermore.adapters.exchanges.simulated.view import DAY, Day, View

BOOKS_OF_THEIR_OWN = ("USDT", "EURC")  # against USDC
MOST_DAYS_UNKNOWN = 1500


class Listing:
    """Know every product; `ever` leads from each there was to the one under whose name it is told."""

    def __init__(self, source: Source, floor: Floor, view: View) -> None:
        self._source = source
        self._floor = floor
        self._view = view
        self._markets = {market.symbol: market for market in source.markets}
        shared = filter(self._has_twin, self._markets.values())
        self._twins = {market.symbol: f"{market.base}-USDC" for market in shared}
        self.ever = {symbol: symbol for symbol in self._markets}
        self.ever |= {twin: symbol for symbol, twin in self._twins.items()}

    @property
    def canonical(self) -> dict[str, str]:
        """Return the products that are listed now."""
        listed = self._floor.listed
        if len(listed) == len(self._markets):
            return self.ever
        return {product: symbol for product, symbol in self.ever.items() if symbol in listed}

    def lists(self, product: str) -> bool:
        """Say whether a product is listed now."""
        return self.ever[product] in self._floor.listed

    def product(self, name: str, now: int) -> dict[str, Any]:
        """Describe a product as of a moment."""
        symbol = self.ever[name]
        market, day = self._markets[symbol], self._view.glance(symbol, now)
        base, quote = market.base, "USDC" if name != symbol else market.quote
        return {
            "product_id": name,
            **_prices(day),
            **_increments(market),
            "base_name": base.title(),
            "quote_name": "US Dollar" if quote == "USD" else quote,
            "watched": False,
            "is_disabled": False,
            "new": False,
            "status": "online",
            "cancel_only": False,
            "limit_only": False,
            "post_only": False,
            "trading_disabled": symbol in self._floor.halted,
            "auction_mode": False,
            "product_type": "SPOT",
            "quote_currency_id": quote,
            "base_currency_id": base,
            "fcm_trading_session_details": None,
            "mid_market_price": "",
            "alias": symbol if name != symbol else "",
            "alias_to": [self._twins[name]] if name in self._twins else [],
            "base_display_symbol": base,
            "quote_display_symbol": "USD" if quote == "USDC" and name != symbol else quote,
            "view_only": False,
            "display_name": f"{base}-{quote}",
            "product_venue": "CBE",
            "new_at": whole_second(self._new_at(symbol)),
        }

    def status(self, products: Iterable[str], now: int) -> Iterator[Frame]:
        """Tell of some products that they are traded."""
        rows = [self._status(self._markets[product]) for product in products]
        event = msgspec.json.encode({"type": "snapshot", "products": rows}).decode()
        yield frame(STATUS, key_of(STATUS, ""), now, event)

    def offers(self, symbol: str, now: int) -> tuple[str, str]:
        """Tell the best bid and ask; nothing where a market is halted or was never traded."""
        day = None if symbol in self._floor.halted else self._view.glance(symbol, now)
        if day is None:
            return "", ""
        bid, ask = offers_of(self._markets[symbol], day)
        return plain(bid), plain(ask)

    def _new_at(self, symbol: str) -> int:
        """Return when trading began, which lies some days before what is known of it."""
        return self._source.begins(symbol) - zlib.crc32(symbol.encode()) % MOST_DAYS_UNKNOWN * DAY

    def _has_twin(self, market: Market) -> bool:
        taken = f"{market.base}-USDC" in self._markets or market.base in BOOKS_OF_THEIR_OWN
        return market.symbol == f"{market.base}-USD" and not taken

    @staticmethod
    def _status(market: Market) -> dict[str, str]:
        return {
            "product_type": "SPOT",
            "id": market.symbol,
            "base_currency": market.base,
            "quote_currency": market.quote,
            "base_increment": _unit(market.amount_decimals),
            "quote_increment": _unit(market.price_decimals),
            "display_name": f"{market.base}/{market.quote}",
            "status": "online",
            "status_message": "",
            "min_market_funds": "1",
        }


def _increments(market: Market) -> dict[str, str]:
    price, amount = _unit(market.price_decimals), _unit(market.amount_decimals)
    return {
        "base_increment": amount,
        "quote_increment": price,
        "price_increment": price,
        "quote_min_size": "1",
        "quote_max_size": "150000000",
        "base_min_size": amount,
        "base_max_size": "1000000000",
    }


def _prices(day: Day | None) -> dict[str, str]:
    """Tell the last price and the rolling day; nothing but blanks where nothing was traded."""
    if day is None:
        names = ("price", "price_percentage_change_24h", "volume_24h", "volume_percentage_change_24h")
        return dict.fromkeys((*names, "approximate_quote_24h_volume", "high_24h", "low_24h"), "")
    return {
        "price": plain(day.last),
        "price_percentage_change_24h": f"{(day.last / day.open - 1) * 100:.14f}",
        "volume_24h": plain(round(day.volume, 8)),
        "volume_percentage_change_24h": "0",
        "approximate_quote_24h_volume": f"{day.quote_volume:.2f}",
        "high_24h": plain(day.high),
        "low_24h": plain(day.low),
    }


def _unit(decimals: int) -> str:
    return f"{10.0**-decimals:.{decimals}f}"
