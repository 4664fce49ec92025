"""How exchanges are asked what they list, wherever something wants to know."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from livermore.adapters.sql import Database
from livermore.adapters.sql.listing import SqlListingStore
from livermore.bootstrap.exchanges import adapter_of, preset_of
from livermore.bootstrap.ground import Ground
from livermore.bootstrap.world import OWN_LIMIT
from livermore.kernel.clock import Clock
from livermore.kernel.events import EventBus
from livermore.market.budget import Budgets
from livermore.market.desk import Desk
from livermore.market.listings import Asking, Listings
from livermore.market.ports import Exchange, ExchangeBook


def listings_of(ground: Ground, rows: ExchangeBook, desks: Mapping[str, Desk]) -> Listings:
    """Know what exchanges list where desks watch some of them."""
    ask = asking(rows, ground.clock, ground.budgets, ground.overrides)
    return Listings(rows, ask, SqlListingStore(ground.database), desks, ground.bus, ground.clock)


def looked_up(
    database: Database, rows: ExchangeBook, budgets: Budgets, bus: EventBus, clock: Clock
) -> Listings:
    """Know what exchanges list where nothing runs."""
    return Listings(rows, asking(rows, clock, budgets), SqlListingStore(database), {}, bus, clock)


def asking(rows: ExchangeBook, clock: Clock, budgets: Budgets, own: Collection[str] = frozenset()) -> Asking:
    """Return what makes an adapter to ask an exchange with, and writes nothing; None when it is switched off.

    Exchanges in `own` are servers of ours. Errors: NotFoundError, and InvalidError where no adapter fits.
    """

    async def adapter(name: str) -> Exchange | None:
        info = await rows.get(name) or preset_of(name)
        limit = OWN_LIMIT if name in own else None
        return adapter_of(info, clock, budgets, coinbase_limit=limit) if info.is_active else None

    return adapter
