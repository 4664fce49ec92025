"""The list of what was said: signals, each with how far its alerts came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from livermore.apps.admin.words import price_text, signal_text
from livermore.kernel.timeframe import Timeframe

if TYPE_CHECKING:
    from livermore.apps.api.shapes import SignalShape
    from livermore.bootstrap import System
    from livermore.kernel.scope import Scope
    from livermore.signals.signal import Signal

SHOWN = 60


async def feed_of(system: System, scope: Scope) -> list[dict[str, Any]]:
    """Return the newest signals of a user, newest first."""
    page = await system.signals.list(scope, limit=SHOWN)
    alerts = await system.signals.alerts(scope, limit=3 * SHOWN)
    sent: dict[str, dict[str, str]] = {}
    for alert in reversed(alerts.alerts):
        if alert.signal_id is not None:
            sent.setdefault(alert.signal_id, {})[alert.channel] = alert.state
    return [entry_of(signal, sent.get(signal.id, {})) for signal in page.signals]


def entry_of(signal: Signal | SignalShape, alerts: dict[str, str]) -> dict[str, Any]:
    """Write one signal as an entry; `time` is its bar's open, `at` its bar's close (ms)."""
    return {
        "id": signal.id, "exchange": signal.exchange, "symbol": signal.symbol, "timeframe": signal.timeframe,
        "time": signal.time, "at": signal.time + Timeframe(signal.timeframe).milliseconds,
        "up": signal.direction == "up", "text": signal_text(signal), "price": price_text(signal.price),
        "macdv": f"{signal.macdv:.1f}".replace("-", "−"), "stage": signal.stage, "alerts": alerts,
        "doubtful": signal.low_confidence or not signal.complete, "late": signal.late,
        "withdrawn": signal.withdrawn_at is not None,
    }  # fmt: skip
