"""The row of an exchange, as ccxt describes it: nothing is asked of the exchange."""

from __future__ import annotations

from livermore.adapters.exchanges.through_ccxt.library import make, require_ccxt
from livermore.kernel.timeframe import Timeframe
from livermore.market.exchange import ExchangeInfo


def row_of(name: str, *, ccxt_id: str | None = None) -> ExchangeInfo:
    """Describe an exchange for the table `exchanges`; its addresses are ccxt's, so the row has none.

    Errors: InvalidError when ccxt is not installed, or does not know it.
    """
    require_ccxt()
    instance = make(ccxt_id or name, {})
    offered = instance.timeframes or {} if instance.has.get("fetchOHLCV") else {}
    return ExchangeInfo(
        name=name,
        display_name=str(instance.name or name),
        supported_timeframes=tuple(timeframe.value for timeframe in Timeframe if timeframe in offered),
        api_limits={"ccxt": ccxt_id} if ccxt_id else None,
    )
