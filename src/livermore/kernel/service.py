"""A long-lived thing: started, stopped, asked how it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, Protocol

from livermore.kernel.log import logger

log = logger("kernel")


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
        self._trouble: str | None = None

    def start(self) -> None:
        """Begin."""
        self._trouble = None
        self._task = asyncio.create_task(self._guarded())

    def health(self) -> Health:
        """Say whether it runs, or what has ended it."""
        return Health() if self._trouble is None else Health(state="failed", detail=self._trouble)

    async def stop(self) -> None:
        """Cancel it and wait until it has ended."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _guarded(self) -> None:
        """Do the work; a fault of ours that ends it is never unseen."""
        try:
            await self._work()
        except Exception as error:
            self._trouble = f"it has ended: {error!r}"
            log.exception("what ran in the background has ended")
