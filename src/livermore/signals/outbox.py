"""Which alerts a signal becomes: one for each route that wants it, complete enough to need nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec

from livermore.kernel.clock import rfc3339
from livermore.kernel.ids import derived_id
from livermore.kernel.timeframe import Timeframe
from livermore.signals.alert import Alert, AlertEvent, Route
from livermore.signals.signal import Signal

if TYPE_CHECKING:
    from livermore.settings.document import Alerts, QuietHours

TERMINAL = "terminal"
STALE_AFTER = 3_600_000
STALE_BARS = 2


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """Where one timeframe of a symbol stands: a row of an alert's table."""

    timeframe: str
    macdv: float | None
    stage: str


def alerts_for(
    signal: Signal,
    section: Alerts,
    *,
    table: Sequence[Reading],
    now: int,
    price: float | None = None,
    zone: str = "UTC",
) -> list[Alert]:
    """Return the alerts of one signal, none where it must not be told.

    `section` is `alerts` of the settings, `zone` the profile's, `price` the last ticker's. `now` is the
    dispatcher's time (ms); how late a signal is, the signal says by itself.
    """
    if not is_told(signal, section):
        return []
    until = quiet_until(section.quiet_hours, zone, now)
    payload = _payload(signal, table, price)
    return [
        _alert(signal, name, route, payload, now, until)
        for name, route in routes_of(section).items()
        if route.events.get(_event(signal), "on") != "off"
    ]


def is_told(signal: Signal, section: Alerts) -> bool:
    """Say whether a signal is told at all: it stands, is sure enough, and did not come too late."""
    wanted = section.enabled and (section.low_confidence or not signal.low_confidence)
    return wanted and signal.withdrawn_at is None and not _is_stale(signal)


def routes_of(section: Alerts) -> dict[str, Route]:
    """Return the routes by the name under which their alerts are stored; the terminal is always one.

    A second route of a channel is named with its variable.
    """
    routes: dict[str, Route] = {}
    for chosen in section.routes:
        name = chosen.channel
        if name in routes:
            name = f"{name}:{chosen.url_environment_variable}"
        routes[name] = Route(
            channel=chosen.channel,
            url_environment_variable=chosen.url_environment_variable,
            events=chosen.events.model_dump(),
        )
    return {TERMINAL: Route(channel=TERMINAL), **routes}


def quiet_until(hours: QuietHours | None, zone: str, now: int) -> int | None:
    """Return when the quiet hours that run now (ms) end; None outside of them."""
    if hours is None:
        return None
    place = _zone(hours.zone or zone)
    local = datetime.fromtimestamp(now / 1000, place)
    start, end = time.fromisoformat(hours.start), time.fromisoformat(hours.end)
    at = local.time()
    if not (start <= at < end if start < end else at >= start or at < end):
        return None
    day = local.date() + timedelta(days=1 if at >= end else 0)
    return int(datetime.combine(day, end, place).timestamp() * 1000)


def _zone(name: str) -> tzinfo:
    # UTC is known even where the machine has no zone database.
    return UTC if name == "UTC" else ZoneInfo(name)


def _event(signal: Signal) -> AlertEvent:
    return "level" if signal.kind == "level" else "reversal"


def _closed(signal: Signal) -> int:
    return signal.time + Timeframe(signal.timeframe).milliseconds


def _is_stale(signal: Signal) -> bool:
    # Both are the market's time, which may run faster than the wall's, or long ago.
    age = signal.evidence.get("decided", _closed(signal)) - _closed(signal)
    return signal.late and age > max(STALE_BARS * Timeframe(signal.timeframe).milliseconds, STALE_AFTER)


def _payload(signal: Signal, table: Sequence[Reading], price: float | None) -> dict[str, Any]:
    said = msgspec.structs.asdict(signal)
    kept = {name: said[name] for name in _SAID}
    # A ticker without a price says 0, and an alert must not.
    price = price or signal.price
    moment = {"event": _event(signal), "signal_id": signal.id, "closed_at": rfc3339(_closed(signal))}
    return moment | kept | {"price": price, "table": msgspec.to_builtins(list(table))}


_SAID = (
    "exchange", "symbol", "timeframe", "kind", "level", "direction", "time", "macdv", "signal", "histogram",
    "stage", "bias", "complete", "low_confidence", "late", "settings_revision",
)  # fmt: skip


def _alert(
    signal: Signal, name: str, route: Route, payload: dict[str, Any], now: int, until: int | None
) -> Alert:
    alert_id = derived_id(signal.id, route.channel, route.url_environment_variable or "")
    silent = route.events.get(_event(signal)) == "silent"
    return Alert(
        id=alert_id,
        signal_id=signal.id,
        event=_event(signal),
        channel=name,
        state="pending" if until is None else "held",
        attempts=0,
        created_at=rfc3339(now),
        sent_at=None,
        error=None,
        payload={"id": alert_id, **payload, "silent": silent},
        next_attempt=now if until is None else until,
    )
