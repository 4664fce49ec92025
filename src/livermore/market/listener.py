"""Who follows the series of an exchange."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles
from livermore.market.ports import ClosedBars, Series

Times = Mapping[Timeframe, int]


def onwards(timeframes: Iterable[Timeframe], time: int) -> Times:
    """Name the bar (ms) of each timeframe that holds a time, for what is revised from there on."""
    return {timeframe: timeframe.bucket(time) for timeframe in timeframes}


class SeriesListener(Protocol):
    """Follow the series of an exchange: loaded once, then bar by bar."""

    async def since(self, series: Series, newest: int) -> int | None:
        """Say from which bar (ms) on stored candles are needed; None for all there are."""
        ...

    async def loaded(self, symbol: str, histories: dict[Timeframe, Candles], market_time: int) -> None:
        """Take the stored candles of every timeframe of a symbol, up to one instant."""
        ...

    async def revised(self, symbol: str, times: Times) -> None:
        """Forget what was derived of each timeframe from a bar (ms) on; `loaded` follows.

        What was derived of timeframes that are not named stands.
        """
        ...

    async def dropped(self, symbol: str) -> None:
        """Store what there is to store of a symbol, and forget it: nobody watches it any more."""
        ...

    def closed(self, bars: ClosedBars) -> None:
        """Take bars that closed at one instant; must not wait."""
        ...
