"""A long-lived thing: started, stopped, asked how it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Say how a service is: `failed` needs a restart, `degraded` recovers by itself."""

    state: Literal["healthy", "degraded", "failed"] = "healthy"
    detail: str | None = None


class Service(Protocol):
    """Run in the background between `start` and `stop`."""

    name: str

    async def start(self) -> None:
        """Begin; return once it runs."""
        ...

    async def stop(self) -> None:
        """End, having finished or stored what was under way."""
        ...

    def health(self) -> Health:
        """Say how it is, without waiting."""
        ...


class Background:
    """Run one coroutine in the background, from `start` until it is stopped."""

    def __init__(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        self._work = work
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """Cancel it and wait until it has ended."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
