"""The character of a pair: where its price lives, how much it moves and trades, how often nobody trades."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from livermore.adapters.exchanges.simulated.names import market_named
from livermore.adapters.exchanges.simulated.source import Market, Outline

MINUTES = 1440
USUAL_TRADES = 40  # a minute


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """`volatility` is the usual move of a minute, `volume` its usual amount in the quote asset."""

    price: float
    price_decimals: int
    amount_decimals: int
    volatility: float
    volume: float
    quiet: float = 0.0

    def market(self, symbol: str) -> Market:
        """Describe the market of a symbol with this character."""
        return market_named(symbol, price_decimals=self.price_decimals, amount_decimals=self.amount_decimals)

    def outline(self) -> Outline:
        """Return what a day of this character is usually like, without drawing one."""
        minutes = MINUTES * (1 - self.quiet)
        change = (zlib.crc32(repr(self).encode()) % 2001 - 1000) / 10_000  # ten percent at most, up or down
        price = round(self.price, self.price_decimals)
        begun = round(price / (1 + change), self.price_decimals) or price
        return Outline(begun, price, round(self.volume * minutes, 2), int(USUAL_TRADES * minutes))


def _profile(
    price: float, decimals: tuple[int, int], volatility: float, volume: float, quiet: float = 0
) -> Profile:
    return Profile(
        price=price,
        price_decimals=decimals[0],
        amount_decimals=decimals[1],
        volatility=volatility,
        volume=volume,
        quiet=quiet,
    )


PROFILES = {
    "BTC": _profile(94_000, (2, 5), 0.0005, 1_500_000),
    "ETH": _profile(3_350, (2, 4), 0.0006, 900_000),
    "SOL": _profile(190, (2, 3), 0.0008, 400_000),
    "XRP": _profile(2.1, (4, 0), 0.0008, 350_000),
    "DOGE": _profile(0.32, (5, 0), 0.0009, 250_000),
    "ADA": _profile(0.86, (4, 1), 0.0009, 120_000),
    "LINK": _profile(20.1, (2, 2), 0.001, 60_000),
    "AVAX": _profile(36.2, (2, 2), 0.001, 50_000),
    "LTC": _profile(103, (2, 3), 0.0009, 30_000, quiet=0.06),
    "ATOM": _profile(6.25, (3, 2), 0.0011, 6_000, quiet=0.3),
    "BNB": _profile(700, (2, 3), 0.0005, 200_000),
    "DOT": _profile(6.7, (3, 2), 0.001, 30_000),
    "NEAR": _profile(5.1, (3, 1), 0.0011, 25_000),
    "UNI": _profile(13.3, (3, 2), 0.0011, 25_000),
    "AAVE": _profile(310, (2, 3), 0.0011, 20_000, quiet=0.1),
    "FIL": _profile(4.9, (3, 2), 0.0011, 12_000, quiet=0.15),
}
WELL_KNOWN = tuple(f"{base}USDT" for base in tuple(PROFILES)[:10])
WELL_KNOWN_AT_COINBASE = tuple(f"{base}-USD" for base in tuple(PROFILES)[:10])
DOLLARS = frozenset({"USD", "USDC", "USDT"})


def profile_of(symbol: str) -> Profile:
    """Return the character of a pair; one that is not known here is a thin altcoin, derived from its name."""
    market = market_named(symbol)
    known = PROFILES.get(market.base) if market.quote in DOLLARS else None
    return known or _derived(zlib.crc32(symbol.encode()))


def _derived(number: int) -> Profile:
    return _profile(
        price=round(0.5 + number % 997 / 10, 3),
        decimals=(4, 1),
        volatility=0.0008 + number % 5 / 10_000,
        volume=10_000 + number % 90_000,
        quiet=number % 4 / 20,
    )
