"""Signals on their way to the store: together with their rule states and their alerts, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from livermore.kernel.clock import Clock, rfc3339
from livermore.kernel.events import Event
from livermore.kernel.log import logger
from livermore.kernel.scope import Scope
from livermore.kernel.service import Background, Health
from livermore.kernel.timeframe import Timeframe
from livermore.market.ports import Series
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
    """Bars of a symbol that were judged again from a time (ms) on, and by what; what they say now, by id.

    `after` names each timeframe that was judged, and the bar (ms) behind which that began.
    """

    exchange: str
    symbol: str
    start: int
    after: Mapping[str, int]
    levels: frozenset[int]
    stand: dict[str, Signal]

    def judges(self, signal: Signal) -> bool:
        """Say whether a signal could have been said again: its bar, timeframe and level were judged."""
        known = signal.level is None or abs(signal.level) in self.levels
        judged = known and signal.time > self.after.get(signal.timeframe, signal.time)
        return judged and signal.time >= Timeframe(signal.timeframe).bucket(self.start)


class SignalRecorder:
    """Write one user's signals, rule states and outbox in one transaction after the other."""

    name = "signals"

    def __init__(
        self, scope: Scope, work: SignalWorkFactory, alerts_of: AlertMaker, told: Callable[[], None],
        candles_first: Callable[[], Awaitable[None]], clock: Clock,
    ) -> None:  # fmt: skip
        self._scope = scope
        self._work = work
        self.alerts_of = alerts_of
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

    def revise(self, revision: Revision) -> None:
        """Withdraw what stands and was not said again; let what was said again stand as it is now."""
        self._revisions.append(revision)

    async def go_back(self, states: Sequence[StoredState]) -> None:
        """Write at once the rule states from which series are to be judged again."""
        async with self._writing, self._work(self._scope) as work:
            await work.states.put(states)

    async def forget(self, exchange: str, symbols: Collection[str]) -> None:
        """Delete the rule states of symbols that are watched no more; what was signalled stays."""
        if not symbols:
            return
        async with self._writing:
            async with self._work(self._scope) as work:
                await work.states.drop(exchange, sorted(symbols))
            self._keep_unwritten(lambda one: one.exchange != exchange or one.symbol not in symbols)

    async def keep(self, exchanges: Collection[str]) -> None:
        """Delete the rule states of symbols of all other exchanges; what was signalled stays."""
        async with self._writing:
            async with self._work(self._scope) as work:
                await work.states.keep(exchanges)
            self._keep_unwritten(lambda one: one.exchange in exchanges)

    def _keep_unwritten(self, wanted: Callable[[Series], bool]) -> None:
        """Write no state later, of those that could not be written, of a series that was forgotten."""
        self._unwritten = [state for state in self._unwritten if wanted(state.series)]

    async def release(self, owner: StateOwner) -> None:
        """Write what an owner of rule states has changed, and let go of it; what is refused is kept."""
        try:
            await self.flush()
        finally:
            if self._owners.pop(id(owner), None) is not None:
                self._unwritten += owner.states()

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
            states, self._unwritten = self._unwritten, []
            states += [state for owner in self._owners.values() for state in owner.states()]
            if not signals and not states and not revisions:
                return
            try:
                # A signal that can be read can be explained: its candles are stored before it.
                await self._candles_first()
                told = await self._write(signals, states, revisions)
            except BaseException as error:
                # Also when cancelled: what was written after all is only written again.
                self._signals[:0], self._revisions[:0], self._unwritten[:0] = signals, revisions, states
                self._trouble = str(error) or repr(error)
                raise
            self._trouble = None
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
            revived = sum([await self._revise(work, revision) for revision in revisions])
            fresh = await work.signals.add(signals) if signals else []
            alerts = [alert for signal in fresh for alert in self.alerts_of(signal)]
            await work.alerts.add(alerts)
            # Of a series that was judged several times only the newest state counts.
            await work.states.put(list({state.series: state for state in states}.values()))
            for signal in fresh:
                work.announce(self._event(signal))
        return bool(alerts or revived)

    async def _revise(self, work: SignalWork, revision: Revision) -> int:
        """Withdraw and amend stored signals by a revision; return how many alerts are due again for it."""
        stored = [signal async for signal in _since(work, revision) if revision.judges(signal)]
        gone = [one for one in stored if one.id not in revision.stand and one.withdrawn_at is None]
        amended = [
            changed
            for one in stored
            if one.id in revision.stand and (changed := _amended(one, revision.stand[one.id])) != one
        ]
        now = rfc3339(self._clock.now())
        await work.signals.withdraw([one.id for one in gone], now)
        await work.signals.amend(amended)
        for one in [*(msgspec.structs.replace(one, withdrawn_at=now) for one in gone), *amended]:
            work.announce(self._event(one))
        return await work.alerts.revive([one.id for one in amended], self._clock.now()) if amended else 0

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


async def _since(work: SignalWork, revision: Revision) -> AsyncIterator[Signal]:
    """Yield every stored signal that a revision may touch."""
    start, before = Timeframe.D1.bucket(revision.start), None
    while True:
        page, before = await work.signals.list(
            exchange=revision.exchange, symbol=revision.symbol, start=start, limit=PAGE, before=before
        )
        for signal in page:
            yield signal
        if before is None:
            return


def _amended(stored: Signal, now: Signal) -> Signal:
    """Return a stored signal with what its bar says now; when it was recorded stays, and how late."""
    decided = {name: value for name, value in stored.evidence.items() if name == "decided"}
    evidence = {name: value for name, value in now.evidence.items() if name != "decided"} | decided
    kept = {name: getattr(stored, name) for name in ("late", "settings_revision", "recorded_at")}
    return msgspec.structs.replace(now, evidence=evidence, **kept)


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
