"""One system: its parts, chosen and joined."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

from livermore.accounts.exchange_accounts import ExchangeAccounts
from livermore.accounts.ports import LoginBook
from livermore.accounts.service import Accounts
from livermore.accounts.user import User
from livermore.adapters.exchanges.simulated import SimulatedExchange
from livermore.adapters.sql import Database, SqlLoginBook, SqlRuntimeBook, SqlSettingsStore
from livermore.bootstrap.accounts import accounts_of
from livermore.bootstrap.brake import Watched
from livermore.bootstrap.commanding import control_room
from livermore.bootstrap.exchanges import RunningRows, exchange_accounts_of
from livermore.bootstrap.following import first_symbols, followed
from livermore.bootstrap.ground import Ground, ground_of
from livermore.bootstrap.listing import asking, listings_of
from livermore.bootstrap.plan import Plan
from livermore.bootstrap.posts import check_watchable, post_of
from livermore.bootstrap.scanning import commanded_scanner, scan_schedule
from livermore.bootstrap.users import Shared, obeyed, parts_of
from livermore.bootstrap.watching import commanded_watchlist
from livermore.bootstrap.workspace import preferences_of, workspaces_of
from livermore.control.room import ControlRoom
from livermore.indicators.service import Indicators, IndicatorService
from livermore.kernel.clock import Clock
from livermore.kernel.events import EventBus
from livermore.kernel.ids import new_id
from livermore.kernel.scope import Scope
from livermore.kernel.service import Service
from livermore.market import commands as market_commands
from livermore.market.coverage import CoverageService
from livermore.market.desk import Desk
from livermore.market.listings import Listings
from livermore.market.plan import MarketForesight
from livermore.market.plane import MarketPlane
from livermore.market.recorder import Recorder
from livermore.market.retention import Retention
from livermore.market.scanning import Scanner
from livermore.market.service import MarketService
from livermore.market.watchlist import Watchlist
from livermore.runtime.commands import RuntimeCommands
from livermore.runtime.floor import Floor
from livermore.runtime.host import Host
from livermore.runtime.notices import MarketNotices
from livermore.runtime.nowhere import Nowhere
from livermore.runtime.parts import Surroundings
from livermore.runtime.ports import Hosted
from livermore.runtime.runtime import Runtime
from livermore.runtime.status import RuntimeStatus
from livermore.runtime.supervisor import Supervisor
from livermore.runtime.watched import WatchedHere
from livermore.settings.plan import Planner
from livermore.settings.service import SettingsService
from livermore.signals.service import SignalService
from livermore.workspace.service import PreferenceService, WorkspaceService


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """Everything that doors open onto."""

    clock: Clock
    bus: EventBus
    user: User
    market: MarketService
    listings: Listings
    watchlist: Watchlist
    scanner: Scanner
    coverage: CoverageService
    indicators: IndicatorService
    signals: SignalService
    settings: SettingsService
    accounts: Accounts
    logins: LoginBook
    exchange_accounts: ExchangeAccounts
    planner: Planner
    runtimes: Host | Nowhere
    control: ControlRoom
    database: Database
    recorder: Recorder
    preferences: PreferenceService
    workspaces: WorkspaceService
    sources: tuple[SimulatedExchange, ...] = ()

    async def start(self) -> None:
        """Start the runtimes; raise LivermoreError when that of the installation's own user cannot run."""
        await self.runtimes.start(self.user.scope())

    async def stop(self) -> None:
        """Stop the runtimes, then what they stood on."""
        await self.runtimes.stop()
        for source in self.sources:
            await source.stop()
        await self.accounts.settle()
        await self.control.journal.close()
        await self.database.close()

    def status(self) -> RuntimeStatus:
        """Say how the runtime of the installation's own user is."""
        return self.runtimes.status(self.user.scope())

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
            "runtime": self.status().state in ("running", "warming", "paused"),
        }


async def build(plan: Plan) -> System:
    """Join a system from a plan; nothing is watched before `System.start`."""
    async with AsyncExitStack() as opened:
        system = await _build(plan, opened)
        opened.pop_all()
        return system


async def _build(plan: Plan, opened: AsyncExitStack) -> System:
    ground = await ground_of(plan, opened)
    await check_watchable(ground)
    desks: dict[str, Desk] = {}
    indicators: dict[str, Indicators] = {}
    plane = MarketPlane(desks, ground.clock)
    rows = RunningRows(ground.book, ground.overrides)
    listings = listings_of(ground, rows, desks)
    floor = Floor(partial(post_of, ground, listings), desks, indicators)
    accounts, runner = accounts_of(ground.database, ground.clock), new_id()
    control = control_room(plan, ground, accounts, runner)
    opened.push_async_callback(control.journal.close)
    host = _host(plan, ground, plane, floor, rows, control, runner, listings)
    ground.brake.watch(Watched(partial(_is_ready, host, ground), ground.recorder, desks))
    writing = followed(ground, host, listings)
    RuntimeCommands(host, writing.settings, ground.clock, control.receiver.cancel_jobs).register(
        control.registry
    )
    market_commands.register(control.registry, desks, WatchedHere(host))
    ask = asking(rows, ground.clock, ground.budgets, ground.overrides)
    scanner = commanded_scanner(control, writing.settings, listings, ask, ground.clock)
    watchlist = commanded_watchlist(control.registry, ground, writing.settings, listings, plane, host)
    control.registry.seal()
    market = MarketService(plane, ground.store, rows)
    return System(
        clock=ground.clock,
        bus=ground.bus,
        user=ground.user,
        market=market,
        listings=listings,
        watchlist=watchlist,
        scanner=scanner,
        coverage=CoverageService(plane, ground.store, market, ground.clock),
        indicators=IndicatorService(plane, indicators, market),
        signals=SignalService(ground.work, ground.store),
        settings=writing.settings,
        planner=writing.planner,
        accounts=accounts,
        logins=SqlLoginBook(ground.database, ground.clock),
        exchange_accounts=exchange_accounts_of(ground.database, ground.clock, rows, ground.budgets),
        runtimes=host,
        control=control,
        database=ground.database,
        recorder=ground.recorder,
        preferences=preferences_of(ground.database, ground.clock),
        workspaces=workspaces_of(ground.database, ground.clock),
        sources=ground.sources,
    )


def _host(
    plan: Plan, ground: Ground, plane: MarketPlane, floor: Floor, rows: RunningRows,
    control: ControlRoom, runner: str, listings: Listings,
) -> Host:  # fmt: skip
    """Join what runs the runtimes of all users."""
    clock, database = ground.clock, ground.database
    retention = Retention(ground.store, plane, clock)
    settings = SettingsService(SqlSettingsStore(database, clock))
    notices = MarketNotices(lambda: host.hosted(), settings, listings, ground.work, clock)
    listings.tell(notices.tell)
    services: list[Service] = [
        *([ground.shared] if ground.shared else []), ground.recorder, retention, listings, floor, control,
        scan_schedule(control, lambda: host.watching(), clock), notices,
        *first_symbols(plan, ground, listings, lambda scope: host.written(scope)),
    ]  # fmt: skip
    supervisor = Supervisor(services, clock)
    foresight = MarketForesight(ground.store, asking(rows, clock, ground.budgets, ground.overrides), clock)
    shared = Shared(ground, plane, floor, retention, settings, foresight, plan.source != "live")
    obeyed(shared, ground.user.scope(), ground.current.document)
    book = SqlRuntimeBook(database, clock, runner)
    around = Surroundings(plane, floor, settings, book, ground.bus, clock, supervisor, control.receiver.depth)

    def runtime_of(hosted: Hosted) -> Runtime:
        return Runtime(hosted, around, partial(parts_of, shared))

    async def resume(scope: Scope) -> None:
        await control.channel.submit(scope, "resume", {}, author="livermore", role="admin", source="system")

    # The workspace's own file belongs to whoever holds its lock; what was named to us others may share.
    alone = plan.source != "live" or plan.database_url is None
    host = Host(runner, book, runtime_of, control.receiver, resume, supervisor, floor, clock, alone=alone)
    return host


def _is_ready(host: Host, ground: Ground) -> bool:
    runtime = host.of(ground.user.scope())
    return runtime is not None and runtime.ready.is_set()
