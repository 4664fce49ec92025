"""The request budgets of a process: its own, or shared with other processes on this address."""

from __future__ import annotations

from collections.abc import Mapping

from livermore.kernel.clock import Clock
from livermore.kernel.errors import InvalidError
from livermore.kernel.service import Health
from livermore.market.budget import Budgets

REDIS_VARIABLE = "LIVERMORE_REDIS_URL"


class SharedBudgets:
    """Budgets with their books in Redis, as a part of the runtime whose health is seen."""

    name = "shared budgets"

    def __init__(self, url: str, clock: Clock) -> None:
        # Only who shares needs the client, and it takes a while to import.
        from redis.asyncio import Redis

        from livermore.adapters.redis.budget import RedisBudgets

        try:
            self._client = Redis.from_url(url)
        except ValueError as error:
            # The URL is not repeated: it may hold a password.
            hint = "such as redis://localhost:6379/0"
            raise InvalidError("this is no URL of a Redis", where=REDIS_VARIABLE, hint=hint) from error
        self._opener = RedisBudgets(self._client, clock)
        self.budgets = Budgets(clock, self._opener)

    async def start(self) -> None:
        """Do nothing yet: Redis is asked when something is spent."""

    async def stop(self) -> None:
        """Tell the others what is left to tell, and let go of Redis."""
        await self._opener.close()
        await self._client.aclose()

    def health(self) -> Health:
        """Say whether budgets are shared."""
        return self._opener.health()


def shared_budgets(environment: Mapping[str, str], clock: Clock) -> SharedBudgets | None:
    """Return budgets that are shared through the Redis that the environment names, if it names one."""
    url = environment.get(REDIS_VARIABLE)
    return SharedBudgets(url, clock) if url else None
