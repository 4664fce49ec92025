"""Coinbase Advanced Trade as the market room sees it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from livermore.accounts.exchange_account import Credentials, KeyReport
from livermore.adapters.exchanges.coinbase.accounts import accounts, key_report
from livermore.adapters.exchanges.coinbase.connection import Connection
from livermore.adapters.exchanges.coinbase.credentials import Signer
from livermore.adapters.exchanges.coinbase.history import history, pages
from livermore.adapters.exchanges.coinbase.listing import listing
from livermore.adapters.exchanges.coinbase.names import Aliases
from livermore.adapters.exchanges.coinbase.patience import Patience
from livermore.adapters.exchanges.coinbase.rest import LIMIT, Rest
from livermore.adapters.exchanges.coinbase.stream import CoinbaseStream
from livermore.adapters.exchanges.coinbase.tickers import days, quote, server_time, tickers
from livermore.adapters.exchanges.coinbase.timing import Timing
from livermore.adapters.exchanges.coinbase.trades import Trades
from livermore.adapters.exchanges.coinbase.web import Web
from livermore.adapters.exchanges.coinbase.wire import Account
from livermore.kernel.clock import Clock
from livermore.kernel.errors import InvalidError
from livermore.kernel.log import logger
from livermore.kernel.timeframe import Timeframe
from livermore.market.budget import Budget, ceiling_of
from livermore.market.candle import Candles
from livermore.market.connections import Connections, spacing_of
from livermore.market.exchange import ExchangeInfo
from livermore.market.ports import RequestBudget, Stream
from livermore.market.symbol import Symbol, Ticker

log = logger("market")


class Coinbase:
    """Read Coinbase's market data; `base` is the length of the bars that are built from its trades.

    `credentials` name variables of `environment`, the process's own unless another is given. Public data is
    to be had without them.
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
        self.budget = budget or budget_of(info, clock)
        self._clock = clock
        timing = timing or Timing()
        self._timing = replace(timing, spacing=spacing_of(info, timing.spacing))
        self._connections = Connections(info, clock)
        self._web = Web()
        self._patience = Patience(clock)
        self._aliases = Aliases()
        self._trades = Trades(base)
        variables = os.environ if environment is None else environment
        self._signer = Signer(credentials, variables, clock) if credentials else None
        self._signs_streams = self._signer is not None

    async def listing(self) -> list[Symbol]:
        """Return every spot market that Coinbase lists."""
        return await listing(self._rest)

    def learn(self, symbols: Iterable[Symbol]) -> None:
        """Take what Coinbase lists from whoever has asked it and believes the answer."""
        self._aliases.learn(symbols)

    async def history(self, symbol: str, timeframe: Timeframe, start: int, end: int) -> Candles:
        """Return the candles that open in [start, end) (ms), oldest first; untraded ones are absent."""
        return await history(self._rest, symbol, timeframe, start, end)

    async def tickers(self, symbols: Sequence[str]) -> list[Ticker]:
        """Return the tickers of the symbols that Coinbase knows."""
        return await tickers(self._rest, symbols)

    async def days(self) -> list[Ticker]:
        """Return the rolling day of every product that has a price."""
        return await days(self._rest)

    async def quote(self, symbol: str) -> Ticker:
        """Return one product's rolling day with what is offered; how often it was traded is not told."""
        return await quote(self._rest, symbol)

    async def server_time(self) -> int:
        """Return Coinbase's clock in ms UTC."""
        return await server_time(self._rest)

    async def accounts(self) -> list[Account]:
        """Return what the owner of the key holds; ExchangeRefusedError without a key, or with a bad one."""
        return await accounts(self._rest)

    async def key_report(self) -> KeyReport:
        """Read what the key opens and say what it may do. Errors: InvalidError, ExchangeRefusedError."""
        if self._signer is not None:
            self._signer.told_time(await self.server_time())
        return await key_report(self._rest)

    async def connect(self) -> Stream:
        """Open a stream, whose bars go on where those of the stream before it stand."""
        self._trades = self._trades.inherited()
        url = _url(self.info.ws_url, "ws_url")
        await self._connections.admit()
        connection = await Connection.open(self._web, url, self._clock, self._timing, self._stream_signer())
        self._connections.opened(connection)
        return CoinbaseStream(
            connection, self._trades, self._known_aliases, self._clock, self._timing, failed=self._told_error
        )

    async def close(self) -> None:
        """Let go of every connection."""
        await self._web.close()

    def pages(self, buckets: int) -> list[int]:
        """Return the weights of the requests that a history of so many buckets takes."""
        return [1 for _ in pages(1, 0, buckets)]

    @property
    def _rest(self) -> Rest:
        url = _url(self.info.rest_url, "rest_url")
        return Rest(self._web, url, self.budget, self._timing, self._patience, self._clock, self._signer)

    async def _known_aliases(self) -> Aliases:
        if not self._aliases.are_known and (symbols := await self.listing()):
            self.learn(symbols)
        return self._aliases

    def _stream_signer(self) -> Signer | None:
        """Return what signs the messages of a stream, unless the key is of no use: public data needs none."""
        if self._signer is None or not self._signs_streams:
            return None
        try:
            self._signer.token()
        except InvalidError as error:
            log.warning("streaming without a key", exchange=self.info.name, why=str(error))
            return None
        return self._signer

    def _told_error(self, message: str) -> None:
        """Leave the key away on the next connection when it was not accepted on this one."""
        if "authentication" in message:
            self._signs_streams = False


def budget_of(info: ExchangeInfo, clock: Clock) -> Budget:
    """Make the budget of a host: ten requests a second, or fewer where its row says so."""
    return Budget(clock, limit=LIMIT, seconds=1.0, ceiling=ceiling_of(info))


def _url(url: str | None, field: str) -> str:
    if not url:
        raise InvalidError(
            "the exchange has no address", where=field, hint="set it in the row of `exchanges`"
        )
    return url
