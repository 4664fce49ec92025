"""One system: its parts, chosen and joined."""

from __future__ import annotations

import os
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

from livermore.accounts.exchange_accounts import ExchangeAccounts
from livermore.accounts.ports import LoginBook
from livermore.accounts.service import Accounts
from livermore.accounts.user import User
from livermore.adapters.exchanges.simulated import SimulatedExchange
from livermore.adapters.notify.channels import channels_of
from livermore.adapters.sql import (
    Database,
    SqlLoginBook,
    SqlRuntimeBook,
)
from livermore.bootstrap.accounts import accounts_of
from livermore.bootstrap.brake import Watched
from livermore.bootstrap.exchanges import (
    RunningRows,
    exchange_accounts_of,
    named_variables,
)
from livermore.bootstrap.following import following_of
from livermore.bootstrap.ground import Ground, ground_of
from livermore.bootstrap.plan import Plan
from livermore.bootstrap.posts import check_watchable, post_of
from livermore.bootstrap.workspace import preferences_of, workspaces_of
from livermore.indicators.service import Indicators, IndicatorService
from livermore.kernel.clock import Clock
from livermore.kernel.events import EventBus
from livermore.kernel.log import conceal, logger, set_up_logging
from livermore.kernel.service import Service
from livermore.market.coverage import CoverageService
from livermore.market.desk import Desk
from livermore.market.plane import MarketPlane
from livermore.market.recorder import Recorder
from livermore.market.retention import Retention
from livermore.market.service import MarketService
from livermore.runtime.applier import Applier
from livermore.runtime.floor import Floor
from livermore.runtime.runtime import Resting, Runtime
from livermore.runtime.watch import Means, Watch
from livermore.settings.document import SettingsDocument
from livermore.settings.plan import Planner
from livermore.settings.service import SettingsService
from livermore.signals.dispatcher import Dispatcher
from livermore.signals.outbox import routes_of
from livermore.signals.ports import Channel
from livermore.signals.recorder import AlertMaker, SignalRecorder, alert_maker
from livermore.signals.service import SignalService
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
    planner: Planner
    runtime: Runtime | Resting
    appliance: Applier | Resting
    database: Database
    recorder: Recorder
    preferences: PreferenceService
    workspaces: WorkspaceService
    sources: tuple[SimulatedExchange, ...] = ()

    async def start(self) -> None:
        """Start the runtime, and what has it follow the settings."""
        await self.runtime.start()
        await self.appliance.start()

    async def stop(self) -> None:
        """Stop the runtime, then what it stood on."""
        await self.appliance.stop()
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


async def build(plan: Plan) -> System:
    """Join a system from a plan; nothing is watched before `System.start`."""
    async with AsyncExitStack() as opened:
        system = await _build(plan, opened)
        opened.pop_all()
        return system


async def _build(plan: Plan, opened: AsyncExitStack) -> System:
    ground = await ground_of(plan, opened)
    document, scope = ground.current.document, ground.user.scope()
    await check_watchable(ground)
    desks: dict[str, Desk] = {}
    indicators: dict[str, Indicators] = {}
    plane = MarketPlane(desks, ground.clock)
    dispatcher = Dispatcher(scope=scope, work=ground.work, channels={}, clock=ground.clock)
    signals = SignalRecorder(
        scope, ground.work, lambda signal: [], dispatcher.wake, ground.recorder.flush, ground.clock
    )
    retention = Retention(ground.store, plane, document.storage.keep_days, ground.clock)
    _obeyed(retention, document)
    means = Means(
        ground.work, signals, dispatcher, partial(_channels, ground), partial(_alerts, ground, plane),
        partial(_obeyed, retention),
    )  # fmt: skip
    floor = Floor(partial(post_of, ground), desks, indicators)
    watch = Watch(scope, floor, means, ground.clock, from_the_start=plan.source != "live")
    shared = [ground.shared] if ground.shared is not None else []
    services: list[Service] = [*shared, ground.recorder, signals, dispatcher, retention]
    runtime = Runtime(
        scope, services, floor, watch, plane, SqlRuntimeBook(ground.database, ground.clock), ground.bus,
        ground.clock, current=ground.current,
    )  # fmt: skip
    ground.brake.watch(Watched(runtime, ground.recorder, desks))
    rows = RunningRows(ground.book, ground.overrides)
    following = following_of(ground, rows, runtime, floor, watch, plane)
    market = MarketService(plane, ground.store, rows)
    return System(
        clock=ground.clock,
        bus=ground.bus,
        user=ground.user,
        market=market,
        coverage=CoverageService(plane, ground.store, market, ground.clock),
        indicators=IndicatorService(plane, indicators, market),
        signals=SignalService(ground.work, ground.store, dispatcher.channels),
        settings=following.settings,
        planner=following.planner,
        appliance=following.appliance,
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


def _channels(ground: Ground, document: SettingsDocument) -> dict[str, Channel]:
    """Make the channels of a document's routes."""
    routes = routes_of(document.alerts)
    return channels_of(routes, environment=os.environ, clock=ground.clock, stream=sys.stdout)


def _alerts(ground: Ground, plane: MarketPlane, document: SettingsDocument) -> AlertMaker:
    """Make what turns signals into the alerts that a document asks for."""
    zone = document.perseus_profile.timezone
    return alert_maker(document.alerts, zone, ground.clock, plane.last_price)


def _obeyed(retention: Retention, document: SettingsDocument) -> None:
    """Have what serves the process as a whole follow a document that is applied."""
    conceal(*named_variables(document))
    as_json = os.environ.get("LIVERMORE_LOG_FORMAT") == "json"
    set_up_logging(document.livermore_runtime.logging.verbosity_level, "json" if as_json else "console")
    retention.keep_days = document.storage.keep_days
