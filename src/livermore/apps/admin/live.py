"""Keeping open pages current: one look at the system for all of them, four times a second at most."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from livermore.apps.admin.board import Board
from livermore.apps.admin.chart import Shown, news_of
from livermore.apps.admin.components import encoded
from livermore.apps.admin.coverage import coverage_grid
from livermore.apps.admin.voice import Listener, Voice
from livermore.kernel.events import Event, Topic
from livermore.kernel.log import logger

if TYPE_CHECKING:
    from livermore.bootstrap import System
    from livermore.kernel.events import Subscription
    from livermore.kernel.scope import Scope

PACE = 0.25
COVERAGE_PACE = 1.0
CANDLES: tuple[Topic, ...] = ("candle",)
REST = 20
log = logger("pages")


class Page(Listener, Protocol):
    """An open page of a user; every payload is JSON that was encoded once for all pages."""

    scope: Scope

    def changed(self, payload: str) -> None:
        """Take what changed in the status line and in the table."""
        ...

    def covered(self, payload: str) -> None:
        """Take how fresh every series is."""
        ...

    def moved(self, payload: str) -> None:
        """Take the newest bars of the series that is shown."""
        ...

    def revised(self, payload: str) -> None:
        """Take which bars of the series that is shown are told differently now."""
        ...


class Moved(NamedTuple):
    """What was told of a series, and the open (ms) of its newest bar."""

    payload: str | None
    newest: int | None


UNTOLD = Moved(None, None)


class Live:
    """Hold the open pages and tell them what is new."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._pages: set[Page] = set()
        self._board = Board(system)
        self._moved: dict[Shown, Moved] = {}
        self._covered = ""
        self._looked_at = -COVERAGE_PACE
        self._watched = asyncio.Event()
        self._candles: Subscription | None = None
        self._voices: dict[Scope, Voice] = {}

    def join(self, page: Page) -> str:
        """Keep a page current from now on; return the board as it stands."""
        if not self._pages:
            self._board.changes()
        self._pages.add(page)
        if page.scope not in self._voices:
            self._voices[page.scope] = Voice(self._system.bus, page.scope.identity_sub)
        self._watched.set()
        return encoded(self._board.told(page.scope))

    def leave(self, page: Page) -> None:
        """Forget a page."""
        self._pages.discard(page)
        if not any(other.scope == page.scope for other in self._pages):
            self._hush(page.scope)
        if not self._pages:
            self._watched.clear()
            if self._candles is not None:
                self._candles.close()

    def _hush(self, scope: Scope) -> None:
        self._board.forget(scope)
        voice = self._voices.pop(scope, None)
        if voice is not None:
            voice.close()

    async def covered(self) -> str:
        """Return how fresh every series is."""
        return encoded(coverage_grid(await self._system.coverage.grid()))

    async def run(self) -> None:
        """Keep pages current until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._look())
                tasks.create_task(self._follow_revisions())
        finally:
            for scope in list(self._voices):
                self._hush(scope)

    async def _look(self) -> None:
        clock, spent = self._system.clock, 0.0
        while True:
            # A long watchlist takes longer to look at: pages then move less often, and the market goes first.
            await asyncio.sleep(max(PACE, spent * REST))
            began = clock.monotonic()
            if self._pages:
                try:
                    self._tell_board()
                    self._tell_signals()
                    await self._tell_charts()
                    await self._tell_coverage()
                except Exception:
                    log.exception("pages could not be brought up to date")
            spent = clock.monotonic() - began

    def _tell_board(self) -> None:
        market = self._board.changes()
        for scope in self._voices:
            bar = self._board.changes_of(scope)
            changes = market | ({"bar": bar} if bar else {})
            if changes:
                payload = encoded(changes)
                for page in self._pages:
                    if page.scope == scope:
                        page.changed(payload)

    async def _tell_charts(self) -> None:
        """Look once at each series that any page shows, and tell of it if it moved."""
        before, self._moved = self._moved, {}
        for shown in {page.shown for page in self._pages if page.shown is not None}:
            known = before.get(shown, UNTOLD)
            news = await news_of(self._system, shown, known.newest)
            payload = encoded(news)
            self._moved[shown] = Moved(payload, news["bars"][-1][0] if news["bars"] else None)
            if known.payload != payload:
                for page in self._pages:
                    if page.shown == shown:
                        page.moved(payload)

    async def _tell_coverage(self) -> None:
        now = self._system.clock.monotonic()
        if now - self._looked_at < COVERAGE_PACE:
            return
        payload, before = await self.covered(), self._covered
        self._looked_at, self._covered = now, payload
        if payload != before:
            for page in self._pages:
                page.covered(payload)

    def _tell_signals(self) -> None:
        for scope, voice in self._voices.items():
            voice.tell([page for page in self._pages if page.scope == scope])

    async def _follow_revisions(self) -> None:
        """Listen to candles, for as long as any page is open: nobody should prepare them for nobody."""
        while True:
            await self._watched.wait()
            candles = self._system.bus.subscribe(self._system.user.identity_sub, CANDLES)
            self._candles = candles
            try:
                async for event in candles:
                    self._tell_revisions(event)
            finally:
                candles.close()

    def _tell_revisions(self, event: Event) -> None:
        """Tell the pages that show a series of which bars were revised."""
        revised: dict[Shown, list[dict[str, Any]]] = {}
        for one in event.data.get("revised", ()):
            shown = Shown(event.data["exchange"], one["symbol"], one["timeframe"])
            revised.setdefault(shown, []).append({"from": one["from"], "to": one["to"]})
        for page in self._pages:
            if page.shown in revised:
                page.revised(encoded(revised[page.shown]))
