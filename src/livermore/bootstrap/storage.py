"""Databases looked at from outside of a running system."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from livermore.accounts.ports import UserBook
from livermore.accounts.service import LOCAL
from livermore.accounts.user import User
from livermore.adapters.memory.bus import MemoryBus
from livermore.adapters.sql import (
    Condition,
    Database,
    Login,
    Migration,
    SqlCandleStore,
    SqlExchangeBook,
    SqlLoginBook,
    SqlSignalWork,
    SqlUserBook,
    backup,
    check,
    login_of,
    migrate,
)
from livermore.bootstrap.accounts import accounts_of
from livermore.bootstrap.commanding import empty_control_room
from livermore.bootstrap.exchanges import exchange_accounts_of
from livermore.bootstrap.following import unfollowed
from livermore.bootstrap.listing import asking, looked_up
from livermore.bootstrap.system import System
from livermore.bootstrap.watching import stored_watchlist
from livermore.bootstrap.workspace import WORKSPACE_USERS, preferences_of, workspaces_of
from livermore.indicators.service import IndicatorService
from livermore.kernel.clock import SystemClock
from livermore.market.budget import Budgets
from livermore.market.coverage import CoverageService
from livermore.market.exchange import SEEDED
from livermore.market.plane import MarketPlane
from livermore.market.recorder import Recorder
from livermore.market.scanning import Scanner
from livermore.market.service import MarketService
from livermore.runtime.nowhere import Nowhere
from livermore.signals.service import SignalService


class StoredDatabase(NamedTuple):
    """A database, looked at from outside of any system."""

    url: str

    async def upgrade(self) -> Migration:
        """Bring it to this version's tables, and the exchanges that every installation knows into them."""
        done = await migrate(self.url)
        stored = Database(self.url)
        try:
            await SqlExchangeBook(stored, SystemClock()).seed(SEEDED)
        finally:
            await stored.close()
        return done

    async def check(self) -> Condition:
        """Say at which revision it is."""
        return await check(self.url)

    async def login(self) -> Login | None:
        """Say as whom its server is logged in to; an SQLite file knows no logins."""
        return await login_of(self.url)

    async def backup(self, target: Path) -> Path:
        """Copy an SQLite database to a new file."""
        return await backup(self.url, target)


def database(url: str) -> StoredDatabase:
    """Name a database by its URL; nothing is opened yet."""
    return StoredDatabase(url)


async def read_only(url: str) -> System:
    """Join a system that answers from a database and runs nothing; `stop` lets go of it.

    Errors: NotFoundError where nothing was ever stored, NewerFormatError.
    """
    await check(url)
    clock, stored = SystemClock(), Database(url)
    bus, plane = MemoryBus(), MarketPlane({}, clock)
    user = await _only_user(SqlUserBook(stored, clock))
    store, book = SqlCandleStore(stored), SqlExchangeBook(stored, clock)
    market = MarketService(plane, store, book)
    budgets = Budgets(clock)
    listings = looked_up(stored, book, budgets, bus, clock)
    writing, accounts = unfollowed(stored, clock, listings), accounts_of(stored, clock)
    control = empty_control_room(stored, accounts, bus, clock)
    return System(
        clock=clock,
        bus=bus,
        user=user,
        market=market,
        listings=listings,
        watchlist=stored_watchlist(stored, writing.settings, listings, plane),
        scanner=Scanner(writing.settings, listings, asking(book, clock, budgets), control.journal, clock),
        coverage=CoverageService(plane, store, market, clock),
        indicators=IndicatorService(plane, {}, market),
        signals=SignalService(lambda scope: SqlSignalWork(stored, bus, scope), store),
        settings=writing.settings,
        planner=writing.planner,
        accounts=accounts,
        logins=SqlLoginBook(stored, clock),
        exchange_accounts=exchange_accounts_of(stored, clock, book, budgets),
        runtimes=Nowhere(),
        control=control,
        database=stored,
        recorder=Recorder(store, clock),
        preferences=preferences_of(stored, clock),
        workspaces=workspaces_of(stored, clock),
    )


async def _only_user(book: UserBook) -> User:
    """Return the one user of a workspace's database; before its first start, nobody."""
    for name in WORKSPACE_USERS:
        user = await book.find(LOCAL, name)
        if user is not None:
            return user
    return User(id=0, username="nobody", identity_provider=LOCAL, identity_sub="nobody")
