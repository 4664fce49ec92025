"""The way to the shared books: asked in one round trip, and known to be cut when they do not answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NamedTuple, cast

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from livermore.kernel.clock import Clock
from livermore.kernel.log import logger
from livermore.kernel.service import Health

SCRIPT = Path(__file__).with_name("budget.lua").read_text(encoding="utf-8")
ANSWER = 1.0
AGAIN = 1.0
log = logger("market")


class Reply(NamedTuple):
    """What the books say; `wait` and `away` are in ms, `born` and `place` times of the server (ms)."""

    granted: int
    wait: int
    used: int
    away: int
    born: int
    place: int


class Books:
    """Ask the books on one Redis, at most once a second while it does not answer."""

    def __init__(self, client: Redis, clock: Clock) -> None:
        self._clock = clock
        self._script = client.register_script(SCRIPT)
        self._again_at = 0.0
        self._trouble: str | None = None
        self._telling: set[asyncio.Task[None]] = set()
        self.losses = 0

    async def ask(self, host: str, question: dict[str, Any]) -> Reply | None:
        """Return what the books of a host say; None while Redis cannot be asked."""
        if self._trouble is not None and self._clock.monotonic() < self._again_at:
            return None
        try:
            async with asyncio.timeout(ANSWER):
                answer = await self._asked(f"livermore:budget:{{{host}}}", json.dumps(question))
        except (RedisError, OSError) as error:
            self._lost(error)
            return None
        self._found()
        return Reply(*answer)

    async def _asked(self, key: str, question: str) -> list[int]:
        """Ask, and once more where a connection that lay idle turns out to be dead."""
        try:
            return cast("list[int]", await self._script(keys=[key], args=[question]))
        except RedisConnectionError:
            return cast("list[int]", await self._script(keys=[key], args=[question]))

    def tell(self, telling: Coroutine[Any, Any, None]) -> None:
        """Let the books know of something, behind the back of who found it out."""
        task = asyncio.create_task(telling)
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    def health(self) -> Health:
        """Say whether the books are shared."""
        if self._trouble is None:
            return Health()
        return Health(state="degraded", detail=f"request budgets are not shared: {self._trouble}")

    async def close(self) -> None:
        """Finish telling."""
        await asyncio.gather(*self._telling, return_exceptions=True)

    def _lost(self, error: Exception) -> None:
        self._again_at = self._clock.monotonic() + AGAIN
        if self._trouble is None:
            self.losses += 1
            log.error(
                "Redis does not answer: every process asks exchanges for a share only", error=str(error)
            )
        self._trouble = str(error) or type(error).__name__

    def _found(self) -> None:
        if self._trouble is not None:
            self._trouble = None
            log.info("Redis answers again: request budgets are shared")
