"""How settings are written, planned and followed where something runs, and where nothing does."""

from __future__ import annotations

import os
from typing import NamedTuple

from livermore.adapters.sql import Database, SqlSettingsStore
from livermore.bootstrap.ground import Ground
from livermore.bootstrap.listing import Listings, asking
from livermore.kernel.clock import Clock
from livermore.market.budget import Budgets
from livermore.market.plan import MarketForesight
from livermore.market.plane import MarketPlane
from livermore.market.ports import ExchangeBook
from livermore.runtime.applier import Applier
from livermore.runtime.floor import Floor
from livermore.runtime.plan import RuntimeForesight
from livermore.runtime.runtime import Resting, Runtime
from livermore.runtime.watch import Watch
from livermore.settings.plan import Planner
from livermore.settings.service import SettingsService
from livermore.settings.told import ToldStore


class Following(NamedTuple):
    """What writes settings, what plans a change, and what brings it about."""

    settings: SettingsService
    planner: Planner
    appliance: Applier | Resting


def following_of(
    ground: Ground, rows: ExchangeBook, runtime: Runtime, floor: Floor, watch: Watch, plane: MarketPlane
) -> Following:
    """Have a runtime follow its user's settings, whoever writes them."""
    clock, scope = ground.clock, ground.user.scope()
    store = SqlSettingsStore(ground.database, clock)
    applier = Applier(scope, runtime, SettingsService(store), ground.bus, clock)
    runtime.look_after(applier)
    ask = asking(rows, clock, ground.budgets, ground.overrides)
    listings = Listings(rows, ask, plane.listed, clock)
    settings = SettingsService(ToldStore(store, applier.written), listings, os.environ)
    market = MarketForesight(ground.store, ask, clock)
    foresight = RuntimeForesight(scope, floor, watch, market, runtime.idles)
    return Following(settings, Planner(settings, foresight, applier, clock), applier)


def writing_of(database: Database, rows: ExchangeBook, clock: Clock, budgets: Budgets) -> Following:
    """Write settings where nothing runs that could follow them."""
    listings = Listings(rows, asking(rows, clock, budgets), lambda _: (), clock)
    settings = SettingsService(SqlSettingsStore(database, clock), listings, os.environ)
    resting = Resting()
    return Following(settings, Planner(settings, resting, resting, clock), resting)
