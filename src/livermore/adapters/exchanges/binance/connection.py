"""One WebSocket connection: asked slowly, read fast."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Sequence
from typing import Any

import aiohttp

from livermore.adapters.exchanges.binance.parse import FrameReader
from livermore.adapters.exchanges.binance.refusals import refusal
from livermore.adapters.exchanges.binance.subscription import Method, chunked, request
from livermore.adapters.exchanges.binance.timing import Timing
from livermore.adapters.exchanges.binance.web import Web
from livermore.kernel.clock import Clock
from livermore.kernel.errors import ExchangeUnreachableError
from livermore.kernel.timeframe import Timeframe
from livermore.market.failures import in_plain_words
from livermore.market.ports import StreamSink

_LARGEST_FRAME = 2**24
_TEXT, _BINARY, _PING, _PONG = (
    aiohttp.WSMsgType.TEXT,
    aiohttp.WSMsgType.BINARY,
    aiohttp.WSMsgType.PING,
    aiohttp.WSMsgType.PONG,
)


class Connection:
    """An open socket, with the requests on it that are not answered yet."""

    def __init__(
        self, socket: aiohttp.ClientWebSocketResponse, where: str, clock: Clock, timing: Timing
    ) -> None:
        self._socket = socket
        self._where = where
        self._clock = clock
        self._spacing = timing.spacing
        self._turn = asyncio.Lock()
        self._quiet_until = 0.0
        self._numbers = itertools.count(1)
        self._unanswered: set[int | str] = set()
        self._subscribing: set[int | str] = set()
        self._refused: str | None = None
        self._ends_when_answered = False
        self._done = False
        self.spoke = False
        self.shutdown = asyncio.Event()

    @classmethod
    async def open(cls, web: Web, url: str, clock: Clock, timing: Timing) -> Connection:
        """Connect to the combined stream. Errors: TransientError or ExchangeRefusedError."""
        where = f"{url.rstrip('/')}/stream"
        try:
            async with asyncio.timeout(timing.request):
                socket = await web.session.ws_connect(where, autoping=False, max_msg_size=_LARGEST_FRAME)
        except aiohttp.WSServerHandshakeError as error:
            raise refusal(error.status, error.headers or {}, b"", where) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:  # TimeoutError is an OSError
            what = f"Binance could not be reached: {in_plain_words(error)}"
            raise ExchangeUnreachableError(what, where=where) from error
        return cls(socket, where, clock, timing)

    @property
    def is_open(self) -> bool:
        """Say whether it still is."""
        return not self._socket.closed

    def reader(self, sink: StreamSink, base: Timeframe) -> FrameReader:
        """Return a reader for this connection's frames."""
        return FrameReader(sink, base=base, answered=self._answered, shutdown=self.shutdown.set)

    async def ask(self, method: Method, names: Sequence[str], *, last: bool = False) -> None:
        """Send a request in as many messages as it takes; after the `last` one's answers `read` returns."""
        requests = [(next(self._numbers), chunk) for chunk in chunked(names)]
        self._unanswered.update(number for number, _ in requests)
        if method == "SUBSCRIBE":
            self._subscribing.update(number for number, _ in requests)
        self._ends_when_answered = last
        async with self._turn:
            for number, chunk in requests:
                await self._pace()
                await self._send(request(method, chunk, number))

    async def read(self, reader: FrameReader) -> bool:
        """Feed every frame to the reader; return True after the last answer, False at the end.

        Raises ExchangeUnreachableError when a subscription is refused: its silence would look like quiet.
        """
        receive, feed = self._socket.receive, reader.feed
        while not self._done:
            message = await receive()
            self.spoke = True
            if message.type is _TEXT:
                feed(message.data)
            elif not await self._take_other(message, reader):
                return False
        if self._refused is not None:
            raise ExchangeUnreachableError(
                f"Binance refused a subscription: {self._refused}", where=self._where
            )
        self._done = False
        return True

    async def close(self) -> None:
        """Close the socket; `read` returns."""
        await self._socket.close()

    def ended(self) -> ExchangeUnreachableError:
        """Return the error that says how the connection ended."""
        failure, code = self._socket.exception(), self._socket.close_code
        reason = in_plain_words(failure) if failure else f"close code {code}"
        return ExchangeUnreachableError(f"Binance closed the connection: {reason}", where=self._where)

    async def _pace(self) -> None:
        """Wait until another message may be sent."""
        wait = self._quiet_until - self._clock.monotonic()
        if wait > 0:
            await self._clock.sleep(wait)
        self._quiet_until = self._clock.monotonic() + self._spacing

    async def _send(self, text: str) -> None:
        try:
            await self._socket.send_str(text)
        except (ConnectionError, aiohttp.ClientError) as error:
            what = f"Binance closed the connection: {in_plain_words(error)}"
            raise ExchangeUnreachableError(what, where=self._where) from error

    def _answered(self, number: int | str, fault: str | None) -> None:
        if fault is not None and number in self._subscribing:
            self._refused = fault
        self._unanswered.discard(number)
        self._subscribing.discard(number)
        answered = self._ends_when_answered and not self._unanswered
        self._done = answered or self._refused is not None

    async def _take_other(self, message: Any, reader: FrameReader) -> bool:
        """Answer a ping, read a binary frame; return False for the end of the connection."""
        if message.type is _PING:
            with contextlib.suppress(ConnectionError, aiohttp.ClientError):  # the next frame tells of the end
                await self._socket.pong(message.data)
        elif message.type is _BINARY:
            reader.feed(message.data)
        return message.type in {_PING, _PONG, _BINARY}
