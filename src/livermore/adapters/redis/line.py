"""A connection to Redis that is opened again whenever it is lost."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn, Protocol

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from livermore.kernel.clock import Clock
from livermore.kernel.service import Background

PATIENCE = 2.0
FIRST_DELAY, LONGEST_DELAY = 0.05, 2.0
LOST = (RedisError, OSError)

Words = tuple[str | bytes, ...]


class Talk(Protocol):
    """What is said on a line, and what becomes of the answers."""

    async def opened(self) -> None:
        """Say what has to be said first, each time that the line is opened."""
        ...

    def answered(self, reply: Any) -> None:
        """Take the next reply, which may be a ResponseError; what is raised closes the line."""
        ...

    def lost(self, error: Exception | None) -> None:
        """Know that no reply comes to what was said; without an error the line was closed on purpose."""
        ...

    async def beat(self) -> None:
        """Say something to which a reply comes."""
        ...


class Line:
    """Keep one connection to Redis, with back-off between attempts; nothing is ever said twice.

    When nothing was heard for `heartbeat` seconds, a reply is asked for; without one after as long again the
    connection is given up, because its other end may be gone without a word.
    """

    def __init__(self, url: str, name: str, talk: Talk, clock: Clock, heartbeat: float) -> None:
        pool = ConnectionPool.from_url(url)
        self._kind = pool.connection_class
        ours = {
            "client_name": name,
            "protocol": 2,
            "decode_responses": False,
            "socket_timeout": None,
            "socket_connect_timeout": PATIENCE,
            # What was said may have been heard before the connection broke: nothing is said again.
            "retry": Retry(NoBackoff(), 0),
        }
        self._parameters = pool.connection_kwargs | ours
        self._talk = talk
        self._clock = clock
        self._heartbeat = heartbeat
        self._connection: AbstractConnection | None = None
        self._reading: asyncio.Task[NoReturn] | None = None
        self._keeping = Background(self._keep)
        self._tried = asyncio.Event()
        self._replies = 0
        self.trouble: str | None = None

    async def start(self) -> None:
        """Open the line, and keep it open; return after the first attempt, whatever became of it."""
        self._tried.clear()
        self._keeping.start()
        await self._tried.wait()

    async def stop(self) -> None:
        """Close the line."""
        await self._keeping.stop()

    @property
    def is_open(self) -> bool:
        """Say whether something can be said now."""
        return self._connection is not None and bool(self._connection.is_connected)

    async def send(self, *commands: Words) -> None:
        """Say commands, in the order in which callers come; raise one of LOST when the line is not open."""
        connection = self._connection
        # redis-py would open a connection of its own accord, in which nothing is subscribed.
        if connection is None or not connection.is_connected:
            raise RedisConnectionError("the line is not open")
        try:
            async with asyncio.timeout(PATIENCE):
                packed = connection.pack_commands(commands)
                await connection.send_packed_command(packed, check_health=False)
        except LOST:
            self.cut()
            raise

    def cut(self) -> None:
        """Give the connection up, and open another."""
        if self._reading is not None:
            self._reading.cancel()

    async def _keep(self) -> None:
        """Open the line again and again."""
        delay = FIRST_DELAY
        while True:
            began = self._clock.monotonic()
            await self._until_lost()
            if self._clock.monotonic() - began > LONGEST_DELAY:
                delay = FIRST_DELAY
            await self._clock.sleep(delay * random.uniform(0.8, 1.0))  # noqa: S311 - jitter needs no secrecy
            delay = min(delay * 2, LONGEST_DELAY)

    async def _until_lost(self) -> None:
        """Have one session; whatever ends it, a fault of ours included, does not end the keeping."""
        lost: Exception | None = None
        try:
            await self._session()
        except Exception as error:
            lost = error
            self.trouble = str(error) or type(error).__name__
        finally:
            self._talk.lost(lost)
            self._tried.set()

    async def _session(self) -> None:
        """Open the line and hand on replies until it is lost; raise one of LOST."""
        connection = self._kind(**self._parameters)
        try:
            async with asyncio.timeout(PATIENCE):
                await connection.connect()  # type: ignore[no-untyped-call]
            self._connection = connection
            self._reading = asyncio.create_task(self._read(connection))
            await self._talk.opened()
            self.trouble = None
            self._tried.set()
            await self._watch(self._reading)
        finally:
            await self._close(connection)

    async def _read(self, connection: AbstractConnection) -> NoReturn:
        while True:
            try:
                reply = await connection.read_response(disconnect_on_error=False)
            except ResponseError as error:
                reply = error
            self._replies += 1
            self._talk.answered(reply)

    async def _watch(self, reading: asyncio.Task[NoReturn]) -> None:
        """Wait until the connection ends, by itself or because its other end has fallen silent."""
        asked = False
        while True:
            before = self._replies
            if (await asyncio.wait({reading}, timeout=self._heartbeat))[0]:
                break
            quiet = self._replies == before
            if quiet and asked:
                raise TimeoutError("it does not answer")
            if asked := quiet:
                await self._talk.beat()
        if reading.cancelled():
            raise RedisConnectionError("it was given up")
        reading.result()

    async def _close(self, connection: AbstractConnection) -> None:
        reading, self._reading, self._connection = self._reading, None, None
        if reading is not None:
            reading.cancel()
        try:
            await asyncio.gather(*filter(None, [reading]), return_exceptions=True)
        finally:
            with suppress(*LOST):
                await connection.disconnect()


def batches(word: str, names: Sequence[bytes], size: int = 1_000) -> list[Words]:
    """Return commands of one word that name everything, so many names each."""
    return [(word, *names[start : start + size]) for start in range(0, len(names), size)]
