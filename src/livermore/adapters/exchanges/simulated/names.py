"""Base and quote asset of a symbol that a file or a person merely named."""

from __future__ import annotations

from livermore.adapters.exchanges.simulated.source import Market

_QUOTES = (
    "FDUSD", "USDT", "USDC", "TUSD", "BUSD", "USD", "EUR", "GBP", "TRY", "BRL", "JPY", "BTC", "ETH", "BNB",
)  # fmt: skip


def market_named(symbol: str, *, price_decimals: int = 8, amount_decimals: int = 8) -> Market:
    """Describe a market by its name; without a known quote asset its last three letters are taken for it."""
    base, quote = _split(symbol)
    return Market(
        symbol=symbol, base=base, quote=quote, price_decimals=price_decimals, amount_decimals=amount_decimals
    )


def _split(symbol: str) -> tuple[str, str]:
    for separator in "-/_":
        if separator in symbol:
            base, _, quote = symbol.partition(separator)
            return base, quote
    for quote in _QUOTES:
        if symbol.endswith(quote) and symbol != quote:
            return symbol.removesuffix(quote), quote
    return symbol[:-3], symbol[-3:]
