"""The two budgets that keep one contract, in real time, each test on a host of its own."""

from collections.abc import AsyncIterator, Callable
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from livermore.adapters.redis.budget import RedisBudgets
from livermore.kernel.clock import SystemClock
from livermore.market.budget import Budget, HostBudget, Opener, Terms

Open = Callable[[Terms], HostBudget]


@pytest.fixture
def host() -> str:
    return f"https://{uuid4().hex}.test:443"


@pytest.fixture
async def redis_client(redis_url: str) -> AsyncIterator[Redis]:
    client = Redis.from_url(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def worker(redis_client: Redis) -> AsyncIterator[Callable[[], RedisBudgets]]:
    """Make the budgets of one more worker on the one address."""
    made: list[RedisBudgets] = []

    def make() -> RedisBudgets:
        made.append(RedisBudgets(redis_client, SystemClock()))
        return made[-1]

    yield make
    for budgets in made:
        await budgets.close()


@pytest.fixture(params=["in-process", "redis"])
def opener(request: pytest.FixtureRequest) -> Opener:
    if request.param == "redis":
        made: Opener = request.getfixturevalue("worker")()
        return made
    return lambda host, terms: Budget(SystemClock(), host=host, **terms._asdict())


@pytest.fixture
def open_budget(opener: Opener, host: str) -> Open:
    return lambda terms: opener(host, terms)
