"""One thing that is asked of an exchange: by one at a time, for all who want it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from copy import copy

from livermore.kernel.clock import Clock
from livermore.kernel.errors import ExchangeUnreachableError, LivermoreError
from livermore.kernel.log import logger

REST = 2.0  # so soon after a failure nobody asks again
log = logger("market")


class Asked:
    """Remember when something was asked last, and let all who come while it is asked wait for that."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failed = 0.0
        self._asking: asyncio.Task[None] | None = None
        self.at: float | None = None
        self.error: LivermoreError | None = None

    @property
    def is_asking(self) -> bool:
        """Say whether it is being asked now."""
        return self._asking is not None

    def age(self) -> float | None:
        """Return how many seconds ago it was asked with success; None when it never was."""
        return None if self.at is None else self._clock.monotonic() - self.at

    def is_older(self, oldest: float) -> bool:
        """Say whether the answer is older than so many seconds, or not there."""
        age = self.age()
        return age is None or age > oldest

    async def no_older(self, oldest: float, ask: Callable[[], Awaitable[None]]) -> None:
        """See to it that the answer is not older than so many seconds; raise LivermoreError otherwise.

        Whoever waits may leave: the asking goes on for the others.
        """
        if not self.is_older(oldest):
            return
        if self.error is not None and self._clock.monotonic() - self._failed < REST:
            raise copy(self.error)
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask(ask))
        await asyncio.shield(self._asking)
        if self.error is not None:
            raise copy(self.error)

    async def stop(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait({self._asking})

    async def _ask(self, ask: Callable[[], Awaitable[None]]) -> None:
        began = self._clock.monotonic()
        try:
            await ask()
        except LivermoreError as error:
            self._fail(error.with_traceback(None))
        except Exception as error:
            # Such as a connection of a desk that was closed while it was asked.
            log.warning("what was asked of an exchange broke off", error=repr(error))
            self._fail(ExchangeUnreachableError(f"it broke off: {error!r}"))
        else:
            self.at, self.error = began, None
        finally:
            self._asking = None

    def _fail(self, error: LivermoreError) -> None:
        self.error, self._failed = error, self._clock.monotonic()
