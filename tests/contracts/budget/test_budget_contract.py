"""What every request budget promises, asked in real time of the process's own and of the one in Redis."""

import asyncio
import time

import pytest

from livermore.kernel.clock import SystemClock
from livermore.kernel.errors import RateLimitedError
from livermore.market.budget import Purpose, Terms
from livermore.market.window import DELIVERY
from tests.contracts.budget.conftest import Open
from tests.contracts.budget.support import Queue

CLOCK = SystemClock()
MINUTE = Terms(limit=100)
BINANCE = Terms(limit=6000)


async def waits(task: "asyncio.Task[None]") -> bool:
    done, _ = await asyncio.wait({task}, timeout=0.2)
    return not done


async def test_what_fits_goes_and_the_rest_waits(open_budget: Open) -> None:
    budget = open_budget(MINUTE)
    for _ in range(8):
        await budget.spend(10)
    assert budget.usage() == (80, 80)
    task = asyncio.create_task(budget.spend(1))
    assert await waits(task)
    task.cancel()


async def test_windows_pass_one_after_the_other(open_budget: Open) -> None:
    terms = Terms(limit=10, seconds=0.3)
    queue = Queue(open_budget(terms), CLOCK)
    began = time.monotonic()
    for number in range(24):
        queue.ask(str(number))
    await queue.all()
    assert time.monotonic() - began > 2 * (terms.seconds + DELIVERY) * 0.95


async def test_the_smallest_limit_counts(open_budget: Open) -> None:
    budget = open_budget(Terms(limit=6000, ceiling=3000, cautious=1200))
    assert budget.usage() == (0, 960)
    budget.told_limit(6000)
    assert budget.usage() == (0, 2400)
    budget.told_limit(1000)
    assert budget.usage() == (0, 800)
    budget.narrow(Terms(limit=500))
    assert budget.usage() == (0, 400)


async def test_a_narrower_limit_is_kept_at_once(open_budget: Open) -> None:
    budget = open_budget(MINUTE)
    await budget.spend(40)
    budget.told_limit(50)
    task = asyncio.create_task(budget.spend(1))
    assert await waits(task)
    budget.told_limit(60)
    await asyncio.wait_for(task, 5)


async def test_what_others_have_spent_counts_once(open_budget: Open) -> None:
    budget = open_budget(MINUTE)
    await budget.spend(10)
    budget.told_used(75)
    assert budget.usage() == (75, 80)
    budget.told_used(20)
    budget.told_used(75)
    await budget.spend(5)
    assert budget.usage() == (80, 80)
    task = asyncio.create_task(budget.spend(1))
    assert await waits(task)
    task.cancel()


async def test_nobody_asks_while_told_to_stay_away(open_budget: Open) -> None:
    budget = open_budget(BINANCE)
    budget.hold_off(1.0)
    began = time.monotonic()
    await budget.spend(1)
    assert time.monotonic() - began > 0.95


async def test_a_long_ban_is_told_at_once_also_to_those_who_wait(open_budget: Open) -> None:
    budget = open_budget(MINUTE)
    await budget.spend(80)
    task = asyncio.create_task(budget.spend(1))
    assert await waits(task)
    budget.hold_off(7200)
    for asked in (task, asyncio.create_task(budget.spend(1))):
        with pytest.raises(RateLimitedError) as caught:
            await asyncio.wait_for(asked, 5)
        assert 7199 < (caught.value.retry_after or 0) < 7300


async def test_a_cancelled_waiter_leaves_no_trace(open_budget: Open) -> None:
    queue = Queue(open_budget(BINANCE), CLOCK)
    queue.budget.hold_off(1.0)
    gone = [queue.ask("gone", weight=1000, whose=f"user {number}") for number in range(5)]
    assert await waits(gone[0])
    for task in gone:
        task.cancel()
    await asyncio.wait(gone)
    await queue.ask("stayed")
    assert queue.served == ["stayed"]
    assert queue.budget.usage() == (1, 4800)


async def test_urgent_purposes_go_first(open_budget: Open) -> None:
    queue = Queue(open_budget(BINANCE), CLOCK)
    queue.budget.hold_off(1.0)
    for purpose in (Purpose.WARM_UP, Purpose.LOOKUP, Purpose.REPAIR):
        for number in range(2):
            queue.ask(f"{purpose.name} {number}", purpose=purpose)
    assert await queue.all() == [
        "REPAIR 0", "REPAIR 1", "LOOKUP 0", "LOOKUP 1", "WARM_UP 0", "WARM_UP 1",
    ]  # fmt: skip


async def test_no_purpose_starves(open_budget: Open) -> None:
    queue = Queue(open_budget(BINANCE), CLOCK)
    queue.budget.hold_off(1.0)
    for number in range(3):
        queue.ask(f"warm-up {number}", purpose=Purpose.WARM_UP)
    for _ in range(20):
        queue.ask("repair", purpose=Purpose.REPAIR)
    served = await queue.all()
    assert (served[7], served[15], served[22]) == ("warm-up 0", "warm-up 1", "warm-up 2")


async def test_users_have_turns_one_after_the_other(open_budget: Open) -> None:
    queue = Queue(open_budget(BINANCE), CLOCK)
    queue.budget.hold_off(1.0)
    for number in range(4):
        queue.ask(f"greedy {number}", whose="greedy")
    for number in range(2):
        queue.ask(f"modest {number}", whose="modest")
    assert await queue.all() == [
        "greedy 0", "modest 0", "greedy 1", "modest 1", "greedy 2", "greedy 3",
    ]  # fmt: skip


async def test_a_forecast_counts_what_was_spent_and_who_waits(open_budget: Open) -> None:
    queue = Queue(open_budget(MINUTE), CLOCK)
    assert queue.budget.forecast([]) == (0, 0.0)
    assert queue.budget.forecast([2] * 40) == (40, 0.0)
    await queue.budget.spend(80)
    first = queue.budget.forecast([2] * 40)
    assert first.requests == 40
    assert first.seconds == pytest.approx(60, abs=5)
    assert await waits(queue.ask("waiting", weight=80))
    assert queue.budget.forecast([2] * 40).seconds == pytest.approx(120, abs=5)
    queue.tasks[0].cancel()
