"""Which adapter speaks to which exchange, what stands in where none can be had, and who asks about keys."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Never

from livermore.accounts.exchange_account import Credentials, ExchangeAccount, KeyReport
from livermore.accounts.exchange_accounts import ExchangeAccounts
from livermore.adapters.exchanges import binance, through_ccxt
from livermore.adapters.exchanges.binance import Binance
from livermore.adapters.exchanges.coinbase import Coinbase
from livermore.adapters.exchanges.coinbase.rest import LIMIT as COINBASE_LIMIT
from livermore.adapters.exchanges.through_ccxt import ThroughCcxt
from livermore.adapters.sql import Database
from livermore.adapters.sql.exchange_accounts import SqlExchangeAccountBook
from livermore.kernel.clock import Clock
from livermore.kernel.errors import InvalidError, LivermoreError, NotFoundError
from livermore.kernel.timeframe import Timeframe
from livermore.market.budget import Budget, Budgets
from livermore.market.exchange import BINANCE, COINBASE, PRESETS, ExchangeInfo
from livermore.market.ports import ExchangeBook, RequestBudget
from livermore.settings.document import SettingsDocument

CCXT_LIMIT, CCXT_CAUTIOUS = 6000, 60  # requests a minute, of which ccxt tells how many an exchange allows


Keyed = Coinbase | Binance | ThroughCcxt


def adapter_of(
    info: ExchangeInfo,
    clock: Clock,
    budgets: Budgets,
    *,
    coinbase_limit: int | None = None,
    environment: Mapping[str, str] = os.environ,
    credentials: Credentials | None = None,
) -> Keyed:
    """Choose the adapter of an exchange by its name; all of a process share their budgets.

    `coinbase_limit` is in requests a second; only a server of our own may be asked more than Coinbase. Market
    data is shared by all users and needs no `credentials`.
    Errors: InvalidError for a row that offers no timeframe, and where ccxt is needed and not installed.
    """
    if not info.timeframes():
        raise InvalidError(f"{info.name} offers no timeframe of ours", where="supported_timeframes")
    base = info.timeframes()[0]
    if info.name == COINBASE.name:
        budget = budgets.of(info, limit=coinbase_limit or COINBASE_LIMIT, seconds=1.0)
        return Coinbase(
            info, clock, base=base, budget=budget, environment=environment, credentials=credentials
        )
    if info.name.startswith(BINANCE.name):
        budget = binance.budget_of(info, budgets)
        return Binance(
            info, clock, base=base, budget=budget, environment=environment, credentials=credentials
        )
    budget = budgets.of(info, limit=CCXT_LIMIT, cautious=CCXT_CAUTIOUS)
    return ThroughCcxt(
        info, clock, base=base, budget=budget, environment=environment, credentials=credentials
    )


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

    async def days(self) -> Never:
        """Say why."""
        raise self.why

    async def quote(self, symbol: str) -> Never:
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


class RunningRows:
    """The rows of `exchanges` as this run uses them: a market of our own making has addresses of its own."""

    def __init__(self, book: ExchangeBook, overrides: Mapping[str, ExchangeInfo]) -> None:
        self._book = book
        self._overrides = overrides

    async def all(self) -> list[ExchangeInfo]:
        """Return every row by name."""
        return [self._overrides.get(info.name, info) for info in await self._book.all()]

    async def get(self, name: str) -> ExchangeInfo | None:
        """Return one row."""
        return self._overrides.get(name) or await self._book.get(name)

    async def put(self, info: ExchangeInfo) -> None:
        """Insert a row or replace the one of that name; what this run overrides is seen in the next."""
        await self._book.put(info)

    async def seed(self, infos: Sequence[ExchangeInfo]) -> None:
        """Insert the rows that are not there."""
        await self._book.seed(infos)


class Keyholes:
    """Ask exchanges about keys, each with an adapter of its own, within the budget that all share."""

    def __init__(
        self, rows: ExchangeBook, clock: Clock, budgets: Budgets, environment: Mapping[str, str] = os.environ
    ) -> None:
        self._rows = rows
        self._clock = clock
        self._budgets = budgets
        self._environment = environment

    async def report(self, account: ExchangeAccount) -> KeyReport:
        """Read something that only the account's key opens, and say what the key may do."""
        info = await self._rows.get(account.exchange)
        if info is None:
            hint = f"add it with: livermore exchanges add {account.exchange}"
            raise NotFoundError(f"no exchange is called {account.exchange!r}", hint=hint)
        adapter = adapter_of(
            info, self._clock, self._budgets, environment=self._environment, credentials=account.credentials
        )
        try:
            return await adapter.key_report()
        finally:
            await adapter.close()


def exchange_accounts_of(
    database: Database, clock: Clock, rows: ExchangeBook, budgets: Budgets,
    environment: Mapping[str, str] = os.environ,
) -> ExchangeAccounts:  # fmt: skip
    """Join the service of exchange accounts."""
    book = SqlExchangeAccountBook(database, clock)
    return ExchangeAccounts(book, Keyholes(rows, clock, budgets, environment), environment, clock)


def named_variables(document: SettingsDocument) -> list[str]:
    """Return the environment variables that a settings document names, whose values nobody is to see."""
    named = [
        name
        for access in document.exchanges.values()
        for name in (
            access.ApiKeyEnvironmentVariableName,
            access.SecretEnvironmentVariableName,
            access.PasswordEnvironmentVariableName,
        )
    ]
    named += [route.url_environment_variable for route in document.alerts.routes]
    return [name for name in named if name is not None]
