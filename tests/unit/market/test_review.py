"""What happens when two troubles meet: a gap at a boundary, a hole within a hole, a revision that fails."""

from __future__ import annotations

from .talking import BAR, Market


async def test_frames_lost_around_a_boundary_make_nothing_quiet_in_the_bucket_behind_it() -> None:
    market = Market()
    market.tell(0, (1, 9), at=58.0)
    market.feed.gap()  # seen at the next frame, which comes three seconds into the next bucket
    market.beat(63.0)
    market.beat(65.5)
    await market.wait(0.5)
    market.rest(0, 1, (0, *BAR))
    market.beat(125.5)
    await market.wait(0.5)
    assert market.take() == [(0, "t!")]
    assert market.owner.wanted == [("A", 0, 1), ("A", 1, 2)]
