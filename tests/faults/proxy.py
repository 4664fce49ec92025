"""A door to a server, through which the network can be cut, shut and held."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

Target = Path | tuple[str, int]


class Proxy:
    """Pass connections on from a port of this machine to a server, on its event loop."""

    def __init__(self, target: Target) -> None:
        self.port = 0
        self.accepted = 0
        self._target = target
        self._is_shut = False
        self._opening = 0
        self._passing = asyncio.Event()
        self._passing.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def cut(self) -> None:
        """End every connection at once, as a network does that resets; new ones are let through."""
        for writer in self._writers:
            writer.transport.abort()

    def shut(self) -> None:
        """End every connection, and each new one."""
        self._is_shut = True
        self.cut()

    def hold(self) -> None:
        """Let nothing pass, and tell nobody: connections look open, and are not."""
        self._passing.clear()

    def mend(self) -> None:
        """Let everything pass again; what was held goes on."""
        self._is_shut = False
        self._passing.set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until either side ends."""
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            if not self._is_shut:
                await self._join(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # either side is gone, or the test is over
        finally:
            self._writers.discard(writer)
            self._tasks.discard(task)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._opening += 1
        try:
            beyond_reader, beyond_writer = await self._beyond()
        finally:
            self._opening -= 1
        self._writers.add(beyond_writer)
        ways = [
            asyncio.create_task(self._pump(reader, beyond_writer)),
            asyncio.create_task(self._pump(beyond_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # First of all: who is cancelled while waiting here would leave it open.
            self._writers.discard(beyond_writer)
            beyond_writer.transport.abort()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _beyond(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._target, Path):
            return await asyncio.open_unix_connection(str(self._target))
        return await asyncio.open_connection(*self._target)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(2**16):
            await self._passing.wait()
            writer.write(data)
            await writer.drain()

    async def close(self) -> None:
        """End everything, also what is being opened: cancelled in the middle, nobody would close it."""
        self._is_shut = True
        await asyncio.sleep(0)
        while self._opening:
            await asyncio.sleep(0.001)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def proxy_to(target: Target) -> AsyncIterator[Proxy]:
    """Open a door to a server: a Unix socket, or a host and a port."""
    proxy = Proxy(target)
    listening = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    proxy.port = listening.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listening.close()
        await proxy.close()
        await listening.wait_closed()
