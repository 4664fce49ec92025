"""A server in another process that says prepared frames over a real socket, as fast as it can."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec
from aiohttp import WSMsgType, web

from benchmarks.frames import Tape
from benchmarks.market import names_and_prices
from benchmarks.trade_frames import TradeTape
from livermore.adapters.exchanges.simulated.wire import on_the_wire

AT_ONCE = 2**16
LISTING = "/api/v3/brokerage/market/products"  # Coinbase's, of which its client asks for other names


class Speaker:
    """Answer the one client's subscriptions where it waits for that, and say what it is given."""

    async def listen(self, request: web.Request) -> web.WebSocketResponse:
        """Serve the client."""
        socket = web.WebSocketResponse()
        self._writer = await socket.prepare(request)
        self._transport = request.transport
        async for message in socket:
            asked = msgspec.json.decode(message.data) if message.type is WSMsgType.TEXT else {}
            if "id" in asked:
                await socket.send_json({"result": None, "id": asked["id"]})
        return socket

    async def speak(self, encoded: bytes) -> None:
        """Write everything to the socket, waiting only when it is full."""
        assert self._transport is not None
        for start in range(0, len(encoded), AT_ONCE):
            self._transport.write(encoded[start : start + AT_ONCE])
            await self._writer.drain()


async def listing(request: web.Request) -> web.Response:
    """List nothing: no product has another name."""
    return web.json_response({"products": []})


class Server(NamedTuple):
    """The other process, and how to talk with it: a line each way."""

    port: str
    process: subprocess.Popen[str]

    def prepare(self, minutes: int) -> None:
        """Have the frames of the next minutes encoded."""
        self.say(str(minutes))
        _line(self.process)

    def speak(self) -> None:
        """Have them said."""
        self.say("speak")

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()


@contextmanager
def speaking(exchange: str, symbols: int, start: int) -> Iterator[Server]:
    """Run the server of an exchange in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.loopback", exchange, str(symbols), str(start)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Server(_line(process), process)
        finally:
            process.kill()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line, "the server has ended"
    return line


TAPES: dict[str, Any] = {"binance": Tape, "coinbase": TradeTape}
DOORS = {"binance": "/stream", "coinbase": "/"}


async def _serve(exchange: str, symbols: int, start: int) -> None:
    tape = TAPES[exchange](*names_and_prices(symbols, exchange), start)
    speaker = Speaker()
    app = web.Application()
    app.router.add_get(DOORS[exchange], speaker.listen)
    app.router.add_get(LISTING, listing)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        encoded = b"".join(map(on_the_wire, tape.minutes(int(line))))
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        await speaker.speak(encoded)


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], *map(int, sys.argv[2:])))
