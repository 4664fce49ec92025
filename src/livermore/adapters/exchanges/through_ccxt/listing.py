"""The markets that an exchange lists, by its own names."""

from __future__ import annotations

from functools import partial
from typing import Any

from livermore.adapters.exchanges.through_ccxt.library import Library
from livermore.market.readable import moment, name, number, positive, readable
from livermore.market.symbol import Symbol

MOST_PLACES = 30
DECIMAL_PLACES, TICK_SIZE = 2, 4  # of ccxt's ways to tell a precision, those that name a step


async def listing(library: Library) -> list[Symbol]:
    """Return every market, asked for anew."""
    markets = await library.markets(fresh=True)
    mode = getattr(library.loaded, "precisionMode", None)
    return readable(markets.items(), partial(_symbol, mode=mode), library.info.name)


def _symbol(named: tuple[str, dict[str, Any]], mode: int | None) -> Symbol:
    symbol, market = named
    active = market.get("active") is not False  # None where the exchange does not tell
    precision, limits = market.get("precision") or {}, market.get("limits") or {}
    return Symbol(
        name=name(symbol),
        base=name(market.get("base")),
        quote=name(market.get("quote")),
        trading=active,
        status="active" if active else "inactive",
        price_step=_step(precision.get("price"), mode),
        amount_step=_step(precision.get("amount"), mode),
        minimum_value=positive((limits.get("cost") or {}).get("min")),
        opened_at=moment(market.get("created")),
    )


def _step(precision: object, mode: int | None) -> float | None:
    """Return the smallest change; None where ccxt tells only how many digits count."""
    if mode == TICK_SIZE:
        return positive(precision)
    places = number(precision) if mode == DECIMAL_PLACES else None
    return 10.0**-places if places is not None and 0 <= places <= MOST_PLACES else None
