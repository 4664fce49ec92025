"""One client's WebSocket: what it is subscribed to, how much it says, whether it answers pings."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import aiohttp
from aiohttp import WSCloseCode, WSMsgType, web

from livermore.adapters.exchanges.simulated.binance.frames import wrapped
from livermore.adapters.exchanges.simulated.binance.requests import answer
from livermore.adapters.exchanges.simulated.counters import Counters
from livermore.adapters.exchanges.simulated.faults import Faults
from livermore.adapters.exchanges.simulated.haste import Haste
from livermore.adapters.exchanges.simulated.wire import on_the_wire
from livermore.kernel.clock import Clock

_ENDS = frozenset({WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR})


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketRules:
    """What a connection must keep to; times in seconds of the wall."""

    messages_per_second: int = 5
    streams: int = 1024
    ping_every: float = 20.0
    pong_within: float = 60.0
    lifetime: float = 24 * 3600.0
    most_unread: int = 2**24


class Session:
    """One open connection."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        *,
        combined: bool,
        clock: Clock,
        rules: SocketRules,
        counters: Counters,
        faults: Faults,
        on_change: Callable[[], None],
    ) -> None:
        self._socket = socket
        self._clock = clock
        self._rules = rules
        self._counters = counters
        self._wire = faults.wire(self)
        self._frozen = False
        self._haste = Haste(clock, rules.messages_per_second)
        self._pong_at = clock.monotonic()
        self.changed = on_change
        self.combined = combined
        self.streams: set[str] = set()

    async def serve(self, request: web.Request, streams: Iterable[str]) -> None:
        """Talk with the client until it goes or breaks a rule."""
        self._writer = await self._socket.prepare(request)
        self._transport = request.transport
        self.streams.update(streams)
        self.changed()
        self._wire.opened()
        pings = asyncio.ensure_future(self._ping())
        try:
            with contextlib.suppress(ConnectionError, aiohttp.ClientError):
                await self._listen()
        finally:
            self._wire.closed()
            pings.cancel()
            await asyncio.gather(pings, return_exceptions=True)

    async def send(self, frames: list[tuple[str, bytes]], *, drain: bool) -> None:
        """Send what the client asked for; with `drain` wait for a slow one, else cut one far too slow."""
        streams, combined = self.streams, self.combined
        if self._wire.faulty:
            frames = self._wire.told(frame for frame in frames if frame[0] in streams)
        mine = [
            on_the_wire(wrapped(stream, payload) if combined else payload)
            for stream, payload in frames
            if stream in streams
        ]
        if not mine or self._transport is None or self._transport.is_closing():
            return
        self._counters.frames += len(mine)
        self._transport.write(b"".join(mine))
        if drain:
            with contextlib.suppress(ConnectionError, aiohttp.ClientError):
                await self._writer.drain()
        elif self._transport.get_write_buffer_size() > self._rules.most_unread:
            self._transport.abort()

    async def announce(self, payload: bytes) -> None:
        """Send a frame that nobody needs to subscribe to."""
        if self._frozen or self._transport is None or self._transport.is_closing():
            return
        text = wrapped("!serverShutdown", payload) if self.combined else payload
        await self._socket.send_str(text.decode())

    async def close(self) -> None:
        """Close the connection in good order, unless it is past that."""
        if self._frozen:
            self.abort()
            return
        await self._socket.close(code=WSCloseCode.GOING_AWAY)

    def abort(self) -> None:
        """Cut the wire."""
        if self._transport is not None:
            self._transport.abort()

    def freeze(self) -> None:
        """Read and say nothing more, with the connection open; it is no longer counted as a listener."""
        self._frozen = True
        self.streams.clear()
        self.changed()
        if self._transport is not None:
            self._transport.pause_reading()

    async def _listen(self) -> None:
        while len(self.streams) <= self._rules.streams:
            message = await self._socket.receive()
            if message.type in _ENDS:
                return
            self._counters.messages += 1
            if self._haste.speaks_too_fast():
                break
            await self._take(message)
        self._counters.cut += 1
        await self._socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"Too many requests")

    async def _take(self, message: aiohttp.WSMessage) -> None:
        if self._frozen:
            return
        if message.type is WSMsgType.PING:
            await self._socket.pong(message.data)
        elif message.type is WSMsgType.PONG:
            self._pong_at = self._clock.monotonic()
        elif message.type is WSMsgType.TEXT:
            await self._socket.send_str(answer(message.data, self).decode())

    async def _ping(self) -> None:
        """Ping the client; cut one that does not answer, and everyone at the end of a connection's life."""
        rules, born = self._rules, self._clock.monotonic()
        while True:
            await self._clock.sleep(rules.ping_every)
            if self._frozen:
                return
            now = self._clock.monotonic()
            if now - self._pong_at > rules.pong_within or now - born > rules.lifetime:
                self._counters.cut += 1
                self.abort()
                return
            with contextlib.suppress(ConnectionError, aiohttp.ClientError):
                await self._socket.ping(str(int(now * 1000)).encode())
