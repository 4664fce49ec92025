"""WebSockets that can be ended from outside, in good order for both sides."""

from __future__ import annotations

import asyncio

from starlette.types import Message, Receive, Send

POLICY_VIOLATION = 1008


class EndableSocket:
    """Pass messages on until an event is set; then close to the browser, and hang up to the page."""

    def __init__(self, receive: Receive, send: Send, ended: asyncio.Event) -> None:
        self._receive = receive
        self._send = send
        self._ended = ended
        self._is_closed = False

    async def receive(self) -> Message:
        """Return the next message, or a disconnection."""
        receiving = asyncio.ensure_future(self._receive())
        ending = asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait({receiving, ending}, return_when=asyncio.FIRST_COMPLETED)
            if ending.done():
                await self._close()
                return {"type": "websocket.disconnect", "code": POLICY_VIOLATION}
            return receiving.result()
        finally:
            receiving.cancel()
            ending.cancel()

    async def send(self, message: Message) -> None:
        """Send a message; after the end there is nobody to send it to."""
        if not self._is_closed:
            await self._send(message)

    async def _close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            await self._send({"type": "websocket.close", "code": POLICY_VIOLATION})
