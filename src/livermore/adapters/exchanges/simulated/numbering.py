"""How many trades a bar is told in, and their ids: consecutive from the first bar on."""

from __future__ import annotations

import dataclasses

import numpy as np

from livermore.adapters.exchanges.simulated.source import UNTOLD, Bars, Ints

LEAST_TRADES = 4  # open, both extremes and close
SMALLEST_AMOUNTS = 1e8  # in a whole of the base asset


def trade_counts(bars: Bars, most: int) -> Ints:
    """Return in how many trades each bar can be told, every one of at least the smallest amount.

    A bar with hardly any volume has fewer, but never fewer than its prices need.
    """
    above = bars.high > np.maximum(bars.open, bars.close)
    below = bars.low < np.minimum(bars.open, bars.close)
    needed = 1 + above + below + (above | below | (bars.open != bars.close))
    amounts = np.rint(bars.volume * SMALLEST_AMOUNTS)
    counts: Ints = np.where(bars.volume > 0, np.clip(amounts, needed, most), 0).astype(np.int64)
    return counts


def numbered(bars: Bars, counts: Ints, first: int) -> Bars:
    """Give the bars' trades their ids, from a first one on."""
    after = first + np.cumsum(counts)
    return dataclasses.replace(
        bars,
        first_id=np.where(counts > 0, after - counts, UNTOLD),
        last_id=np.where(counts > 0, after - 1, UNTOLD),
    )
