"""The market page: every symbol on every timeframe, the chart of one, what was said, and what is lacking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import Client, ui
from nicegui.events import GenericEventArguments

from livermore.apps.admin import frame, stated
from livermore.apps.admin.board import timeframes_of
from livermore.apps.admin.chart import Shown, chart_of
from livermore.apps.admin.components import (
    CoverageGrid,
    MarketGrid,
    NewsFeed,
    SeriesChart,
    StatusBar,
    encoded,
)
from livermore.apps.admin.coverage import explained
from livermore.apps.admin.feed import feed_of
from livermore.apps.admin.sockets import caller_of
from livermore.kernel.errors import LivermoreError

if TYPE_CHECKING:
    from livermore.accounts.principal import Principal
    from livermore.apps.admin.live import Live
    from livermore.bootstrap import System


def add_page(system: System, live: Live) -> None:
    """Register the page."""

    @stated.page("/", "viewer", title="Market")
    async def market(client: Client) -> None:
        """Build the page; its data follow once the browser is connected."""
        caller = caller_of(client)
        scope = caller.scope()
        current = await system.settings.current(scope)
        timeframes = timeframes_of(system.indicators.grid(), current.document.timeframes)
        await frame.head(system, scope)
        page = MarketPage(system, live, caller, timeframes)
        client.on_connect(page.open)
        client.on_disconnect(page.close)


class MarketPage:
    """One open market page."""

    def __init__(self, system: System, live: Live, caller: Principal, timeframes: list[str]) -> None:
        self.shown: Shown | None = None
        self.scope = caller.scope()
        self._system = system
        self._live = live
        self._wanted = 0
        self._bar = StatusBar("Market", caller.user)
        with ui.element("main").classes("market"):
            self._grid = MarketGrid(timeframes).on("choose", self._choose)
            with ui.element("div").classes("split"):
                self._chart = SeriesChart().on("choose", self._choose)
                self._feed = NewsFeed().on("choose", self._choose)
            self._coverage = CoverageGrid().on("examine", self._examine).on("choose", self._choose)

    async def open(self) -> None:
        """Fill the page, at first and after each lost connection."""
        board = self._live.join(self)
        self._bar.tell("show", board)
        self._grid.tell("show", board)
        self._feed.tell("clock", board)
        self._coverage.tell("clock", board)
        self._coverage.tell("show", await self._live.covered())
        self._feed.tell("show", encoded(await feed_of(self._system, self.scope)))
        if self.shown is not None:
            await self._show(self.shown, None)

    def close(self) -> None:
        """Let go of the page."""
        self._live.leave(self)

    def changed(self, payload: str) -> None:
        """Take what changed in the status line and in the table."""
        self._bar.tell("change", payload)
        self._grid.tell("change", payload)
        self._feed.tell("clock", payload)
        self._coverage.tell("clock", payload)

    def covered(self, payload: str) -> None:
        """Take how fresh every series is."""
        self._coverage.tell("show", payload)

    def revised(self, payload: str) -> None:
        """Take which bars of the series that is shown are told differently now."""
        self._chart.tell("renew", payload)

    def moved(self, payload: str) -> None:
        """Take the newest bars of the series that is shown."""
        self._chart.tell("move", payload)

    def said(self, payload: str) -> None:
        """Take signals for the list."""
        self._feed.tell("add", payload)

    def marked(self, payload: str) -> None:
        """Take marks for the chart."""
        self._chart.tell("mark", payload)

    def delivered(self, payload: str) -> None:
        """Take states of alerts."""
        self._feed.tell("deliver", payload)

    async def _choose(self, event: GenericEventArguments) -> None:
        """Show the series that was clicked, at a bar if one was; the first one when none is named."""
        exchange, symbol, timeframe, time = [*event.args, None, None, None, None][:4]
        if symbol is None:
            await self._show_first()
        else:
            focus = int(time) if time is not None else None
            await self._show(Shown(str(exchange), str(symbol), str(timeframe)), focus)

    async def _examine(self, event: GenericEventArguments) -> None:
        """Say what the series lacks whose cell was clicked, and why."""
        exchange, symbol, timeframe = map(str, event.args)
        try:
            found = await self._system.coverage.of(exchange, symbol, timeframe)
        except LivermoreError as error:
            self._coverage.tell("fail", encoded(str(error)))
        else:
            self._coverage.tell("explain", encoded(explained(found)))

    async def _show_first(self) -> None:
        row = next(iter(self._system.indicators.grid()), None)
        if row is None or not row.cells:
            self._chart.tell(
                "wait", encoded("No series is loaded yet. The first one will be shown when it is.")
            )
        else:
            await self._show(Shown(row.exchange, row.symbol, next(iter(row.cells))), None)

    async def _show(self, shown: Shown, focus: int | None) -> None:
        self._wanted += 1
        turn = self._wanted
        try:
            chart = await chart_of(self._system, self.scope, shown, focus)
        except LivermoreError as error:
            self.shown = None
            self._chart.tell("fail", encoded({"text": str(error), "hint": error.hint}))
            return
        # A later click may have been answered first.
        if turn == self._wanted:
            self.shown = shown
            self._chart.tell("show", encoded(chart))
            self._grid.tell("select", encoded(list(shown)))
