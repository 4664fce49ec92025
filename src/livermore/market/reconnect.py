"""Reconnect once, for everyone: one session after the other, with back-off between them."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

from livermore.kernel.clock import Clock
from livermore.kernel.errors import LivermoreError, RateLimitedError, TerminalError, TransientError

FIRST_DELAY = 5.0
LONGEST_DELAY = 300.0
STEADY = 60.0


async def keep_connected(
    session: Callable[[], Awaitable[None]],
    clock: Clock,
    lost: Callable[[LivermoreError | None, float], None],
    *,
    first_delay: float = FIRST_DELAY,
) -> None:
    """Run sessions for ever; `lost` is told why each ended and after how many seconds the next begins.

    The delay doubles to 300 s and starts again after a session that held for a minute. A session that
    ended in good order is followed at once. An exchange that refuses us is asked again at the longest delay.
    """
    delay = first_delay
    while True:
        began = clock.monotonic()
        error: LivermoreError | None = None
        try:
            await session()
        except LivermoreError as caught:
            error = caught
        except Exception as caught:
            # A fault of ours must not end the watching; it is told like any lost connection.
            error = TransientError(f"the session broke: {caught!r}")
        if clock.monotonic() - began > STEADY:
            delay = first_delay
        wait = _wait(error, delay)
        lost(error, wait)
        await clock.sleep(wait)
        if error is not None:
            delay = min(delay * 2, LONGEST_DELAY)


def _wait(error: LivermoreError | None, delay: float) -> float:
    """Return how long to wait: some jitter keeps many clients from coming back in step."""
    if error is None:
        return 0.0
    if isinstance(error, TerminalError):
        return LONGEST_DELAY
    asked = error.retry_after or 0.0 if isinstance(error, RateLimitedError) else 0.0
    return max(asked, delay * random.uniform(0.8, 1.0))  # noqa: S311 - jitter needs no secrecy
