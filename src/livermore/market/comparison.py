"""What is stored of a series held against what the exchange tells of it: pure arithmetic on candles."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from livermore.kernel.timeframe import Timeframe
from livermore.market.backfill import NOWHERE, explicit
from livermore.market.candle import Candles, CandleState

PRICES = ("open", "high", "low", "close")
ROUNDING = 1e-9
LONG_AGO = 2**62
Flags = NDArray[np.bool_]


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the buckets of a series that were asked for: each is exactly one of the other four.

    `equal` ones stand as they stood, `corrected` ones did not, `added` ones were not there or not known, and
    `missing` ones still are not. Buckets before a series' first trade do not exist and are not asked for.
    """

    asked: int
    equal: int
    corrected: int
    added: int
    missing: int


def truth(stored: Candles, told: Candles, timeframe: Timeframe, end: int, before: Candles) -> Candles:
    """Return the candles of a series up to a time (ms) as they should be stored.

    What the exchange tells is right. It may lack a candle that we know of, which stays: nothing good is
    discarded. A bucket that neither knows is quiet, flat at the close of the one `before`.
    """
    own = stored[(stored.state == CandleState.TRADED) & ~np.isin(stored.time, told.time)]
    known = told.replaced(own)
    length = timeframe.milliseconds
    if len(before):
        return explicit(
            known, timeframe, int(before.time[-1]) + length, end, float(before.close[-1]), LONG_AGO
        )
    start = min((int(part.time[0]) for part in (stored, known) if len(part)), default=end)
    return explicit(known, timeframe, start, end, NOWHERE, LONG_AGO)


def differing(stored: Candles, right: Candles) -> Flags:
    """Say of each candle that is right whether what is stored of its bucket differs, or is not there."""
    places = np.minimum(np.searchsorted(stored.time, right.time), max(len(stored) - 1, 0))
    if not len(stored):
        return np.ones(len(right), np.bool_)
    same: Flags = (stored.time[places] == right.time) & (stored.state[places] == right.state)
    for name in PRICES:
        same &= getattr(stored, name)[places] == getattr(right, name)
    volume = stored.volume[places]
    # The sum of the same trades in another order is rounded otherwise.
    same &= np.abs(volume - right.volume) <= ROUNDING * np.maximum(volume, right.volume)
    return ~same


def tally(before: Candles, after: Candles, buckets: int) -> Tally:
    """Count what became of so many buckets that were stored as one thing and are stored as another."""
    known = after[after.state != CandleState.MISSING]
    was = before[before.state != CandleState.MISSING]
    changed = differing(before, known)
    added = ~np.isin(known.time, was.time)
    corrected = int((changed & ~added).sum())
    return Tally(
        asked=buckets, equal=len(known) - corrected - int(added.sum()), corrected=corrected,
        added=int(added.sum()), missing=buckets - len(known),
    )  # fmt: skip
