"""Telling users what has happened to the markets that they watch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from livermore.kernel.clock import Clock, parse_time
from livermore.kernel.errors import LivermoreError, RefusedError, TerminalError
from livermore.kernel.ids import derived_id
from livermore.kernel.log import logger
from livermore.kernel.scope import Scope
from livermore.kernel.service import Background, Health
from livermore.market.listed import StateChange
from livermore.market.listing import ListedSymbol
from livermore.runtime.runtime import Runtime
from livermore.settings.document import SettingsDocument
from livermore.settings.ports import Revision, StoredRevision
from livermore.settings.service import Current, watched_symbols
from livermore.settings.upgrade import read_settings
from livermore.signals.notices import Notice, alerts_of
from livermore.signals.ports import SignalWorkFactory

LOOK = 1.0
LATELY = 7 * 86_400_000  # ms; so long ago a state may have begun of which somebody was not told
log = logger("runtime")

Market = tuple[str, str]
"""An exchange and one of its symbols."""


class Reading(Protocol):
    """Whoever knows what users have chosen, and had chosen."""

    async def current(self, scope: Scope) -> Current:
        """Return the newest revision."""
        ...

    async def history(self, scope: Scope, *, before: int | None = None, limit: int = 50) -> list[Revision]:
        """Return the newest revisions, newest first; `before` continues behind one."""
        ...

    async def revision(self, scope: Scope, number: int) -> StoredRevision:
        """Return one revision with its document as it was stored."""
        ...


class Turned(Protocol):
    """Whoever knows since when markets are in their states."""

    async def turned_since(self, exchange: str, moment: int) -> list[ListedSymbol]:
        """Return the markets whose state began at a time (ms) or later."""
        ...


class MarketNotices:
    """Put alerts of halted and delisted markets into the outboxes of the users who watch them.

    Each state of a market is told a user once, whichever process tells it: the time when it began, which is
    the same for all, names the alert. Who has moved here, or rested, finds what was not told elsewhere.
    """

    name = "notices"

    def __init__(
        self, hosted: Callable[[], Sequence[Runtime]], settings: Reading, listings: Turned,
        work: SignalWorkFactory, clock: Clock,
    ) -> None:  # fmt: skip
        """Tell the users whose runtimes are `hosted` here."""
        self._hosted = hosted
        self._settings = settings
        self._listings = listings
        self._work = work
        self._clock = clock
        self._caught_up: set[Runtime] = set()
        self._keeper = Background(self._keep)

    async def start(self) -> None:
        """Begin to look for users who have come."""
        self._keeper.start()

    async def stop(self) -> None:
        """Look no more."""
        await self._keeper.stop()

    def health(self) -> Health:
        """Say whether it still looks."""
        return self._keeper.health()

    async def tell(self, exchange: str, markets: Sequence[ListedSymbol]) -> None:
        """Tell every user here who watches one of some markets which state they are in now.

        Told again, the same is not sent again. Where it cannot be stored for somebody, LivermoreError is
        raised once all others are told.
        """
        troubles: list[LivermoreError] = []
        for runtime in self._hosted():
            try:
                current = await self._current(runtime)
                if current is not None:
                    await self._tell(runtime, current, exchange, markets)
            except LivermoreError as error:
                troubles.append(error)
        if troubles:
            raise troubles[0]

    async def look(self) -> None:
        """Tell those who have begun to watch what changed lately; what fails is tried the next time."""
        watching = {one for one in self._hosted() if one.idles() is None and one.current is not None}
        self._caught_up &= watching
        for runtime in watching - self._caught_up:
            try:
                await self._catch_up(runtime)
                self._caught_up.add(runtime)
            except Exception as error:
                # One user's trouble must not keep the others from being told.
                tell = log.warning if isinstance(error, LivermoreError) else log.exception
                tell("a user is not told yet", user=runtime.scope.identity_sub, error=str(error))

    async def _keep(self) -> None:
        while True:
            await self._clock.sleep(LOOK)
            await self.look()

    async def _catch_up(self, runtime: Runtime) -> None:
        current = runtime.current
        if current is None:
            return
        for exchange in sorted({exchange for exchange, _ in watched_symbols(current.document)}):
            markets = await self._listings.turned_since(exchange, self._clock.now() - LATELY)
            await self._tell(runtime, current, exchange, markets)

    async def _current(self, runtime: Runtime) -> Current | None:
        """Return what a user has chosen; None where that cannot be read."""
        if runtime.current is not None:
            return runtime.current
        try:
            return await self._settings.current(runtime.scope)
        except (RefusedError, TerminalError) as error:
            log.warning("a user is told nothing", user=runtime.scope.identity_sub, error=str(error))
            return None

    async def _tell(
        self, runtime: Runtime, current: Current, exchange: str, markets: Sequence[ListedSymbol]
    ) -> None:
        await asyncio.sleep(0)  # there may be many users, one after the other
        if not markets:
            return
        watched = set(watched_symbols(current.document))
        mine = [market for market in markets if (exchange, market.name) in watched]
        notices = [
            _notice(exchange, market)
            for market in mine
            if await self._wanted_then(runtime.scope, current, (exchange, market.name), _began(market))
        ]
        await self._put(runtime, current.document, notices)

    async def _wanted_then(self, scope: Scope, current: Current, market: Market, moment: int) -> bool:
        """Say whether a user wanted to hear of a market at a time (ms).

        Who added it later was told its state by the verdict on the addition.
        """
        if parse_time(current.updated_at) <= moment:
            return True
        document = await self._document_at(scope, moment)
        return document is not None and document.alerts.enabled and market in watched_symbols(document)

    async def _document_at(self, scope: Scope, moment: int) -> SettingsDocument | None:
        """Return what a user had chosen at a time (ms); None when there was nothing that can be read."""
        before: int | None = None
        while revisions := await self._settings.history(scope, before=before):
            for one in revisions:
                if parse_time(one.created_at) <= moment:
                    return _readable(await self._settings.revision(scope, one.revision))
            before = revisions[-1].revision
        return None

    async def _put(self, runtime: Runtime, document: SettingsDocument, notices: Sequence[Notice]) -> None:
        zone, muted = document.perseus_profile.timezone, runtime.pausing is not None
        now = self._clock.now()
        each = [alerts_of(notice, document.alerts, now=now, zone=zone, muted=muted) for notice in notices]
        if not any(each):
            return
        async with self._work(runtime.scope) as work:
            for first, *others in filter(None, each):
                # Nor is it told through a route that was chosen after it was told.
                if await work.alerts.add([first]) and others:
                    await work.alerts.add(others)
        if runtime.parts is not None:
            runtime.parts.watch.told()


def _readable(revision: StoredRevision) -> SettingsDocument | None:
    with suppress(RefusedError, TerminalError):
        return read_settings(revision.document)
    return None


def _notice(exchange: str, market: ListedSymbol) -> Notice:
    change = StateChange(market.name, market.state, market.state_before or market.state)
    since = _began(market)
    return Notice(
        id=derived_id("symbol", exchange, market.name, market.state, str(since)), time=since,
        text=_text(exchange, change), about={"kind": "symbol", "exchange": exchange, **change._asdict()},
    )  # fmt: skip


def _began(market: ListedSymbol) -> int:
    return market.state_since or 0


def _text(exchange: str, change: StateChange) -> str:
    symbol, state, previous = change
    if state == "delisted":
        return f"{exchange} lists {symbol} no more: it rests, with its history, until it is listed again"
    if previous == "delisted":
        halted = ", and has halted its trading" if state == "halted" else ""
        return f"{exchange} lists {symbol} again{halted}"
    return f"{exchange} {'has halted trading' if state == 'halted' else 'goes on with trading'} of {symbol}"
