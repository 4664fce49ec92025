"""The markets that Binance lists, and the weight that it allows."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from livermore.adapters.exchanges.binance.rest import Rest
from livermore.adapters.exchanges.binance.wire import Filter, Listing, Market, RateLimit
from livermore.market.readable import name, positive, readable, word
from livermore.market.symbol import Symbol

WEIGHT = 20
PATH = "/api/v3/exchangeInfo"
NAME = "binance"
_decode = msgspec.json.Decoder(Market, strict=False).decode
_decode_filters = msgspec.json.Decoder(list[Filter]).decode


async def listing(rest: Rest) -> list[Symbol]:
    """Return every market, and let the budget know what the exchange allows."""
    answer = await rest.get(PATH, Listing, weight=WEIGHT)
    limits = list(_weights_per_minute(answer.rate_limits))
    if limits:
        rest.budget.told_limit(min(limits))
    return readable(answer.symbols, _symbol, NAME)


def _symbol(raw: msgspec.Raw) -> Symbol:
    market = _decode(raw)
    filters = _filters(market)
    return Symbol(
        name=name(market.symbol),
        base=name(market.base),
        quote=name(market.quote),
        trading=market.status == "TRADING" and market.spot_allowed,
        status=word(market.status),
        price_step=_told(filters.get("PRICE_FILTER"), lambda rule: rule.price_step),
        amount_step=_told(filters.get("LOT_SIZE"), lambda rule: rule.amount_step),
        minimum_value=_told(
            filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL"), lambda rule: rule.minimum_value
        ),
    )


def _filters(market: Market) -> dict[str, Filter]:
    """Return the rules of a market by kind; it is the same market when they cannot be read."""
    try:
        return {rule.kind: rule for rule in _decode_filters(market.filters) if isinstance(rule.kind, str)}
    except msgspec.ValidationError:
        return {}


def _weights_per_minute(limits: Iterable[RateLimit]) -> Iterable[int]:
    for limit in limits:
        if limit.kind == "REQUEST_WEIGHT" and limit.interval == "MINUTE":
            yield limit.limit // limit.count


def _told(rule: Filter | None, what: Callable[[Filter], object]) -> float | None:
    return None if rule is None else positive(what(rule))
