"""The markets that an exchange lists, by its own names."""

from __future__ import annotations

from typing import Any

from livermore.adapters.exchanges.through_ccxt.library import Library
from livermore.market.symbol import Symbol


async def listing(library: Library) -> list[Symbol]:
    """Return every market, asked for anew."""
    return [_symbol(name, market) for name, market in (await library.markets(fresh=True)).items()]


def _symbol(name: str, market: dict[str, Any]) -> Symbol:
    active = market.get("active") is not False  # None where the exchange does not tell
    return Symbol(
        name=name,
        base=market["base"],
        quote=market["quote"],
        trading=active,
        status="active" if active else "inactive",
    )
