"""Minute candles from trades: in the order of their ids, each id once."""

from __future__ import annotations

import numpy as np

from livermore.adapters.files.table import Numbers
from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Candles, CandleSource


def minute_candles(trades: dict[str, Numbers]) -> Candles:
    """Return the candles of every minute with a trade."""
    _, order = np.unique(trades["id"], return_index=True)
    time, price, amount = (trades[name][order] for name in ("time", "price", "amount"))
    buckets = time - time % Timeframe.M1.milliseconds
    by_bucket = np.argsort(buckets, kind="stable")  # a trade may be told a little late, after a bucket's end
    buckets, price, amount = buckets[by_bucket], price[by_bucket], amount[by_bucket]
    opened, first, place = np.unique(buckets, return_index=True, return_inverse=True)
    last = np.append(first[1:], len(buckets)) - 1
    return Candles.of(
        opened,
        price[first],
        np.maximum.reduceat(price, first),
        np.minimum.reduceat(price, first),
        price[last],
        np.bincount(place, amount),
        source=CandleSource.FILE,
    )
