"""The HTTP session that REST and WebSocket share, opened when first needed."""

from __future__ import annotations

import aiohttp

from livermore.kernel.errors import ExchangeUnreachableError


class Web:
    """Hold one aiohttp session."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    @property
    def session(self) -> aiohttp.ClientSession:
        """Return the session; it must first be asked for in a running loop.

        Raises ExchangeUnreachableError once it is closed: opened again, nobody would close it.
        """
        if self._closed:
            raise ExchangeUnreachableError("the connection to the exchange has been closed")
        if self._session is None:
            self._session = aiohttp.ClientSession()
        return self._session

    async def close(self) -> None:
        """Close the session and every connection of it."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()
