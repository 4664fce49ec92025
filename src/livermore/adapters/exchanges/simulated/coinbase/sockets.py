"""The WebSocket interface, at the root."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from aiohttp import web

from livermore.adapters.exchanges.simulated.coinbase.broadcast import Broadcast
from livermore.adapters.exchanges.simulated.coinbase.frames import OF_PRODUCTS, STATUS, Frame
from livermore.adapters.exchanges.simulated.coinbase.history import History
from livermore.adapters.exchanges.simulated.coinbase.listing import Listing
from livermore.adapters.exchanges.simulated.coinbase.requests import Request
from livermore.adapters.exchanges.simulated.coinbase.rules import CoinbaseRules
from livermore.adapters.exchanges.simulated.coinbase.session import Session
from livermore.adapters.exchanges.simulated.coinbase.tokens import key_of
from livermore.adapters.exchanges.simulated.counters import Counters
from livermore.adapters.exchanges.simulated.faults import Faults
from livermore.adapters.exchanges.simulated.keys import Keys
from livermore.kernel.clock import Clock

SHORTEST_BEAT = 0.05  # seconds of the wall


class Knowledge:
    """Answer what sessions ask."""

    def __init__(
        self, listing: Listing, history: History, now: Callable[[], int], speed: float | None, keys: Keys
    ) -> None:
        self._listing = listing
        self._history = history
        self._keys = keys
        self.now = now
        self.beat_every = 1.0 if speed is None else max(SHORTEST_BEAT, 1 / speed)

    @property
    def listed(self) -> dict[str, str]:
        """Return the products that may be asked for, each with the name under which it is told."""
        return self._listing.canonical

    @property
    def ever(self) -> dict[str, str]:
        """Return those that may no longer be asked for too."""
        return self._listing.ever

    def first(self, request: Request) -> Iterable[Frame]:
        """Return what a new subscriber is told first: a snapshot for each product that has one."""
        if request.channel == STATUS:
            return self._listing.status(request.products, self.now())
        if request.channel not in OF_PRODUCTS:
            return ()
        snapshots = (self._history.snapshot(request.channel, product) for product in request.products)
        return [snapshot for snapshot in snapshots if snapshot is not None]

    def admits(self, token: object, address: str) -> bool:
        """Say whether a token is good for messages from an address."""
        key = key_of(token, self._keys, self.now())
        return key is not None and key.admits(address)


class SocketDoor:
    """Let clients listen to the broadcast."""

    def __init__(
        self,
        broadcast: Broadcast,
        knowledge: Knowledge,
        clock: Clock,
        rules: CoinbaseRules,
        counters: Counters,
        faults: Faults,
    ) -> None:
        self._faults = faults
        self._broadcast = broadcast
        self._knowledge = knowledge
        self._clock = clock
        self._rules = rules
        self._counters = counters

    def routes(self) -> list[web.AbstractRouteDef]:
        """Return the path and its handler."""
        return [web.get("/", self._serve)]

    async def close(self) -> None:
        """Close every connection in good order."""
        for session in tuple(self._broadcast.sessions):
            await session.close()

    def cut(self) -> None:
        """Cut every wire, as a failing network would."""
        for session in tuple(self._broadcast.sessions):
            session.abort()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(autoping=False, compress=False)
        session = Session(
            socket,
            knowledge=self._knowledge,
            clock=self._clock,
            rules=self._rules,
            counters=self._counters,
            faults=self._faults,
            on_change=self._broadcast.changed,
        )
        self._counters.connections += 1
        self._broadcast.sessions.add(session)
        try:
            await session.serve(request)
        finally:
            self._broadcast.sessions.discard(session)
            self._broadcast.changed()
        return socket
