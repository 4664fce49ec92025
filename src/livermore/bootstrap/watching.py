"""How watchlists are told of, judged and commanded, where something runs and where nothing does."""

from __future__ import annotations

from livermore.adapters.sql import Database
from livermore.adapters.sql.listing import SqlListingStore
from livermore.bootstrap.ground import Ground
from livermore.control.registry import Registry
from livermore.market.arrivals import Arrivals
from livermore.market.listings import Listings
from livermore.market.plane import MarketPlane
from livermore.market.symbol_commands import Means, SymbolCommands
from livermore.market.watchlist import Watchlist
from livermore.runtime.holding import HoldingHere
from livermore.runtime.host import Host
from livermore.runtime.nowhere import Nowhere
from livermore.settings.service import SettingsService


def commanded_watchlist(
    registry: Registry, ground: Ground, settings: SettingsService, listings: Listings, plane: MarketPlane,
    host: Host,
) -> Watchlist:  # fmt: skip
    """Tell of the watchlists that runtimes follow, and enter the commands that change them."""
    clock = ground.clock
    runtimes = HoldingHere(host, clock)
    # To read a whole listing for each look at a watchlist would keep everything else waiting.
    watchlist = Watchlist(settings, listings, listings, plane, runtimes)
    arrivals = Arrivals(plane.desks, runtimes, clock)
    means = Means(settings, watchlist, listings.known, plane, runtimes, arrivals, clock)
    SymbolCommands(means).register(registry)
    return watchlist


def stored_watchlist(
    database: Database, settings: SettingsService, listings: Listings, plane: MarketPlane
) -> Watchlist:
    """Tell of watchlists that nobody follows."""
    return Watchlist(settings, listings, SqlListingStore(database), plane, Nowhere())
