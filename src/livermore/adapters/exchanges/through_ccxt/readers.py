"""What ccxt can be asked to watch, and how bars come of its answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from livermore.adapters.exchanges.through_ccxt.history import Row, usable
from livermore.adapters.exchanges.through_ccxt.library import BARS_KEPT
from livermore.adapters.exchanges.through_ccxt.telling import bar_of
from livermore.adapters.exchanges.through_ccxt.trade_bars import TradeBars
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import BarUpdate

TRADES_KEPT = 1000


class Reader(Protocol):
    """Read the answers about one symbol; `lost` says whether the latest may lack something."""

    lost: bool

    def take(self, news: list[Any]) -> list[BarUpdate]:
        """Return the bars that an answer tells anew, oldest first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Which of ccxt's methods to call; `new_only`: an answer holds what is new, else all that is kept."""

    method: str
    ending: str
    ending_feature: str
    new_only: bool
    arguments: Callable[[str], tuple[str, ...]]
    reader: Callable[[str, int], Reader]


def candle_watch(base: Timeframe) -> Watch:
    """Watch candles: all that are kept, for a late end of one may come beside the begin of the next."""
    return Watch(
        method="watch_ohlcv",
        ending="un_watch_ohlcv",
        ending_feature="unWatchOHLCV",
        new_only=False,
        arguments=lambda unified: (unified, base.value),
        reader=lambda symbol, _: CandleReader(symbol, base),
    )


def trade_watch(base: Timeframe, kept: int = TRADES_KEPT) -> Watch:
    """Watch trades, of which ccxt keeps so many."""
    return Watch(
        method="watch_trades",
        ending="un_watch_trades",
        ending_feature="unWatchTrades",
        new_only=True,
        arguments=lambda unified: (unified,),
        reader=lambda symbol, now: TradeBars(symbol, base, now, kept),
    )


class CandleReader:
    """Find what is new in the candles that ccxt keeps: each is whole, whatever pushes it has swallowed."""

    lost = False

    def __init__(self, symbol: str, base: Timeframe) -> None:
        self._symbol = symbol
        self._base = base
        self._told: dict[int, Row] = {}

    def take(self, news: list[Any]) -> list[BarUpdate]:
        """Return the candles that changed; of a first answer the last two, for it may begin with history."""
        rows = usable(list(news)[-BARS_KEPT:], self._base)
        candidates = rows if self._told else rows[-2:]
        fresh = [row for row in candidates if self._told.get(row[0]) != row]
        self._told = {row[0]: row for row in rows}
        return [bar_of(self._symbol, row) for row in fresh]
