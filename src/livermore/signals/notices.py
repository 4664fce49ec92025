"""What the system itself has to tell a user: one alert for each route that wants to hear of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from livermore.kernel.clock import rfc3339
from livermore.kernel.ids import derived_id
from livermore.signals.alert import Alert, Route
from livermore.signals.outbox import quiet_until, routes_of

if TYPE_CHECKING:
    from livermore.settings.document import Alerts


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that has happened, at a time (ms UTC): `text` for people, `about` for programs.

    The same thing has the same `id` whenever it is told, so that nobody is told of it twice.
    """

    id: str
    time: int
    text: str
    about: dict[str, Any] = {}


def alerts_of(notice: Notice, section: Alerts, *, now: int, zone: str, muted: bool = False) -> list[Alert]:
    """Return the alerts of a notice by `alerts` of the settings; `muted` ones are kept and never sent."""
    if not section.enabled:
        return []
    until = 0 if muted else quiet_until(section.quiet_hours, zone, now)
    return [
        _alert(notice, name, route, now, until)
        for name, route in routes_of(section).items()
        if route.events.get("system", "on") != "off"
    ]


def _alert(notice: Notice, name: str, route: Route, now: int, until: int | None) -> Alert:
    alert_id = derived_id(notice.id, route.channel, route.url_environment_variable or "")
    said = {"event": "system", "signal_id": None, "time": notice.time, "text": notice.text}
    return Alert(
        id=alert_id,
        signal_id=None,
        event="system",
        channel=name,
        state="pending" if until is None else "held",
        attempts=0,
        created_at=rfc3339(now),
        sent_at=None,
        error=None,
        payload={"id": alert_id, **said, **notice.about, "silent": route.events.get("system") == "silent"},
        next_attempt=now if until is None else until,
    )
