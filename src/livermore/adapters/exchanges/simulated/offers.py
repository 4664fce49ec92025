"""What is offered in a market: the wider apart, the less is traded."""

from __future__ import annotations

from typing import NamedTuple

from livermore.adapters.exchanges.simulated.source import Market
from livermore.adapters.exchanges.simulated.view import Day

WIDTH = 4.0  # half the spread as a part of the price, times the root of a day's value
WIDEST = 0.02


class Offers(NamedTuple):
    """The best price that is bid, and the best that is asked."""

    bid: float
    ask: float


def offers_of(market: Market, day: Day) -> Offers:
    """Return the best offers about the latest price, on the market's steps and one of them apart at least."""
    step = 10.0**-market.price_decimals
    half = day.last * min(WIDEST, WIDTH / max(1.0, day.quote_volume) ** 0.5)
    steps = max(1, round(half / step))
    bid = max(step, day.last - steps * step)
    return Offers(round(bid, market.price_decimals), round(day.last + steps * step, market.price_decimals))
