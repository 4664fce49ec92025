"""Which markets are listed and open, which whoever runs the exchange may change while it runs."""

from __future__ import annotations

from collections.abc import Callable

from livermore.adapters.exchanges.simulated.source import Market
from livermore.adapters.exchanges.simulated.traded import TradedSource
from livermore.kernel.errors import NotFoundError


class Floor:
    """Halt and delist markets, and take them up again; `listed` are those that clients may know of."""

    def __init__(self, source: TradedSource, now: Callable[[], int]) -> None:
        self._source = source
        self._now = now
        self._markets = {market.symbol: market for market in source.markets}
        self._delisted: set[str] = set()
        self.halted: set[str] = set()
        self.listed: dict[str, Market] = dict(self._markets)

    def halt(self, symbol: str) -> None:
        """Stop the trade in a market, which stays listed."""
        self._change(symbol, self.halted, put=True)

    def reopen(self, symbol: str) -> None:
        """Let a halted market be traded again, from the next bar on."""
        self._change(symbol, self.halted, put=False)

    def delist(self, symbol: str) -> None:
        """Take a market off the list and stop its trade."""
        self._change(symbol, self._delisted, put=True)

    def relist(self, symbol: str) -> None:
        """Put a market on the list again; it is traded from the next bar on, unless it is halted."""
        self._change(symbol, self._delisted, put=False)

    def _change(self, symbol: str, kept: set[str], *, put: bool) -> None:
        if symbol not in self._markets:
            raise NotFoundError(f"the simulated exchange has no market {symbol}", where="symbol")
        was_shut = self._is_shut(symbol)
        (kept.add if put else kept.discard)(symbol)
        self.listed = {name: one for name, one in self._markets.items() if name not in self._delisted}
        is_shut = self._is_shut(symbol)
        if is_shut and not was_shut:
            self._source.shut(symbol, self._now())
        elif was_shut and not is_shut:
            self._source.open(symbol, self._now())

    def _is_shut(self, symbol: str) -> bool:
        return symbol in self.halted or symbol in self._delisted
