"""Sessions one after the other, with patience that grows and begins anew."""

import asyncio
from collections.abc import Sequence

import pytest

from livermore.kernel.clock import ManualClock
from livermore.kernel.errors import (
    ExchangeRefusedError,
    ExchangeUnreachableError,
    LivermoreError,
    RateLimitedError,
)
from livermore.market.reconnect import FIRST_DELAY, LONGEST_DELAY, STEADY, keep_connected

Ends = Sequence[tuple[float, Exception | None]]


async def waits(ends: Ends, seconds: float = 5_000) -> list[tuple[str, float]]:
    """Run sessions that hold for so long and end so; return why each was lost and how long was waited."""
    clock, found, left = ManualClock(), list[tuple[str, float]](), list(ends)

    async def session() -> None:
        if not left:
            await clock.sleep(1e9)
        held, error = left.pop(0)
        await clock.sleep(held)
        if error is not None:
            raise error

    def lost(error: LivermoreError | None, wait: float) -> None:
        found.append((type(error).__name__, wait))

    task = asyncio.create_task(keep_connected(session, clock, lost))
    await clock.advance(0)
    await clock.advance(seconds)
    task.cancel()
    return found


async def test_the_delay_doubles_to_five_minutes_with_some_jitter() -> None:
    found = [wait for _, wait in await waits([(1.0, ExchangeUnreachableError())] * 9)]
    for place, wait in enumerate(found):
        delay = min(FIRST_DELAY * 2**place, LONGEST_DELAY)
        assert 0.8 * delay <= wait <= delay
    assert len(found) == 9


async def test_a_session_that_held_for_a_minute_begins_the_patience_anew() -> None:
    failing = (1.0, ExchangeUnreachableError())
    found = [
        wait for _, wait in await waits([failing] * 4 + [(STEADY + 1, ExchangeUnreachableError()), failing])
    ]
    assert found[3] > 30
    assert found[4] <= FIRST_DELAY
    assert found[5] <= 2 * FIRST_DELAY


async def test_a_session_that_ended_in_good_order_is_followed_at_once() -> None:
    assert await waits([(80_000.0, None), (1.0, None)], 90_000) == [("NoneType", 0.0), ("NoneType", 0.0)]


async def test_an_exchange_that_refuses_is_asked_again_after_the_longest_delay() -> None:
    assert await waits([(0.0, ExchangeRefusedError())]) == [("ExchangeRefusedError", LONGEST_DELAY)]


async def test_as_long_as_the_exchange_asks_for_is_waited() -> None:
    assert await waits([(0.0, RateLimitedError(retry_after=77.0))]) == [("RateLimitedError", 77.0)]


@pytest.mark.parametrize("fault", [ValueError("ours"), KeyError("x")])
async def test_a_fault_of_ours_does_not_end_the_watching(fault: Exception) -> None:
    ((name, wait),) = await waits([(1.0, fault)])
    assert name == "TransientError"
    assert wait > 0
