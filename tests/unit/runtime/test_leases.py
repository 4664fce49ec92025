"""Leases are kept, whatever takes long, and given up in time, whatever has gone wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection

import pytest

from livermore.runtime.host import LEASE, LOOK, PARTING, RENEWAL
from livermore.runtime.ports import Lease
from tests.unit.runtime.test_host import House, Running, scope


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House(1, 2)
    await house.host.start(scope(1))
    yield house
    await house.host.stop()


def claims_of(house: House, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note until when each claim is from now on."""
    claim, asked = house.book.claim, list[int]()

    async def noted(runner: str, until: int, known: Collection[int], *, alone: bool) -> Lease:
        asked.append(until)
        return await claim(runner, until, known, alone=alone)

    monkeypatch.setattr(house.book, "claim", noted)
    return asked


async def test_leases_are_renewed_while_a_runtime_takes_long_to_start(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, started = claims_of(house, monkeypatch), asyncio.Event()

    async def slowly(self: Running) -> None:
        self.log.append("begin")
        await started.wait()

    monkeypatch.setattr(Running, "start", slowly)
    house.book.free.add(3)
    await house.pass_time(3 * LEASE / 1000)
    assert house.made[3].log == ["begin"]
    assert asked[-1] > house.clock.now()
    assert scope(3) not in house.commanded.hosted, "it is commanded before it has started"
    started.set()
    await house.pass_time(LOOK)
    assert scope(3) in house.commanded.hosted


async def test_leases_are_renewed_while_the_first_runtimes_take_long_to_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house = House(1)
    asked, started = claims_of(house, monkeypatch), asyncio.Event()

    async def slowly(self: Running) -> None:
        await started.wait()

    monkeypatch.setattr(Running, "start", slowly)
    starting = asyncio.create_task(house.host.start(scope(1)))
    await house.pass_time(3 * LEASE / 1000)
    assert asked[-1] > house.clock.now()
    started.set()
    await starting
    await house.host.stop()


async def test_leases_are_renewed_while_a_post_takes_long_to_open(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, opened = claims_of(house, monkeypatch), asyncio.Event()

    async def slowly(name: str) -> None:
        await opened.wait()

    monkeypatch.setattr(house.floor, "renew", slowly)
    house.floor.bad = ["binance"]
    await house.pass_time(4 * LEASE / 1000)
    assert asked[-1] > house.clock.now()
    opened.set()


async def test_who_hears_nothing_of_a_claim_lets_go_when_the_leases_end(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:

        async def never(*_: object, **__: object) -> Lease:
            await asyncio.Event().wait()
            raise AssertionError

        patch.setattr(house.book, "claim", never)
        await house.pass_time(LEASE / 1000 - LOOK)
        assert house.made[1].log == ["start"]
        await house.pass_time(2 * LOOK)
        assert house.made[1].log == ["start", "abandon", "parted"]
        assert not house.commanded.hosted
    await house.pass_time(LEASE / 1000 + 3 * LOOK)
    assert house.made[1].log == ["start"], "nobody runs it again"
    assert house.commanded.hosted == {scope(1), scope(2)}


async def test_a_fault_of_ours_does_not_end_the_keeping(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:

        async def faulty(*_: object, **__: object) -> Lease:
            raise RuntimeError("a fault of ours")

        patch.setattr(house.book, "claim", faulty)
        await house.pass_time(2 * RENEWAL)
    house.book.free.add(3)
    await house.pass_time(RENEWAL + 2 * LOOK)
    assert house.made[3].log == ["start"]


async def test_who_is_lost_and_won_again_is_let_go_of_first(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = asyncio.Event()
    release = house.commanded.release

    async def slowly(scopes: Collection[object]) -> None:
        await released.wait()
        await release(scopes)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(house.commanded, "release", slowly)
        house.book.free.discard(2)
        await house.pass_time(RENEWAL + LOOK)
        assert house.host.of(scope(2)) is None
        house.book.free.add(2)
        await house.pass_time(RENEWAL + LOOK)
        assert house.made[2].log == []
        released.set()
        await house.pass_time(2 * LOOK)
    assert house.made[2].log == ["start"]
    assert scope(2) in house.commanded.hosted


async def test_whoever_carries_out_commands_knows_how_long_the_leases_hold(house: House) -> None:
    assert house.commanded.until == house.clock.now() + LEASE
    await house.pass_time(RENEWAL + LOOK)
    assert house.commanded.until is not None
    assert house.commanded.until > house.clock.now() + LEASE - 2_000
    alone = House(1, alone=True)
    await alone.host.start(scope(1))
    assert alone.commanded.until is None
    await alone.host.stop()


async def test_whoever_does_not_let_go_holds_up_no_other_and_no_end(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(self: Running) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Running, "abandon", never)
    house.book.free.discard(2)
    await house.pass_time(RENEWAL + LOOK)
    house.book.free |= {2, 3}
    await house.pass_time(RENEWAL + 4 * LOOK)
    assert (house.made[2].log, house.made[3].log) == ([], ["start"])
    assert house.commanded.hosted == {scope(1), scope(3)}
    stopping = asyncio.create_task(house.host.stop())
    await house.pass_time(PARTING)
    assert stopping.done()


async def test_who_stood_still_and_hears_nothing_of_a_claim_lets_go_soon(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object, **__: object) -> Lease:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(house.book, "claim", never)
    house.clock._now += 4 * LEASE
    await house.pass_time(LOOK + RENEWAL)
    assert house.made[1].log == ["start", "abandon", "parted"]
    assert not house.commanded.hosted
