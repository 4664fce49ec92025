"""Which adapter speaks to which exchange, and what stands in where none can be had."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Never

from livermore.adapters.exchanges.binance import Binance
from livermore.kernel.clock import Clock
from livermore.kernel.errors import InvalidError, LivermoreError, NotImplementedYetError
from livermore.kernel.timeframe import Timeframe
from livermore.market.budget import Budget
from livermore.market.exchange import ExchangeInfo
from livermore.market.ports import Exchange, RequestBudget


def adapter_of(info: ExchangeInfo, clock: Clock) -> Exchange:
    """Choose the adapter of an exchange by its name.

    Errors: InvalidError for a row that offers no timeframe, and what the adapter itself refuses.
    """
    if not info.timeframes():
        raise InvalidError(f"{info.name} offers no timeframe of ours", where="supported_timeframes")
    check_protocol(info.name)
    return Binance(info, clock, base=info.timeframes()[0])


def check_protocol(exchange: str) -> None:
    """Refuse an exchange whose protocol this version does not speak, before anything of it is stored."""
    if not exchange.startswith("binance"):
        raise NotImplementedYetError(
            f"{exchange} cannot be watched in this version",
            hint="start with: livermore up --exchange binance",
        )


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
