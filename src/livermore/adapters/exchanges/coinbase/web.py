"""The HTTP session that REST and WebSocket share, opened when first needed."""

from __future__ import annotations

import asyncio

import aiohttp

MOST_UNANSWERED = 4


class Web:
    """Hold one aiohttp session; only a `few` requests may be unanswered at a time."""

    def __init__(self) -> None:
        self.few = asyncio.Semaphore(MOST_UNANSWERED)
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """Return the session; it must first be asked for in a running loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession()
        return self._session

    async def close(self) -> None:
        """Close the session and every connection of it."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
