"""Binance as the market room sees it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from livermore.accounts.exchange_account import Credentials, KeyReport
from livermore.adapters.exchanges.binance.account import key_report
from livermore.adapters.exchanges.binance.connection import Connection
from livermore.adapters.exchanges.binance.credentials import Signer
from livermore.adapters.exchanges.binance.history import PAGE, WEIGHT, history
from livermore.adapters.exchanges.binance.lane import Lane
from livermore.adapters.exchanges.binance.listing import listing
from livermore.adapters.exchanges.binance.rest import Rest
from livermore.adapters.exchanges.binance.stream import BinanceStream
from livermore.adapters.exchanges.binance.tickers import days, quote, tickers
from livermore.adapters.exchanges.binance.timing import Timing
from livermore.adapters.exchanges.binance.web import Web
from livermore.adapters.exchanges.binance.wire import ServerTime
from livermore.kernel.clock import Clock
from livermore.kernel.errors import InvalidError
from livermore.kernel.timeframe import Timeframe
from livermore.market.budget import Budgets
from livermore.market.candle import Candles
from livermore.market.connections import Connections, spacing_of
from livermore.market.exchange import ExchangeInfo
from livermore.market.ports import RequestBudget, Stream
from livermore.market.symbol import Symbol, Ticker

DOCUMENTED_LIMIT = 6000  # weight a minute
DOCUMENTED_CONNECTIONS = 300  # attempts in five minutes
DOCUMENTED_LIMIT_US = 1200  # and until the exchange has told its own, for whichever it is


class Binance:
    """Read Binance's public market data; `base` is the interval that is streamed.

    `credentials` name variables of `environment`, the process's own unless another is given; only what a key
    opens is asked with it.
    """

    def __init__(
        self,
        info: ExchangeInfo,
        clock: Clock,
        *,
        base: Timeframe = Timeframe.M1,
        timing: Timing | None = None,
        budget: RequestBudget | None = None,
        environment: Mapping[str, str] | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        self.info = info
        self._clock = clock
        self._base = base
        timing = timing or Timing()
        self._timing = replace(timing, spacing=spacing_of(info, timing.spacing))
        self._connections = Connections(info, clock, tried=DOCUMENTED_CONNECTIONS)
        variables = os.environ if environment is None else environment
        self._signer = Signer(credentials, variables, clock) if credentials else None
        self._web = Web()
        self.budget = budget_of(info, Budgets(clock)) if budget is None else budget

    async def listing(self) -> list[Symbol]:
        """Return every market that Binance lists."""
        return await listing(self._rest)

    async def history(self, symbol: str, timeframe: Timeframe, start: int, end: int) -> Candles:
        """Return the candles that open in [start, end) (ms), oldest first."""
        return await history(self._rest, symbol, timeframe, start, end)

    async def tickers(self, symbols: Sequence[str]) -> list[Ticker]:
        """Return the tickers of the symbols that Binance knows."""
        return await tickers(self._rest, symbols)

    async def days(self) -> list[Ticker]:
        """Return the rolling day of every market that has a price."""
        return await days(self._rest)

    async def quote(self, symbol: str) -> Ticker:
        """Return one market's rolling day with what is offered and how often it was traded."""
        return await quote(self._rest, symbol)

    async def server_time(self) -> int:
        """Return Binance's clock in ms UTC."""
        return (await self._rest.get("/api/v3/time", ServerTime, weight=1)).server_time

    async def key_report(self) -> KeyReport:
        """Read what the key opens and say what it may do. Errors: InvalidError, ExchangeRefusedError."""
        if self._signer is not None:
            self._signer.told_time(await self.server_time())
        return await key_report(self._rest)

    async def connect(self) -> Stream:
        """Open a stream. Errors: TransientError or ExchangeRefusedError."""
        return BinanceStream(await self._open_lane(), self._open_lane)

    async def close(self) -> None:
        """Let go of every connection."""
        await self._web.close()

    def pages(self, buckets: int) -> list[int]:
        """Return the weights of the requests that a history of so many buckets takes."""
        return [WEIGHT] * -(-buckets // PAGE)

    @property
    def _rest(self) -> Rest:
        url = _url(self.info.rest_url, "rest_url")
        return Rest(self._web, url, self.budget, self._timing, self._clock, self._signer)

    async def _open_lane(self) -> Lane:
        return Lane(
            await self._open_connection(), self._open_connection, self._base, self._clock, self._timing
        )

    async def _open_connection(self) -> Connection:
        url = _url(self.info.ws_url, "ws_url")
        await self._connections.admit()
        connection = await Connection.open(self._web, url, self._clock, self._timing)
        self._connections.opened(connection)
        return connection


def budget_of(info: ExchangeInfo, budgets: Budgets) -> RequestBudget:
    """Return the budget of a host: cautious until Binance has told its own limit."""
    limit = DOCUMENTED_LIMIT_US if info.name == "binance_us" else DOCUMENTED_LIMIT
    return budgets.of(info, limit=limit, seconds=60.0, cautious=DOCUMENTED_LIMIT_US)


def _url(url: str | None, field: str) -> str:
    if not url:
        raise InvalidError(
            "the exchange has no address", where=field, hint="set it in the row of `exchanges`"
        )
    return url
