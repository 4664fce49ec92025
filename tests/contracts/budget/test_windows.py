"""No window of the exchange's ever holds more than it allows, whatever happens: by a count of our own."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import RateLimitedError
from livermore.market.budget import Budget
from tests.contracts.budget.support import Queue, busiest, settled

JITTER = 0.15
LONG = 86_400.0
HOSTS = [(10, 1.0), (3, 1.0), (50, 10.0), (100, 60.0), (6000, 60.0)]
EVENTS = st.one_of(
    st.tuples(st.just("spend"), st.floats(0, 1)),
    st.tuples(st.just("burst"), st.floats(0, 1)),
    st.tuples(st.just("wait"), st.floats(0, 1)),
    st.tuples(st.just("told_used"), st.floats(0, 2)),
    st.tuples(st.just("told_limit"), st.floats(0, 2)),
    st.tuples(st.just("hold_off"), st.floats(0, 1)),
    st.tuples(st.just("cancel"), st.floats(0, 1)),
)


class Story:
    """Play events on a budget while no time passes but what they say; `share` is 0 to 1 (or 2) of a whole."""

    def __init__(self, limit: int, seconds: float) -> None:
        self.clock = ManualClock(1_700_000_000_123)
        self.limit = limit
        self.seconds = seconds
        self.queue = Queue(Budget(self.clock, limit=limit, seconds=seconds), self.clock)

    async def play(self, events: list[tuple[str, float]]) -> list[tuple[float, int]]:
        for name, share in events:
            await getattr(self, name)(share)
            await settled(self.clock)
        await self.clock.advance(LONG)
        for outcome in await asyncio.gather(*self.queue.tasks, return_exceptions=True):
            assert outcome is None or isinstance(outcome, RateLimitedError | asyncio.CancelledError)
        return self.queue.times

    async def spend(self, share: float) -> None:
        self.queue.ask("", weight=max(1, int(share * self.limit)))

    async def burst(self, share: float) -> None:
        for _ in range(int(40 * share)):
            self.queue.ask("", weight=max(1, self.limit // 20))

    async def told_used(self, share: float) -> None:
        self.queue.budget.told_used(int(share * self.limit))

    async def told_limit(self, share: float) -> None:
        self.queue.budget.told_limit(int(share * self.limit))

    async def hold_off(self, share: float) -> None:
        self.queue.budget.hold_off(share * self.seconds)

    async def cancel(self, share: float) -> None:
        waiting = [task for task in self.queue.tasks if not task.done()]
        for task in waiting[: int(share * len(waiting))]:
            task.cancel()

    async def wait(self, share: float) -> None:
        await self.clock.advance(share * self.seconds)


@settings(max_examples=150, deadline=None)
@given(host=st.sampled_from(HOSTS), events=st.lists(EVENTS, max_size=40), data=st.data())
def test_no_window_holds_more_than_the_limit(
    host: tuple[int, float], events: list[tuple[str, float]], data: st.DataObject
) -> None:
    limit, seconds = host
    granted = asyncio.run(Story(limit, seconds).play(events))
    late = data.draw(st.randoms(use_true_random=False))
    for _ in range(3):
        delivered = [
            (time + late.choice((0.0, JITTER, late.uniform(0, JITTER))), weight) for time, weight in granted
        ]
        assert busiest(delivered, seconds) <= limit


@pytest.mark.parametrize(("limit", "seconds"), HOSTS)
async def test_a_crowd_is_served_at_nearly_the_pace_that_is_allowed(limit: int, seconds: float) -> None:
    story = Story(limit, seconds)
    weight = max(1, limit // 20)
    for _ in range(30):
        story.queue.ask("", weight=weight)
    await settled(story.clock)
    await story.clock.advance(LONG)
    last = max(time for time, _ in story.queue.times) - 1_700_000_000.123
    assert len(story.queue.times) == 30
    assert last < 30 * weight / (0.5 * limit) * seconds
    assert busiest(story.queue.times, seconds) >= 0.6 * limit


async def test_a_minute_passes() -> None:
    clock = ManualClock()
    budget = Budget(clock, limit=100)
    for _ in range(8):
        await budget.spend(10)
    waiting = asyncio.create_task(budget.spend(10))
    await settled(clock)
    await clock.advance(60)
    assert not waiting.done()
    await clock.advance(1)
    assert waiting.done()
    assert budget.used == 10


async def test_what_is_more_than_the_limit_goes_alone() -> None:
    clock = ManualClock()
    queue = Queue(Budget(clock, limit=10), clock)
    queue.ask("small")
    queue.ask("large", weight=20)
    await settled(clock)
    await clock.advance(60)
    assert queue.served == ["small"]
    await clock.advance(1)
    assert queue.served == ["small", "large"]
    queue.ask("next")
    await settled(clock)
    await clock.advance(59)
    assert queue.served == ["small", "large"]
    await clock.advance(61)
    assert await queue.all() == ["small", "large", "next"]


async def test_a_second_is_spread_evenly_behind_a_small_burst() -> None:
    clock = ManualClock()
    queue = Queue(Budget(clock, limit=10, seconds=1.0), clock)
    for number in range(6):
        queue.ask(str(number))
    await settled(clock)
    await clock.advance(1)
    times = [time for time, _ in queue.times]
    assert times == pytest.approx([0, 0, 0.15, 0.3, 0.45, 0.6], abs=0.001)


async def test_patience_ends_with_when_to_come_back() -> None:
    clock = ManualClock()
    budget = Budget(clock, limit=10)
    await budget.spend(8)
    tasks = [asyncio.create_task(budget.spend(8)) for _ in range(4)]
    await settled(clock)
    await clock.advance(179)
    assert [task.done() for task in tasks] == [True, True, False, False]
    await clock.advance(1)
    for task in tasks[2:]:
        with pytest.raises(RateLimitedError) as caught:
            await task
        assert caught.value.retry_after == pytest.approx(60.6, abs=1)
    await clock.advance(60)
    assert budget.used == 0


async def test_refusals_that_follow_one_another_lengthen_the_stay_and_peace_restores_it() -> None:
    clock = ManualClock()
    budget = Budget(clock, limit=10, seconds=1.0)
    stays = []
    for peace in (0.5, 0.5, 0.5, 100.0, 0.5):
        budget.hold_off(1.0)
        budget.hold_off(1.0)
        stays.append(budget.stay())
        await clock.advance(budget.stay() + peace)
    assert stays == [pytest.approx(length, rel=0.1) for length in (1.05, 2.1, 4.2, 8.4, 1.05)]


async def test_a_long_ban_is_kept_and_not_multiplied() -> None:
    clock = ManualClock()
    budget = Budget(clock, limit=10)
    for _ in range(3):
        budget.hold_off(3600.0)
        assert 3600 <= budget.stay() <= 3605
        await clock.advance(3605)


async def test_waiters_do_not_come_back_at_one_instant() -> None:
    clock = ManualClock()
    queue = Queue(Budget(clock, limit=6000), clock)
    queue.budget.hold_off(30.0)
    for number in range(100):
        queue.ask(str(number))
    await settled(clock)
    await clock.advance(29.9)
    assert not queue.served
    await clock.advance(10)
    times = [time for time, _ in queue.times]
    apart = [later - earlier for earlier, later in pairwise(times)]
    assert len(times) == 100
    assert min(apart) == pytest.approx(60.2 / 4800, abs=0.001)


async def test_a_turn_that_came_too_late_is_given_back() -> None:
    """Cancelled after its turn was granted and before it could run."""
    clock = ManualClock()
    budget = Budget(clock, limit=10)
    await budget.spend(8)
    first, second = (asyncio.create_task(budget.spend(5)) for _ in range(2))

    async def cancel_between() -> None:
        await clock.sleep(60)
        while budget.used != 5:
            await asyncio.sleep(0)
        first.cancel()

    await settled(clock)
    spoiling = asyncio.create_task(cancel_between())
    await settled(clock)
    await clock.advance(60)
    clock_passes = asyncio.create_task(clock.advance(1))
    await asyncio.gather(spoiling, clock_passes)
    assert (first.cancelled(), second.done(), budget.used) == (True, True, 5)
