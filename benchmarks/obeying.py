"""A process that receives the commands of some users, while market updates flow through it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import perf_counter
from typing import NamedTuple
from uuid import uuid4

import structlog

from benchmarks.frames import Tape
from benchmarks.market import START, Market
from livermore.adapters.exchanges.binance.parse import FrameReader
from livermore.adapters.memory.bus import MemoryBus
from livermore.adapters.redis.command_bus import RedisCommandBus
from livermore.adapters.sql import Database, SqlJournal
from livermore.control.receiver import Author, Receiver
from livermore.control.registry import Call, Nothing, Registry
from livermore.control.switchboard import Switchboard
from livermore.kernel.clock import SystemClock
from livermore.kernel.scope import Scope

SYMBOLS = 100
RATE = 20_000
TICK = 0.005  # seconds between two lots of frames
NOTHING = "nothing"


class Room(NamedTuple):
    """What a runtime needs to obey."""

    switchboard: Switchboard
    receiver: Receiver

    @classmethod
    async def opened(cls, redis: str, address: str, scopes: Sequence[Scope]) -> Room:
        """Receive the commands of these users."""
        clock, journal = SystemClock(), SqlJournal(Database(address))
        switchboard = Switchboard(RedisCommandBus(redis, clock))
        receiver = Receiver(
            switchboard, journal, registry(), _author, events=MemoryBus(), clock=clock, runner=str(uuid4())
        )
        await switchboard.start()
        await receiver.start()
        await receiver.host(scopes)
        return cls(switchboard, receiver)


def registry() -> Registry:
    """Return one command, which does nothing."""
    made = Registry()
    made.register(NOTHING, Nothing, _nothing, priority=20, about="Do nothing.")
    return made.seal()


async def _nothing(call: Call) -> None:
    pass


async def _author(scope: Scope) -> Author:
    return Author("bench", "operator")


class Flow:
    """Frames of a market that are handed to its reader at an even pace."""

    def __init__(self, seconds: float) -> None:
        self._market = Market(SYMBOLS)
        tape = Tape(self._market.symbols, self._market.prices, START)
        minutes = int(RATE * seconds) // (SYMBOLS * 30) + 1
        self._frames = tape.minutes(minutes) if seconds else []
        self._fed = self._forgotten = 0
        self._began = 0.0

    async def opened(self) -> None:
        """Load the market."""
        await self._market.open()
        self._reader = FrameReader(self._market.desk.feed).feed

    async def run(self) -> None:
        """Feed whatever is due, again and again."""
        self._began = perf_counter()
        while self._fed < len(self._frames):
            due = int((perf_counter() - self._began) * RATE)
            self._feed(self._reader, self._frames[self._fed : due])
            await asyncio.sleep(TICK)

    def _feed(self, reader: Callable[[bytes], None], frames: Sequence[bytes]) -> None:
        for frame in frames:
            reader(frame)
        self._fed += len(frames)
        # As often as a recorder writes.
        if self._fed - self._forgotten > RATE:
            self._market.forget()
            self._forgotten = self._fed

    def rate(self) -> float:
        """Return how many frames there were in a second; 0 if they have run out."""
        return self._fed / (perf_counter() - self._began) if self._fed < len(self._frames) else 0.0


async def _serve(redis: str, address: str, users: str, seconds: str) -> None:
    scopes = [Scope(user_id=int(number), identity_sub=f"bench-{number}") for number in users.split(",")]
    await Room.opened(redis, address, scopes)
    flow = Flow(float(seconds))
    await flow.opened()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    flowing = asyncio.create_task(flow.run())
    print("flowing", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    print(flow.rate(), flush=True)
    flowing.cancel()
    with suppress(asyncio.CancelledError):
        await flowing


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    asyncio.run(_serve(*sys.argv[1:]))
