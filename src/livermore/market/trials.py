"""Scans that somebody tries out in passing: one for each user at a time, and none that takes long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from livermore.control.rest import within
from livermore.kernel.clock import Clock
from livermore.kernel.errors import ConflictError, ExchangeUnreachableError
from livermore.kernel.scope import Scope
from livermore.market.scanner import Proposal

LONGEST = 25.0
"""Seconds; who asks by a verb waits for half a minute."""
Scanning = Callable[[], Coroutine[Any, Any, Proposal]]


class Trials:
    """Let each user try one scan at a time, for so many seconds."""

    def __init__(self, clock: Clock, longest: float = LONGEST) -> None:
        self._clock = clock
        self._longest = longest
        self._trying: set[int] = set()

    async def carry_out(self, scope: Scope, scan: Scanning) -> Proposal:
        """Return what a scan proposes; whoever leaves takes the scan along.

        Errors: ConflictError while the user tries another one, ExchangeUnreachableError when it takes too
        long, and those of the scan.
        """
        if scope.user_id in self._trying:
            hint = "wait for it, or end the request that asked for it"
            raise ConflictError("another scan is being tried for this user", hint=hint)
        self._trying.add(scope.user_id)
        scanning = asyncio.create_task(scan())
        scanning.add_done_callback(partial(self._ended, scope.user_id))
        try:
            if not await within(self._clock, self._longest, scanning):
                raise self._too_long()
            return scanning.result()
        finally:
            scanning.cancel()
            await asyncio.wait({scanning})

    def _ended(self, user_id: int, scanning: asyncio.Task[Proposal]) -> None:
        self._trying.discard(user_id)
        if not scanning.cancelled():
            scanning.exception()  # nobody may be left to hear of it

    def _too_long(self) -> ExchangeUnreachableError:
        hint = (
            "try fewer, or without age and spread; the command scan-symbols (livermore symbols scan) "
            "takes the time that it needs"
        )
        what = f"the exchange has not told all that these filters ask for within {self._longest:g} s"
        return ExchangeUnreachableError(what, hint=hint)
