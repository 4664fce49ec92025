"""How settings are written, planned and followed where something runs, and where nothing does."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from livermore.adapters.sql import Database, SqlSettingsStore
from livermore.bootstrap.ground import Ground
from livermore.bootstrap.plan import Plan
from livermore.kernel.clock import Clock
from livermore.kernel.scope import Scope
from livermore.kernel.service import Service
from livermore.market.first_symbols import FirstSymbols
from livermore.market.listings import Listings
from livermore.runtime.host import Host
from livermore.runtime.nowhere import Nowhere
from livermore.settings.plan import Planner
from livermore.settings.service import SettingsService
from livermore.settings.told import ToldStore


class Writing(NamedTuple):
    """What writes settings, and what plans a change."""

    settings: SettingsService
    planner: Planner


def followed(ground: Ground, host: Host, listings: Listings) -> Writing:
    """Write settings where runtimes follow them."""
    clock = ground.clock
    store = ToldStore(SqlSettingsStore(ground.database, clock), host.written)
    settings = SettingsService(store, listings, os.environ)
    return Writing(settings, Planner(settings, host, host, clock))


def unfollowed(database: Database, clock: Clock, listings: Listings) -> Writing:
    """Write settings where nothing runs that could follow them."""
    settings = SettingsService(SqlSettingsStore(database, clock), listings, os.environ)
    return Writing(settings, Planner(settings, Nowhere(), Nowhere(), clock))


def first_symbols(
    plan: Plan, ground: Ground, listings: Listings, written: Callable[[Scope], None]
) -> list[Service]:
    """Look through the symbols that a live start was given, where there are several."""
    if plan.source != "live" or len(plan.symbols) < 2:
        return []
    store = ToldStore(SqlSettingsStore(ground.database, ground.clock), written)
    settings = SettingsService(store, listings)
    return [FirstSymbols(ground.user.scope(), settings, listings.load, ground.clock)]
