"""What doors ask of the signals: what was said, why, and where it went."""

from __future__ import annotations

from typing import Any

import msgspec

from livermore.indicators.history import derive, previous_defined
from livermore.indicators.macdv import MacdvState, thaw
from livermore.kernel.errors import InvalidError, NotFoundError
from livermore.kernel.scope import Scope
from livermore.kernel.timeframe import Timeframe
from livermore.market.ports import CandleStore, Series
from livermore.signals.alert import Alert
from livermore.signals.ports import SignalWorkFactory
from livermore.signals.signal import Signal

LIMIT = 1_000


class SignalPage(msgspec.Struct, frozen=True, kw_only=True):
    """Signals newest first, and the cursor of the next page."""

    signals: list[Signal]
    next: str | None


class AlertPage(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts newest first, and the cursor of the next page."""

    alerts: list[Alert]
    next: str | None


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why a signal fired: the rule, what it saw, and the same computed again from the stored candles."""

    signal: Signal
    rule: str
    inputs: dict[str, Any]
    recomputed: dict[str, Any]
    agrees: bool
    text: str


class SignalService:
    """Answer for one installation's signals; every question names whose they are."""

    def __init__(self, work: SignalWorkFactory, store: CandleStore) -> None:
        self._work = work
        self._store = store

    async def list(
        self, scope: Scope, *, limit: int = 100, before: str | None = None, exchange: str | None = None,
        symbol: str | None = None, timeframe: str | None = None, kind: str | None = None,
        start: int | None = None, end: int | None = None,
    ) -> SignalPage:  # fmt: skip
        """Return a page of signals, newest first."""
        _check_limit(limit)
        async with self._work(scope) as work:
            signals, following = await work.signals.list(
                limit=limit, before=before, exchange=exchange, symbol=symbol.upper() if symbol else None,
                timeframe=timeframe, kind=kind, start=start, end=end,
            )  # fmt: skip
        return SignalPage(signals=signals, next=following)

    async def alerts(
        self, scope: Scope, *, limit: int = 100, before: str | None = None, state: str | None = None
    ) -> AlertPage:
        """Return a page of the outbox, newest first."""
        _check_limit(limit)
        async with self._work(scope) as work:
            alerts, following = await work.alerts.list(limit=limit, before=before, state=state)
        return AlertPage(alerts=alerts, next=following)

    async def explain(self, scope: Scope, signal_id: str) -> Explanation:
        """Compute a signal's values again from stored candles and say whether they agree to the bit."""
        async with self._work(scope) as work:
            signal = await work.signals.get(signal_id)
        if signal is None:
            raise NotFoundError(
                f"there is no signal {signal_id}", hint="see the newest with: livermore signals"
            )
        recomputed = await self._recompute(signal)
        claimed = {name: _claimed(signal, name) for name in recomputed}
        rule = _rule(signal)
        return Explanation(
            signal=signal, rule=rule, inputs=signal.evidence, recomputed=recomputed,
            agrees=bool(recomputed) and recomputed == claimed, text=_text(signal, rule),
        )  # fmt: skip

    async def _recompute(self, signal: Signal) -> dict[str, Any]:
        """Derive the bar's values from the checkpoint before it or its seed bar; empty without candles."""
        series = Series(signal.exchange, signal.symbol, Timeframe(signal.timeframe))
        length = series.timeframe.milliseconds
        checkpoint = await self._store.checkpoint(series, signal.time - length)
        state = thaw(checkpoint.state) if checkpoint is not None else MacdvState()
        start = checkpoint.time + length if checkpoint is not None else int(signal.evidence["seed_time"])
        candles = await self._store.load(series, start, signal.time + length)
        if not len(candles) or int(candles.time[-1]) != signal.time:
            return {}
        before = state.macdv
        values = derive(state, candles)
        newest = values.rows()[-1]
        previous = float(previous_defined(values.macdv, before)[-1])
        names = (
            "macdv",
            "signal",
            "histogram",
            "ema12",
            "ema26",
            "atr26",
            "stage",
            "observed",
            "quiet_ratio",
        )
        return {name: getattr(newest, name) for name in names} | {
            "previous_macdv": previous if previous == previous else None
        }


def _claimed(signal: Signal, name: str) -> Any:
    return getattr(signal, name) if hasattr(signal, name) else signal.evidence[name]


def _rule(signal: Signal) -> str:
    """Write the rule that held, with the user's own numbers."""
    parameters = signal.evidence["rule"]
    if signal.kind == "level":
        side = "previous V <= level < V" if signal.direction == "up" else "previous V >= level > V"
        return f"level {signal.level:+d} crossed {signal.direction}: {side}"
    if signal.kind == "reversal_oversold":
        return f"V and the V before below -150, histogram above {parameters['buffer']} x |V|"
    return f"V and the V before above 150, histogram below -{parameters['buffer']} x |V|"


def _text(signal: Signal, rule: str) -> str:
    previous = signal.evidence["previous_macdv"]
    seen = (
        f"V went from {previous:.4f} to {signal.macdv:.4f}"
        if previous is not None
        else f"V is {signal.macdv:.4f}"
    )
    histogram = f", histogram {signal.histogram:.4f}" if signal.histogram is not None else ""
    return (
        f"{signal.symbol} {signal.timeframe} on {signal.exchange}: {rule}. {seen}{histogram}, on the bar "
        f"that opened at {signal.time}, under settings revision {signal.settings_revision}; "
        f"the values rest on {signal.evidence['observed']} traded bars since {signal.evidence['seed_time']}."
    )


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= LIMIT:
        raise InvalidError(f"limit must lie between 1 and {LIMIT}", where="limit")
