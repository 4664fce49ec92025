"""Which adapter speaks to which exchange, and what stands in where none can be had."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Never

from livermore.adapters.exchanges import binance, through_ccxt
from livermore.adapters.exchanges.binance import Binance
from livermore.adapters.exchanges.coinbase import Coinbase
from livermore.adapters.exchanges.coinbase.rest import LIMIT as COINBASE_LIMIT
from livermore.adapters.exchanges.through_ccxt import ThroughCcxt
from livermore.kernel.clock import Clock
from livermore.kernel.errors import InvalidError, LivermoreError, NotFoundError
from livermore.kernel.timeframe import Timeframe
from livermore.market.budget import Budget, Budgets
from livermore.market.exchange import BINANCE, COINBASE, PRESETS, ExchangeInfo
from livermore.market.ports import Exchange, RequestBudget

CCXT_LIMIT, CCXT_CAUTIOUS = 6000, 60  # requests a minute, of which ccxt tells how many an exchange allows


def adapter_of(
    info: ExchangeInfo, clock: Clock, budgets: Budgets, *, coinbase_limit: int = COINBASE_LIMIT
) -> Exchange:
    """Choose the adapter of an exchange by its name; all of a process share their budgets.

    `coinbase_limit` is in requests a second; only a server of our own may be asked more than Coinbase.
    Errors: InvalidError for a row that offers no timeframe, and where ccxt is needed and not installed.
    """
    if not info.timeframes():
        raise InvalidError(f"{info.name} offers no timeframe of ours", where="supported_timeframes")
    base = info.timeframes()[0]
    if info.name == COINBASE.name:
        budget = budgets.of(info, limit=coinbase_limit, seconds=1.0)
        return Coinbase(info, clock, base=base, budget=budget, environment=os.environ)
    if info.name.startswith(BINANCE.name):
        return Binance(info, clock, base=base, budget=binance.budget_of(info, budgets))
    budget = budgets.of(info, limit=CCXT_LIMIT, cautious=CCXT_CAUTIOUS)
    return ThroughCcxt(info, clock, base=base, budget=budget)


def preset_of(name: str) -> ExchangeInfo:
    """Return the row that an exchange begins with: one of our own, else what ccxt says of it.

    Errors: NotFoundError for a name that nobody knows.
    """
    if name in PRESETS:
        return PRESETS[name]
    if name.startswith(BINANCE.name):
        what = f"{name!r} is no exchange that Livermore's adapter of Binance can watch"
        raise NotFoundError(what, hint="Binance is watched as binance, Binance US as binance_us")
    try:
        return through_ccxt.row_of(name)
    except InvalidError as error:
        what = f"{name!r} is none of {', '.join(PRESETS)}, and {error.what}"
        raise NotFoundError(what, hint=error.hint) from error


class Unwatchable:
    """An exchange that no adapter could be made for: whatever it is asked, it says why."""

    def __init__(self, name: str, why: LivermoreError, clock: Clock) -> None:
        self.info = ExchangeInfo(name=name, display_name=name, supported_timeframes=(Timeframe.M1.value,))
        self.budget: RequestBudget = Budget(clock, limit=1)
        self.why = why

    async def listing(self) -> Never:
        """Say why."""
        raise self.why

    async def history(self, symbol: str, timeframe: Timeframe, start: int, end: int) -> Never:
        """Say why."""
        raise self.why

    async def tickers(self, symbols: Sequence[str]) -> Never:
        """Say why."""
        raise self.why

    async def server_time(self) -> Never:
        """Say why."""
        raise self.why

    async def connect(self) -> Never:
        """Say why."""
        raise self.why

    async def close(self) -> None:
        """Hold nothing."""

    def pages(self, buckets: int) -> list[int]:
        """Ask for nothing."""
        return []
