"""A market as its exchange lists it, and its latest price."""

from __future__ import annotations

import msgspec


class Symbol(msgspec.Struct, frozen=True, kw_only=True):
    """One listed market: the exchange's own name, base and quote asset; `trading` says whether it is open.

    `alias` names the market whose order book this one shares, where there is one.
    """

    name: str
    base: str
    quote: str
    trading: bool = True
    status: str = ""
    alias: str = ""


class Ticker(msgspec.Struct, frozen=True, kw_only=True):
    """The latest price of a symbol, with its rolling day: `change_24h_percent`, volume in quote units."""

    symbol: str
    price: float
    time: int
    open_24h: float | None = None
    quote_volume_24h: float | None = None

    @property
    def change_24h_percent(self) -> float | None:
        """Return how far the price moved in 24 hours, in percent."""
        return (self.price / self.open_24h - 1) * 100 if self.open_24h else None
