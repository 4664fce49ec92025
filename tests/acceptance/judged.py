"""Processes that obey commands and can be killed, a door that submits to them, and a judge of both."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from livermore.adapters.redis.command_bus import RedisCommandBus
from livermore.adapters.sql import Database, SqlJournal, SqlUserBook, migrate
from livermore.control.command import LIFETIME, Command
from livermore.control.lifecycle import Status
from livermore.control.outcome import ORPHANED
from livermore.control.switchboard import Switchboard
from livermore.kernel.clock import SystemClock
from tests.conftest import ROOT

from .obeying import Door, Evidence, Orders

RATE = 10.0
EVERY = 0.004
PATIENCE = 60.0


class Nursery:
    """Begin processes that obey, and kill them."""

    def __init__(self) -> None:
        self._program = subprocess.Popen(
            [sys.executable, "-m", "tests.acceptance.obeying"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    async def begin(self, orders: Orders) -> int:
        """Begin a process and return its number once it obeys."""
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.write(msgspec.json.encode(orders).decode() + "\n")
        self._program.stdin.flush()
        child = int(await asyncio.to_thread(self._program.stdout.readline))
        ready = Path(orders.folder, "ready")
        async with asyncio.timeout(PATIENCE):
            while not ready.exists() or str(child) not in ready.read_text().split():
                os.kill(child, 0)
                await asyncio.sleep(0.005)
        return child

    async def kill(self, child: int) -> None:
        """End a process as a power cut would, and wait until it is gone."""
        os.kill(child, signal.SIGKILL)
        with suppress(ProcessLookupError):
            while True:
                os.kill(child, 0)
                await asyncio.sleep(0.002)

    def close(self) -> None:
        """End, and have those end that are left: they look after their parent."""
        self._program.communicate(timeout=10)


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


class Place(NamedTuple):
    """A journal, and the orders for who is to obey what stands in it."""

    journal: SqlJournal
    orders: Orders


@asynccontextmanager
async def place(url: str, folder: Path, redis: str | None) -> AsyncIterator[Place]:
    """Make a database with one user."""
    await migrate(url)
    database = Database(url)
    user = await SqlUserBook(database, SystemClock()).create(
        username="jesse",
        identity_provider="local",
        identity_sub="jesse",
        role="admin",
        settings={"version": 1},
    )
    journal = SqlJournal(database)
    orders = Orders(
        database=url, user_id=user.id, identity_sub="jesse", folder=str(folder), began=SystemClock().now(),
        began_monotonic=SystemClock().monotonic(),
        rate=RATE, redis=redis,
    )  # fmt: skip
    try:
        yield Place(journal, orders)
    finally:
        await journal.close()
        await database.close()


@asynccontextmanager
async def door(there: Place) -> AsyncIterator[Callable[[], None]]:
    """Give what submits another lot of commands, from a process that lives apart from the runtime's."""
    if there.orders.redis is None:
        yield lambda: None
        return
    switchboard = Switchboard(RedisCommandBus(there.orders.redis, SystemClock()))
    await switchboard.start()
    somebody = Door(there.orders, there.journal, switchboard, there.orders.clock())
    submitted = Evidence(there.orders.folder, "submitted")
    started: list[asyncio.Task[None]] = []
    async with asyncio.TaskGroup() as lots:
        yield lambda: started.append(lots.create_task(somebody.submit_all(EVERY, submitted)))
    await switchboard.stop()


async def come_to_an_end(nursery: Nursery, there: Place) -> list[Command]:
    """Let somebody do what is left, and return all commands."""
    child = await nursery.begin(there.orders)
    commands = await at_the_end(there)
    await nursery.kill(child)
    return commands


async def at_the_end(there: Place) -> list[Command]:
    """Wait until nothing is left to be done, as long as it becomes less, and return all commands."""
    left = fewest = len(await there.journal.open())
    while left:
        async with asyncio.timeout(PATIENCE):
            while left >= fewest:
                await asyncio.sleep(0.05)
                left = len(await there.journal.open())
        fewest = left
    return [command async for command in history(there)]


async def history(there: Place) -> AsyncIterator[Command]:
    """Yield every command, newest first."""
    before = None
    while True:
        now = there.orders.clock().now()
        page = await there.journal.history(there.orders.scope, now, before=before, limit=1_000)
        for command in page.commands:
            yield command
        if (before := page.next) is None:
            return


def judge(there: Place, commands: list[Command]) -> Counter[Status]:
    """Hold what the journal says against the evidence; return how many commands ended in which way."""
    submitted = Path(there.orders.folder, "submitted").read_text().split()
    done = [line.split() for line in Path(there.orders.folder, "done").read_text().splitlines()]
    by_id = {command.id: command for command in commands}
    assert set(submitted) <= by_id.keys(), "some are lost"
    assert not any(command.is_open for command in commands)
    assert [one for one, times in Counter(command_id for command_id, _ in done).items() if times > 1] == []
    for command_id, at in done:
        command = by_id[command_id]
        assert command.status in {Status.SUCCEEDED, Status.FAILED}, "it was done, and should not have been"
        assert command.started_at is not None
        assert command.submitted_at <= command.started_at <= int(at)
        assert command.started_at - command.submitted_at <= LIFETIME, "it was begun too late"
    has_evidence = {command_id for command_id, _ in done}
    assert {one.id for one in commands if one.status is Status.SUCCEEDED} <= has_evidence
    assert {one.error for one in commands if one.status is Status.FAILED} <= {ORPHANED}
    assert out_of_turn(commands) == []
    return Counter(command.status for command in commands)


def out_of_turn(commands: list[Command]) -> list[tuple[str, str]]:
    """Return pairs of which the second was begun while the first, which comes before it, waited there."""
    begun: dict[str, list[Command]] = {}
    for command in commands:
        if command.runner is not None:
            begun.setdefault(command.runner, []).append(command)
    return [
        (first.id, second.id)
        for mine in begun.values()
        for first in mine
        for second in mine
        if (first.priority, first.number) < (second.priority, second.number)
        and (first.acknowledged_at or 0) < (second.started_at or 0) < (first.started_at or 0)
    ]
