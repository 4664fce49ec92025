"""The asset in which an exchange quotes its markets, as far as it is another than the scanner's default."""

from __future__ import annotations

DEFAULT_QUOTE = "USD"
USUAL = {"binance": "USDT"}


def usual_quote(exchange: str | None) -> str:
    """Return the quote asset that the scanner looks for at an exchange until somebody chooses another."""
    return USUAL.get(exchange or "", DEFAULT_QUOTE)
