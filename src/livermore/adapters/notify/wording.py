"""An alert in words that a person reads at a glance."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

from livermore.kernel.clock import parse_time

DECIMALS = ((1.0, 2), (0.01, 4), (0.0001, 6))


def price_text(price: float) -> str:
    """Write a price with as many decimals as its size needs."""
    decimals = next((decimals for least, decimals in DECIMALS if abs(price) >= least), 8)
    return f"{price:,.{decimals}f}"


def one_line(payload: Mapping[str, Any], zone: tzinfo | None = None) -> str:
    """Write an alert in one line, at the local time of a zone or of this machine.

    The time is when the bar closed that the alert is about, or when what it tells of was found out.
    """
    if payload["event"] == "system":
        return f"{_moment(payload['time'], zone)}  {payload['text']}"
    parts = [
        _moment(parse_time(payload["closed_at"]), zone),
        f"{payload['symbol']} {payload['exchange']} {payload['timeframe']}",
        _what(payload),
        f"price {price_text(payload['price'])}",
        *(f"{word} {_number(payload[name])}" for word, name in _VALUES),
        payload["stage"],
        f"bias {payload['bias']}",
        *(remark for remark, holds in _remarks(payload) if holds),
    ]
    return "  ".join(parts)


def _moment(time: int, zone: tzinfo | None) -> str:
    return f"{datetime.fromtimestamp(time / 1000, UTC).astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"


_VALUES = (("V", "macdv"), ("signal", "signal"), ("histogram", "histogram"))


def _what(payload: Mapping[str, Any]) -> str:
    if payload["kind"] == "level":
        return f"level {payload['level']:+d} {payload['direction']}"
    return str(payload["kind"]).replace("_", " ")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:+.1f}"


def _remarks(payload: Mapping[str, Any]) -> list[tuple[str, bool]]:
    return [
        ("(late)", payload["late"]),
        ("(low confidence)", payload["low_confidence"]),
        ("(with holes)", not payload["complete"]),
    ]
