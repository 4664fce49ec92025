"""Which alerts a signal becomes."""

from typing import Any

import pytest
from msgspec.structs import replace

from livermore.kernel.clock import parse_time, rfc3339
from livermore.settings.document import Alerts
from livermore.settings.upgrade import read_settings
from livermore.signals.alert import Alert, Route
from livermore.signals.outbox import Reading, alerts_for, quiet_until, routes_of
from livermore.signals.signal import Signal

CLOSE = parse_time("2026-01-31T12:05:00Z")
HOUR = 3_600_000
TABLE = [
    Reading(timeframe="5m", macdv=151.26, stage="overbought"),
    Reading(timeframe="1d", macdv=None, stage="warming_up"),
]
SIGNAL = Signal(
    id="signal",
    exchange="coinbase",
    symbol="BTC-USD",
    timeframe="5m",
    kind="level",
    level=150,
    direction="up",
    time=CLOSE - 300_000,
    price=100.0,
    macdv=151.26,
    signal=140.0,
    histogram=11.26,
    stage="overbought",
    bias="bearish",
    complete=True,
    low_confidence=False,
    late=False,
    withdrawn_at=None,
    settings_revision=3,
    recorded_at=rfc3339(CLOSE + 1000),
    evidence={"seed_time": 0},
)
REVERSAL = replace(SIGNAL, id="reversal", kind="reversal_overbought", level=None, direction="down")


def section(**alerts: Any) -> Alerts:
    return read_settings({"version": 2, "alerts": alerts}).alerts


def alerts(signal: Signal = SIGNAL, price: float | None = None, **chosen: Any) -> list[Alert]:
    return alerts_for(signal, section(**chosen), table=TABLE, now=CLOSE + 1000, price=price)


def test_without_a_route_the_terminal_is_told_everything_that_matters() -> None:
    (alert,) = alerts(price=100.5)
    assert (alert.channel, alert.event, alert.state, alert.attempts) == ("terminal", "level", "pending", 0)
    assert alert.signal_id == "signal"
    assert alert.created_at == "2026-01-31T12:05:01.000Z"
    assert alert.payload == {
        "id": alert.id,
        "event": "level",
        "signal_id": "signal",
        "closed_at": "2026-01-31T12:05:00.000Z",
        "exchange": "coinbase",
        "symbol": "BTC-USD",
        "timeframe": "5m",
        "kind": "level",
        "level": 150,
        "direction": "up",
        "time": CLOSE - 300_000,
        "price": 100.5,
        "macdv": 151.26,
        "signal": 140.0,
        "histogram": 11.26,
        "stage": "overbought",
        "bias": "bearish",
        "complete": True,
        "low_confidence": False,
        "late": False,
        "settings_revision": 3,
        "table": [
            {"timeframe": "5m", "macdv": 151.26, "stage": "overbought"},
            {"timeframe": "1d", "macdv": None, "stage": "warming_up"},
        ],
        "silent": False,
    }


@pytest.mark.parametrize("price", [None, 0.0])
def test_without_a_ticker_s_price_the_closed_bar_s_is_told(price: float | None) -> None:
    assert alerts(price=price)[0].payload["price"] == 100.0


def test_the_same_signal_and_route_is_the_same_alert() -> None:
    routes = [
        {"channel": "webhook", "url_environment_variable": "A"},
        {"channel": "webhook", "url_environment_variable": "B"},
    ]
    ids = {alert.channel: alert.id for alert in alerts(routes=routes)}
    assert ids == {alert.channel: alert.id for alert in alerts(routes=routes)}
    assert list(ids) == ["terminal", "webhook", "webhook:B"]
    assert len({*ids.values(), *(alert.id for alert in alerts(REVERSAL, routes=routes))}) == 6
    # The second of two routes keeps its alerts' ids when it becomes the first.
    assert alerts(routes=routes[1:])[1].id == ids["webhook:B"]


def test_a_route_takes_only_the_events_that_it_wants() -> None:
    routes = [{"channel": "webhook", "events": {"level": "off", "reversal": "silent"}}]
    assert [alert.channel for alert in alerts(routes=routes)] == ["terminal"]
    terminal, webhook = alerts(REVERSAL, routes=routes)
    assert terminal.event == webhook.event == "reversal"
    assert not terminal.payload["silent"]
    assert webhook.payload["silent"]


def test_the_terminal_may_be_silenced_by_a_route_of_its_own() -> None:
    assert alerts(routes=[{"channel": "terminal", "events": {"level": "off"}}]) == []


def test_routes_carry_what_a_channel_needs() -> None:
    routes = routes_of(section(routes=[{"channel": "webhook", "url_environment_variable": "DESK"}]))
    assert routes["terminal"] == Route(channel="terminal")
    assert routes["webhook"].url_environment_variable == "DESK"


def test_nothing_is_told_where_alerts_are_disabled() -> None:
    assert alerts(enabled=False) == []


def test_low_confidence_is_told_only_on_demand() -> None:
    unsure = replace(SIGNAL, low_confidence=True)
    assert alerts(unsure) == []
    assert len(alerts(unsure, low_confidence=True)) == 1


def test_a_withdrawn_signal_is_not_told() -> None:
    assert alerts(replace(SIGNAL, withdrawn_at=rfc3339(CLOSE))) == []


@pytest.mark.parametrize(
    ("timeframe", "length", "age", "told"),
    [
        ("5m", 5, HOUR, True),
        ("5m", 5, HOUR + 1, False),
        ("4h", 240, 8 * HOUR, True),
        ("4h", 240, 8 * HOUR + 1, False),
    ],
)
def test_a_late_signal_is_told_for_two_bars_and_an_hour_at_least(
    timeframe: str, length: int, age: int, told: bool
) -> None:
    late = replace(
        SIGNAL,
        timeframe=timeframe,
        time=CLOSE - length * 60_000,
        late=True,
        evidence={"decided": CLOSE + age},
    )
    assert bool(alerts(late)) is told


def quiet(start: str, end: str, at: str, zone: str = "UTC") -> str | None:
    hours = section(quiet_hours={"from": start, "to": end}).quiet_hours
    until = quiet_until(hours, zone, parse_time(at))
    return None if until is None else rfc3339(until)


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2026-01-31T21:59:59Z", None),
        ("2026-01-31T22:00:00Z", "2026-02-01T06:30:00.000Z"),
        ("2026-02-01T06:29:59Z", "2026-02-01T06:30:00.000Z"),
        ("2026-02-01T06:30:00Z", None),
    ],
)
def test_quiet_hours_may_pass_midnight(at: str, until: str | None) -> None:
    assert quiet("22:00", "06:30", at) == until


def test_quiet_hours_may_lie_within_a_day() -> None:
    assert quiet("12:00", "13:00", "2026-01-31T12:30:00Z") == "2026-01-31T13:00:00.000Z"
    assert quiet("12:00", "13:00", "2026-01-31T13:00:00Z") is None


def test_quiet_hours_follow_the_local_clock_over_its_changes() -> None:
    # Berlin moved its clocks forward in the night to 2026-03-29.
    assert quiet("22:00", "06:00", "2026-03-28T22:00:00Z", "Europe/Berlin") == "2026-03-29T04:00:00.000Z"


def test_in_quiet_hours_an_alert_is_held_until_they_end() -> None:
    (alert,) = alerts(quiet_hours={"from": "13:00", "to": "14:00", "zone": "Europe/Berlin"})
    assert alert.state == "held"
    assert rfc3339(alert.next_attempt) == "2026-01-31T13:00:00.000Z"
