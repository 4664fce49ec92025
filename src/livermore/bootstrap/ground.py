"""What every part of a system stands on: the database, the market's source, the user and the settings."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from livermore.accounts.service import LOCAL, local_user
from livermore.accounts.user import User
from livermore.adapters.exchanges.simulated import SimulatedExchange
from livermore.adapters.memory.bus import MemoryBus
from livermore.adapters.sql import (
    Database,
    SqlCandleStore,
    SqlExchangeBook,
    SqlSettingsStore,
    SqlSignalWork,
    SqlUserBook,
    migrate,
)
from livermore.bootstrap.brake import Brake
from livermore.bootstrap.budgets import SharedBudgets, shared_budgets
from livermore.bootstrap.exchanges import preset_of
from livermore.bootstrap.plan import Plan
from livermore.bootstrap.scanning import first_scanner
from livermore.bootstrap.world import Served, World, world_of
from livermore.kernel.clock import Clock, SystemClock
from livermore.kernel.events import EventBus
from livermore.kernel.scope import Scope
from livermore.market.budget import Budgets
from livermore.market.exchange import COINBASE, SEEDED, ExchangeInfo
from livermore.market.ports import Series
from livermore.market.recorder import Recorder
from livermore.settings.document import SettingsDocument
from livermore.settings.service import Current, SettingsService, watched_symbols
from livermore.workspace.folder import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What every part of a system stands on."""

    clock: Clock
    bus: EventBus
    database: Database
    store: SqlCandleStore
    recorder: Recorder
    book: SqlExchangeBook
    user: User
    current: Current
    brake: Brake
    budgets: Budgets
    shared: SharedBudgets | None = None
    sources: tuple[SimulatedExchange, ...] = ()
    overrides: dict[str, ExchangeInfo] = field(default_factory=dict)

    def work(self, scope: Scope) -> SqlSignalWork:
        """Begin a transaction over a user's signals."""
        return SqlSignalWork(self.database, self.bus, scope)


async def ground_of(plan: Plan, opened: AsyncExitStack) -> Ground:
    """Open the database, the source and the user's settings; `opened` closes them when building fails."""
    clock = SystemClock()
    world = world_of(plan)
    url = _database_url(plan, world)
    await migrate(url)
    database, bus = Database(url), MemoryBus(start=clock.now())
    opened.push_async_callback(database.close)
    store, book = SqlCandleStore(database), SqlExchangeBook(database, clock)
    await book.seed(SEEDED)
    name = plan.source if plan.source != "live" else LOCAL
    users = SqlUserBook(database, clock)
    user = await _started(users, SqlSettingsStore(database, clock), _first_settings(plan, world), name)
    current = await SettingsService(SqlSettingsStore(database, clock)).current(user.scope())
    shared = shared_budgets(os.environ, clock) if plan.source == "live" else None
    ground = Ground(
        clock=clock, bus=bus, database=database, store=store, recorder=Recorder(store, clock), book=book,
        user=user, current=current, brake=Brake(clock, flat_out=plan.speed is None),
        shared=shared, budgets=Budgets(clock) if shared is None else shared.budgets,
    )  # fmt: skip
    return ground if world is None else await _served(plan, ground, world, opened)


async def _started(users: SqlUserBook, store: SqlSettingsStore, settings: dict[str, Any], name: str) -> User:
    """Return the workspace's user with the first start's settings, also where a verb made the user before.

    What was chosen before the first start stays; a document that names no exchange was never started.
    """
    user = await local_user(users, settings, name=name)
    chosen = (await store.current(user.scope())).document
    if "primary_exchange" not in chosen.get("perseus_profile", {}):
        first = _beneath(settings, chosen)
        await store.write(user.scope(), first, author="system", source="system", reason="first start")
    return user


def _beneath(first: dict[str, Any], chosen: dict[str, Any]) -> dict[str, Any]:
    """Return a document, with what another has besides it."""
    joined = dict(first)
    for key, value in chosen.items():
        below = first.get(key)
        joined[key] = _beneath(below, value) if isinstance(value, dict) and isinstance(below, dict) else value
    return joined


async def _served(plan: Plan, ground: Ground, world: World, opened: AsyncExitStack) -> Ground:
    """Start the exchanges of a market of our own making, where an earlier run stopped, and lead to them."""
    positions = await _positions(ground.store, world, ground.current.document)
    sources, overrides = [], {}
    for one in world.served:
        source = await one.open(plan.speed, positions[one.exchange], ground.brake)
        opened.push_async_callback(source.stop)
        sources.append(source)
        overrides[one.exchange] = one.info(await row_of(one.exchange, ground.book), source)
    return replace(ground, sources=tuple(sources), overrides=overrides)


async def row_of(name: str, book: SqlExchangeBook) -> ExchangeInfo:
    """Return the row of an exchange, which is written when it is first watched."""
    info = await book.get(name)
    if info is None:
        info = preset_of(name)
        await book.put(info)
    return info


def _database_url(plan: Plan, world: World | None) -> str:
    """Name the database of a source: candles of a market of our own making never lie among real ones."""
    if plan.source == "live" and plan.database_url:
        return plan.database_url
    workspace = Workspace(plan.workspace)
    workspace.prepare()
    if plan.source == "replay" and world is not None:
        return f"sqlite+aiosqlite:///{workspace.replay_database(world.digest)}"
    return f"sqlite+aiosqlite:///{workspace.database('demo' if plan.source == 'demo' else 'livermore')}"


def _first_settings(plan: Plan, world: World | None) -> dict[str, Any]:
    """Return what revision 1 holds: the world's own settings, or what the first live start asks for."""
    if world is not None:
        return world.settings()
    exchange = plan.exchange or COINBASE.name
    return {
        "version": 2,
        "perseus_profile": {"primary_exchange": exchange},
        # Whoever starts it for the first time wants to see something, and would not know what to resume.
        "livermore_runtime": {"auto_start": True},
        "symbols": list(plan.symbols),
        **first_scanner(exchange),
    }


async def _positions(
    store: SqlCandleStore, world: World, document: SettingsDocument
) -> Mapping[str, int | None]:
    """Return the market time (ms) up to which an earlier run stored each exchange; None for a first run."""
    watched = watched_symbols(document)
    each = {
        one.exchange: await _position(
            store, one, [symbol for name, symbol in watched if name == one.exchange]
        )
        for one in world.served
    }
    known = [position for position in each.values() if position is not None]
    if known and world.keeps_one_time:
        return dict.fromkeys(each, min(known))
    return each


async def _position(store: SqlCandleStore, served: Served, symbols: Sequence[str]) -> int | None:
    base = served.source.timeframe
    spans = [await store.span(Series(served.exchange, symbol, base)) for symbol in symbols]
    newest = [span[1] for span in spans if span is not None]
    return min(newest) + base.milliseconds if newest else None
