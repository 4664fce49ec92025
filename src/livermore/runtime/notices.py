"""Telling users what has happened to the markets that they watch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from livermore.kernel.clock import Clock
from livermore.kernel.errors import RefusedError, TerminalError
from livermore.kernel.ids import derived_id
from livermore.kernel.log import logger
from livermore.kernel.scope import Scope
from livermore.market.listed import StateChange
from livermore.runtime.runtime import Runtime
from livermore.settings.document import SettingsDocument
from livermore.settings.service import Current, watched_symbols
from livermore.signals.notices import Notice, alerts_of
from livermore.signals.ports import SignalWorkFactory

log = logger("runtime")


class Hosting(Protocol):
    """Whoever runs the runtimes of users."""

    def hosted(self) -> Sequence[Runtime]:
        """Return the runtimes that are run here."""
        ...


class Reading(Protocol):
    """Whoever knows what users have chosen."""

    async def current(self, scope: Scope) -> Current:
        """Return the newest revision."""
        ...


class MarketNotices:
    """Put alerts of halted and delisted markets into the outboxes of the users who watch them."""

    def __init__(self, host: Hosting, settings: Reading, work: SignalWorkFactory, clock: Clock) -> None:
        self._host = host
        self._settings = settings
        self._work = work
        self._clock = clock

    async def tell(self, exchange: str, changed: Sequence[StateChange], since: int) -> None:
        """Tell every user here who watches one of some markets that changed since a time (ms).

        Told again, the same changes since the same time are not sent again. Raises LivermoreError where they
        could not be stored for everybody.
        """
        for runtime in self._host.hosted():
            document = await self._document(runtime)
            if document is not None:
                watched = set(watched_symbols(document))
                mine = [change for change in changed if (exchange, change.symbol) in watched]
                await self._put(runtime, document, [self._notice(exchange, one, since) for one in mine])

    async def _document(self, runtime: Runtime) -> SettingsDocument | None:
        """Return what a user has chosen; None where that cannot be read."""
        if runtime.current is not None:
            return runtime.current.document
        try:
            return (await self._settings.current(runtime.scope)).document
        except (RefusedError, TerminalError) as error:
            log.warning("a user is told nothing", user=runtime.scope.identity_sub, error=str(error))
            return None

    async def _put(self, runtime: Runtime, document: SettingsDocument, notices: Sequence[Notice]) -> None:
        zone, muted = document.perseus_profile.timezone, runtime.pausing is not None
        alerts = [
            alert
            for notice in notices
            for alert in alerts_of(notice, document.alerts, now=self._clock.now(), zone=zone, muted=muted)
        ]
        if alerts:
            async with self._work(runtime.scope) as work:
                await work.alerts.add(alerts)
            if runtime.parts is not None:
                runtime.parts.watch.told()

    def _notice(self, exchange: str, change: StateChange, since: int) -> Notice:
        about = {"kind": "symbol", "exchange": exchange, **change._asdict()}
        return Notice(
            id=derived_id("symbol", exchange, *change, str(since)), time=self._clock.now(),
            text=_text(exchange, change), about=about,
        )  # fmt: skip


def _text(exchange: str, change: StateChange) -> str:
    symbol, state, previous = change
    if state == "delisted":
        return f"{exchange} lists {symbol} no more: it rests, with its history, until it is listed again"
    if previous == "delisted":
        halted = ", and has halted its trading" if state == "halted" else ""
        return f"{exchange} lists {symbol} again{halted}"
    return f"{exchange} {'has halted trading' if state == 'halted' else 'goes on with trading'} of {symbol}"
