"""Several workers on one address: one window for all, and a part for each while Redis is away."""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from livermore.adapters.redis.budget import RedisBudgets
from livermore.kernel.clock import SystemClock
from livermore.kernel.errors import RateLimitedError
from livermore.market.budget import Purpose, Terms
from livermore.market.window import DELIVERY
from tests.conftest import find_redis_server, missing, server_folder, start_redis
from tests.contracts.budget.support import Queue
from tests.contracts.budget.test_budget_contract import BINANCE, CLOCK, MINUTE, waits

Worker = Callable[[], RedisBudgets]


class Server:
    """A Redis that may be stopped, and started again with nothing in it."""

    def __init__(self, program: str, folder: Path) -> None:
        self.program = program
        self.folder = folder
        self.url = f"unix://{folder / 'redis.sock'}"
        self.start()

    def start(self) -> None:
        self.process = start_redis(self.program, self.folder)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        self.process.wait(10)
        with contextlib.suppress(FileNotFoundError):
            (self.folder / "redis.sock").unlink()


@pytest.fixture
def server() -> Iterator[Server]:
    program = find_redis_server()
    if program is None:
        missing("no redis-server to stop and start")
    with server_folder("budget") as folder:
        made = Server(program, folder)
        yield made
        made.stop()


@contextlib.asynccontextmanager
async def working_on(server: Server) -> AsyncIterator[RedisBudgets]:
    client = Redis.from_url(server.url)
    budgets = RedisBudgets(client, SystemClock())
    yield budgets
    await budgets.close()
    await client.aclose()


async def test_two_workers_share_one_window(worker: Worker, host: str) -> None:
    first, second = worker()(host, MINUTE), worker()(host, MINUTE)
    await first.spend(50)
    await second.spend(20)
    assert second.usage() == (70, 80)
    task = asyncio.create_task(first.spend(11))
    assert await waits(task)
    assert first.usage() == (70, 80)
    task.cancel()
    await second.spend(10)


async def test_two_workers_keep_the_pace_of_one(worker: Worker, host: str) -> None:
    terms = Terms(limit=10, seconds=0.3)
    queues = [Queue(worker()(host, terms), CLOCK) for _ in range(2)]
    began = time.monotonic()
    for number in range(16):
        for queue in queues:
            queue.ask(str(number))
    await asyncio.gather(*(queue.all() for queue in queues))
    assert time.monotonic() - began > 3 * (terms.seconds + DELIVERY) * 0.95


async def test_another_host_has_a_window_of_its_own(worker: Worker, host: str) -> None:
    opener = worker()
    await opener(host, MINUTE).spend(80)
    other = opener(host + "0", MINUTE)
    await other.spend(80)
    assert other.usage() == (80, 80)


async def test_a_refusal_of_one_worker_keeps_all_away(worker: Worker, host: str) -> None:
    opener = worker()
    first, second = opener(host, BINANCE), worker()(host, BINANCE)
    first.hold_off(7200)
    await opener.close()
    for budget in (first, second):
        with pytest.raises(RateLimitedError) as caught:
            await asyncio.wait_for(budget.spend(1), 5)
        assert 7199 < (caught.value.retry_after or 0) < 7300


async def test_what_the_exchange_tells_one_worker_all_count(worker: Worker, host: str) -> None:
    opener = worker()
    first, second = opener(host, MINUTE), worker()(host, MINUTE)
    first.told_used(75)
    await opener.close()
    await second.spend(5)
    assert second.usage() == (80, 80)


async def served_by_two(worker: Worker, host: str, warm_ups: int, repairs: int) -> list[str]:
    """One worker warms up and another repairs, after a stay of both."""
    served: list[str] = []
    queues = []
    for purpose, count in ((Purpose.WARM_UP, warm_ups), (Purpose.REPAIR, repairs)):
        queue = Queue(worker()(host, Terms(limit=1000)), CLOCK)
        queue.served = served
        queue.budget.hold_off(1.0)
        for _ in range(count):
            queue.ask(purpose.name, purpose=purpose)
        queues.append(queue)
    await asyncio.gather(*(queue.all() for queue in queues))
    return served


async def test_the_repairs_of_one_worker_go_before_the_warming_up_of_another(
    worker: Worker, host: str
) -> None:
    assert await served_by_two(worker, host, 5, 5) == ["REPAIR"] * 5 + ["WARM_UP"] * 5


async def test_repairs_of_one_worker_do_not_starve_the_warming_up_of_another(
    worker: Worker, host: str
) -> None:
    served = await served_by_two(worker, host, 3, 20)
    assert [place for place, name in enumerate(served) if name == "WARM_UP"] == [7, 15, 22]


async def test_the_books_vanish_when_nobody_asks(worker: Worker, redis_client: Redis, host: str) -> None:
    await worker()(host, MINUTE).spend(1)
    names = [name async for name in redis_client.scan_iter(f"livermore:budget:{{{host}}}*")]
    assert len(names) == 1
    assert 60_000 < await redis_client.pttl(names[0]) <= 121_000


async def test_without_redis_a_worker_keeps_to_a_part(server: Server, host: str) -> None:
    async with working_on(server) as budgets:
        budget = budgets(host, MINUTE)
        await budget.spend(30)
        assert budgets.health().state == "healthy"
        server.stop()
        for _ in range(5):
            await asyncio.wait_for(budget.spend(1), 10)
        assert budgets.health().state == "degraded"
        assert "not shared" in (budgets.health().detail or "")
        task = asyncio.create_task(budget.spend(1))
        assert await waits(task)
        assert budget.usage() == (35, 80)
        server.start()
        await asyncio.wait_for(task, 10)
        assert budgets.health().state == "healthy"
        assert budget.usage() == (36, 80)


async def test_alone_nothing_is_left_of_a_part_when_the_exchange_counts_the_whole(host: str) -> None:
    client = Redis.from_url("redis://127.0.0.1:1")
    budgets = RedisBudgets(client, SystemClock())
    budget = budgets(host, MINUTE)
    await budget.spend(1)
    budget.told_used(80)
    assert await waits(asyncio.create_task(budget.spend(1)))
    await budgets.close()
    await client.aclose()


async def test_what_was_spent_alone_is_told_afterwards(server: Server, host: str) -> None:
    async with working_on(server) as first, working_on(server) as second:
        one, other = first(host, MINUTE), second(host, MINUTE)
        await one.spend(30)
        server.process.send_signal(signal.SIGSTOP)
        for _ in range(5):
            await asyncio.wait_for(one.spend(1), 10)
        assert first.health().state == "degraded"
        waiting = asyncio.create_task(one.spend(1))
        assert await waits(waiting)
        server.process.send_signal(signal.SIGCONT)
        await asyncio.wait_for(waiting, 10)
        await other.spend(1)
        assert other.usage().used >= 37


async def test_books_that_were_lost_are_written_again(server: Server, host: str) -> None:
    async with working_on(server) as first, working_on(server) as second:
        one, other = first(host, MINUTE), second(host, MINUTE)
        await one.spend(50)
        await other.spend(20)
        server.stop()
        server.start()
        await one.spend(1)
        await other.spend(1)
        assert other.usage() == (72, 80)


async def test_a_redis_that_refuses_is_none(worker: Worker, redis_client: Redis, host: str) -> None:
    await redis_client.set(f"livermore:budget:{{{host}}}", "not a hash")
    opener = worker()
    budget = opener(host, MINUTE)
    await budget.spend(5)
    assert opener.health().state == "degraded"
    assert await waits(asyncio.create_task(budget.spend(1)))
