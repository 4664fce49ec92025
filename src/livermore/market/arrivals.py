"""Waiting until symbols have arrived at their desks, or have left them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from livermore.kernel.clock import Clock
from livermore.kernel.scope import Scope
from livermore.market.desk import Desk
from livermore.market.watchlist import Holding
from livermore.settings.service import watched_symbols

LOOK = 0.1
PATIENCE = 10.0
"""What has been in the way of all that is waited for, for so many seconds, is not waited for."""

Symbols = Sequence[tuple[str, str]]
Tell = Callable[[int, str], None]


class Arrival(NamedTuple):
    """How many of some symbols are live, and what the others wait for; None when all are there."""

    loaded: int
    waits_for: str | None = None


class Arrivals:
    """See whether the desks hold what was put on a watchlist, and let go of what was taken off."""

    def __init__(self, desks: Mapping[str, Desk], holding: Holding, clock: Clock) -> None:
        self._desks = desks
        self._holding = holding
        self._clock = clock

    async def loaded(
        self, scope: Scope, symbols: Symbols, holds: asyncio.Future[str | None], tell: Tell
    ) -> Arrival:
        """Wait until symbols, as (exchange, symbol), are live; `tell` hears how many are, and which is next.

        `holds` ends when the settings that name them hold, or with what these wait for. What stays in the way
        of all that are left is told instead, and so is that they are watched no more: loading goes on without
        anybody who waits.
        """
        loaded = 0
        while not holds.done():
            # What the desks let go of for a pause had come all the same.
            if self._holding.rests(scope) is None:
                left = [one for one in symbols if not self._is_loaded(*one)]
                loaded = len(symbols) - len(left)
                _tell(loaded, left, tell)
            await self._a_moment(holds)
        if (waits := holds.result()) is not None:
            return Arrival(loaded, waits)
        return await self._arrived(scope, symbols, tell, loaded)

    async def _arrived(self, scope: Scope, symbols: Symbols, tell: Tell, loaded: int) -> Arrival:
        blocked_since: float | None = None
        while (rests := self._rests(scope)) is None:
            watched = self._watched(scope)
            missing = [one for one in symbols if one not in watched]
            left = [one for one in symbols if one in watched and not self._is_loaded(*one)]
            loaded = len(symbols) - len(left) - len(missing)
            if not left:
                return Arrival(loaded, self._why_missing(scope, missing))
            _tell(loaded, left, tell)
            now = self._clock.monotonic()
            blocked = [self._in_the_way(*one) for one in left]
            if None in blocked:
                blocked_since = None
            elif blocked_since is None:
                blocked_since = now
            elif now - blocked_since >= PATIENCE:
                return Arrival(loaded, blocked[0])
            await self._clock.sleep(LOOK)
        return Arrival(loaded, rests)

    async def gone(self, exchange: str, symbol: str) -> str | None:
        """Wait until an exchange streams a symbol no more, unless others watch it; return what keeps it."""
        deadline = self._clock.monotonic() + PATIENCE
        while self._is_left_behind(exchange, symbol):
            if self._clock.monotonic() >= deadline:
                return f"{exchange} has not taken the end of the subscription yet"
            await self._clock.sleep(LOOK)
        return None

    async def _a_moment(self, event: asyncio.Future[str | None]) -> None:
        """Wait for an event, but not long."""
        moment = asyncio.ensure_future(self._clock.sleep(LOOK))
        both: set[asyncio.Future[Any]] = {event, moment}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            moment.cancel()

    def streams(self, exchange: str, symbol: str) -> bool:
        """Say whether an exchange streams a symbol to us now."""
        desk = self._desks.get(exchange)
        return desk is not None and desk.repairs.stream is not None and symbol in desk.session.subscribed

    def _is_left_behind(self, exchange: str, symbol: str) -> bool:
        desk = self._desks.get(exchange)
        return desk is not None and symbol not in desk.symbols and self.streams(exchange, symbol)

    def _is_loaded(self, exchange: str, symbol: str) -> bool:
        desk = self._desks.get(exchange)
        return desk is not None and symbol in desk.loaded and symbol in desk.symbols

    def _watched(self, scope: Scope) -> frozenset[tuple[str, str]]:
        """Return what is watched for a user."""
        applied = self._holding.applied(scope)
        return frozenset() if applied is None else frozenset(watched_symbols(applied))

    def _rests(self, scope: Scope) -> str | None:
        """Say that nothing is watched for a user just now; None while something may be."""
        rests = self._holding.rests(scope)
        if rests is None:
            return None
        return "the runtime is paused" if rests == "paused" else "the runtime does not run"

    def _why_missing(self, scope: Scope, missing: Symbols) -> str | None:
        if not missing:
            return None
        applied = self._holding.applied(scope)
        exchange, symbol = missing[0]
        access = None if applied is None else applied.exchanges.get(exchange)
        if access is not None and not access.enabled:
            return f"{exchange} is switched off in the settings"
        return f"{exchange}:{symbol} has been taken off or switched off again"

    def _in_the_way(self, exchange: str, symbol: str) -> str | None:
        """Say what keeps a symbol from being loaded; None while it may be any moment."""
        desk = self._desks.get(exchange)
        if desk is None:
            return f"{exchange} is switched off"
        if symbol in desk.unlisted:
            return f"{exchange} does not list {symbol}"
        if desk.state != "connected" or symbol in desk.works.lacking:
            return desk.detail or f"{exchange} is {desk.state}"
        return None


def _tell(loaded: int, left: Symbols, tell: Tell) -> None:
    """Say how far it is, while it is under way."""
    if left:
        tell(loaded, ":".join(left[0]))
