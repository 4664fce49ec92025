"""What the system has to tell becomes one alert for each route that wants to hear of it."""

from __future__ import annotations

from typing import Any

from livermore.adapters.notify.wording import one_line
from livermore.kernel.clock import parse_time
from livermore.settings.document import Alerts
from livermore.settings.upgrade import read_settings
from livermore.signals.alert import Alert
from livermore.signals.notices import Notice, alerts_of

FOUND = parse_time("2026-01-31T12:05:00Z")
NOTICE = Notice(
    id="n1", time=FOUND, text="coinbase has halted trading of BTC-USD",
    about={
        "kind": "symbol", "exchange": "coinbase", "symbol": "BTC-USD",
        "state": "halted", "previous": "trading",
    },
)  # fmt: skip
QUIET = {"from": "12:00", "to": "13:00"}


def section(**alerts: Any) -> Alerts:
    return read_settings({"version": 2, "alerts": alerts}).alerts


def told(*, muted: bool = False, **chosen: Any) -> list[Alert]:
    return alerts_of(NOTICE, section(**chosen), now=FOUND + 1000, zone="UTC", muted=muted)


def route(channel: str, system: str) -> dict[str, Any]:
    events = {"level": "on", "reversal": "on", "system": system}
    return {"channel": channel, "url_environment_variable": f"{system.upper()}_URL", "events": events}


def test_without_a_route_the_terminal_is_told_everything_that_matters() -> None:
    (alert,) = told()
    assert (alert.channel, alert.event, alert.state, alert.signal_id) == (
        "terminal",
        "system",
        "pending",
        None,
    )
    assert (alert.created_at, alert.next_attempt) == ("2026-01-31T12:05:01.000Z", FOUND + 1000)
    assert alert.payload == {
        "id": alert.id, "event": "system", "signal_id": None, "time": FOUND,
        "text": "coinbase has halted trading of BTC-USD", "kind": "symbol", "exchange": "coinbase",
        "symbol": "BTC-USD", "state": "halted", "previous": "trading", "silent": False,
    }  # fmt: skip
    assert one_line(alert.payload).endswith("UTC  coinbase has halted trading of BTC-USD")


def test_each_route_says_whether_it_wants_to_hear_of_the_system() -> None:
    alerts = told(routes=[route("webhook", "on"), route("webhook", "silent"), route("webhook", "off")])
    assert [(alert.channel, alert.payload["silent"]) for alert in alerts] == [
        ("terminal", False), ("webhook", False), ("webhook:SILENT_URL", True),
    ]  # fmt: skip
    assert len({alert.id for alert in alerts}) == 3


def test_the_same_told_again_is_the_same_alert_and_another_is_another() -> None:
    assert [alert.id for alert in told()] == [alert.id for alert in told()]
    other = Notice(id="n2", time=FOUND, text="")
    assert alerts_of(other, section(), now=FOUND, zone="UTC")[0].id != told()[0].id


def test_quiet_hours_hold_it_and_a_pause_keeps_it_for_good() -> None:
    (held,) = told(quiet_hours=QUIET)
    assert (held.state, held.next_attempt) == ("held", parse_time("2026-01-31T13:00:00Z"))
    (kept,) = told(muted=True)
    assert (kept.state, kept.next_attempt) == ("held", 0)


def test_whoever_wants_no_alerts_gets_none() -> None:
    assert told(enabled=False) == []
