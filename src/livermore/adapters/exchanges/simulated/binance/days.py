"""The rolling day over REST."""

from __future__ import annotations

from typing import Any

from livermore.adapters.exchanges.simulated.numbers import decimal
from livermore.adapters.exchanges.simulated.offers import Offers
from livermore.adapters.exchanges.simulated.view import DAY, Day

NO_OFFERS = Offers(0.0, 0.0)
_NOTHING = Day(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0)


def ticker_24h(symbol: str, day: Day | None, now: int, offers: Offers | None = None) -> dict[str, Any]:
    """Describe a symbol's last 24 hours in the short form, or with its offers in full."""
    day = day or _NOTHING
    short = {
        "symbol": symbol,
        "openPrice": decimal(day.open),
        "highPrice": decimal(day.high),
        "lowPrice": decimal(day.low),
        "lastPrice": decimal(day.last),
        "volume": decimal(day.volume),
        "quoteVolume": decimal(day.quote_volume),
        "openTime": now - DAY + 1,
        "closeTime": now,
        "firstId": 0 if day.trades else -1,
        "lastId": day.trades - 1,
        "count": day.trades,
    }
    return short if offers is None else short | _more(day, offers)


def _more(day: Day, offers: Offers) -> dict[str, Any]:
    change = day.last - day.open
    percent = change / day.open * 100 if day.open else 0.0
    average = day.quote_volume / day.volume if day.volume else 0.0
    return {
        "priceChange": decimal(change),
        "priceChangePercent": f"{percent:.3f}",
        "weightedAvgPrice": decimal(average),
        "prevClosePrice": decimal(day.open),
        "lastQty": "0.00000000",
        "bidPrice": decimal(offers.bid),
        "bidQty": "0.00000000",
        "askPrice": decimal(offers.ask),
        "askQty": "0.00000000",
    }
