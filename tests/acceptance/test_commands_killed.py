"""Killed at any moment under a stream of commands: none is lost, done twice, done too late or out of turn."""

import asyncio
import random
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from livermore.control.command import LIFETIME
from livermore.control.lifecycle import Status

from .judged import EVERY, RATE, Nursery, Place, come_to_an_end, door, judge, nursery, place

__all__ = ["nursery"]


async def kill_and_begin(nursery: Nursery, there: Place, kills: int) -> None:
    """Kill whoever obeys at random moments; now and then nobody obeys for longer than commands live."""
    chance = random.Random(kills)
    itself = EVERY if there.orders.redis is None else None
    async with door(there) as submit:
        for number in range(kills):
            child = await nursery.begin(msgspec.structs.replace(there.orders, every=itself, seed=number))
            submit()
            await asyncio.sleep(chance.uniform(0.05, 0.5))
            await nursery.kill(child)
            if chance.random() < 0.2:
                await asyncio.sleep(chance.uniform(0, 1.2 * LIFETIME / 1000 / RATE))


async def outcomes(
    nursery: Nursery, folder: Path, url: str, redis: str | None, kills: int
) -> Counter[Status]:
    """Kill again and again, judge what is left, and count how commands have ended."""
    async with place(url, folder, redis) as there:
        await kill_and_begin(nursery, there, kills)
        return judge(there, await come_to_an_end(nursery, there))


def file_in(folder: Path) -> str:
    return f"sqlite+aiosqlite:///{folder}/livermore.db"


async def test_killed_over_a_file(nursery: Nursery, tmp_path: Path) -> None:
    ended = await outcomes(nursery, tmp_path, file_in(tmp_path), None, kills=5)
    assert ended[Status.SUCCEEDED] > 20


async def test_killed_over_servers(
    nursery: Nursery, tmp_path: Path, postgres_database: str, redis_url: str
) -> None:
    ended = await outcomes(nursery, tmp_path, postgres_database, redis_url, kills=5)
    assert ended[Status.SUCCEEDED] > 20


@pytest.mark.soak
async def test_killed_two_hundred_times_over_a_file(nursery: Nursery, tmp_path: Path) -> None:
    ended = await outcomes(nursery, tmp_path, file_in(tmp_path), None, kills=200)
    assert min(ended[status] for status in (Status.SUCCEEDED, Status.FAILED, Status.EXPIRED)) > 20


@pytest.mark.soak
async def test_killed_two_hundred_times_over_servers(
    nursery: Nursery, tmp_path: Path, postgres_database: str, redis_url: str
) -> None:
    ended = await outcomes(nursery, tmp_path, postgres_database, redis_url, kills=200)
    assert min(ended[status] for status in (Status.SUCCEEDED, Status.FAILED, Status.EXPIRED)) > 20
