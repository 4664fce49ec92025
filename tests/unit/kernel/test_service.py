"""What runs in the background: until it is stopped, and never ended unseen."""

import asyncio

from livermore.kernel.service import Background


async def test_it_runs_until_it_is_stopped() -> None:
    turns: list[int] = []

    async def work() -> None:
        while True:
            turns.append(1)
            await asyncio.sleep(0)

    background = Background(work)
    await background.stop()
    background.start()
    while len(turns) < 3:
        await asyncio.sleep(0)
    assert background.health().state == "healthy"
    await background.stop()
    count = len(turns)
    await asyncio.sleep(0)
    assert len(turns) == count
    assert background.health().state == "healthy"


async def test_a_fault_that_ends_it_is_told_and_a_new_start_forgets_it() -> None:
    faults = [ZeroDivisionError("oh")]

    async def work() -> None:
        if faults:
            raise faults.pop()
        await asyncio.Event().wait()

    background = Background(work)
    background.start()
    await asyncio.sleep(0.01)
    assert background.health().state == "failed"
    assert background.health().detail == "it has ended: ZeroDivisionError('oh')"
    background.start()
    await asyncio.sleep(0)
    assert background.health().state == "healthy"
    await background.stop()
