"""Keeping open pages current: one look at the system for all of them, four times a second at most."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

import msgspec

from livermore.apps.admin.board import Board
from livermore.apps.admin.chart import Shown, mark_of, news_of
from livermore.apps.admin.components import encoded
from livermore.apps.admin.feed import entry_of
from livermore.kernel.events import Event
from livermore.kernel.log import logger
from livermore.signals.signal import Signal

if TYPE_CHECKING:
    from livermore.bootstrap import System

PACE = 0.25
log = logger("pages")


class Page(Protocol):
    """An open page; every payload is JSON that was encoded once for all pages."""

    shown: Shown | None

    def changed(self, payload: str) -> None:
        """Take what changed in the status line and in the table."""
        ...

    def moved(self, payload: str) -> None:
        """Take the newest bars of the series that is shown."""
        ...

    def said(self, payload: str) -> None:
        """Take a signal for the list."""
        ...

    def marked(self, payload: str) -> None:
        """Take a mark for the chart."""
        ...

    def delivered(self, payload: str) -> None:
        """Take the state of an alert."""
        ...


class Live:
    """Hold the open pages and tell them what is new."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._pages: set[Page] = set()
        self._board = Board(system)
        self._moved: dict[Shown, str] = {}

    def join(self, page: Page) -> str:
        """Keep a page current from now on; return the board as it stands."""
        if not self._pages:
            self._board.changes()
        self._pages.add(page)
        return encoded(self._board.told())

    def leave(self, page: Page) -> None:
        """Forget a page."""
        self._pages.discard(page)

    async def run(self) -> None:
        """Keep pages current until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look())
            tasks.create_task(self._listen())

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(PACE)
            if self._pages:
                try:
                    self._tell_board()
                    await self._tell_charts()
                except Exception:
                    log.exception("pages could not be brought up to date")

    def _tell_board(self) -> None:
        changes = self._board.changes()
        if changes:
            payload = encoded(changes)
            for page in self._pages:
                page.changed(payload)

    async def _tell_charts(self) -> None:
        """Look once at each series that any page shows, and tell of it if it moved."""
        before, self._moved = self._moved, {}
        for shown in {page.shown for page in self._pages if page.shown is not None}:
            payload = encoded(await news_of(self._system, shown))
            self._moved[shown] = payload
            if before.get(shown) != payload:
                for page in self._pages:
                    if page.shown == shown:
                        page.moved(payload)

    async def _listen(self) -> None:
        subscription = self._system.bus.subscribe(self._system.user.identity_sub, ("signal", "alert"))
        try:
            async for event in subscription:
                self._pass_on(event)
        finally:
            subscription.close()

    def _pass_on(self, event: Event) -> None:
        if event.topic == "alert":
            payload = encoded({name: event.data[name] for name in ("signal_id", "channel", "state")})
            for page in self._pages:
                page.delivered(payload)
            return
        signal = msgspec.convert(event.data, Signal)
        payload, mark = encoded(entry_of(signal, {})), encoded(mark_of(signal))
        for page in self._pages:
            page.said(payload)
            if page.shown == (signal.exchange, signal.symbol, signal.timeframe):
                page.marked(mark)
