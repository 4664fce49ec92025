"""Base bars that closed, on their way from the feed to the roll-up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from livermore.market.candle import Candles, CandleSource, CandleState, Times
from livermore.market.series import Rows


class ClosedBar(NamedTuple):
    """A base bar that closed, and the market time (ms) at which that was decided."""

    column: int
    time: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    state: CandleState
    source: CandleSource
    confirmed: bool
    decided: int


def columns_of(bars: Iterable[ClosedBar]) -> tuple[Rows, Candles, Times]:
    """Turn bars of one bucket into columns, candles and the times (ms) at which they were decided."""
    column, time, open_, high, low, close, volume, state, source, confirmed, decided = zip(*bars, strict=True)
    count = len(column)
    prices = [np.fromiter(values, np.float64, count) for values in (open_, high, low, close, volume)]
    # NumPy takes ten times as long as a bytearray to see that these are small numbers.
    codes = [np.frombuffer(bytearray(values), np.int8) for values in (state, source)]
    candles = Candles(
        time=np.full(count, time[0], np.int64), open=prices[0], high=prices[1], low=prices[2],
        close=prices[3], volume=prices[4], state=codes[0], source=codes[1],
        confirmed=np.array(confirmed, np.bool_),
    )  # fmt: skip
    return np.array(column, np.intp), candles, np.array(decided, np.int64)
