"""Which market is larger: the value of its day in dollars, whatever it is quoted in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite

from msgspec.structs import replace

from livermore.market.listing import ListedSymbol

# What is kept at a dollar by whoever issues it counts as one: places need no more than that.
DOLLARS = frozenset(
    ("USD", "USDT", "USDC", "FDUSD", "TUSD", "BUSD", "USDP", "DAI", "PYUSD", "USD1", "USDS", "USDE", "RLUSD")
)


def ranked(symbols: Mapping[str, ListedSymbol]) -> dict[str, ListedSymbol]:
    """Return markets with their places by the value of their day, 1 first; None where it is not known."""
    worth = values(symbols.values())
    day = {name: _value_of_day(one, worth) for name, one in symbols.items()}
    order = sorted((-value, name) for name, value in day.items() if value is not None)
    places = {name: place for place, (_, name) in enumerate(order, 1)}
    return {name: replace(one, rank=places.get(name)) for name, one in symbols.items()}


def values(symbols: Iterable[ListedSymbol]) -> dict[str, float]:
    """Return the dollars that assets are worth at their markets' prices, by as few steps as possible.

    Of several markets that lead equally far the one of the largest day counts.
    """
    open_ones = [one for one in symbols if one.state == "trading" and _is_price(one.price)]
    worth = dict.fromkeys(DOLLARS, 1.0)
    while True:
        found: dict[str, tuple[float, float]] = {}
        for one in open_ones:
            for asset, value in _leads_to(one, worth):
                offered = ((one.quote_volume_24h or 0.0) * worth.get(one.symbol.quote, value), value)
                found[asset] = max(found.get(asset, offered), offered)
        if not found:
            return worth
        worth |= {asset: value for asset, (_, value) in found.items()}


def _leads_to(listed: ListedSymbol, worth: Mapping[str, float]) -> Iterable[tuple[str, float]]:
    """Yield the asset whose worth a market tells when that of the other one is known."""
    base, quote, price = listed.symbol.base, listed.symbol.quote, listed.price or 0.0
    if base not in worth and quote in worth:
        yield base, worth[quote] * price
    if quote not in worth and base in worth:
        yield quote, worth[base] / price


def _value_of_day(listed: ListedSymbol, worth: Mapping[str, float]) -> float | None:
    volume, value = listed.quote_volume_24h, worth.get(listed.symbol.quote)
    if listed.delisted_at is not None or volume is None or value is None:
        return None
    return volume * value if isfinite(volume * value) else None


def _is_price(price: float | None) -> bool:
    return price is not None and isfinite(price) and price > 0
