"""One client's WebSocket: what it is subscribed to, its sequence of frames, and the rules it must keep."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import aiohttp
import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from livermore.adapters.exchanges.simulated.coinbase.frames import (
    HEARTBEATS,
    Frame,
    frame,
    heartbeat,
    key_of,
)
from livermore.adapters.exchanges.simulated.coinbase.requests import (
    Request,
    RequestError,
    error,
    request_of,
)
from livermore.adapters.exchanges.simulated.coinbase.rules import CoinbaseRules
from livermore.adapters.exchanges.simulated.counters import Counters
from livermore.adapters.exchanges.simulated.faults import Faults
from livermore.adapters.exchanges.simulated.haste import Haste
from livermore.adapters.exchanges.simulated.wire import on_the_wire
from livermore.kernel.clock import Clock

_ENDS = frozenset({WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR})
SUBSCRIPTIONS = "subscriptions"


class Knowledge(Protocol):
    """What a session asks of the exchange."""

    beat_every: float

    @property
    def listed(self) -> Mapping[str, str]:
        """Return the products that may be asked for, each with the name under which it is told."""
        ...

    @property
    def ever(self) -> Mapping[str, str]:
        """Return those that may no longer be asked for too."""
        ...

    def now(self) -> int:
        """Return the market's time in ms."""
        ...

    def first(self, request: Request) -> Iterable[Frame]:
        """Return what a new subscriber is told first."""
        ...

    def admits(self, token: object, address: str) -> bool:
        """Say whether a token is good for messages from an address."""
        ...


class Session:
    """One open connection."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        *,
        knowledge: Knowledge,
        clock: Clock,
        rules: CoinbaseRules,
        counters: Counters,
        faults: Faults,
        on_change: Callable[[], None],
    ) -> None:
        self._socket = socket
        self._knowledge = knowledge
        self._clock = clock
        self._rules = rules
        self._counters = counters
        self._changed = on_change
        self._faults = faults
        self._wire = faults.wire(self)
        self._frozen = False
        self._haste = Haste(clock, rules.messages_per_second)
        self._channels: dict[str, dict[str, None]] = {}
        self._heard: dict[str, float] = {}
        self._sequence = self._beats = 0
        self._beaten_at = self._born = clock.monotonic()
        self._transport: asyncio.Transport | None = None
        self._address = ""
        self.wanted: set[str] = set()

    async def serve(self, request: web.Request) -> None:
        """Talk with the client until it goes or breaks a rule."""
        self._writer = await self._socket.prepare(request)
        self._transport = request.transport
        self._address = request.remote or ""
        self._wire.opened()
        watch = asyncio.ensure_future(self._watch())
        try:
            with contextlib.suppress(ConnectionError, aiohttp.ClientError):
                await self._listen()
        finally:
            self._wire.closed()
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    async def send(self, frames: Iterable[Frame], *, drain: bool) -> None:
        """Send what the client asked for; with `drain` wait for a slow one, else cut one far too slow."""
        wanted = self.wanted
        self._write(frame for frame in frames if frame.key in wanted)
        if self._transport is None:
            return
        if drain:
            with contextlib.suppress(ConnectionError, aiohttp.ClientError):
                await self._writer.drain()
        elif self._transport.get_write_buffer_size() > self._rules.most_unread:
            self._transport.abort()

    def beat(self, time: int) -> None:
        """Send a heartbeat, if the client asked for them."""
        if HEARTBEATS in self._channels:
            self._beaten_at = self._clock.monotonic()
            self._write([heartbeat(time, self._beats)])
            self._beats += 1

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
        self.wanted.clear()
        self._channels.clear()
        self._changed()
        if self._transport is not None:
            self._transport.pause_reading()

    def _write(self, frames: Iterable[Frame]) -> None:
        """Number frames and write them."""
        if self._transport is None or self._transport.is_closing() or self._frozen:
            return
        payloads = self._spoiled(frames) if self._wire.faulty else self._numbered(frames)
        if payloads:
            self._counters.frames += len(payloads)
            self._transport.write(b"".join(map(on_the_wire, payloads)))

    def _numbered(self, frames: Iterable[Frame]) -> list[bytes]:
        now, number, payloads = self._clock.monotonic(), self._sequence, []
        for _, channel, head, tail in frames:
            payloads.append(b"%b%d%b" % (head, number, tail))
            self._heard[channel] = now
            number += 1
        self._sequence = number
        return payloads

    def _spoiled(self, frames: Iterable[Frame]) -> list[bytes]:
        """Number frames and let the faults have their way; what is silent was never numbered."""
        payloads: list[tuple[str, bytes]] = []
        for one in frames:
            seen = self._faults.shapes.frame(one.channel, one.head + b"0" + one.tail)
            if not self._wire.silenced(seen.symbol, seen.kind, seen.time):
                self._sequence += self._wire.skipped(seen.time)
                payloads.extend((one.channel, payload) for payload in self._numbered([one]))
        return [payload for _, payload in self._wire.told(payloads)]

    async def _listen(self) -> None:
        while True:
            message = await self._socket.receive()
            if message.type in _ENDS:
                return
            self._counters.messages += 1
            if self._haste.speaks_too_fast():
                await self._refuse("too many messages")
                return
            if message.type is WSMsgType.PING and not self._frozen:
                await self._socket.pong(message.data)
            elif message.type is WSMsgType.TEXT and not self._frozen:
                self._take(message.data)

    def _take(self, text: str) -> None:
        """Do what a request asks; nothing else is sent between its first data and its acknowledgement."""
        try:
            request = request_of(text, self._knowledge, self._admits)
        except RequestError as fault:
            if self._transport is not None:
                self._transport.write(on_the_wire(error(str(fault))))
            return
        if request.subscribes:
            self._subscribe(request)
        else:
            self._unsubscribe(request)
        self._acknowledge()
        self._changed()

    def _admits(self, token: object) -> bool:
        return self._knowledge.admits(token, self._address)

    def _subscribe(self, request: Request) -> None:
        self._channels.setdefault(request.channel, {}).update(dict.fromkeys(request.products))
        self._heard[request.channel] = self._clock.monotonic()
        self.wanted.update(key_of(request.channel, product) for product in request.products)
        if request.channel == HEARTBEATS:
            self.beat(self._knowledge.now())
        self._write(self._knowledge.first(request))

    def _unsubscribe(self, request: Request) -> None:
        products = self._channels.get(request.channel, {})
        for product in request.products:
            products.pop(product, None)
        if not products:
            self._channels.pop(request.channel, None)
        self.wanted.difference_update(key_of(request.channel, product) for product in request.products)

    def _acknowledge(self) -> None:
        """Tell everything that the connection is subscribed to."""
        state = {channel: list(products) for channel, products in self._channels.items()}
        event = msgspec.json.encode({SUBSCRIPTIONS: state}).decode()
        self._write([frame(SUBSCRIPTIONS, SUBSCRIPTIONS, self._knowledge.now(), event)])

    async def _watch(self) -> None:
        """Beat once a second of the market, and close a connection that asks for nothing or hears nothing."""
        while True:
            await self._clock.sleep(self._knowledge.beat_every)
            if self._frozen:
                return
            now = self._clock.monotonic()
            if not self._sequence and now - self._born >= self._rules.subscribe_within:
                await self._refuse("nothing was subscribed to")
            elif self._is_silent(now):
                await self._refuse("no updates")
            elif now - self._beaten_at > self._knowledge.beat_every / 2:
                self.beat(self._knowledge.now())

    def _is_silent(self, now: float) -> bool:
        if HEARTBEATS in self._channels:
            return False
        return any(now - self._heard[channel] > self._rules.silence for channel in self._channels)

    async def _refuse(self, reason: str) -> None:
        """Close the connection of a client that broke a rule."""
        self._counters.cut += 1
        with contextlib.suppress(ConnectionError, aiohttp.ClientError):
            await self._socket.close(code=WSCloseCode.POLICY_VIOLATION, message=reason.encode())
