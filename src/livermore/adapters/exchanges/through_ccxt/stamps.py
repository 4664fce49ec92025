"""The time that a frame says it was sent: ccxt reads past it, and the market's time is made of it."""

from __future__ import annotations

from typing import Any

from livermore.kernel.clock import parse_time

_KEYS = ("E", "ts", "timestamp", "time_ms", "time")
_EARLIEST, _LATEST = 10**12, 10**13  # 2001 to 2286, in ms


def stamp_of(message: Any, length: int) -> int | None:
    """Return the time (ms) of a decoded frame, or None.

    One on the edge of a bucket of this length (ms) may be the bucket's own: a candle's end lies ahead.
    """
    if not isinstance(message, dict):
        return None
    for key in _KEYS:
        time = milliseconds(message.get(key))
        if time is not None and 0 < time % length < length - 1:
            return time
    return None


def milliseconds(value: Any) -> int | None:
    """Read seconds, milli-, micro- or nanoseconds since 1970, or RFC 3339, as milliseconds."""
    try:
        number = float(value) if isinstance(value, (int, float)) else _read(value)
    except ValueError:
        return None
    for unit in (1.0, 1e3, 1e-3, 1e-6):
        if _EARLIEST <= number * unit < _LATEST:
            return int(number * unit + 0.01)  # a float of nanoseconds has lost the last digits
    return None


def _read(value: Any) -> float:
    if not isinstance(value, str):
        raise ValueError(value)
    try:
        return float(value)
    except ValueError:
        return float(parse_time(value))
