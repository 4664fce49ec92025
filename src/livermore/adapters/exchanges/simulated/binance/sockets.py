"""The WebSocket interface: raw and combined streams."""

from __future__ import annotations

from aiohttp import web

from livermore.adapters.exchanges.simulated.binance.broadcast import Broadcast
from livermore.adapters.exchanges.simulated.binance.session import Session, SocketRules
from livermore.adapters.exchanges.simulated.counters import Counters
from livermore.adapters.exchanges.simulated.faults import Faults
from livermore.kernel.clock import Clock


class SocketDoor:
    """Let clients listen to the broadcast."""

    def __init__(
        self, broadcast: Broadcast, clock: Clock, rules: SocketRules, counters: Counters, faults: Faults
    ) -> None:
        self._broadcast = broadcast
        self._clock = clock
        self._rules = rules
        self._counters = counters
        self._faults = faults

    def routes(self) -> list[web.AbstractRouteDef]:
        """Return every path and its handler."""
        return [
            web.get("/ws", self._raw),
            web.get("/ws/{streams:.+}", self._raw),
            web.get("/stream", self._combined),
        ]

    async def close(self) -> None:
        """Close every connection in good order."""
        for session in tuple(self._broadcast.sessions):
            await session.close()

    def cut(self) -> None:
        """Cut every wire, as a failing network would."""
        for session in tuple(self._broadcast.sessions):
            session.abort()

    async def _raw(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, request.match_info.get("streams", ""), combined=False)

    async def _combined(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, request.query.get("streams", ""), combined=True)

    async def _serve(self, request: web.Request, streams: str, *, combined: bool) -> web.StreamResponse:
        socket = web.WebSocketResponse(autoping=False, compress=False)
        session = Session(
            socket,
            combined=combined,
            clock=self._clock,
            rules=self._rules,
            counters=self._counters,
            faults=self._faults,
            on_change=self._broadcast.changed,
        )
        self._counters.connections += 1
        self._broadcast.sessions.add(session)
        try:
            await session.serve(request, filter(None, streams.split("/")))
        finally:
            self._broadcast.sessions.discard(session)
            self._broadcast.changed()
        return socket
