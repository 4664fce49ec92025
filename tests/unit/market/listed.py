"""Listings made by hand."""

from typing import Any

from livermore.market.listing import ListedSymbol, Listing
from livermore.market.symbol import Symbol

NOW = 1_750_000_000_000


def market(base: str, quote: str = "USD", volume: float | None = 1e6, **other: Any) -> ListedSymbol:
    """Make a market as Coinbase names it; `other` goes to the market, or to its day where it fits there."""
    day = {name: other.pop(name) for name in list(other) if name in ListedSymbol.__struct_fields__}
    symbol = Symbol(name=other.pop("name", f"{base}-{quote}"), base=base, quote=quote, **other)
    return ListedSymbol(symbol=symbol, quote_volume_24h=volume, **{"first_seen_at": NOW, "price": 10.0} | day)


def listing(*markets: ListedSymbol, exchange: str = "coinbase", **other: Any) -> Listing:
    """Make a listing."""
    symbols = {one.name: one for one in markets}
    return Listing(exchange=exchange, symbols=symbols, **{"asked_at": NOW} | other)
