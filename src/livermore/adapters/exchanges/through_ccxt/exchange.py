"""An exchange behind ccxt as the market room sees it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from livermore.accounts.exchange_account import Credentials, KeyReport
from livermore.adapters.exchanges.through_ccxt.history import check_offered, history, page_of
from livermore.adapters.exchanges.through_ccxt.key import key_report
from livermore.adapters.exchanges.through_ccxt.library import Factory, Library
from livermore.adapters.exchanges.through_ccxt.listing import listing
from livermore.adapters.exchanges.through_ccxt.polling import PollingStream
from livermore.adapters.exchanges.through_ccxt.readers import TRADES_KEPT, candle_watch, trade_watch
from livermore.adapters.exchanges.through_ccxt.tickers import days, quote, tickers
from livermore.adapters.exchanges.through_ccxt.timing import Timing
from livermore.adapters.exchanges.through_ccxt.watching import WatchingStream
from livermore.kernel.clock import Clock
from livermore.kernel.errors import ExchangeRefusedError
from livermore.kernel.timeframe import Timeframe
from livermore.market.budget import Budgets
from livermore.market.candle import Candles
from livermore.market.exchange import ExchangeInfo
from livermore.market.ports import RequestBudget, Stream
from livermore.market.symbol import Symbol, Ticker

CAUTIOUS_LIMIT = 60  # weight a minute, until ccxt has said what the exchange allows
LARGEST_LIMIT = 6000  # a hundred a second, whatever ccxt says


class ThroughCcxt:
    """Read the public market data of an exchange that ccxt knows; `base` is the interval that is streamed.

    ccxt's name of it is the row's, or `{"ccxt": …}` in the row's limits. `factory` makes ccxt's object from
    that name and its configuration. `credentials` name variables of `environment`, the process's own unless
    another is given; without them only public data is asked. Raises InvalidError when ccxt is not installed
    and no factory is given.
    """

    def __init__(
        self,
        info: ExchangeInfo,
        clock: Clock,
        *,
        base: Timeframe = Timeframe.M1,
        timing: Timing | None = None,
        budget: RequestBudget | None = None,
        factory: Factory | None = None,
        environment: Mapping[str, str] | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        self.info = info
        self.budget = budget_of(info, Budgets(clock)) if budget is None else budget
        self._clock = clock
        self._base = base
        self._timing = timing or Timing()
        self._credentials = credentials
        self._environment = os.environ if environment is None else environment
        self._library = Library(info, clock, self.budget, self._timing, factory)

    async def listing(self) -> list[Symbol]:
        """Return every market that the exchange lists."""
        return await listing(self._library)

    async def history(self, symbol: str, timeframe: Timeframe, start: int, end: int) -> Candles:
        """Return the candles that open in [start, end) (ms), oldest first."""
        return await history(self._library, symbol, timeframe, start, end)

    async def tickers(self, symbols: Sequence[str]) -> list[Ticker]:
        """Return the tickers of the symbols that the exchange knows."""
        return await tickers(self._library, symbols)

    async def days(self) -> list[Ticker]:
        """Return the rolling day of every market; nothing where that would take a request for each."""
        return await days(self._library)

    async def quote(self, symbol: str) -> Ticker:
        """Return one market's rolling day with what is offered."""
        return await quote(self._library, symbol)

    async def server_time(self) -> int:
        """Return the exchange's clock in ms UTC, or what the dates of its answers say of it."""
        await self._library.open()
        if self._library.has("fetchTime"):
            self._library.time.told(int(await self._library.ask("fetch_time")))
        else:
            await self._library.markets()
        return self._library.time.now()

    async def key_report(self) -> KeyReport:
        """Read the balances, which only a key opens; what it may do, ccxt cannot say for every exchange."""
        if self._credentials is None:
            raise ExchangeRefusedError(
                "no key is configured", where=self.info.name, hint="name the variables that hold it"
            )
        return await key_report(self._library, self._credentials, self._environment, self._clock)

    async def connect(self) -> Stream:
        """Open a stream of the best kind that ccxt offers for this exchange."""
        await self._library.markets()
        await self.server_time()
        check_offered(self._library, self._base)
        common = (self._library, self._base, self._clock, self._timing)
        if self._library.has("watchOHLCV"):
            return WatchingStream(candle_watch(self._base), *common)
        if self._library.has("watchTrades"):
            kept = self._library.loaded.options.get("tradesLimit", TRADES_KEPT)
            return WatchingStream(trade_watch(self._base, kept), *common)
        return PollingStream(self.budget, *common)

    async def close(self) -> None:
        """Let go of every connection."""
        await self._library.close()

    def pages(self, buckets: int) -> list[int]:
        """Return the weights of the requests that a history of so many buckets takes."""
        return [1] * -(-buckets // page_of(self._library))


def budget_of(info: ExchangeInfo, budgets: Budgets) -> RequestBudget:
    """Return the budget of a host: cautious until ccxt has said what the exchange allows."""
    return budgets.of(info, limit=LARGEST_LIMIT, seconds=60.0, cautious=CAUTIOUS_LIMIT)
