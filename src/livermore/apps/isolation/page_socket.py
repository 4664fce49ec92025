"""The socket of a page, as the browser's script holds it."""

from __future__ import annotations

import asyncio
from typing import Any, Self

import msgspec
from socketio import AsyncClient
from socketio.exceptions import ConnectionError as RefusedError

PATH = "/_nicegui_ws/socket.io"
PATIENCE = 10.0  # seconds


class PageSocket:
    """Connect, name a page, and keep what is told."""

    def __init__(self, address: str, headers: dict[str, str]) -> None:
        self._address = address
        self._headers = headers
        self._told: list[Any] = []
        self._stirred = asyncio.Event()
        self._client = AsyncClient(reconnection=False)
        self._client.on("*", self._hear)

    @property
    def told(self) -> str:
        """Return all that has been told so far."""
        return msgspec.json.encode(self._told, enc_hook=repr).decode()

    async def speaks_for(self, page: str, *, named: str | None) -> bool:
        """Say whether the server lets it speak for a page; `named` is the page in the socket's address."""
        query = "" if named is None else f"?client_id={named}&next_message_id=0&implicit_handshake=false"
        shaken = {
            "client_id": page, "tab_id": "canary", "old_tab_id": None, "document_id": "canary",
            "next_message_id": 0,
        }  # fmt: skip
        try:
            await self._client.connect(
                f"{self._address}{query}", headers=self._headers, transports=["websocket"],
                socketio_path=PATH, wait_timeout=PATIENCE,
            )  # fmt: skip
            return bool(await self._client.call("handshake", shaken, timeout=PATIENCE))
        except RefusedError:
            return False

    async def hears(self, word: str, seconds: float) -> bool:
        """Wait until a word has been told, or for so long."""
        try:
            async with asyncio.timeout(seconds):
                while word not in self.told:
                    self._stirred.clear()
                    await self._stirred.wait()
        except TimeoutError:
            return False
        return True

    def _hear(self, event: str, *said: Any) -> None:
        self._told.append((event, said))
        self._stirred.set()

    async def __aenter__(self) -> Self:
        """Begin."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hang up."""
        await self._client.disconnect()
        await self._client.shutdown()
