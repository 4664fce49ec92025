"""What the signals room needs from the world: a store for what was said, and channels to say it through."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple, Protocol

from livermore.kernel.scope import Scope
from livermore.kernel.unit_of_work import UnitOfWork
from livermore.market.ports import Series
from livermore.signals.alert import Alert
from livermore.signals.signal import Signal

WITHDRAWN = "the signal was withdrawn"


class StoredState(NamedTuple):
    """The rule state of one user's series: everything up to the bar that opened at `evaluated_to` was judged.

    `state` is the newest, opaque bytes; `earlier` is a list of older ones (time, bytes), oldest first,
    from which a revision of past bars is judged again.
    """

    series: Series
    evaluated_to: int
    state: bytes
    earlier: tuple[tuple[int, bytes], ...] = ()


class SignalRepository(Protocol):
    """Keep one user's signals."""

    async def add(self, signals: Sequence[Signal]) -> list[Signal]:
        """Store those that are not there yet and return them; one that exists stays as it is."""
        ...

    async def withdraw(self, ids: Sequence[str], at: str) -> None:
        """Mark signals that a revision removed."""
        ...

    async def amend(self, signals: Sequence[Signal]) -> None:
        """Let stored signals stand as they are given here: with what their bars say now."""
        ...

    async def get(self, signal_id: str) -> Signal | None:
        """Return one."""
        ...

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
        """Return signals newest first (by close, timeframe, kind, level) and the cursor of the next page."""
        ...


class RuleStateRepository(Protocol):
    """Keep one user's rule states."""

    async def put(self, states: Sequence[StoredState]) -> None:
        """Insert or replace."""
        ...

    async def all(self, exchange: str) -> list[StoredState]:
        """Return every state on an exchange."""
        ...

    async def drop(self, exchange: str, symbols: Sequence[str]) -> None:
        """Forget symbols that are no longer watched."""
        ...

    async def keep(self, exchanges: Collection[str]) -> None:
        """Forget every symbol of any other exchange."""
        ...


class AlertRepository(Protocol):
    """Keep one user's outbox."""

    async def add(self, alerts: Sequence[Alert]) -> list[Alert]:
        """Store those that are not there yet and return them."""
        ...

    async def due(self, now: int, limit: int = 100, *, channel: str | None = None) -> list[Alert]:
        """Return pending alerts (of one channel) whose next attempt is due, oldest first."""
        ...

    async def mark(self, alert: Alert) -> None:
        """Store an alert's new state, attempts, error and times."""
        ...

    async def revive(self, signal_ids: Sequence[str], now: int) -> int:
        """Let alerts be due at a time (ms) that were given up as withdrawn; return how many."""
        ...

    async def list(
        self, *, limit: int = 100, before: str | None = None, state: str | None = None
    ) -> tuple[list[Alert], str | None]:
        """Return alerts newest first and the cursor of the next page."""
        ...


class SignalWork(UnitOfWork, Protocol):
    """One transaction over a user's signals, rule states and outbox."""

    signals: SignalRepository
    states: RuleStateRepository
    alerts: AlertRepository


SignalWorkFactory = Callable[[Scope], SignalWork]


class Channel(Protocol):
    """Deliver alerts to one place."""

    name: str

    async def send(self, alert: Alert) -> None:
        """Deliver one; return once the receiver has it.

        Errors: TransientError (RateLimitedError carries retry_after) to try again, TerminalError to give up.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
