"""A user's signals, rule states and outbox in memory: one transaction, all or nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from types import TracebackType
from typing import Any, Self

from msgspec.structs import replace

from livermore.kernel.events import Event
from livermore.kernel.scope import Scope
from livermore.kernel.timeframe import Timeframe
from livermore.market.ports import Series
from livermore.signals.alert import Alert
from livermore.signals.ports import (
    WITHDRAWN,
    AlertRepository,
    RuleStateRepository,
    SignalRepository,
    StoredState,
)
from livermore.signals.signal import Signal


class Books:
    """What is stored of one user; `failing` errors end the next transactions."""

    def __init__(self) -> None:
        self.signals: dict[str, Signal] = {}
        self.states: dict[Series, StoredState] = {}
        self.alerts: dict[str, Alert] = {}
        self.told: list[Event] = []
        self.failing: list[BaseException] = []

    def work(self, scope: Scope) -> MemoryWork:
        """Begin a transaction."""
        return MemoryWork(self)

    def standing(self) -> list[Signal]:
        """Return what is not withdrawn, in the order of bars."""
        return in_order(one for one in self.signals.values() if one.withdrawn_at is None)


def in_order(signals: Any) -> list[Signal]:
    """Sort signals by close, symbol, timeframe length, kind and level."""
    return sorted(signals, key=order_of)


def order_of(signal: Signal) -> tuple[int, str, int, str, int]:
    """Return what signals are ordered by, symbols told apart."""
    length = Timeframe(signal.timeframe).milliseconds
    return signal.time + length, signal.symbol, length, signal.kind, signal.level or 0


class MemoryWork:
    """One transaction over copies of the books."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._events: list[Event] = []
        signals, states, alerts = Signals(books), States(books), Alerts(books)
        self._parts = (signals, states, alerts)
        self.signals: SignalRepository = signals
        self.states: RuleStateRepository = states
        self.alerts: AlertRepository = alerts

    def announce(self, event: Event) -> None:
        self._events.append(event)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            if self._books.failing:
                raise self._books.failing.pop(0)
            signals, states, alerts = self._parts
            self._books.signals, self._books.states, self._books.alerts = (
                signals.rows,
                states.rows,
                alerts.rows,
            )
            self._books.told += self._events


class Signals:
    def __init__(self, books: Books) -> None:
        self.rows = dict(books.signals)

    async def add(self, signals: Sequence[Signal]) -> list[Signal]:
        fresh = list({one.id: one for one in reversed(signals) if one.id not in self.rows}.values())[::-1]
        self.rows |= {one.id: one for one in fresh}
        return fresh

    async def withdraw(self, ids: Sequence[str], at: str) -> None:
        for signal_id in ids:
            if self.rows[signal_id].withdrawn_at is None:
                self.rows[signal_id] = replace(self.rows[signal_id], withdrawn_at=at)

    async def amend(self, signals: Sequence[Signal]) -> None:
        self.rows |= {one.id: one for one in signals}

    async def get(self, signal_id: str) -> Signal | None:
        return self.rows.get(signal_id)

    async def list(
        self,
        *,
        limit: int = 100,
        before: str | None = None,
        exchange: str | None = None,
        symbol: str | None = None,
        timeframe: str | None = None,
        kind: str | None = None,
        start: int | None = None,
        end: int | None = None,
    ) -> tuple[list[Signal], str | None]:
        wanted = {"exchange": exchange, "symbol": symbol, "timeframe": timeframe, "kind": kind}
        found = [
            one
            for one in in_order(self.rows.values())[::-1]
            if all(value is None or getattr(one, name) == value for name, value in wanted.items())
            and (start is None or one.time >= start)
            and (end is None or one.time < end)
        ]
        begin = [one.id for one in found].index(before) + 1 if before is not None else 0
        page = found[begin : begin + limit]
        return page, page[-1].id if begin + limit < len(found) else None


class States:
    def __init__(self, books: Books) -> None:
        self.rows = dict(books.states)

    async def put(self, states: Sequence[StoredState]) -> None:
        self.rows |= {state.series: state for state in states}

    async def all(self, exchange: str) -> list[StoredState]:
        return [state for state in self.rows.values() if state.series.exchange == exchange]

    async def keep(self, exchanges: Collection[str]) -> None:
        self.rows = {one: state for one, state in self.rows.items() if one.exchange in exchanges}

    async def drop(self, exchange: str, symbols: Sequence[str]) -> None:
        self.rows = {one: state for one, state in self.rows.items() if one.symbol not in symbols}


class Alerts:
    def __init__(self, books: Books) -> None:
        self.rows = dict(books.alerts)

    async def add(self, alerts: Sequence[Alert]) -> list[Alert]:
        fresh = [alert for alert in alerts if alert.id not in self.rows]
        self.rows |= {alert.id: alert for alert in fresh}
        return fresh

    async def due(self, now: int, limit: int = 100, *, channel: str | None = None) -> list[Alert]:
        return list(self.rows.values())[:limit]

    async def mark(self, alert: Alert) -> None:
        self.rows[alert.id] = alert

    async def revive(self, signal_ids: Sequence[str], now: int) -> int:
        given_up = [
            one for one in self.rows.values() if one.error == WITHDRAWN and one.signal_id in signal_ids
        ]
        self.rows |= {one.id: replace(one, state="pending", error=None, next_attempt=now) for one in given_up}
        return len(given_up)

    async def list(
        self, *, limit: int = 100, before: str | None = None, state: str | None = None
    ) -> tuple[list[Alert], str | None]:
        return list(self.rows.values())[:limit], None
