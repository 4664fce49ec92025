"""Signals on their way to the store: together with their rule states and their alerts, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from livermore.kernel.clock import Clock, rfc3339
from livermore.kernel.events import Event
from livermore.kernel.log import logger
from livermore.kernel.scope import Scope
from livermore.kernel.service import Background, Health
from livermore.kernel.timeframe import Timeframe
from livermore.signals.alert import Alert
from livermore.signals.ports import SignalWork, SignalWorkFactory, StoredState
from livermore.signals.signal import Signal

if TYPE_CHECKING:
    from livermore.settings.document import Alerts

INTERVAL = 0.25
RETRY = 2.0
PAGE = 1_000
log = logger("signals")

AlertMaker = Callable[[Signal], list[Alert]]


class StateOwner(Protocol):
    """Own rule states that change as bars are judged."""

    def states(self) -> list[StoredState]:
        """Return the rule states that changed since the last call."""
        ...


class Revision(NamedTuple):
    """Bars of a symbol that were judged again from a time (ms) on, and what they say now."""

    exchange: str
    symbol: str
    start: int
    stand: frozenset[str]


class SignalRecorder:
    """Write one user's signals, rule states and outbox in one transaction after the other."""

    name = "signals"

    def __init__(
        self, scope: Scope, work: SignalWorkFactory, alerts_of: AlertMaker, told: Callable[[], None],
        candles_first: Callable[[], Awaitable[None]], clock: Clock,
    ) -> None:  # fmt: skip
        self._scope = scope
        self._work = work
        self._alerts_of = alerts_of
        self._told = told
        self._candles_first = candles_first
        self._clock = clock
        self._signals: list[Signal] = []
        self._owners: dict[int, StateOwner] = {}
        self._revisions: list[Revision] = []
        self._unwritten: list[StoredState] = []
        self._writing = asyncio.Lock()
        self._background = Background(self._run)
        self._trouble: str | None = None

    def take(self, signals: Sequence[Signal], owner: StateOwner | None = None) -> None:
        """Take signals, and note whose rule states have changed; returns at once."""
        self._signals += signals
        if owner is not None:
            self._owners[id(owner)] = owner

    def revise(self, exchange: str, symbol: str, start: int, signals: Sequence[Signal]) -> None:
        """Withdraw what stands of a symbol's bars from a time (ms) on and is not among these signals."""
        self._revisions.append(Revision(exchange, symbol, start, frozenset(signal.id for signal in signals)))

    async def start(self) -> None:
        """Begin to write now and then."""
        self._background.start()

    async def stop(self) -> None:
        """Write what is left."""
        await self._background.stop()
        await self.flush()

    async def flush(self) -> None:
        """Write everything taken so far; on an error it is kept for the next time and the error raised."""
        async with self._writing:
            signals, self._signals = self._signals, []
            revisions, self._revisions = self._revisions, []
            states = [
                *self._unwritten,
                *(state for owner in self._owners.values() for state in owner.states()),
            ]
            if not signals and not states and not revisions:
                return
            try:
                # A signal that can be read can be explained: its candles are stored before it.
                await self._candles_first()
                told = await self._write(signals, states, revisions)
            except BaseException as error:
                # Also when cancelled: what was written after all is only written again.
                self._signals[:0], self._revisions[:0], self._unwritten = signals, revisions, states
                self._trouble = str(error) or repr(error)
                raise
            self._unwritten, self._trouble = [], None
        if told:
            self._told()

    def health(self) -> Health:
        """Say whether the last write worked."""
        return Health() if self._trouble is None else Health(state="degraded", detail=self._trouble)

    async def _write(
        self, signals: list[Signal], states: list[StoredState], revisions: list[Revision]
    ) -> bool:
        """Write it all or nothing; return whether there is anything to deliver."""
        async with self._work(self._scope) as work:
            for revision in revisions:
                await self._revise(work, revision)
            fresh = await work.signals.add(signals) if signals else []
            alerts = [alert for signal in fresh for alert in self._alerts_of(signal)]
            await work.alerts.add(alerts)
            # Of a series that was judged several times only the newest state counts.
            await work.states.put(list({state.series: state for state in states}.values()))
            for signal in fresh:
                work.announce(self._event(signal))
        return bool(alerts)

    async def _revise(self, work: SignalWork, revision: Revision) -> None:
        """Withdraw what no longer arises, and let stand again what an earlier revision had withdrawn."""
        stored, _ = await work.signals.list(
            exchange=revision.exchange,
            symbol=revision.symbol,
            start=Timeframe.D1.bucket(revision.start),
            limit=PAGE,
        )
        touched = [
            signal
            for signal in stored
            if signal.time >= Timeframe(signal.timeframe).bucket(revision.start)
            and (signal.id in revision.stand) == (signal.withdrawn_at is not None)
        ]
        back = [signal.id for signal in touched if signal.withdrawn_at is not None]
        gone = [signal.id for signal in touched if signal.withdrawn_at is None]
        if back:
            await work.signals.restore(back)
        if gone:
            await work.signals.withdraw(gone, rfc3339(self._clock.now()))

    def _event(self, signal: Signal) -> Event:
        data = msgspec.to_builtins(signal)
        del data["evidence"]
        return Event(topic="signal", time=self._clock.now(), data=data, whose=self._scope.identity_sub)

    async def _run(self) -> None:
        while True:
            await self._clock.sleep(INTERVAL if self._trouble is None else RETRY)
            try:
                await self.flush()
            except Exception as error:
                # Of whatever kind: who gives up here stores nothing for the rest of the process's life.
                log.error("signals could not be written; they are kept", error=str(error))


def alert_maker(
    section: Alerts, zone: str, clock: Clock, price_of: Callable[[str, str], float | None]
) -> AlertMaker:
    """Return what turns a signal into alerts by a user's settings; `price_of` knows the last ticker."""
    from livermore.signals.outbox import Reading, alerts_for

    def alerts_of(signal: Signal) -> list[Alert]:
        table = [Reading(timeframe=name, **stood) for name, stood in signal.evidence["timeframes"].items()]
        price = price_of(signal.exchange, signal.symbol)
        return alerts_for(signal, section, table=table, now=clock.now(), price=price, zone=zone)

    return alerts_of
