"""Longer bars from shorter ones: prices of what was traded, volumes summed one after the other in time."""

from __future__ import annotations

import numpy as np

from livermore.adapters.exchanges.simulated.source import UNTOLD, Bars, Floats, Ints


def roll_up(bars: Bars, length: int) -> Bars:
    """Return the bars of a length in ms; a bucket in which all is quiet is flat, an empty one absent."""
    buckets = bars.time - bars.time % length
    traded = bars.volume > 0
    rolled = _traded(bars[traded], buckets[traded])
    quiet = _quiet(bars, buckets)
    quiet = quiet[~np.isin(quiet.time, rolled.time)]
    both = Bars.joined(rolled, quiet)
    return both[np.argsort(both.time, kind="stable")]


def _traded(bars: Bars, buckets: Ints) -> Bars:
    if not len(bars):
        return bars
    first = _starts(buckets)
    last = np.append(first[1:], len(buckets)) - 1
    where = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(buckets))))
    return Bars(
        time=buckets[first],
        open=bars.open[first],
        high=np.maximum.reduceat(bars.high, first),
        low=np.minimum.reduceat(bars.low, first),
        close=bars.close[last],
        volume=_sums(where, bars.volume),
        first_id=bars.first_id[first],
        last_id=bars.last_id[last],
    )


def _quiet(bars: Bars, buckets: Ints) -> Bars:
    """Return a flat bar for every bucket, at the close of its last bar."""
    if not len(bars):
        return bars
    last = np.append(_starts(buckets)[1:], len(buckets)) - 1
    price, untold = bars.close[last], np.full(len(last), UNTOLD, np.int64)
    return Bars(
        time=buckets[last],
        open=price,
        high=price,
        low=price,
        close=price,
        volume=np.zeros(len(last)),
        first_id=untold,
        last_id=untold,
    )


def _sums(where: Ints, values: Floats) -> Floats:
    """Add up in order of time, where `reduceat` would add in pairs and end on other bits."""
    sums: Floats = np.bincount(where, values).astype(np.float64)
    return sums


def _starts(buckets: Ints) -> Ints:
    return np.flatnonzero(np.diff(buckets, prepend=buckets[0] - 1))
