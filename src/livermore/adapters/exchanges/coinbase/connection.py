"""One WebSocket connection: asked slowly, read fast."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Literal

import aiohttp
import msgspec

from livermore.adapters.exchanges.coinbase.credentials import Signer
from livermore.adapters.exchanges.coinbase.refusals import refusal, retry_after, too_many
from livermore.adapters.exchanges.coinbase.timing import Timing
from livermore.adapters.exchanges.coinbase.web import Web
from livermore.kernel.clock import Clock
from livermore.kernel.errors import ExchangeUnreachableError
from livermore.market.failures import in_plain_words

HEARTBEATS = "heartbeats"
CHANNELS = ("market_trades", "ticker_batch", "candles")
_LARGEST_FRAME = 2**24
_USUAL_WAIT = 5.0
_SPOKEN = frozenset({aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY})
Method = Literal["subscribe", "unsubscribe"]


class Connection:
    """An open socket."""

    def __init__(
        self, socket: aiohttp.ClientWebSocketResponse, where: str, clock: Clock, timing: Timing,
        signer: Signer | None,
    ) -> None:  # fmt: skip
        self._socket = socket
        self._where = where
        self._clock = clock
        self._spacing = timing.spacing
        self._signer = signer
        self._turn = asyncio.Lock()
        self._quiet_until = 0.0
        self._finished = False
        self.spoke = False

    @classmethod
    async def open(
        cls, web: Web, url: str, clock: Clock, timing: Timing, signer: Signer | None = None
    ) -> Connection:
        """Connect and ask for heartbeats, which keep every other channel open.

        Errors: TransientError, or ExchangeRefusedError.
        """
        try:
            async with asyncio.timeout(timing.request):
                socket = await web.session.ws_connect(
                    url,
                    max_msg_size=_LARGEST_FRAME,
                    timeout=aiohttp.ClientWSTimeout(ws_close=timing.farewell),
                )
        except aiohttp.WSServerHandshakeError as error:
            if error.status == 429:
                raise too_many(b"", url, retry_after(error.headers or {}) or _USUAL_WAIT) from error
            raise refusal(error.status, b"", url) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:  # TimeoutError is an OSError
            what = f"Coinbase could not be reached: {in_plain_words(error)}"
            raise ExchangeUnreachableError(what, where=url) from error
        connection = cls(socket, url, clock, timing, signer)
        try:
            await connection.ask("subscribe", HEARTBEATS)
        except BaseException:
            await connection.close()
            raise
        return connection

    @property
    def is_open(self) -> bool:
        """Say whether it still is."""
        return not self._socket.closed

    async def ask(self, method: Method, channel: str, products: Sequence[str] = ()) -> None:
        """Send one message for one channel, when its turn has come."""
        async with self._turn:
            wait = self._quiet_until - self._clock.monotonic()
            if wait > 0:
                await self._clock.sleep(wait)
            self._quiet_until = self._clock.monotonic() + self._spacing
            await self._send(self._message(method, channel, products))

    async def read(self, feed: Callable[[bytes | str], None]) -> None:
        """Feed every frame; return at the end of the connection, or when it is to finish."""
        receive = self._socket.receive
        while not self._finished:
            message = await receive()
            if message.type not in _SPOKEN:
                return
            self.spoke = True
            feed(message.data)

    def finish(self) -> None:
        """Have `read` return after the frame that it is at."""
        self._finished = True

    async def close(self) -> None:
        """Close the socket; `read` returns."""
        await self._socket.close()

    def ended(self) -> ExchangeUnreachableError:
        """Return the error that says how the connection ended."""
        failure, code = self._socket.exception(), self._socket.close_code
        reason = in_plain_words(failure) if failure else f"close code {code}"
        return ExchangeUnreachableError(f"Coinbase closed the connection: {reason}", where=self._where)

    def _message(self, method: Method, channel: str, products: Sequence[str]) -> str:
        message: dict[str, object] = {"type": method, "channel": channel}
        if products:
            message["product_ids"] = list(products)
        if self._signer is not None:
            message["jwt"] = self._signer.token()
        return msgspec.json.encode(message).decode()

    async def _send(self, text: str) -> None:
        try:
            await self._socket.send_str(text)
        except (ConnectionError, aiohttp.ClientError) as error:
            what = f"Coinbase closed the connection: {in_plain_words(error)}"
            raise ExchangeUnreachableError(what, where=self._where) from error
