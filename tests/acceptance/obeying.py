"""A runtime that can be killed: what it is asked to do it writes into a file, and so leaves evidence.

Run as a program it reads orders, a line of JSON each, and begins a process for each by a fork, which takes
milliseconds where a new interpreter takes a second; it answers with the number of the process.
"""

import asyncio
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import structlog

from livermore.adapters.memory.bus import MemoryBus
from livermore.adapters.memory.command_bus import MemoryCommandBus
from livermore.adapters.redis.command_bus import RedisCommandBus
from livermore.adapters.sql import Database, SqlJournal
from livermore.control.channel import Channel
from livermore.control.ports import CommandBus
from livermore.control.receiver import Author, Receiver
from livermore.control.registry import Call, Job, Payload, Registry
from livermore.control.switchboard import Switchboard
from livermore.kernel.clock import Clock, SystemClock
from livermore.kernel.errors import TransientError
from livermore.kernel.scope import Scope

LOT = 40
# What is asked, and how urgent it is.
KINDS = {"first": 1, "soon": 10, "usual": 15, "late": 20, "job": 20}


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """Whose commands to obey, over which database and bus, and in which folder to leave evidence.

    Without a `redis` the process submits a lot of commands to itself, one in `every` so many seconds.
    """

    database: str
    user_id: int
    identity_sub: str
    folder: str
    began: int
    began_monotonic: float
    rate: float
    redis: str | None = None
    every: float | None = None
    seed: int = 0

    @property
    def scope(self) -> Scope:
        return Scope(user_id=self.user_id, identity_sub=self.identity_sub)

    def clock(self) -> Clock:
        """Return a clock that is fast, and tells every process the same."""
        return FastClock(self)


class FastClock:
    """Run `rate` times as fast as the machine's steady clock, which all processes share."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders

    def now(self) -> int:
        gone = time.monotonic() - self._orders.began_monotonic
        return self._orders.began + int(gone * 1000 * self._orders.rate)

    def monotonic(self) -> float:
        return time.monotonic() * self._orders.rate

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._orders.rate)


class Work(Payload, frozen=True, kw_only=True):
    """How long (seconds of the clock) something takes."""

    seconds: float


class Evidence:
    """A file to which lines are added, each whole or not at all, whenever the process is killed."""

    def __init__(self, folder: str, name: str) -> None:
        self._file = os.open(Path(folder, name), os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def leave(self, line: str) -> None:
        os.write(self._file, f"{line}\n".encode())


def registry(clock: Clock, done: Evidence | None) -> Registry:
    """Return handlers that leave evidence; a door needs none."""

    async def work(call: Call) -> None:
        assert done is not None
        done.leave(f"{call.command.id} {clock.now()}")
        await clock.sleep(call.payload.seconds)

    async def job(call: Call) -> Job:
        return Job(lambda: work(call))

    made = Registry()
    for name, priority in KINDS.items():
        handler: Any = job if name == "job" else work
        made.register(name, Work, handler, priority=priority, about="Work.")
    return made.seal()


class Door:
    """Somebody who submits one command after the other, of every kind."""

    def __init__(self, orders: Orders, journal: SqlJournal, switchboard: Switchboard, clock: Clock) -> None:
        self._scope = orders.scope
        self._chance = random.Random(orders.seed)
        self._channel = Channel(switchboard, journal, registry(clock, None), events=MemoryBus(), clock=clock)

    async def submit(self) -> str:
        """Submit a command until it is known to be written down, and return its id."""
        name, command_id = self._chance.choice(list(KINDS)), str(uuid4())
        asked = {"author": "Jesse", "role": "operator", "source": "api", "command_id": command_id}
        payload = {"seconds": self._chance.uniform(0, 0.1)}
        while True:
            try:
                command = await self._channel.submit(self._scope, name, payload, **asked)  # type: ignore[arg-type]
                return command.id
            except TransientError:
                await asyncio.sleep(0.02)

    async def submit_all(self, every: float, submitted: Evidence) -> None:
        """Submit a lot of commands, and note each that was accepted."""
        for _ in range(LOT):
            submitted.leave(await self.submit())
            await asyncio.sleep(self._chance.uniform(0, 2 * every))


async def obey(orders: Orders) -> None:
    """Obey until killed."""
    clock = orders.clock()
    bus: CommandBus = RedisCommandBus(orders.redis, SystemClock()) if orders.redis else MemoryCommandBus()
    journal, switchboard = SqlJournal(Database(orders.database)), Switchboard(bus)

    async def author(_: Scope) -> Author:
        return Author("Jesse", "operator")

    receiver = Receiver(
        switchboard, journal, registry(clock, Evidence(orders.folder, "done")), author,
        events=MemoryBus(), clock=clock, runner=str(uuid4()),
    )  # fmt: skip
    await switchboard.start()
    await receiver.start()
    await receiver.host([orders.scope])
    Evidence(orders.folder, "ready").leave(str(os.getpid()))
    if orders.every is not None:
        submitted = Evidence(orders.folder, "submitted")
        door = Door(orders, journal, switchboard, clock)
        submitting = asyncio.create_task(door.submit_all(orders.every, submitted))
        submitting.add_done_callback(asyncio.Task.result)
    await until_orphaned()
    os._exit(0)


async def until_orphaned() -> None:
    """Wait until whoever began this process is gone."""
    parent = os.getppid()
    while os.getppid() == parent:
        await asyncio.sleep(0.2)


def main() -> None:
    """Begin a process for each line of orders."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            asyncio.run(obey(msgspec.json.decode(line, type=Orders)))
        print(child, flush=True)


if __name__ == "__main__":
    main()
