"""What is one user's alone: signals and alerts, gathered for the open pages of that user."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection
from typing import TYPE_CHECKING, Protocol

import msgspec

from livermore.apps.admin.chart import Shown, mark_of
from livermore.apps.admin.components import encoded
from livermore.apps.admin.feed import SHOWN, entry_of
from livermore.apps.api.shapes import SignalShape
from livermore.kernel.log import logger

if TYPE_CHECKING:
    from livermore.kernel.events import Event, EventBus

log = logger("pages")


class Listener(Protocol):
    """An open page that hears what is said; every payload is JSON that was encoded once for all pages."""

    shown: Shown | None

    def said(self, payload: str) -> None:
        """Take signals for the list."""
        ...

    def marked(self, payload: str) -> None:
        """Take marks for the chart."""
        ...

    def delivered(self, payload: str) -> None:
        """Take states of alerts."""
        ...


class Voice:
    """Listen to the events of one user, from now on until it is closed."""

    def __init__(self, bus: EventBus, whose: str) -> None:
        self._signals: deque[SignalShape] = deque(maxlen=SHOWN)
        self._alerts: deque[dict[str, str | None]] = deque(maxlen=3 * SHOWN)
        self._subscription = bus.subscribe(whose, ("signal", "alert"))
        self._listening = asyncio.create_task(self._listen())

    def close(self) -> None:
        """Stop listening."""
        self._subscription.close()
        self._listening.cancel()

    def tell(self, pages: Collection[Listener]) -> None:
        """Tell of what was said since the last look; after a start, of thousands a few are shown."""
        signals, alerts = list(self._signals), list(self._alerts)
        self._signals.clear()
        self._alerts.clear()
        said = encoded([entry_of(signal, {}) for signal in signals])
        delivered = encoded(alerts)
        for page in pages:
            if signals:
                page.said(said)
            if alerts:
                page.delivered(delivered)
            marks = [mark_of(signal) for signal in signals if page.shown == series_of(signal)]
            if marks:
                page.marked(encoded(marks))

    async def _listen(self) -> None:
        async for event in self._subscription:
            try:
                self._note(event)
            except (KeyError, msgspec.ValidationError):
                log.exception("an event could not be read", topic=event.topic)

    def _note(self, event: Event) -> None:
        if event.topic == "signal":
            self._signals.append(msgspec.convert(event.data, SignalShape))
        else:
            self._alerts.append({name: event.data[name] for name in ("signal_id", "channel", "state")})


def series_of(signal: SignalShape) -> Shown:
    """Return the series that a signal speaks of."""
    return Shown(signal.exchange, signal.symbol, signal.timeframe)
