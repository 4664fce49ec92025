"""Who has stood still for longer than the lease on its users begins and ends nothing of theirs."""

import asyncio

from livermore.control.lifecycle import Status, Step
from livermore.control.ports import Facts
from livermore.control.receiver import APART

from .room import PATIENCE, Room, until


async def test_nothing_is_begun_without_a_lease_and_all_of_it_with_a_new_one(still: Room) -> None:
    still.receiver.leased(still.clock.now())
    command = await still.submit(mark="one")
    await until(lambda: still.said(command.id) == ["ack"])
    await still.clock.advance(APART)  # type: ignore[attr-defined]
    assert (await still.stands(command.id)).status is Status.ACCEPTED
    still.receiver.leased(still.clock.now() + 60_000)
    await still.clock.advance(2 * APART)  # type: ignore[attr-defined]
    await still.reaches(command.id, Status.SUCCEEDED)
    assert still.deeds.done == ["one"]


async def test_what_another_process_runs_is_ended_only_by_who_has_the_lease(still: Room) -> None:
    still.receiver.leased(still.clock.now())
    command = await still.submit(mark="one")
    facts = Facts(at=still.clock.now(), runner="another")
    assert await still.journal.step(still.scope, command.id, Step.START, facts)
    await still.clock.advance(3 * APART)  # type: ignore[attr-defined]
    assert (await still.stands(command.id)).status is Status.RUNNING
    still.receiver.leased(None)
    async with asyncio.timeout(PATIENCE):
        while (await still.stands(command.id)).status is not Status.FAILED:
            await still.clock.advance(APART)  # type: ignore[attr-defined]
    assert still.deeds.done == []
