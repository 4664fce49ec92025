"""From the holes of a base series and the buckets that a series lacks to the gaps that people are told of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Literal

import msgspec

from livermore.kernel.timeframe import Timeframe
from livermore.market.candle import Times
from livermore.market.ports import Cause, Hole

GapState = Literal["open", "repaired"]


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Buckets [start, end) (ms) of a series that are missing, or were until `repaired_at` (ms).

    A repair of which nobody took note has no time.
    """

    start: int
    end: int
    cause: Cause
    state: GapState
    repaired_at: int | None


def gaps_of(
    timeframe: Timeframe,
    span: tuple[int, int],
    holes: Sequence[Hole],
    opened: Sequence[Hole],
    missing: Times,
    *,
    untold: Cause = Cause.LATE,
) -> list[Gap]:
    """Return the gaps of the buckets in a span [start, end) (ms), oldest first.

    A hole of the base series is one in each bucket that it touches, open while it is among `opened` or a
    bucket in it is `missing`; a missing bucket of which no open hole tells has the cause `untold`.
    """
    told = [_widened(hole, timeframe, span) for hole in holes]
    gaps = [
        Gap(start=start, end=end, cause=hole.cause, repaired_at=hole.repaired_at,
            state="open" if _is_open(hole, opened, missing, start, end) else "repaired")
        for hole, (start, end) in zip(holes, told, strict=True)
        if start < end
    ]  # fmt: skip
    for gap in gaps:
        if gap.state == "open":
            missing = missing[(missing < gap.start) | (missing >= gap.end)]
    return merged([*gaps, *_untold(missing, timeframe.milliseconds, untold)])


def upwards(time: int, length: int) -> int:
    """Return the first multiple of a length that is not before a time."""
    return -(-time // length) * length


def merged(gaps: Iterable[Gap]) -> list[Gap]:
    """Join gaps of one cause and state that overlap, as holes do which lie in one longer bucket."""
    joined: list[Gap] = []
    for gap in sorted(gaps, key=lambda gap: (gap.cause, gap.state, gap.start)):
        last = joined[-1] if joined else None
        if last is not None and (last.cause, last.state) == (gap.cause, gap.state) and gap.start < last.end:
            times = [time for time in (last.repaired_at, gap.repaired_at) if time is not None]
            joined[-1] = msgspec.structs.replace(
                last, end=max(last.end, gap.end), repaired_at=max(times, default=None)
            )
        else:
            joined.append(gap)
    return sorted(joined, key=lambda gap: (gap.start, gap.end))


def _widened(hole: Hole, timeframe: Timeframe, span: tuple[int, int]) -> tuple[int, int]:
    start, end = timeframe.bucket(hole.start), upwards(hole.end, timeframe.milliseconds)
    return max(start, span[0]), min(end, span[1])


def _is_open(hole: Hole, opened: Sequence[Hole], missing: Times, start: int, end: int) -> bool:
    if hole.repaired_at is not None:
        return False
    return hole in opened or bool(((missing >= start) & (missing < end)).any())


def _untold(missing: Times, length: int, cause: Cause) -> list[Gap]:
    """Return a gap for each run of missing buckets."""
    # Along a run, time and place grow alike.
    runs = groupby(enumerate(missing.tolist()), key=lambda entry: entry[1] - entry[0] * length)
    found = [[time for _, time in run] for _, run in runs]
    return [
        Gap(start=times[0], end=times[-1] + length, cause=cause, state="open", repaired_at=None)
        for times in found
    ]
