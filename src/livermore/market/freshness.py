"""How fresh every watched series is: one look at the arrays of an exchange, and a word for each series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import CandleState
from livermore.market.ports import Hole
from livermore.market.series import SeriesTable
from livermore.market.wire import GRACE

WINDOW = 450
LATE = 10_000
LATELY = 86_400_000

FreshnessState = Literal["fresh", "waiting", "late", "hole", "repaired", "loading"]


class Freshness(msgspec.Struct, frozen=True, kw_only=True):
    """How fresh one series is.

    `fresh`: its newest bucket closed on time. `waiting`: the next one is due, or there is none yet. `late`:
    that has been due for more than 10 s of market time. `hole`: one of its last 450 buckets is missing.
    `repaired`: one was, within a day. `loading`: its history is being read. `newest` is the open (ms) of the
    newest closed bucket, `age_ms` how long ago it closed; `missing` counts among the last 450 and those that
    are overdue, `holes` are those that are open or were repaired within a day.
    """

    state: FreshnessState
    newest: int | None
    age_ms: int | None
    missing: int
    holes: int


class FreshnessRow(msgspec.Struct, frozen=True, kw_only=True):
    """How fresh every timeframe of one symbol is."""

    exchange: str
    symbol: str
    cells: dict[str, Freshness]


class Glance(NamedTuple):
    """Of the series of one timeframe, column by column: the newest open (ms; -1 is none) and what lacks."""

    timeframe: Timeframe
    newest: list[int]
    missing: list[int]


def glances(table: SeriesTable) -> list[Glance]:
    """Look at every series of an exchange at once."""
    return [_glance(table, place) for place in range(table.width)]


def _glance(table: SeriesTable, place: int) -> Glance:
    count, timeframe = len(table.symbols), table.timeframes[place]
    newest = table.newest[place : count * table.width : table.width]
    times, states = (table.fields[name][place, :, :count] for name in ("time", "state"))
    since = newest - (WINDOW - 1) * timeframe.milliseconds
    # A young series has no buckets before its first one; a slot that is still empty holds a zero.
    first = np.min(times, axis=0, where=times > 0, initial=2**62)
    since = np.maximum(since, np.minimum(first, newest))
    known = ((times >= since) & (states != CandleState.MISSING)).sum(axis=0)
    expected = (newest - since) // timeframe.milliseconds + 1
    missing: NDArray[np.int64] = np.where(newest >= 0, expected - known, 0)
    return Glance(timeframe, newest.tolist(), missing.tolist())


def freshness(
    timeframe: Timeframe, newest: int, gaps: int, holes: Sequence[Hole], now: int, *,
    is_loading: bool = False, allowance: int = 0,
) -> Freshness:  # fmt: skip
    """Say how fresh a series is at a market time (ms); `gaps` of its last buckets are missing.

    A bucket is due `allowance` ms later than it ends.
    """
    length = timeframe.milliseconds
    if is_loading or newest < 0:
        state: FreshnessState = "loading" if is_loading else "waiting"
        return Freshness(state=state, newest=None, age_ms=None, missing=0, holes=0)
    closed = newest + length
    touching = [hole for hole in holes if timeframe.bucket(hole.start) < closed and _matters(hole, now)]
    is_open = gaps > 0 or any(hole.repaired_at is None for hole in touching)
    return Freshness(
        state=_state(now - allowance - closed - length, is_open, bool(touching)),
        newest=newest,
        age_ms=max(now - closed, 0),
        missing=gaps + max(timeframe.bucket(now - allowance - GRACE) - closed, 0) // length,
        holes=len(touching),
    )


def _matters(hole: Hole, now: int) -> bool:
    return hole.repaired_at is None or now - hole.repaired_at < LATELY


def _state(overdue: int, is_open: bool, was_repaired: bool) -> FreshnessState:
    if is_open:
        return "hole"
    if overdue > GRACE:
        return "late" if overdue > LATE else "waiting"
    return "repaired" if was_repaired else "fresh"
