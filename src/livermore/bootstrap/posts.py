"""Making the post of an exchange: its adapter, its series, its indicators, joined and not yet started."""

from __future__ import annotations

from collections.abc import Collection

from livermore.bootstrap.exchanges import Unwatchable, adapter_of
from livermore.bootstrap.ground import Ground, row_of
from livermore.bootstrap.world import OWN_LIMIT
from livermore.indicators.announcer import Announcer
from livermore.indicators.service import Indicators
from livermore.kernel.errors import LivermoreError
from livermore.kernel.log import logger
from livermore.kernel.timeframe import Timeframe
from livermore.market.desk import Desk
from livermore.market.listings import Listings
from livermore.market.ports import Exchange
from livermore.market.series import SeriesTable
from livermore.runtime.floor import Post
from livermore.settings.service import watched_symbols

log = logger("bootstrap")


async def post_of(
    ground: Ground, listings: Listings, exchange: str, timeframes: Collection[Timeframe],
    symbols: Collection[str],
) -> Post | None:  # fmt: skip
    """Make the post of an exchange; None when it is switched off.

    An exchange that no adapter can be made for keeps nobody from watching the others: its post says why.
    """
    adapter = await _adapter(exchange, ground)
    if adapter is None:
        return None
    table = _table(adapter, timeframes, len(symbols))
    announcer = Announcer(ground.bus, ground.clock)
    indicators = Indicators(table, ground.store, ground.recorder, [announcer])
    first_delay = 0.2 if ground.sources else 5.0
    desk = Desk(
        adapter, table, ground.store, ground.recorder, indicators, ground.clock, first_delay=first_delay,
        listings=listings,
    )  # fmt: skip
    desk.watch(symbols)
    announcer.follow(desk)
    return Post(desk, indicators, announcer)


async def check_watchable(ground: Ground) -> None:
    """Raise the first error when there is an exchange to be watched and none that can be."""
    names = dict.fromkeys(exchange for exchange, _ in watched_symbols(ground.current.document))
    found = [await _adapter(name, ground) for name in names]
    adapters = [adapter for adapter in found if adapter is not None]
    for adapter in adapters:
        await adapter.close()
    refused = [adapter.why for adapter in adapters if isinstance(adapter, Unwatchable)]
    if refused and len(refused) == len(adapters):
        raise refused[0]


async def _adapter(name: str, ground: Ground) -> Exchange | None:
    """Make the adapter of an exchange; None when it is switched off."""
    try:
        info = ground.overrides.get(name) or await row_of(name, ground.book)
        limit = OWN_LIMIT if name in ground.overrides else None
        if info.is_active:
            return adapter_of(info, ground.clock, ground.budgets, coinbase_limit=limit)
    except LivermoreError as error:
        log.error("exchange cannot be watched", exchange=name, error=str(error), hint=error.hint)
        return Unwatchable(name, error, ground.clock)
    hint = f"switch it on with: livermore exchanges edit {name} --active"
    log.error("exchange is switched off and not watched", exchange=name, hint=hint)
    return None


def _table(adapter: Exchange, timeframes: Collection[Timeframe], symbols: int) -> SeriesTable:
    """Make the series of an exchange: what is watched, and the base that it is made of."""
    offered = adapter.info.timeframes()
    chosen = {offered[0], *(timeframe for timeframe in timeframes if timeframe in offered)}
    return SeriesTable(adapter.info.name, sorted(chosen), symbols=symbols)
