"""A market as its exchange lists it, and its latest price."""

from __future__ import annotations

import msgspec


class Symbol(msgspec.Struct, frozen=True, kw_only=True):
    """One listed market: the exchange's own name, base and quote asset; `trading` says whether it is open.

    `alias` names the market whose order book this one shares, where there is one. Steps are the smallest
    changes of a price and of an amount, `minimum_value` the smallest order in quote units, `opened_at` (ms
    UTC) the beginning of trading; None where the exchange does not tell.
    """

    name: str
    base: str
    quote: str
    trading: bool = True
    status: str = ""
    alias: str = ""
    price_step: float | None = None
    amount_step: float | None = None
    minimum_value: float | None = None
    opened_at: int | None = None


class Ticker(msgspec.Struct, frozen=True, kw_only=True):
    """The latest price of a symbol, with its rolling day: `change_24h_percent`, volume in quote units.

    The best `bid` and `ask` and the count of trades are None where nobody asked for them, or nobody tells.
    """

    symbol: str
    price: float
    time: int
    open_24h: float | None = None
    quote_volume_24h: float | None = None
    bid: float | None = None
    ask: float | None = None
    trades_24h: int | None = None

    @property
    def spread_percent(self) -> float | None:
        """Return how far bid and ask are apart, in percent of their middle."""
        if self.bid is None or self.ask is None or self.bid + self.ask <= 0:
            return None
        return (self.ask - self.bid) / (self.ask + self.bid) * 200

    @property
    def change_24h_percent(self) -> float | None:
        """Return how far the price moved in 24 hours, in percent."""
        return (self.price / self.open_24h - 1) * 100 if self.open_24h else None
