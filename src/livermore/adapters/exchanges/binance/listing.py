"""The markets that Binance lists, and the weight that it allows."""

from __future__ import annotations

from collections.abc import Iterable

from livermore.adapters.exchanges.binance.rest import Rest
from livermore.adapters.exchanges.binance.wire import Listing, Market, RateLimit
from livermore.market.symbol import Symbol

WEIGHT = 20
PATH = "/api/v3/exchangeInfo"


async def listing(rest: Rest) -> list[Symbol]:
    """Return every market, and let the budget know what the exchange allows."""
    answer = await rest.get(PATH, Listing, weight=WEIGHT)
    limits = list(_weights_per_minute(answer.rate_limits))
    if limits:
        rest.budget.told_limit(min(limits))
    return [_symbol(market) for market in answer.symbols]


def _symbol(market: Market) -> Symbol:
    return Symbol(
        name=market.symbol,
        base=market.base,
        quote=market.quote,
        trading=market.status == "TRADING" and market.spot_allowed,
        status=market.status,
    )


def _weights_per_minute(limits: Iterable[RateLimit]) -> Iterable[int]:
    for limit in limits:
        if limit.kind == "REQUEST_WEIGHT" and limit.interval == "MINUTE":
            yield limit.limit // limit.count
