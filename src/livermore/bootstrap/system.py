"""One system: its parts, chosen and joined."""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from livermore.accounts.exchange_accounts import ExchangeAccounts
from livermore.accounts.ports import LoginBook
from livermore.accounts.service import FIRST_SETTINGS, LOCAL, Accounts, local_user
from livermore.accounts.user import User
from livermore.adapters.exchanges.simulated import SimulatedExchange
from livermore.adapters.memory.bus import MemoryBus
from livermore.adapters.notify.channels import channels_of
from livermore.adapters.sql import (
    Database,
    SqlCandleStore,
    SqlExchangeBook,
    SqlLoginBook,
    SqlRuntimeBook,
    SqlSettingsStore,
    SqlSignalWork,
    SqlUserBook,
    migrate,
)
from livermore.bootstrap.accounts import accounts_of
from livermore.bootstrap.brake import Brake, Watched
from livermore.bootstrap.budgets import SharedBudgets, shared_budgets
from livermore.bootstrap.exchanges import (
    RunningRows,
    Unwatchable,
    adapter_of,
    exchange_accounts_of,
    named_variables,
    preset_of,
)
from livermore.bootstrap.plan import Plan
from livermore.bootstrap.workspace import preferences_of, workspaces_of
from livermore.bootstrap.world import OWN_LIMIT, Served, World, world_of
from livermore.indicators.announcer import Announcer
from livermore.indicators.service import Indicators, IndicatorService
from livermore.kernel.clock import Clock, SystemClock
from livermore.kernel.errors import LivermoreError
from livermore.kernel.events import EventBus
from livermore.kernel.log import conceal, logger, set_up_logging
from livermore.kernel.scope import Scope
from livermore.kernel.service import Service
from livermore.kernel.timeframe import MINUTE, Timeframe
from livermore.market.budget import Budgets
from livermore.market.coverage import CoverageService
from livermore.market.desk import Desk
from livermore.market.exchange import COINBASE, SEEDED, ExchangeInfo
from livermore.market.plane import MarketPlane
from livermore.market.ports import Exchange, Series
from livermore.market.recorder import Recorder
from livermore.market.retention import Retention
from livermore.market.series import SeriesTable
from livermore.market.service import MarketService
from livermore.runtime.runtime import Runtime
from livermore.settings.document import SettingsDocument
from livermore.settings.service import Current, SettingsService, watched_symbols
from livermore.signals.dispatcher import Dispatcher
from livermore.signals.engine import Engine
from livermore.signals.outbox import routes_of
from livermore.signals.recorder import SignalRecorder, alert_maker
from livermore.signals.rules import Rules
from livermore.signals.service import SignalService
from livermore.workspace.folder import Workspace
from livermore.workspace.service import PreferenceService, WorkspaceService

log = logger("bootstrap")


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """Everything that doors open onto."""

    clock: Clock
    bus: EventBus
    user: User
    market: MarketService
    coverage: CoverageService
    indicators: IndicatorService
    signals: SignalService
    settings: SettingsService
    accounts: Accounts
    logins: LoginBook
    exchange_accounts: ExchangeAccounts
    runtime: Runtime
    database: Database
    recorder: Recorder
    preferences: PreferenceService
    workspaces: WorkspaceService
    sources: tuple[SimulatedExchange, ...] = ()

    async def start(self) -> None:
        """Start the runtime."""
        await self.runtime.start()

    async def stop(self) -> None:
        """Stop the runtime, then what it stood on."""
        await self.runtime.stop()
        for source in self.sources:
            await source.stop()
        await self.accounts.settle()
        await self.database.close()

    async def recording_ended(self) -> None:
        """Return when a recording has ended and is stored whole; never for another source."""
        while not self.sources or not all(one.finished for one in self.sources) or self.recorder.backlog:
            await self.clock.sleep(0.5)

    async def ready(self) -> dict[str, bool]:
        """Say whether the database answers and the runtime runs."""
        try:
            await self.settings.current(self.user.scope())
            answers = True
        except Exception:
            answers = False
        return {
            "database": answers,
            "runtime": self.runtime.status().state in ("running", "warming", "paused"),
        }


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


async def build(plan: Plan) -> System:
    """Join a system from a plan; nothing is watched before `System.start`."""
    async with AsyncExitStack() as opened:
        system = await _build(plan, opened)
        opened.pop_all()
        return system


async def _build(plan: Plan, opened: AsyncExitStack) -> System:
    ground = await _ground(plan, opened)
    document, scope = ground.current.document, ground.user.scope()
    conceal(*named_variables(document))
    as_json = os.environ.get("LIVERMORE_LOG_FORMAT") == "json"
    set_up_logging(document.livermore_runtime.logging.verbosity_level, "json" if as_json else "console")
    channels = channels_of(
        routes_of(document.alerts), environment=os.environ, clock=ground.clock, stream=sys.stdout
    )
    dispatcher = Dispatcher(scope=scope, work=ground.work, channels=channels, clock=ground.clock)
    zone = document.perseus_profile.timezone
    desks: dict[str, Desk] = {}
    plane = MarketPlane(desks, ground.clock)
    alerts_of = alert_maker(document.alerts, zone, ground.clock, plane.last_price)
    signals = SignalRecorder(
        scope, ground.work, alerts_of, dispatcher.wake, ground.recorder.flush, ground.clock
    )
    indicators, announcers = await _desks(plan, ground, signals, desks)
    retention = Retention(ground.store, plane, document.storage.keep_days, ground.clock)
    shared = [ground.shared] if ground.shared is not None else []
    services: list[Service] = [
        *shared,
        ground.recorder,
        signals,
        dispatcher,
        *announcers,
        retention,
        *desks.values(),
    ]
    runtime = Runtime(
        scope, services, plane, SqlRuntimeBook(ground.database, ground.clock), ground.bus, ground.clock,
        mode=document.livermore_runtime.mode, revision=ground.current.revision,
        total=len(watched_symbols(document)), auto_start=document.livermore_runtime.auto_start,
    )  # fmt: skip
    ground.brake.watch(Watched(runtime, ground.recorder, desks))
    rows = RunningRows(ground.book, ground.overrides)
    market = MarketService(plane, ground.store, rows)
    return System(
        clock=ground.clock,
        bus=ground.bus,
        user=ground.user,
        market=market,
        coverage=CoverageService(plane, ground.store, market, ground.clock),
        indicators=IndicatorService(plane, indicators, market),
        signals=SignalService(ground.work, ground.store, dispatcher.channels),
        settings=SettingsService(SqlSettingsStore(ground.database, ground.clock)),
        accounts=accounts_of(ground.database, ground.clock),
        logins=SqlLoginBook(ground.database, ground.clock),
        exchange_accounts=exchange_accounts_of(ground.database, ground.clock, rows, ground.budgets),
        runtime=runtime,
        database=ground.database,
        recorder=ground.recorder,
        preferences=preferences_of(ground.database, ground.clock),
        workspaces=workspaces_of(ground.database, ground.clock),
        sources=ground.sources,
    )


async def _ground(plan: Plan, opened: AsyncExitStack) -> Ground:
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
    """Return the workspace's user with the first start's settings, also where a verb made the user before."""
    user = await local_user(users, settings, name=name)
    if (await store.current(user.scope())).document == FIRST_SETTINGS:
        await store.write(user.scope(), settings, author="system", source="system", reason="first start")
    return user


async def _served(plan: Plan, ground: Ground, world: World, opened: AsyncExitStack) -> Ground:
    """Start the exchanges of a market of our own making, where an earlier run stopped, and lead to them."""
    positions = await _positions(ground.store, world, ground.current.document)
    sources, overrides = [], {}
    for one in world.served:
        source = await one.open(plan.speed, positions[one.exchange], ground.brake)
        opened.push_async_callback(source.stop)
        sources.append(source)
        overrides[one.exchange] = one.info(await _row(one.exchange, ground.book), source)
    return replace(ground, sources=tuple(sources), overrides=overrides)


async def _desks(
    plan: Plan, ground: Ground, signals: SignalRecorder, desks: dict[str, Desk]
) -> tuple[dict[str, Indicators], list[Announcer]]:
    """Set up a desk, with its indicators and rules, for each exchange that is watched."""
    indicators: dict[str, Indicators] = {}
    announcers: list[Announcer] = []
    for adapter, symbols in await _watched(ground):
        table = _table(adapter, ground.current.document, symbols)
        engine = await _engine(plan, ground, table, symbols, signals)
        announcer = Announcer(ground.bus, ground.clock)
        kept = Indicators(table, ground.store, ground.recorder, [engine, announcer])
        engine.follow(kept.bank)
        first_delay = 0.2 if ground.sources else 5.0
        desk = Desk(
            adapter, table, ground.store, ground.recorder, kept, ground.clock, first_delay=first_delay
        )
        desk.watch(symbols)
        announcer.follow(desk)
        desks[adapter.info.name], indicators[adapter.info.name] = desk, kept
        announcers.append(announcer)
    return indicators, announcers


async def _watched(ground: Ground) -> list[tuple[Exchange, list[str]]]:
    """Return the adapter of each exchange that is watched, with its symbols.

    An exchange that no adapter can be made for does not keep the others from being watched; when there are
    no others, its error is raised.
    """
    watched = defaultdict(list)
    for exchange, symbol in watched_symbols(ground.current.document):
        watched[exchange].append(symbol)
    found = [await _adapter(name, ground) for name in watched]
    adapters = [adapter for adapter in found if adapter is not None]
    refused = [adapter.why for adapter in adapters if isinstance(adapter, Unwatchable)]
    if refused and len(refused) == len(adapters):
        raise refused[0]
    return [(adapter, watched[adapter.info.name]) for adapter in adapters]


async def _adapter(name: str, ground: Ground) -> Exchange | None:
    """Make the adapter of an exchange; None when it is switched off."""
    try:
        info = ground.overrides.get(name) or await _row(name, ground.book)
        limit = OWN_LIMIT if name in ground.overrides else None
        if info.is_active:
            return adapter_of(info, ground.clock, ground.budgets, coinbase_limit=limit)
    except LivermoreError as error:
        log.error("exchange cannot be watched", exchange=name, error=str(error), hint=error.hint)
        return Unwatchable(name, error, ground.clock)
    hint = f"switch it on with: livermore exchanges edit {name} --active"
    log.error("exchange is switched off and not watched", exchange=name, hint=hint)
    return None


async def _row(name: str, book: SqlExchangeBook) -> ExchangeInfo:
    """Return the row of an exchange, which is written when it is first watched."""
    info = await book.get(name)
    if info is None:
        info = preset_of(name)
        await book.put(info)
    return info


def _table(adapter: Exchange, document: SettingsDocument, symbols: Sequence[str]) -> SeriesTable:
    """Make the series of an exchange: what the user watches, and the base that it is made of."""
    offered = adapter.info.timeframes()
    base = offered[0]
    chosen = {base, *(timeframe for timeframe in document.timeframes if timeframe in offered)}
    return SeriesTable(adapter.info.name, sorted(chosen), symbols=len(symbols))


async def _engine(
    plan: Plan, ground: Ground, table: SeriesTable, symbols: Sequence[str], signals: SignalRecorder
) -> Engine:
    """Set up the user's rules on an exchange, as they stood when it stopped."""
    scope, document = ground.user.scope(), ground.current.document
    async with ground.work(scope) as work:
        stored = await work.states.all(table.exchange)
    return Engine(
        scope, table, rules_of(document, ground.current.revision), symbols, judged(document), signals,
        ground.clock, watched=document.timeframes, stored=stored, from_the_start=plan.source != "live",
    )  # fmt: skip


def rules_of(document: SettingsDocument, revision: int) -> Rules:
    """Take from the settings what the rules need."""
    alerts = document.alerts
    return Rules(
        levels=tuple(alerts.levels),
        oversold_buffer=alerts.reversal.oversold_buffer,
        overbought_buffer=alerts.reversal.overbought_buffer,
        cooldown=alerts.cooldown_seconds * 1000,
        revision=revision,
    )


def judged(document: SettingsDocument) -> tuple[Timeframe, ...]:
    """Return the timeframes that the mode judges: all watched ones, or those of an hour and above."""
    if document.livermore_runtime.mode == "scalper-macdv":
        return tuple(document.timeframes)
    return tuple(timeframe for timeframe in document.timeframes if timeframe.milliseconds >= 60 * MINUTE)


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
    return {
        "version": 2,
        "perseus_profile": {"primary_exchange": plan.exchange or COINBASE.name},
        # There is no command to resume with yet, so a first start does not wait for one.
        "livermore_runtime": {"auto_start": True},
        "symbols": list(plan.symbols),
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
