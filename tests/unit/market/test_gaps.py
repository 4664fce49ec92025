"""Gaps: whatever the holes and the missing buckets are, every missing bucket lies in an open gap."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from livermore.kernel.timeframe import Timeframe
from livermore.market.gaps import Gap, gaps_of, merged, upwards
from livermore.market.ports import Cause, Hole, Series

from .factories import M5, MINUTE

SERIES = Series("test", "A", Timeframe.M1)
SPAN = (0, 120)

minutes = st.integers(0, 130)
told = st.builds(
    lambda start, length, cause, repaired: Hole(
        series=SERIES, start=start * MINUTE, end=(start + length) * MINUTE, cause=cause,
        repaired_at=repaired,
    ),
    minutes, st.integers(1, 12), st.sampled_from(Cause), st.none() | st.just(9 * MINUTE),
)  # fmt: skip


@given(
    st.lists(told, max_size=8, unique_by=lambda hole: hole.start),
    st.sets(st.integers(0, 119)),
    st.sampled_from((Timeframe.M1, M5, Timeframe.M15)),
    st.data(),
)
def test_every_missing_bucket_is_in_an_open_gap(
    holes: list[Hole], lacking: set[int], timeframe: Timeframe, data: st.DataObject
) -> None:
    length = timeframe.milliseconds
    span = (SPAN[0] * MINUTE, SPAN[1] * MINUTE)
    missing = np.unique([timeframe.bucket(minute * MINUTE) for minute in lacking]).astype(np.int64)
    opened = [hole for hole in holes if hole.repaired_at is None and data.draw(st.booleans())]
    gaps = gaps_of(timeframe, span, holes, opened, missing)
    for gap in gaps:
        assert span[0] <= gap.start < gap.end <= span[1]
        assert gap.start % length == gap.end % length == 0
        assert gap.repaired_at is None or gap.state == "repaired"
    for time in missing.tolist():
        assert any(gap.start <= time < gap.end for gap in gaps if gap.state == "open")
    for gap in gaps:
        if gap.state == "open" and not opened:
            assert ((missing >= gap.start) & (missing < gap.end)).any()
    assert gaps == sorted(gaps, key=lambda gap: (gap.start, gap.end))


def test_gaps_that_touch_and_do_not_overlap_stay_two() -> None:
    one, two = (
        Gap(start=start, end=start + 5, cause=Cause.LATE, state="open", repaired_at=None) for start in (0, 5)
    )
    assert merged([two, one]) == [one, two]


def test_of_gaps_that_overlap_the_last_repair_counts() -> None:
    one, two = (Gap(start=0, end=5, cause=Cause.LATE, state="repaired", repaired_at=at) for at in (70, None))
    assert merged([one, two]) == [one]


def test_a_time_is_taken_up_to_the_next_bucket() -> None:
    assert [upwards(time, 60) for time in (-61, -60, -1, 0, 1, 60, 61)] == [-60, -60, 0, 0, 60, 60, 120]
